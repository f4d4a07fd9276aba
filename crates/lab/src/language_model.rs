//! A model as everything that asks one sees it.

use crate::suite::drawing::Scene;
use crate::suite::{Framing, Item, PLAIN};

/// Whatever failed inside the model.
pub type AnswerError = Box<dyn std::error::Error + Send + Sync>;

/// A question as it is put.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Its text.
    pub prompt: &'a str,
    /// The drawn picture shown before the text.
    pub picture: Option<&'a Scene>,
    /// What else stands around it.
    pub framing: &'a Framing,
}

impl<'a> From<&'a Item> for Question<'a> {
    fn from(item: &'a Item) -> Self {
        Question { prompt: &item.prompt, picture: item.picture.as_ref(), framing: &item.framing }
    }
}

impl<'a> Question<'a> {
    /// One message of a user.
    pub fn text(prompt: &'a str) -> Self {
        Question { prompt, picture: None, framing: &PLAIN }
    }
}

/// How the tokens of an answer are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decoding {
    /// The likeliest token every time.
    Greedy,
    /// At this temperature (0 takes the likeliest), and by the rules of the model's maker besides: as the reference
    /// generates, what the maker forbids may not come. The seed fixes the draws.
    Maker {
        /// Divides the logits.
        temperature: f32,
        /// The same seed gives the same answer.
        seed: u64,
    },
}

/// A model with its tokenizer and chat template, reasoning off.
pub trait LanguageModel {
    /// The answer to `question`, at most `max_tokens` long, without the tokens and texts that end it.
    ///
    /// # Errors
    /// Whatever keeps the model from answering, such as a prompt longer than its context, or a picture for a model that
    /// does not see.
    fn generate(&mut self, question: Question, max_tokens: usize, decoding: Decoding) -> Result<String, AnswerError>;

    /// For each option the logarithm of the probability that the answer to `question` begins with it, in nats: the sum over
    /// the option's tokens. Behind a chat the option is tokenised by itself, behind a text to be continued with that text.
    ///
    /// # Errors
    /// As for [`LanguageModel::generate`].
    fn log_likelihoods(&mut self, question: Question, options: &[String]) -> Result<Vec<f64>, AnswerError>;
}
