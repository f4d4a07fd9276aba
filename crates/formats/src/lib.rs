//! plimsoll-formats
