//! Flags of images and videos in a prompt.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use plimsoll_vision::DEFAULT_MAX_PIXELS;

/// What a prompt shows, and the encoder for it.
#[derive(ClapArgs, Debug, Clone)]
#[command(next_help_heading = "Pictures and videos")]
pub struct ImageArgs {
    /// A picture to show (PNG, JPEG, WebP, GIF or BMP); may be given several times
    #[arg(long = "image", value_name = "FILE")]
    pub images: Vec<PathBuf>,
    /// A video to show, read by ffmpeg, or a folder of frames with --fps
    #[arg(long, value_name = "PATH")]
    pub video: Option<PathBuf>,
    /// Frames a second of a folder of frames
    #[arg(long, value_name = "N", requires = "video")]
    pub fps: Option<f64>,
    /// Pixels that a picture or a frame may have
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_PIXELS)]
    pub max_pixels: u64,
    /// The vision tower of a GGUF model [default: the mmproj file beside it]
    #[arg(long, value_name = "FILE")]
    pub mmproj: Option<PathBuf>,
}

impl ImageArgs {
    /// The files of everything that is shown, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.images.iter().chain(&self.video).cloned().collect()
    }
}
