//! Pictures and videos that a prompt shows.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args as ClapArgs;
use plimsoll_engine::{EncodedImage, ImageInput, Session};
use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture, Video};

use crate::notice::say;

/// What is shown, and with what it is seen.
#[derive(ClapArgs, Debug, Clone)]
#[command(next_help_heading = "Pictures and videos")]
pub struct ShowArgs {
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

/// That a vision tower that was named is there, whether or not anything is looked at.
///
/// # Errors
/// It is no file, or cannot be read.
pub fn require_tower(mmproj: Option<&Path>) -> anyhow::Result<()> {
    if let Some(path) = mmproj {
        plimsoll_formats::open_regular(path).with_context(|| format!("--mmproj `{}`", path.display()))?;
    }
    Ok(())
}

/// An image or a video, encoded, and how long that took.
pub struct TimedImage {
    /// For the prompt.
    pub image: EncodedImage,
    /// From the file to embeddings.
    pub time: Duration,
}

impl ShowArgs {
    /// Looks at everything that the command line names.
    ///
    /// # Errors
    /// A file cannot be read, or the model cannot see it.
    pub fn look(&self, session: &mut Session) -> anyhow::Result<Vec<TimedImage>> {
        let mut looked = Vec::new();
        for path in &self.images {
            looked.push(self.look_at_picture(session, path)?);
        }
        if let Some(path) = &self.video {
            looked.push(self.look_at_video(session, path)?);
        }
        Ok(looked)
    }

    /// Looks at a picture.
    ///
    /// # Errors
    /// As [`ShowArgs::look`].
    pub fn look_at_picture(&self, session: &mut Session, path: &Path) -> anyhow::Result<TimedImage> {
        let started = Instant::now();
        // A model that cannot see says so before a file is blamed.
        session.vision_encoder()?;
        let image = session.encode_image(&ImageInput::Picture(Picture::open(path, self.max_pixels)?))?;
        Ok(TimedImage { image, time: started.elapsed() })
    }

    /// Looks at a video.
    ///
    /// # Errors
    /// As [`ShowArgs::look`].
    pub fn look_at_video(&self, session: &mut Session, path: &Path) -> anyhow::Result<TimedImage> {
        let started = Instant::now();
        session.vision_encoder()?;
        let video = match (path.is_dir(), self.fps) {
            (true, Some(fps)) => Video::open_folder(path, fps)?,
            (true, None) => bail!("`{}` is a folder of frames: --fps tells how many make a second", path.display()),
            (false, Some(_)) => bail!("--fps is for a folder of frames; `{}` tells its own", path.display()),
            (false, None) => Video::open_file(path)?,
        };
        if let Some(why) = video.lacks_walls() {
            say(format_args!("note: ffmpeg reads the video with limits on memory and time, but in no sandbox: {why}"));
        }
        let image = session.encode_image(&ImageInput::Video { video, sampling: None, max_pixels: self.max_pixels })?;
        Ok(TimedImage { image, time: started.elapsed() })
    }
}
