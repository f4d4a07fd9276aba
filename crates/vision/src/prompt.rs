//! What stands in a prompt for a picture or a video.
//!
//! A chat template writes one placeholder for each; the reference replaces it by the strings of all tiles before the
//! prompt is tokenised. A user may type the same placeholder, and it must then stay text, so whoever renders guards
//! the texts of [`ImageStrings::placeholders`] in what a request holds, as it guards control tokens, and calls
//! [`ImageStrings::expand`] on the rendering in which they are disguised: what still reads as a placeholder there was
//! written by the template.
//!
//! The strings are those of the model's [`Family`].

use crate::families::{Family, Shown};
use crate::processor::Cut;
use crate::{Processor, VisionError};

/// A picture or a video that a prompt holds, as far as the prompt tells of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Medium {
    /// A picture, and how it was cut.
    Picture(Cut),
    /// A video.
    Video {
        /// When its sampled frames were, in seconds.
        timestamps: Vec<f64>,
        /// How long all of it is, in seconds.
        duration: f64,
    },
}

/// How many features a tower makes of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureGrid {
    /// Edge of a patch, in pixels.
    pub patch: usize,
    /// Patches along the edge of the square that becomes one feature.
    pub merge: usize,
}

impl FeatureGrid {
    /// Rows and columns of features of a tile of `height` × `width` pixels.
    pub fn of(self, (height, width): (usize, usize)) -> (usize, usize) {
        (height / self.patch / self.merge, width / self.patch / self.merge)
    }
}

/// Writes the strings of a model's family.
#[derive(Debug, Clone)]
pub struct ImageStrings {
    family: &'static Family,
    features: FeatureGrid,
    /// What stands for a frame of a video: so many feature tokens.
    frame: Option<String>,
}

impl ImageStrings {
    /// For the pictures of `processor`, whose tiles become `features`.
    pub fn new(processor: &Processor, features: FeatureGrid) -> Self {
        let family = processor.family();
        let frame = processor.frame_size().map(|size| {
            let (rows, cols) = features.of(size);
            family.feature.repeat(rows * cols)
        });
        Self { family, features, frame }
    }

    /// What the template writes for a picture.
    pub fn image_placeholder(&self) -> &'static str {
        self.family.placeholder
    }

    /// What the template writes for a video; `None` if the model takes none.
    pub fn video_placeholder(&self) -> Option<&'static str> {
        Some(self.family.video.as_ref().filter(|_| self.frame.is_some())?.placeholder)
    }

    /// The chat template that replaces the checkpoint's own as soon as a conversation holds a video.
    pub fn video_chat_template(&self) -> Option<&'static str> {
        Some(self.family.video.as_ref()?.chat_template)
    }

    /// The token in whose place the expanded prompt takes one feature each.
    pub fn feature_token(&self) -> &'static str {
        self.family.feature
    }

    /// What must not be taken from a request for something that the template wrote. Not all of it is a token of its own
    /// in every vocabulary (`<video>`), so a guard of control tokens alone would miss some.
    pub fn placeholders(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.image_placeholder()).chain(self.video_placeholder())
    }

    /// `rendered` with its placeholders replaced by the strings of `media`, in their order.
    ///
    /// # Errors
    /// There are not as many placeholders of a kind as pictures or videos, or they come in another order.
    pub fn expand(&self, rendered: &str, media: &[Medium]) -> Result<String, VisionError> {
        let mut out = String::with_capacity(rendered.len());
        let mut rest = rendered;
        let mut left = media.iter();
        let mut pictures = 0;
        let mut last_picture = None;
        while let Some((at, placeholder, is_video)) = self.next_placeholder(rest) {
            match left.next() {
                Some(medium) if matches!(medium, Medium::Video { .. }) == is_video => {
                    out.push_str(&rest[..at]);
                    self.write(medium, pictures, &mut out);
                    if !is_video {
                        pictures += 1;
                        last_picture = Some(out.len());
                    }
                }
                _ => return Err(self.places(rendered, media, is_video)),
            }
            rest = &rest[at + placeholder.len()..];
        }
        if let Some(medium) = left.next() {
            return Err(self.places(rendered, media, matches!(medium, Medium::Video { .. })));
        }
        out.push_str(rest);
        if let Some(end) = last_picture {
            (self.family.complete)(&mut out, end);
        }
        Ok(out)
    }

    fn next_placeholder(&self, text: &str) -> Option<(usize, &'static str, bool)> {
        let image = self.image_placeholder();
        let image = text.find(image).map(|at| (at, image, false));
        let video = self.video_placeholder().and_then(|video| text.find(video).map(|at| (at, video, true)));
        [image, video].into_iter().flatten().min_by_key(|(at, ..)| *at)
    }

    fn places(&self, rendered: &str, media: &[Medium], is_video: bool) -> VisionError {
        let (kind, placeholder) = match (is_video, self.video_placeholder()) {
            (false, _) => ("images", self.image_placeholder()),
            (true, Some(placeholder)) => ("videos", placeholder),
            (true, None) => return VisionError::NoVideo("its prompt has no string for one".to_owned()),
        };
        VisionError::Places {
            kind,
            placeholder: placeholder.to_owned(),
            in_prompt: rendered.matches(placeholder).count(),
            given: media.iter().filter(|medium| matches!(medium, Medium::Video { .. }) == is_video).count(),
        }
    }

    /// The strings of one picture or video, the first of a prompt.
    pub fn medium(&self, medium: &Medium) -> String {
        let mut out = String::new();
        self.write(medium, 0, &mut out);
        out
    }

    /// Rows and columns of features of each tile.
    pub fn features(&self, cut: &Cut) -> Vec<(usize, usize)> {
        cut.tiles.iter().map(|size| self.features.of(*size)).collect()
    }

    fn write(&self, medium: &Medium, index: usize, out: &mut String) {
        match (medium, &self.family.video, &self.frame) {
            (Medium::Picture(cut), ..) => {
                (self.family.write)(&Shown { grid: cut.grid, tiles: &self.features(cut), index }, out);
            }
            (Medium::Video { timestamps, duration }, Some(video), Some(frame)) => {
                (video.write)(timestamps, *duration, frame, out);
            }
            (Medium::Video { .. }, ..) => unreachable!("there is no processor for it"),
        }
    }
}
