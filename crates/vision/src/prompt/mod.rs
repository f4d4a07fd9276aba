//! What stands in a prompt for a picture or a video.
//!
//! A chat template writes one placeholder for each; the reference replaces it by the strings of all tiles before the
//! prompt is tokenised. A user may type the same placeholder, and it must then stay text, so whoever renders guards
//! the texts of [`ImageStrings::placeholders`] in what a request holds, as it guards control tokens, and calls
//! [`ImageStrings::expand`] on the rendering in which they are disguised: what still reads as a placeholder there was
//! written by the template.
//!
//! Source: transformers' processing_idefics3.py, processing_smolvlm.py, processing_llama4.py.

mod words;

use std::fmt::Write;

use crate::processor::{Family, Grid};
use crate::{Processor, VisionError};
use words::words;

/// The chat template that the reference uses instead of the checkpoint's own as soon as a conversation holds a video
/// (`DEFAULT_CHAT_TEMPLATE` of processing_smolvlm.py): older ones write nothing for it.
pub const VIDEO_CHAT_TEMPLATE: &str = concat!(
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}",
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}",
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}",
    "{% elif line['type'] == 'image' %}{{ '<image>' }}",
    "{% elif line['type'] == 'video' %}{{ '<video>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}",
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
);

/// A picture or a video that a prompt holds, as far as the prompt tells of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Medium {
    /// A picture, and how it was cut.
    Picture(Grid),
    /// A video.
    Video {
        /// When its sampled frames were, in seconds.
        timestamps: Vec<f64>,
        /// How long all of it is, in seconds.
        duration: f64,
    },
}

/// Writes the strings of a model's family.
#[derive(Debug, Clone)]
pub struct ImageStrings {
    family: Family,
    features: usize,
    takes_videos: bool,
}

impl ImageStrings {
    /// For the pictures of `processor`, of whose tiles each becomes `features_per_tile` features: for Idefics3 and
    /// SmolVLM (tile / patch)² / scale_factor², for Llama 4 (tile / patch)² × pixel_shuffle_ratio².
    pub fn new(processor: &Processor, features_per_tile: usize) -> Self {
        Self { family: processor.family(), features: features_per_tile, takes_videos: processor.sampling().is_some() }
    }

    /// What the template writes for a picture.
    pub fn image_placeholder(&self) -> &'static str {
        match self.family {
            Family::Idefics3 | Family::SmolVlm => "<image>",
            Family::Llama4 => "<|image|>",
        }
    }

    /// What the template writes for a video; `None` if the model takes none.
    pub fn video_placeholder(&self) -> Option<&'static str> {
        self.takes_videos.then_some("<video>")
    }

    /// The token in whose place the expanded prompt takes one feature each.
    pub fn feature_token(&self) -> &'static str {
        match self.family {
            Family::Idefics3 | Family::SmolVlm => "<image>",
            Family::Llama4 => "<|patch|>",
        }
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
        while let Some((at, placeholder, is_video)) = self.next_placeholder(rest) {
            match left.next() {
                Some(medium) if matches!(medium, Medium::Video { .. }) == is_video => {
                    out.push_str(&rest[..at]);
                    self.write(medium, &mut out);
                }
                _ => return Err(self.places(rendered, media, is_video)),
            }
            rest = &rest[at + placeholder.len()..];
        }
        if let Some(medium) = left.next() {
            return Err(self.places(rendered, media, matches!(medium, Medium::Video { .. })));
        }
        out.push_str(rest);
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

    /// The strings of one picture or video.
    pub fn medium(&self, medium: &Medium) -> String {
        let mut out = String::new();
        self.write(medium, &mut out);
        out
    }

    fn write(&self, medium: &Medium, out: &mut String) {
        match (medium, self.family) {
            (Medium::Picture(grid), Family::Llama4) => self.canvas(*grid, out),
            (Medium::Picture(grid), _) => self.tiles(*grid, out),
            (Medium::Video { timestamps, duration }, _) => self.video(timestamps, *duration, out),
        }
    }

    /// `replace_image_token` of Idefics3 and SmolVLM. A newline ends every row, and another precedes the whole view.
    fn tiles(&self, grid: Grid, out: &mut String) {
        for row in 1..=grid.rows {
            for col in 1..=grid.cols {
                let _ = write!(out, "<fake_token_around_image><row_{row}_col_{col}>");
                self.features("<image>", out);
            }
            out.push('\n');
        }
        if grid != Grid::WHOLE {
            out.push('\n');
        }
        out.push_str("<fake_token_around_image><global-img>");
        self.features("<image>", out);
        out.push_str("<fake_token_around_image>");
    }

    /// `_prompt_split_image` of Llama 4.
    fn canvas(&self, grid: Grid, out: &mut String) {
        out.push_str("<|image_start|>");
        for _ in 0..grid.rows {
            for col in 0..grid.cols {
                if col > 0 {
                    out.push_str("<|tile_x_separator|>");
                }
                self.features("<|patch|>", out);
            }
            out.push_str("<|tile_y_separator|>");
        }
        out.push_str("<|image|>");
        self.features("<|patch|>", out);
        out.push_str("<|image_end|>");
    }

    /// `replace_video_token` of SmolVLM.
    fn video(&self, timestamps: &[f64], duration: f64, out: &mut String) {
        let frames = words(timestamps.len());
        let duration = hours(duration as u64);
        let _ = writeln!(
            out,
            "You are provided the following series of {frames} frames from a {duration} [H:MM:SS] video."
        );
        for &seconds in timestamps {
            let seconds = seconds as u64;
            let _ = write!(out, "\nFrame from {:02}:{:02}:", seconds / 60, seconds % 60);
            self.tiles(Grid::WHOLE, out);
        }
        out.push_str("\n\n");
    }

    fn features(&self, token: &str, out: &mut String) {
        (0..self.features).for_each(|_| out.push_str(token));
    }
}

/// As Python writes a `timedelta`: `0:00:10`, `1 day, 0:00:00`.
fn hours(seconds: u64) -> String {
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::hours;

    #[test]
    fn durations_read_as_timedelta_writes_them() {
        let expected = [(0, "0:00:00"), (10, "0:00:10"), (3725, "1:02:05"), (86_400, "1 day, 0:00:00")];
        for (seconds, text) in expected {
            assert_eq!(hours(seconds), text);
        }
        assert_eq!(hours(2 * 86_400 + 61), "2 days, 0:01:01");
    }
}
