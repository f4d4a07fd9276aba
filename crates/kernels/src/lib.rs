//! plimsoll-kernels
