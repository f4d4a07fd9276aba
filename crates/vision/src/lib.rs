//! Pictures and videos as tiles of pixels, and the strings that stand for them in a prompt.
//!
//! [`Picture`] is a decoded file, [`Processor`] what a checkpoint's `processor_config.json` says is done with it, and
//! [`Tiles`] the numbers that a vision tower is given: the same as transformers 5.23 computes, bit for bit where its
//! arithmetic is fixed (Pillow's and torchvision's 8-bit resampling, libjpeg's decoding). [`ImageStrings`] writes what
//! stands in the prompt for a picture or a video.
//!
//! The crate knows nothing of networks or tokens: how many features a tile becomes is told to it.

#![forbid(unsafe_code)]

pub mod error;
mod families;
mod levels;
pub mod picture;
pub mod processor;
pub mod prompt;
pub mod resize;
pub mod video;

pub use error::VisionError;
pub use families::Family;
pub use picture::{DEFAULT_MAX_PIXELS, Picture};
pub use processor::{Cut, Grid, MmprojParameters, Processor, ReferencePixels, SourceFile, Sources, Tiles};
pub use prompt::{FeatureGrid, ImageStrings, Medium};
pub use resize::{Arithmetic, Filter, resize};
pub use video::{FrameSampling, Video, VideoFrames};
