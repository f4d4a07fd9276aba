//! Does a program give the numbers of the reference implementation? Every case of a golden file is
//! compared in f32: ids, logits, the likeliest token at every position, likelihood, greedy
//! continuation, and the rendering of chats. [`verify_fast`] then asks what faster arithmetic costs.

mod fast;
mod golden;
mod pictures;
mod vision;

use plimsoll_engine::{ChatTemplate, Clock, Special, TemplateRequest, Tokenizer, TokenizerError, log_probability};
use plimsoll_runtime::{CacheError, CacheType, Input, KvCache, Program, StepError, likeliest};
use serde::Serialize;

use crate::divergence::max_delta;
use crate::standing::Standing;

pub use crate::divergence::Divergence;
pub use fast::{BUILT_IN_TEXT, FastReport, KL_BOUND, verify_fast};
pub use golden::{Golden, GoldenCase, GoldenChat, GoldenVideo, Sampled};
pub use pictures::{Files, LEVELS, PicturesReport, verify_pictures};
pub use vision::{FEATURE_TOLERANCE, GoldenPixels, GoldenVision, VISION_TOLERANCE};

/// Gaps between the two best logits below this mean nothing: which one wins is rounding.
const TIE: f32 = 1e-3;

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The golden file is not one.
    #[error("{file}: not a golden file: {problem}")]
    Golden {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The case holds token ids the model does not know, or too many.
    #[error("case {case}: {source}")]
    Step {
        /// Index of the case.
        case: usize,
        /// What was refused.
        source: StepError,
    },
    /// The pixels of a case do not fit the tower or the ids.
    #[error("{case}: {problem}")]
    Pictures {
        /// Name of its pixels.
        case: String,
        /// What does not fit.
        problem: String,
    },
    /// A picture of a case cannot be shown to the model.
    #[error(transparent)]
    Encoder(#[from] plimsoll_engine::VisionEncoderError),
    /// A picture of a case cannot be read.
    #[error(transparent)]
    Vision(#[from] plimsoll_vision::VisionError),
    /// A text of the file cannot be tokenized.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// No memory for the cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Reads a golden file.
///
/// # Errors
/// If it is not JSON of that form, or a case has no ids.
pub fn read_golden(file: &str, bytes: &[u8]) -> Result<Golden, VerifyError> {
    let refuse = |problem: String| VerifyError::Golden { file: file.to_owned(), problem };
    let golden: Golden = serde_json::from_slice(bytes).map_err(|error| refuse(error.to_string()))?;
    if golden.cases.is_empty() {
        return Err(refuse("it has no cases".to_owned()));
    }
    match golden.cases.iter().chain(&golden.video_cases).position(|case| case.input_ids.is_empty()) {
        Some(case) => Err(refuse(format!("case {case} has no input_ids"))),
        None => Ok(golden),
    }
}

/// What a sequence showed. A field is `None` where the golden file has nothing to compare with.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CaseReport {
    /// The beginning of its text.
    pub name: String,
    /// Tokens of the sequence.
    pub tokens: usize,
    /// Whether tokenizing its text gives the ids.
    pub ids_equal: Option<bool>,
    /// Largest difference of an image feature, computed from the reference's pixels.
    pub features_delta: Option<f32>,
    /// Whether the case shows pictures: its logits then agree within [`VISION_TOLERANCE`] at least.
    pub sees: bool,
    /// Largest difference of a logit after the last token; infinite if one is not a number.
    pub max_delta: Option<f32>,
    /// Positions whose likeliest token differs, ties within the margin aside.
    pub argmax_wrong: Option<usize>,
    /// Difference of the negative log-likelihood in nats.
    pub nll_delta: Option<f64>,
    /// The greedy continuation against the reference's.
    pub greedy: Option<Greedy>,
    /// Why the case was not run.
    pub skipped: Option<String>,
}

/// A greedy continuation against the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Greedy {
    /// Every token is the same.
    Equal {
        /// Tokens compared.
        tokens: usize,
    },
    /// Equal up to a step at which the two best logits are a tie.
    EqualUntilTie {
        /// That step.
        step: usize,
    },
    /// Another token where there was no tie.
    Differs {
        /// That step.
        step: usize,
    },
}

impl CaseReport {
    /// Whether nothing that the network computes was held against the reference; ids are the tokenizer's.
    fn compared_no_number(&self) -> bool {
        self.features_delta.is_none()
            && self.max_delta.is_none()
            && self.argmax_wrong.is_none()
            && self.nll_delta.is_none()
            && self.greedy.is_none()
    }

    /// How it stands, logits being held against each other within `tolerance`.
    pub fn standing(&self, tolerance: f32) -> Standing {
        Standing::of(self.skipped.is_none(), self.passed(tolerance))
    }

    /// Whether everything compared agrees, logits within `tolerance`; a skipped case has nothing that disagrees.
    pub fn passed(&self, tolerance: f32) -> bool {
        let tolerance = if self.sees { tolerance.max(VISION_TOLERANCE) } else { tolerance };
        // A sum of log-likelihoods gathers the difference of every position.
        let nll_tolerance = f64::from(tolerance) * self.tokens as f64;
        self.ids_equal != Some(false)
            && self.features_delta.is_none_or(|delta| delta <= FEATURE_TOLERANCE)
            && self.max_delta.is_none_or(|delta| delta <= tolerance)
            && self.argmax_wrong.is_none_or(|wrong| wrong == 0)
            && self.nll_delta.is_none_or(|delta| delta <= nll_tolerance)
            && !matches!(self.greedy, Some(Greedy::Differs { .. }))
    }
}

/// What a conversation showed.
#[derive(Debug, Clone, Serialize)]
pub struct ChatReport {
    /// The beginning of its last message.
    pub name: String,
    /// Whether the template renders it as the reference does.
    pub rendered_equal: bool,
    /// Whether the rendering's ids are the reference's.
    pub ids_equal: bool,
    /// Why it could not be rendered.
    pub error: Option<String>,
}

impl ChatReport {
    /// Whether everything compared agrees.
    pub fn passed(&self) -> bool {
        self.rendered_equal && self.ids_equal && self.error.is_none()
    }
}

/// Runs one case. The cache is in f32, as the reference's is. Its pictures are encoded with `vision`, if there is one.
///
/// # Errors
/// [`VerifyError`] if the case cannot be run at all.
pub fn verify_case(
    program: &mut Program,
    tokenizer: &Tokenizer,
    vision: Option<&mut GoldenVision>,
    index: usize,
    case: &GoldenCase,
) -> Result<CaseReport, VerifyError> {
    if !case.images.is_empty() {
        return verify_from_pixels(program, vision, &format!("case{index}"), index, case);
    }
    let mut report = CaseReport { name: case_name(case), tokens: case.input_ids.len(), ..Default::default() };
    report.ids_equal = case_ids_equal(tokenizer, case)?;
    compare(program, (&case.input_ids).into(), index, case, &mut report)?;
    Ok(report)
}

/// Runs one case that shows a video, as [`verify_case`] does one with pictures.
///
/// # Errors
/// As [`verify_case`].
pub fn verify_video(
    program: &mut Program,
    vision: Option<&mut GoldenVision>,
    index: usize,
    case: &GoldenCase,
) -> Result<CaseReport, VerifyError> {
    verify_from_pixels(program, vision, &format!("video{index}"), index, case)
}

/// From the reference's ids and pixels of this name.
fn verify_from_pixels(
    program: &mut Program,
    vision: Option<&mut GoldenVision>,
    name: &str,
    index: usize,
    case: &GoldenCase,
) -> Result<CaseReport, VerifyError> {
    let shown = format!("{name} {}", case_name(case));
    let mut report =
        CaseReport { name: shorten(&shown), tokens: case.input_ids.len(), sees: true, ..Default::default() };
    let skip = |why: &str| CaseReport { skipped: Some(why.to_owned()), ..report.clone() };
    let Some(vision) = vision else {
        return Ok(skip("it shows pictures, and there is no tower or no pixels of the reference"));
    };
    let Some(encoded) = vision.encode(name, case)? else { return Ok(skip("the reference left no pixels for it")) };
    report.features_delta = encoded.features_delta;
    let given = encoded.given();
    compare(program, Input::with_embeddings(&case.input_ids, &given), index, case, &mut report)?;
    Ok(report)
}

/// Everything behind the ids.
fn compare(
    program: &mut Program,
    input: Input,
    index: usize,
    case: &GoldenCase,
    report: &mut CaseReport,
) -> Result<(), VerifyError> {
    let mut cache = program.new_cache(case.input_ids.len() + case.greedy.len(), CacheType::F32)?;
    let mut checks = LogitChecks::default();
    let step_error = |source| VerifyError::Step { case: index, source };
    let each = |position: usize, logits: &[f32]| checks.take(case, position, logits);
    program.step_each(&mut cache, input, each).map_err(step_error)?;

    report.max_delta = (!case.last_logits.is_empty()).then(|| max_delta(&checks.last, &case.last_logits));
    report.argmax_wrong = (!case.argmax.is_empty()).then_some(checks.argmax_wrong);
    report.nll_delta = case.nll_sum.map(|reference| (checks.nll - reference).abs());
    if !case.greedy.is_empty() {
        report.greedy = Some(greedy(program, &mut cache, case, checks.last).map_err(step_error)?);
    }
    if report.compared_no_number() {
        report.skipped = Some("the golden file has nothing to compare its numbers with".to_owned());
    }
    Ok(())
}

/// Follows the reference's continuation from `logits`, those after the last token of the case.
fn greedy(
    program: &mut Program,
    cache: &mut KvCache,
    case: &GoldenCase,
    mut logits: Vec<f32>,
) -> Result<Greedy, StepError> {
    for (step, wanted) in case.greedy.iter().enumerate() {
        let gap = gap_to_best(&logits, *wanted);
        if gap > 0.0 {
            // The reference's margin says whether it was a tie there, unless there is no gap to speak of here.
            let margin = case.greedy_margins.get(step).copied().filter(|_| gap.is_finite()).unwrap_or(gap);
            return Ok(if margin < TIE { Greedy::EqualUntilTie { step } } else { Greedy::Differs { step } });
        }
        if step + 1 < case.greedy.len() {
            logits = program.decode(&mut [(&mut *cache, *wanted)])?.to_vec();
        }
    }
    Ok(Greedy::Equal { tokens: case.greedy.len() })
}

/// Renders and tokenizes one conversation; templates see `now`.
///
/// # Errors
/// If the rendered text cannot be tokenized.
pub fn verify_chat(
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
    chat: &GoldenChat,
    now: Option<Clock>,
) -> Result<ChatReport, VerifyError> {
    let request = TemplateRequest {
        messages: chat.messages.clone(),
        add_generation_prompt: chat.add_generation_prompt,
        now,
        ..Default::default()
    };
    let (rendered, error) = match template.render(&request) {
        Ok(rendered) => (rendered, None),
        Err(error) => (String::new(), Some(error.to_string())),
    };
    let last = chat.messages.as_array().and_then(|messages| messages.last());
    Ok(ChatReport {
        name: shorten(last.and_then(|message| message["content"].as_str()).unwrap_or("")),
        rendered_equal: rendered == chat.rendered,
        ids_equal: tokenizer.encode(&chat.rendered, Special::Parse)? == chat.input_ids,
        error,
    })
}

/// Checks of the logits of a case, gathered position by position.
#[derive(Default)]
struct LogitChecks {
    last: Vec<f32>,
    argmax_wrong: usize,
    nll: f64,
}

impl LogitChecks {
    fn take(&mut self, case: &GoldenCase, position: usize, logits: &[f32]) {
        if let Some(wanted) = case.argmax.get(position) {
            self.argmax_wrong += usize::from(gap_to_best(logits, *wanted) >= TIE);
        }
        match case.input_ids.get(position + 1) {
            // Not a number where a logit is none, which is within no tolerance.
            Some(next) => self.nll -= log_probability(logits, *next).unwrap_or(f64::NAN),
            None => self.last = logits.to_vec(),
        }
    }
}

/// How far `token` lies below the best; infinite for an id that does not exist or a logit that is no number.
fn gap_to_best(logits: &[f32], token: u32) -> f32 {
    let gap = logits.get(token as usize).map(|logit| logits[likeliest(logits) as usize] - logit);
    gap.filter(|gap| gap.is_finite()).unwrap_or(f32::INFINITY)
}

/// The text whose ids a case holds.
fn case_text(case: &GoldenCase) -> Option<&str> {
    [&case.rendered, &case.prompt, &case.text].into_iter().flatten().next().map(String::as_str)
}

/// Whether our ids of a case's text are the reference's; a rendered template writes its own control tokens, and BOS where it wants one.
fn case_ids_equal(tokenizer: &Tokenizer, case: &GoldenCase) -> Result<Option<bool>, TokenizerError> {
    let Some(text) = case_text(case) else { return Ok(None) };
    if case.rendered.is_some() {
        return Ok(Some(tokenizer.encode(text, Special::Parse)? == case.input_ids));
    }
    let ids = tokenizer.encode(text, Special::AsText)?;
    // A BOS of which a GGUF says nothing is no fact of the file to hold against the reference.
    let equal = (tokenizer.assumes_bos() && ids == case.input_ids) || tokenizer.with_bos(ids) == case.input_ids;
    Ok(Some(equal))
}

fn case_name(case: &GoldenCase) -> String {
    case_text(case).map_or_else(String::new, shorten)
}

fn shorten(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= 24 { line } else { line.chars().take(23).chain(['…']).collect() }
}

#[cfg(test)]
mod tests;
