//! plimsoll-panel
