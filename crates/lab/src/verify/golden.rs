//! Golden outputs of the reference implementation, as `tools/make_golden.py` writes them.

use serde::Deserialize;
use serde_json::{Map, Value};

/// `golden.json`.
#[derive(Debug, Deserialize)]
pub struct Golden {
    /// Sequences with the reference's outputs.
    pub cases: Vec<GoldenCase>,
    /// Conversations that show a video, with the reference's outputs.
    #[serde(default)]
    pub video_cases: Vec<GoldenCase>,
    /// Conversations with the reference's rendering and ids.
    #[serde(default)]
    pub chats: Vec<GoldenChat>,
    /// The date that templates with a clock were given.
    #[serde(default)]
    pub now: Option<String>,
    /// The reference, `transformers 5.23.0, torch …`.
    #[serde(default)]
    pub made_with: Option<String>,
}

/// One sequence. Whatever output is absent is not compared.
#[derive(Debug, Deserialize)]
pub struct GoldenCase {
    /// The text of `input_ids`; beside a `prompt`, the prompt with its greedy continuation.
    #[serde(default)]
    pub text: Option<String>,
    /// The text of `input_ids`, where `text` holds the continuation too.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The conversation of `input_ids`.
    #[serde(default)]
    pub messages: Option<Value>,
    /// The conversation as the template renders it.
    #[serde(default)]
    pub rendered: Option<String>,
    /// Pictures that the conversation shows.
    #[serde(default)]
    pub images: Vec<String>,
    /// The conversation as the processor writes it once pictures have become their tokens.
    #[serde(default)]
    pub expanded: Option<String>,
    /// A folder with the frames of the video that the conversation shows, in place of `images`.
    #[serde(default)]
    pub frames_dir: Option<String>,
    /// What the reference was told of the video.
    #[serde(default)]
    pub metadata: Option<GoldenVideo>,
    /// Frames at most that it sampled.
    #[serde(default)]
    pub max_frames: Option<usize>,
    /// Frames a second that it sampled.
    #[serde(default)]
    pub fps: Option<f64>,
    /// Settings of the image processor beside those of its file.
    #[serde(default)]
    pub processor_options: Option<Map<String, Value>>,
    /// What the reference calls the features of the pictures.
    #[serde(default)]
    pub image_features: Option<Sampled>,
    /// What else it gives its text model of the pictures, behind its first layers.
    #[serde(default)]
    pub deepstack_features_0: Option<Sampled>,
    /// The same behind its second.
    #[serde(default)]
    pub deepstack_features_1: Option<Sampled>,
    /// The same behind its third.
    #[serde(default)]
    pub deepstack_features_2: Option<Sampled>,
    /// The sequence.
    pub input_ids: Vec<u32>,
    /// Logits after the last token, `(vocab_size)`.
    #[serde(default)]
    pub last_logits: Vec<f32>,
    /// Likeliest next token at every position.
    #[serde(default)]
    pub argmax: Vec<u32>,
    /// Negative log-likelihood of the sequence after its first token, in nats.
    #[serde(default)]
    pub nll_sum: Option<f64>,
    /// Ids that follow when the likeliest is always taken.
    #[serde(default)]
    pub greedy: Vec<u32>,
    /// Gap between the two best logits at each greedy step.
    #[serde(default)]
    pub greedy_margins: Vec<f32>,
}

impl GoldenCase {
    /// What the reference gives its text model of the pictures: their features, then what its first layers are given.
    pub(super) fn given(&self) -> impl Iterator<Item = &Sampled> {
        let GoldenCase { image_features, deepstack_features_0, deepstack_features_1, deepstack_features_2, .. } = self;
        [image_features, deepstack_features_0, deepstack_features_1, deepstack_features_2].into_iter().flatten()
    }
}

/// A video.
#[derive(Debug, Deserialize)]
pub struct GoldenVideo {
    /// Frames a second.
    pub fps: f64,
}

/// A tensor of the reference: its shape and some of its values.
#[derive(Debug, Deserialize)]
pub struct Sampled {
    /// Shape, outermost first.
    pub shape: Vec<usize>,
    /// Flat indices of the values.
    pub at: Vec<usize>,
    /// The values there.
    pub values: Vec<f32>,
}

/// One conversation.
#[derive(Debug, Deserialize)]
pub struct GoldenChat {
    /// The messages, as an OpenAI chat request holds them.
    pub messages: Value,
    /// Whether the assistant's turn is opened at the end.
    #[serde(default)]
    pub add_generation_prompt: bool,
    /// The text that the template makes.
    pub rendered: String,
    /// Its ids.
    pub input_ids: Vec<u32>,
}
