//! plimsoll-models
