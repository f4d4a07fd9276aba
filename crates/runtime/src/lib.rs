//! plimsoll-runtime
