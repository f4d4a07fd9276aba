//! What can be wrong with a picture, a video or their settings, as types that name the file and the key.

use std::path::Path;

/// Characters of foreign text that messages show.
const MAX_SHOWN: usize = 200;

/// A picture, video or setting that cannot be honoured. `Display` is one line: what was found, where, what was
/// expected.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    /// The operating system refused.
    #[error("cannot {action} `{file}`: {source}")]
    Io {
        /// Path of the file or folder.
        file: String,
        /// What was tried: "open", "list", "read", "run".
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is no picture of a known format.
    #[error("`{file}` is {found}; expected a PNG, JPEG, WebP, GIF or BMP picture")]
    NotAPicture {
        /// Path of the file.
        file: String,
        /// What its first bytes say it is.
        found: String,
    },
    /// The file claims a format that it does not keep to, or ends before its pixels do.
    #[error("`{file}` cannot be decoded as {format}: {what}")]
    Undecodable {
        /// Path of the file.
        file: String,
        /// The format that its first bytes claim.
        format: &'static str,
        /// What the decoder says.
        what: String,
    },
    /// More pixels than may be decoded; told from the header, before anything is allocated.
    #[error("`{file}` has {width} x {height} pixels; at most {max_pixels} pixels and {max_side} a side are decoded")]
    TooLarge {
        /// Path of the file.
        file: String,
        /// Pixels across.
        width: u64,
        /// Pixels down.
        height: u64,
        /// The limit that was set.
        max_pixels: u64,
        /// The limit of either side.
        max_side: u64,
    },
    /// A key of the processor's settings that cannot be honoured.
    #[error("`{file}`, key `{key}`: found {found}, expected {expected}")]
    Setting {
        /// Path of the file.
        file: String,
        /// The key as the file spells it.
        key: String,
        /// What is there ("nothing" if it is missing).
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The settings are not a JSON object.
    #[error("`{file}`: {what}")]
    Malformed {
        /// Path of the file.
        file: String,
        /// What was found and what was expected.
        what: String,
    },
    /// A picture that the model's image processor refuses.
    #[error("a picture of {width} x {height} pixels cannot be shown to this model: {what}")]
    Shape {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
        /// What its processor says.
        what: String,
    },
    /// Pixels of the reference that are not those of the pictures.
    #[error("the reference's pixels are {found:?} where the pictures need {expected}")]
    Reference {
        /// Their shape.
        found: Vec<usize>,
        /// What the pictures are cut into.
        expected: String,
    },
    /// A prompt and what is given with it do not fit.
    #[error("the prompt has {in_prompt} places for {kind} (`{placeholder}`), and {given} were given")]
    Places {
        /// "images" or "videos".
        kind: &'static str,
        /// What the template writes for one.
        placeholder: String,
        /// Placeholders in the rendered prompt.
        in_prompt: usize,
        /// Pictures or videos given.
        given: usize,
    },
    /// The model does not take videos.
    #[error("this model takes no videos: {0}")]
    NoVideo(String),
    /// A program that reads videos is not installed.
    #[error("`{program}` is not installed; it is needed to read `{file}`")]
    NoProgram {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// The video.
        file: String,
    },
    /// The video cannot be read.
    #[error("`{file}` cannot be read as a video: {what}")]
    Video {
        /// Path of the file or folder.
        file: String,
        /// What was found.
        what: String,
    },
    /// Reading the video took longer than it may.
    #[error("`{file}`: {program} did not finish within {seconds} seconds")]
    TimedOut {
        /// The video.
        file: String,
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// The time given.
        seconds: u64,
    },
}

impl VisionError {
    /// The same of a file that its owner knows by another name.
    pub(crate) fn of(mut self, name: &str) -> Self {
        match &mut self {
            Self::Io { file, .. }
            | Self::NotAPicture { file, .. }
            | Self::Undecodable { file, .. }
            | Self::TooLarge { file, .. }
            | Self::Setting { file, .. }
            | Self::Malformed { file, .. }
            | Self::NoProgram { file, .. }
            | Self::Video { file, .. }
            | Self::TimedOut { file, .. } => name.clone_into(file),
            Self::Places { .. } | Self::NoVideo(_) | Self::Shape { .. } | Self::Reference { .. } => {}
        }
        self
    }

    pub(crate) fn io(file: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io { file: file.display().to_string(), action, source }
    }

    pub(crate) fn undecodable(file: &str, format: &'static str, what: impl std::fmt::Display) -> Self {
        Self::Undecodable { file: file.to_owned(), format, what: one_line(&what.to_string()) }
    }

    pub(crate) fn video(file: &str, what: impl std::fmt::Display) -> Self {
        Self::Video { file: file.to_owned(), what: one_line(&what.to_string()) }
    }
}

/// Foreign text as part of a message: its first characters, control characters escaped.
pub(crate) fn one_line(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let text = text.trim();
    let shown: String = text.chars().take(MAX_SHOWN).map(escape).collect();
    if text.chars().nth(MAX_SHOWN).is_some() { shown + "…" } else { shown }
}
