//! plimsoll-graph
