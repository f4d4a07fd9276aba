//! What is written for other engines, read back byte by byte: no engine is needed.

mod onnx;
mod protobuf;
