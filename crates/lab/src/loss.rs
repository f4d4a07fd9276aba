//! What a model lost against the one that it was made from, over texts and conversations that are the same for both: how
//! far its predictions lie apart, how much worse it predicts, and which answers change.

pub mod beside;
mod stored;

use plimsoll_engine::{Session, SessionError, Special, TemplateRequest, log_probability};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::divergence::DivergenceSamples;
use crate::fidelity::{FidelityError, Flips, flips};
use crate::language_model::Question;
use crate::runner::{RunError, answer};
use crate::session_model::asked;
use crate::stats::{Interval, LEVEL, block_difference, block_mean, block_share, quantile_ends, wilson};
use crate::suite::hash::sha256_hex;
use crate::suite::{Item, Suite, categories, training_items};
use crate::verify::BUILT_IN_TEXT;

pub use beside::MeasuredBy;
pub use stored::{Stored, StoredLossError};

/// Positions whose logits are held at a time.
const POSITIONS: usize = 32;
/// Tokens of a text that are passed in one piece.
const WINDOW: usize = 512;

/// What predictions are compared over.
#[derive(Debug, Clone)]
pub struct Passages {
    /// Questions, asked as the model is asked, with their right answers.
    pub suite: Suite,
    /// Plain texts.
    pub texts: Vec<String>,
}

impl Passages {
    /// What a loss is measured over: the built-in text and questions, so many of each category. The questions are of those
    /// that no training set and no calibration of this program holds.
    ///
    /// # Panics
    /// `per_category` is none, or more than a suite has.
    pub fn held_out(per_category: usize) -> Passages {
        let suite = Suite::builtin("text", SEED, per_category).expect("a suite of this name and size");
        Passages { suite, texts: vec![BUILT_IN_TEXT.to_owned()] }
    }

    /// What a quantisation is chosen by: another text, and questions of the same kinds that no suite will ever hold.
    ///
    /// # Panics
    /// `per_category` is none.
    pub fn for_calibration(per_category: usize) -> Passages {
        let suite = Suite::builtin("text", SEED, 1).expect("a suite of this name and size");
        let kinds = categories().filter(|category| !category.pictures);
        let items = kinds.flat_map(|category| training_items(category, SEED).take(per_category)).collect();
        Passages { suite: Suite { items, ..suite }, texts: vec![CALIBRATION_TEXT.to_owned()] }
    }

    /// The sequences of tokens that they are to this model.
    ///
    /// # Errors
    /// A text has a character without a token, or a question cannot be put.
    pub fn sequences(&self, session: &mut Session) -> Result<Vec<Vec<u32>>, FidelityError> {
        let window = WINDOW.min(session.context());
        let mut sequences = Vec::new();
        for text in &self.texts {
            sequences.extend(session.text_ids(text)?.chunks(window).map(<[u32]>::to_vec));
        }
        for item in self.suite.items.iter().filter(|item| !item.shows_pictures()) {
            sequences.push(conversation(session, item)?);
        }
        Ok(sequences)
    }

    /// SHA-256 over the id of the questions and the texts.
    pub fn sha256(&self) -> String {
        let texts = self.texts.iter().map(|text| sha256_hex(text.as_bytes()));
        sha256_hex(std::iter::once(self.suite.id()).chain(texts).collect::<Vec<_>>().join("\n").as_bytes())
    }
}

/// Prose, code, tables and letters, in four languages; written for this.
const CALIBRATION_TEXT: &str = include_str!("loss/calibration.txt");

/// Of the questions that losses are measured with.
const SEED: u64 = 20_260;

/// A figure and the interval of [`LEVEL`] around it, where there are positions enough for one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// It.
    pub value: f64,
    /// The lower end.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

impl Estimate {
    fn new(value: f64, interval: Option<Interval>) -> Estimate {
        Estimate { value, low: interval.map(|it| it.low), high: interval.map(|it| it.high) }
    }
}

/// What was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Predictions that were compared.
    pub positions: usize,
    /// Mean Kullback-Leibler divergence from the base's predictions, in nats.
    pub kl_mean: Estimate,
    /// The divergence that 99.9 % of the predictions do not exceed; of fewer than a thousand, the largest, in nats.
    pub kl_high: Estimate,
    /// Share of predictions whose likeliest token is the same.
    pub same_top: Estimate,
    /// Bits per byte of the same texts, of the base.
    pub base_bits_per_byte: f64,
    /// What is added to them; less than nothing where the model predicts better.
    pub added_bits_per_byte: Estimate,
    /// Answers to the questions.
    pub answers: usize,
    /// Share of those that are right with one of the two alone.
    pub flips: Estimate,
    /// Those that the base alone got right.
    pub lost: usize,
    /// Those that the model alone got right.
    pub gained: usize,
}

/// The predictions of both over the same tokens.
#[derive(Debug, Clone, Default)]
pub struct Predictions {
    divergence: DivergenceSamples,
    /// How much less likely the model finds each next token than its base does, in nats.
    worse: Vec<f64>,
    /// What the base's predictions cost, in nats.
    base: f64,
    /// Bytes that the predicted tokens spell.
    bytes: usize,
}

impl Predictions {
    /// Mean divergence, in nats.
    pub fn kl_mean(&self) -> f64 {
        self.divergence.divergence().kl_mean
    }
}

/// Passes the same sequences of tokens through both.
///
/// # Errors
/// A text cannot be passed, or a logit is no number.
pub fn predictions(
    base: &mut Session,
    other: &mut Session,
    sequences: &[Vec<u32>],
    mut progress: impl FnMut(usize),
) -> Result<Predictions, FidelityError> {
    let mut found = Predictions::default();
    for ids in sequences {
        compare(base, other, ids, &mut found)?;
        progress(found.worse.len());
    }
    match found.divergence.kl().iter().chain(&found.worse).all(|value| value.is_finite()) {
        true => Ok(found),
        false => Err(FidelityError::NotFinite),
    }
}

/// A question with its right answer, as the model's template writes them; without one, a line after the other.
fn conversation(base: &mut Session, item: &Item) -> Result<Vec<u32>, FidelityError> {
    let failed = |source| FidelityError::Ask { item: item.id.clone(), source };
    let right = item.scoring.reference();
    let plain = item.framing.earlier.is_empty() && !item.framing.continued;
    if base.template().is_some() && plain {
        let messages = json!([{ "role": "user", "content": item.prompt }, { "role": "assistant", "content": right }]);
        let request = TemplateRequest { messages, add_generation_prompt: false, ..Default::default() };
        if let Ok(ids) = base.chat_ids(&request) {
            return Ok(ids);
        }
    }
    let (mut ids, _) = asked(base, Question::from(item)).map_err(failed)?;
    ids.extend(base.tokenizer().encode(&right, Special::AsText).map_err(SessionError::from)?);
    Ok(ids)
}

/// One sequence, from its second token on.
fn compare(base: &mut Session, other: &mut Session, ids: &[u32], found: &mut Predictions) -> Result<(), FidelityError> {
    let tokenizer = base.shared_tokenizer();
    let (base, base_cache) = base.program_and_cache();
    let (other, other_cache) = other.program_and_cache();
    for first in (0..ids.len().saturating_sub(1)).step_by(POSITIONS) {
        let tokens = &ids[first..ids.len().min(first + POSITIONS)];
        let mut rows: Vec<Vec<f32>> = Vec::with_capacity(tokens.len());
        base.step_each(base_cache, tokens, |_, row| rows.push(row.to_vec())).map_err(SessionError::from)?;
        let each = |i: usize, row: &[f32]| {
            let Some(next) = ids.get(first + i + 1) else { return };
            found.divergence.take(&rows[i], row);
            let likelihood = |row: &[f32]| log_probability(row, *next).unwrap_or(f64::NAN);
            let own = likelihood(&rows[i]);
            found.worse.push(own - likelihood(row));
            found.base -= own;
            found.bytes += tokenizer.token_bytes(*next).len();
        };
        other.step_each(other_cache, tokens, each).map_err(SessionError::from)?;
    }
    Ok(())
}

/// Why a loss was not measured.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// The predictions could not be compared.
    #[error(transparent)]
    Predictions(#[from] FidelityError),
    /// A question could not be put.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The tokens that are predicted spell nothing.
    #[error("the tokens predicted spell no bytes; there is nothing to take bits per byte of")]
    NoBytes,
}

/// Measures what `other` lost against `base`, which [`crate::fidelity::are_comparable`] says can be compared.
///
/// # Errors
/// [`LossError`].
pub fn measure(
    base: &mut Session,
    other: &mut Session,
    held_out: &Passages,
    mut progress: impl FnMut(usize),
) -> Result<Loss, LossError> {
    let sequences = held_out.sequences(base)?;
    let found = predictions(base, other, &sequences, &mut progress)?;
    let positions = found.worse.len();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (done, item) in held_out.suite.items.iter().enumerate() {
        theirs.push(answer(item, base)?);
        ours.push(answer(item, other)?);
        progress(positions + done);
    }
    loss(&found, flips(&theirs, &ours))
}

fn loss(found: &Predictions, flips: Flips) -> Result<Loss, LossError> {
    if found.bytes == 0 {
        return Err(LossError::NoBytes);
    }
    let (kl, amounts) = (found.divergence.kl(), found.divergence.divergence());
    // Bits per byte of a nat at every position.
    let bits = found.worse.len() as f64 / std::f64::consts::LN_2 / found.bytes as f64;
    let worse = found.worse.iter().sum::<f64>() / found.worse.len() as f64;
    let added = block_difference(&found.worse, LEVEL);
    let added = added.map(|it| Interval { low: it.low * bits, high: it.high * bits, ..it });
    let (low, high) = quantile_ends(kl, 0.999, LEVEL);
    let share = (flips.lost + flips.gained) as f64 / flips.n.max(1) as f64;
    Ok(Loss {
        positions: kl.len(),
        kl_mean: Estimate::new(amounts.kl_mean, block_mean(kl, LEVEL)),
        kl_high: Estimate { value: amounts.kl_high, low, high },
        same_top: Estimate::new(amounts.same_top, block_share(found.divergence.same_top(), LEVEL)),
        base_bits_per_byte: found.base / std::f64::consts::LN_2 / found.bytes as f64,
        added_bits_per_byte: Estimate::new(worse * bits, added),
        answers: flips.n,
        flips: Estimate::new(share, wilson(flips.lost + flips.gained, flips.n, LEVEL)),
        lost: flips.lost,
        gained: flips.gained,
    })
}
