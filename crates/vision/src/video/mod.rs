//! Videos: which frames are looked at, when they were, and reading them.
//!
//! A video is a file that `ffmpeg` decodes, or a folder of frames. Frames are read one at a time and only those that
//! are sampled.

mod codecs;
mod ffmpeg;
mod folder;
mod order;
mod sampling;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use tempfile::NamedTempFile;

use crate::{Medium, Picture, VisionError};
pub use sampling::FrameSampling;

/// An opened video whose length is known and whose frames are yet to be read.
#[derive(Debug, Clone)]
pub struct Video {
    name: String,
    n_frames: usize,
    fps: f64,
    source: Source,
    /// Keeps the bytes of one that came without a file.
    written: Option<Arc<NamedTempFile>>,
}

#[derive(Debug, Clone)]
enum Source {
    File(ffmpeg::VideoFile),
    Folder(Vec<std::path::PathBuf>),
}

impl Video {
    /// Opens the video at `path`, with `ffprobe`.
    ///
    /// # Errors
    /// It is no video, or `ffprobe` is not installed.
    pub fn open_file(path: &Path) -> Result<Self, VisionError> {
        let (file, n_frames, fps) = ffmpeg::VideoFile::probe(path)?;
        Ok(Self { name: path.display().to_string(), n_frames, fps, source: Source::File(file), written: None })
    }

    /// Opens a video that came as `bytes`, with `ffprobe`; they lie in a file of their own until it is dropped. Errors call
    /// it `name`.
    ///
    /// # Errors
    /// As [`Video::open_file`], and that there is no room for the file.
    pub fn of_bytes(name: &str, bytes: &[u8]) -> Result<Self, VisionError> {
        let written = NamedTempFile::with_prefix("plimsoll-").and_then(|mut file| file.write_all(bytes).map(|()| file));
        let written = written.map_err(|error| VisionError::io(Path::new(name), "write", error))?;
        let video = Self::open_file(written.path()).map_err(|error| error.of(name))?;
        Ok(Self { name: name.to_owned(), written: Some(Arc::new(written)), ..video })
    }

    /// Takes the pictures in the folder at `path` for frames of a video of `fps` frames a second, in the order of their
    /// names: numbers in names count as numbers.
    ///
    /// # Errors
    /// The folder cannot be listed or holds no picture, or `fps` is not greater than 0.
    pub fn open_folder(path: &Path, fps: f64) -> Result<Self, VisionError> {
        let name = path.display().to_string();
        if !(fps.is_finite() && fps > 0.0) {
            return Err(VisionError::video(&name, format!("{fps} frames a second; expected a number greater than 0")));
        }
        let frames = folder::pictures(path)?;
        Ok(Self { name, n_frames: frames.len(), fps, source: Source::Folder(frames), written: None })
    }

    /// Frames in all.
    pub fn n_frames(&self) -> usize {
        self.n_frames
    }

    /// Frames a second.
    pub fn fps(&self) -> f64 {
        self.fps
    }

    /// Why `ffmpeg` reads it outside a sandbox, held by limits on memory and time alone; `None` where it stands in one.
    pub fn lacks_walls(&self) -> Option<&str> {
        match &self.source {
            Source::File(file) => file.lacks_walls(),
            Source::Folder(_) => None,
        }
    }

    /// Length in seconds.
    pub fn duration(&self) -> f64 {
        self.n_frames as f64 / self.fps
    }

    /// The frames, counted from 0, that `sampling` looks at.
    pub fn sample(&self, sampling: FrameSampling) -> Vec<usize> {
        sampling.frames(self.n_frames, self.fps, self.duration())
    }

    /// What the prompt tells of the frames `indices`.
    pub fn medium(&self, indices: &[usize]) -> Medium {
        let timestamps = indices.iter().map(|&index| index as f64 / self.fps).collect();
        Medium::Video { timestamps, duration: self.duration() }
    }

    /// Reads the frames `indices`, which ascend, one after the other.
    ///
    /// # Errors
    /// Frames are too large, or `ffmpeg` does not start. What goes wrong later is an item of the iterator, its last.
    pub fn frames(&self, indices: &[usize], max_pixels: u64) -> Result<VideoFrames, VisionError> {
        let reader = match &self.source {
            Source::File(file) => {
                let frames = file.frames(indices, max_pixels);
                Reader::Pipe(frames.map_err(|error| if self.written.is_some() { error.of(&self.name) } else { error })?)
            }
            Source::Folder(paths) => {
                let paths = indices.iter().map(|&index| paths.get(index).cloned());
                let Some(paths) = paths.collect::<Option<Vec<_>>>() else {
                    let what = format!("it has {} frames, and a later one was asked for", self.n_frames);
                    return Err(VisionError::video(&self.name, what));
                };
                Reader::Pictures { paths: paths.into_iter(), max_pixels, size: None, name: self.name.clone() }
            }
        };
        Ok(VideoFrames { reader: Some(reader) })
    }
}

/// The frames of a video, as they are read. Ends after the first error.
#[derive(Debug)]
pub struct VideoFrames {
    reader: Option<Reader>,
}

#[derive(Debug)]
enum Reader {
    Pipe(ffmpeg::FramePipe),
    Pictures {
        paths: std::vec::IntoIter<std::path::PathBuf>,
        max_pixels: u64,
        size: Option<(usize, usize)>,
        name: String,
    },
}

impl Iterator for VideoFrames {
    type Item = Result<Picture, VisionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.reader.as_mut()? {
            Reader::Pipe(pipe) => pipe.next(),
            Reader::Pictures { paths, max_pixels, size, name } => paths.next().map(|path| {
                let picture = Picture::open(&path, *max_pixels)?;
                let found = (picture.width(), picture.height());
                let (width, height) = *size.get_or_insert(found);
                if found == (width, height) {
                    return Ok(picture);
                }
                // A video has one size; the reference stacks its frames and fails likewise.
                let what = format!(
                    "the frame `{}` has {} x {} pixels, the first has {width} x {height}",
                    path.display(),
                    found.0,
                    found.1
                );
                Err(VisionError::video(name, what))
            }),
        };
        if !matches!(next, Some(Ok(_))) {
            self.reader = None;
        }
        next
    }
}
