//! The images and videos of the command line, encoded.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use plimsoll_engine::{EncodedImage, ImageInput, Session};
use plimsoll_vision::{Picture, Video};

use crate::args::ImageArgs;
use crate::notice::say;

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
    pub image: EncodedImage,
    /// From the file to embeddings.
    pub time: Duration,
}

impl ImageArgs {
    /// Encodes everything that the command line names.
    ///
    /// # Errors
    /// A file cannot be read, or the model cannot see it.
    pub fn encode(&self, session: &mut Session) -> anyhow::Result<Vec<TimedImage>> {
        let mut images = Vec::new();
        for path in &self.images {
            images.push(self.encode_picture(session, path)?);
        }
        if let Some(path) = &self.video {
            images.push(self.encode_video(session, path)?);
        }
        Ok(images)
    }

    /// Encodes a picture.
    ///
    /// # Errors
    /// As [`ImageArgs::encode`].
    pub fn encode_picture(&self, session: &mut Session, path: &Path) -> anyhow::Result<TimedImage> {
        let started = Instant::now();
        // A model that cannot see says so before a file is blamed.
        session.vision_encoder()?;
        let image = session.encode_image(&ImageInput::Picture(Picture::open(path, self.max_pixels)?))?;
        Ok(TimedImage { image, time: started.elapsed() })
    }

    /// Encodes a video.
    ///
    /// # Errors
    /// As [`ImageArgs::encode`].
    pub fn encode_video(&self, session: &mut Session, path: &Path) -> anyhow::Result<TimedImage> {
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
