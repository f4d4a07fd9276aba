//! What is written for other engines, read back byte by byte: no engine is needed.

mod mlx;
mod onnx;
mod protobuf;
