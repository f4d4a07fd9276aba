//! plimsoll-lab
