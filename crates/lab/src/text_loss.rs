//! How well a model predicts a text, per byte of it: comparable between tokenizers, unlike perplexity.

use plimsoll_engine::{SamplerError, Tokenizer, log_probability};
use plimsoll_runtime::{CacheError, CacheType, Program, StepError};
use serde::Serialize;

/// Why a text could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum TextLossError {
    /// Nothing to predict.
    #[error("the text has {tokens} tokens; at least 2 are needed to predict one from another")]
    TooShort {
        /// Tokens of the text, BOS counted.
        tokens: usize,
    },
    /// The model's context leaves no room to predict anything.
    #[error("a context of {context} tokens is too short to measure a text in; at least 2 are needed")]
    Context {
        /// Tokens of the context.
        context: usize,
    },
    /// The tokens that are predicted spell nothing.
    #[error("the {tokens} tokens predicted spell no bytes; there is nothing to take bits per byte of")]
    NoBytes {
        /// Tokens predicted.
        tokens: usize,
    },
    /// The model gave something that is not a number.
    #[error("token {position} of the text: {source}")]
    Logits {
        /// The first token that could not be predicted, from zero.
        position: usize,
        /// What was wrong with the logits.
        source: SamplerError,
    },
    /// A step was refused.
    #[error(transparent)]
    Step(#[from] StepError),
    /// No memory for the cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// The loss of a text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TextLoss {
    /// Sum of the negative log-likelihoods, in nats.
    pub nats: f64,
    /// Tokens predicted.
    pub tokens: usize,
    /// Bytes of text that these tokens spell.
    pub bytes: usize,
    /// Tokens that a window holds.
    pub window: usize,
}

impl TextLoss {
    /// Bits per byte.
    pub fn bits_per_byte(&self) -> f64 {
        self.nats / std::f64::consts::LN_2 / self.bytes as f64
    }
}

/// Measures `ids` in windows of `window` tokens that overlap by half, so that every token but those
/// of the first window is predicted from at least half a window. The first token is not predicted:
/// its bytes do not count. `progress` hears how many tokens are done.
///
/// # Errors
/// [`TextLossError`].
pub fn text_loss(
    program: &mut Program,
    tokenizer: &Tokenizer,
    ids: &[u32],
    window: usize,
    mut progress: impl FnMut(usize),
) -> Result<TextLoss, TextLossError> {
    if ids.len() < 2 {
        return Err(TextLossError::TooShort { tokens: ids.len() });
    }
    if window < 2 {
        return Err(TextLossError::Context { context: window });
    }
    let mut cache = program.new_cache(window, CacheType::F32)?;
    let mut loss = TextLoss { nats: 0.0, tokens: 0, bytes: 0, window };
    let mut scored = 1; // ids[..scored] need no prediction any more
    let mut start = 0;
    while scored < ids.len() {
        let end = ids.len().min(start + window);
        cache.truncate(0);
        let mut broken = None;
        program.step_each(&mut cache, &ids[start..end], |i, logits| {
            let target = start + i + 1;
            if target >= scored && target < end {
                match log_probability(logits, ids[target]) {
                    Ok(log_probability) => loss.nats -= log_probability,
                    Err(source) => {
                        broken.get_or_insert(TextLossError::Logits { position: target, source });
                    }
                }
            }
        })?;
        if let Some(error) = broken {
            return Err(error);
        }
        loss.tokens += end - scored;
        loss.bytes += ids[scored..end].iter().map(|id| tokenizer.token_bytes(*id).len()).sum::<usize>();
        scored = end;
        start = end - window.min(end) / 2;
        progress(scored);
    }
    if loss.bytes == 0 {
        return Err(TextLossError::NoBytes { tokens: loss.tokens });
    }
    Ok(loss)
}

#[cfg(test)]
mod tests;
