//! Models written for other engines. One program of all tests, for each would be linked by itself.

mod mlx;
