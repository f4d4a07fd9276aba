//! From logits to one token.
//!
//! The order is that of transformers' generation: logit bias, penalties, what may not come, temperature, top-k, top-p,
//! min-p, draw. At temperature 0 the best token after bias and penalties is taken, the lowest id among equals.

use std::collections::BTreeMap;

use plimsoll_formats::{GenerationDefaults, TokenRules};
use plimsoll_grammar::Mask;
use plimsoll_runtime::likeliest;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How tokens are chosen. The default is greedy decoding without any adjustment.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingParams {
    /// Divides the logits; 0 is greedy. At least 0.
    pub temperature: f32,
    /// Keep only this many best tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of best tokens whose probability reaches this; 1 keeps all. In (0, 1].
    pub top_p: f32,
    /// Drop tokens less probable than this share of the best; 0 keeps all. In [0, 1].
    pub min_p: f32,
    /// Divides positive and multiplies negative logits of every token already in the prompt or answer; 1 changes
    /// nothing. Above 0.
    pub repetition_penalty: f32,
    /// Subtracted from the logit of every token already in the answer. In [-2, 2] by OpenAI's rule; any finite here.
    pub presence_penalty: f32,
    /// Subtracted from a token's logit for each time it is already in the answer.
    pub frequency_penalty: f32,
    /// Added to the logits of these tokens; negative infinity forbids one.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Which tokens may come, and when, as the model's maker has it.
    pub rules: TokenRules,
    /// Tokens that end an answer, which `rules` may hold back.
    pub eos_ids: Vec<u32>,
    /// Fixes the draws: the same seed, parameters and logits give the same tokens.
    pub seed: u64,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: BTreeMap::new(),
            rules: TokenRules::default(),
            eos_ids: Vec::new(),
            seed: 0,
        }
    }
}

/// Why no token could be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SamplerError {
    /// A parameter outside its range.
    #[error("sampling parameter `{name}` is {found}, expected {expected}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// Its value.
        found: f32,
        /// Its range, in words.
        expected: &'static str,
    },
    /// A bias, or a question, for a token that the model does not have.
    #[error("token {token} is named, but the vocabulary ends at {last}")]
    UnknownToken {
        /// The token named.
        token: u32,
        /// The highest id there is.
        last: usize,
    },
    /// The model produced something that is not a number.
    #[error("the model's logit for token {token} is {value}: its weights or its arithmetic are broken")]
    NotFinite {
        /// The first token concerned.
        token: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// Bias forbids every token, or there are no logits.
    #[error("no token is left to choose from")]
    NothingLeft,
}

impl SamplingParams {
    /// Checks every range.
    pub fn validate(&self) -> Result<(), SamplerError> {
        let check = |name, found: f32, holds: bool, expected| match holds {
            true => Ok(()),
            false => Err(SamplerError::Parameter { name, found, expected }),
        };
        let Self { temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty, .. } = *self;
        check("temperature", temperature, temperature >= 0.0 && temperature.is_finite(), "0 or more and finite")?;
        check("top_p", top_p, top_p > 0.0 && top_p <= 1.0, "above 0 and at most 1")?;
        check("min_p", min_p, (0.0..=1.0).contains(&min_p), "between 0 and 1")?;
        let positive = repetition_penalty > 0.0 && repetition_penalty.is_finite();
        check("repetition_penalty", repetition_penalty, positive, "above 0")?;
        check("presence_penalty", presence_penalty, presence_penalty.is_finite(), "a number")?;
        check("frequency_penalty", frequency_penalty, frequency_penalty.is_finite(), "a number")?;
        for &bias in self.logit_bias.values() {
            check("logit_bias", bias, bias < f32::INFINITY, "a number or negative infinity")?;
        }
        Ok(())
    }
}

impl SamplingParams {
    /// Whether the best logit decides by itself.
    fn is_plainly_greedy(&self) -> bool {
        self.temperature == 0.0
            && self.repetition_penalty == 1.0
            && self.presence_penalty == 0.0
            && self.frequency_penalty == 0.0
            && self.logit_bias.is_empty()
            && self.rules == TokenRules::default()
    }
}

/// Tokens that the reference draws from where nobody says how many.
const TOP_K: usize = 50;

impl SamplingParams {
    /// What `generate` of transformers makes of the maker's settings, but for the seed; `eos_ids` are the tokens that end an
    /// answer. A `temperature` of one's own decides whether tokens are drawn, else `do_sample` does.
    pub fn recommended(maker: &GenerationDefaults, eos_ids: &[u32], temperature: Option<f32>) -> SamplingParams {
        let makers = if maker.do_sample == Some(true) { maker.temperature.unwrap_or(1.0) } else { 0.0 };
        let none = SamplingParams::default();
        SamplingParams {
            temperature: temperature.unwrap_or(makers),
            top_k: maker.top_k.map_or(TOP_K, |k| k as usize),
            top_p: maker.top_p.unwrap_or(none.top_p),
            min_p: maker.min_p.unwrap_or(none.min_p),
            repetition_penalty: maker.repetition_penalty.unwrap_or(none.repetition_penalty),
            rules: maker.rules.clone(),
            eos_ids: eos_ids.to_vec(),
            ..none
        }
    }
}

/// Chooses token after token, remembering what it must for the penalties.
///
/// ```
/// use plimsoll_engine::{Sampler, SamplingParams};
///
/// let mut greedy = Sampler::new(SamplingParams::default(), &[])?;
/// assert_eq!(greedy.next(&[0.1, 2.0, 2.0])?, 1);
/// # Ok::<(), plimsoll_engine::SamplerError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sampler {
    params: SamplingParams,
    random: ChaCha8Rng,
    in_prompt: Vec<u32>,          // sorted, distinct
    answered: BTreeMap<u32, u32>, // token → how often in the answer
    sequence: Vec<u32>,           // prompt and answer, in order
    n_prompt: usize,
    scratch: Vec<Candidate>,
}

/// A token and its logit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub token: u32,
    pub logit: f32,
}

/// Every token.
fn candidates(logits: &[f32]) -> impl Iterator<Item = Candidate> {
    logits.iter().zip(0..).map(|(&logit, token)| Candidate { token, logit })
}

/// The `n` best tokens, the best first.
pub(crate) fn best(logits: &[f32], n: usize) -> Vec<Candidate> {
    let mut best: Vec<Candidate> = candidates(logits).collect();
    keep_best(&mut best, n);
    best.sort_unstable_by(better);
    best
}

/// Keeps the `n` best, in any order.
fn keep_best(candidates: &mut Vec<Candidate>, n: usize) {
    if n < candidates.len() {
        candidates.select_nth_unstable_by(n, better);
        candidates.truncate(n);
    }
}

/// Best first; of equals the lower id.
fn better(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    compare(b.logit, a.logit).then(a.token.cmp(&b.token))
}

/// Orders logits, among which are no NaN; the two zeros are equal.
fn compare(a: f32, b: f32) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
}

/// The first logit that is no number; searched by blocks without a branch, for vector registers.
pub(crate) fn first_not_finite(logits: &[f32]) -> Option<(usize, f32)> {
    const BLOCK: usize = 64;
    let finite = |block: &[f32]| block.iter().fold(true, |all, logit| all & logit.is_finite());
    let from = BLOCK * logits.chunks(BLOCK).position(|block| !finite(block))?;
    (from..).zip(logits[from..].iter().copied()).find(|(_, logit)| !logit.is_finite())
}

/// The candidate of a token that somebody named.
fn candidate(candidates: &mut [Candidate], token: u32) -> Result<&mut Candidate, SamplerError> {
    let last = candidates.len().saturating_sub(1);
    candidates.get_mut(token as usize).ok_or(SamplerError::UnknownToken { token, last })
}

impl Sampler {
    /// A sampler at the start of an answer to `prompt`.
    pub fn new(params: SamplingParams, prompt: &[u32]) -> Result<Self, SamplerError> {
        params.validate()?;
        let random = ChaCha8Rng::seed_from_u64(params.seed);
        let mut in_prompt = prompt.to_vec();
        in_prompt.sort_unstable();
        in_prompt.dedup();
        let n_prompt = prompt.len();
        Ok(Self {
            params,
            random,
            in_prompt,
            answered: BTreeMap::new(),
            sequence: prompt.to_vec(),
            n_prompt,
            scratch: Vec::new(),
        })
    }

    /// Chooses a token by `logits` (vocab_size,) and counts it as part of the answer.
    pub fn next(&mut self, logits: &[f32]) -> Result<u32, SamplerError> {
        self.next_within(logits, None)
    }

    /// As [`Sampler::next`], of the tokens that `mask` allows.
    pub fn next_within(&mut self, logits: &[f32], mask: Option<&Mask>) -> Result<u32, SamplerError> {
        if let Some((token, value)) = first_not_finite(logits) {
            return Err(SamplerError::NotFinite { token, value });
        }
        if self.params.is_plainly_greedy() && mask.is_none() {
            return if logits.is_empty() { Err(SamplerError::NothingLeft) } else { Ok(likeliest(logits)) };
        }
        let mut candidates = std::mem::take(&mut self.scratch);
        candidates.clear();
        candidates.extend(self::candidates(logits));
        let token = self.adjust(&mut candidates).and_then(|()| {
            if let Some(mask) = mask {
                candidates.retain(|candidate| mask.allows(candidate.token));
            }
            self.choose(&mut candidates)
        });
        self.scratch = candidates;
        let token = token?;
        *self.answered.entry(token).or_default() += 1;
        self.sequence.push(token);
        Ok(token)
    }

    fn adjust(&self, candidates: &mut [Candidate]) -> Result<(), SamplerError> {
        let SamplingParams { repetition_penalty, presence_penalty, frequency_penalty, .. } = self.params;
        for (&token, &bias) in &self.params.logit_bias {
            candidate(candidates, token)?.logit += bias;
        }
        for (ids, bias) in &self.params.rules.sequence_bias {
            let Some((&last, before)) = ids.split_last() else { continue };
            let biased = candidate(candidates, last)?;
            if self.sequence.ends_with(before) {
                biased.logit += bias;
            }
        }
        if repetition_penalty != 1.0 {
            let new_in_answer = self.answered.keys().filter(|token| self.in_prompt.binary_search(token).is_err());
            for &token in self.in_prompt.iter().chain(new_in_answer) {
                let Some(Candidate { logit, .. }) = candidates.get_mut(token as usize) else { continue };
                *logit = if *logit < 0.0 { *logit * repetition_penalty } else { *logit / repetition_penalty };
            }
        }
        for (&token, &count) in &self.answered {
            let Some(candidate) = candidates.get_mut(token as usize) else { continue };
            candidate.logit -= presence_penalty + frequency_penalty * count as f32;
        }
        self.forbid(candidates);
        Ok(())
    }

    /// What may not come now, as transformers' logits processors have it.
    fn forbid(&self, candidates: &mut [Candidate]) {
        let TokenRules { suppressed, suppressed_first, min_new_tokens, min_length, no_repeat_ngram_size, .. } =
            &self.params.rules;
        let n_answered = self.sequence.len() - self.n_prompt;
        let first = suppressed_first.iter().filter(|_| n_answered == 0);
        let is_short = n_answered < *min_new_tokens || self.sequence.len() < *min_length;
        let eos_ids = self.params.eos_ids.iter().filter(|_| is_short);
        // Ids that the vocabulary does not have cannot come anyway.
        let mut forbid = |token: u32| {
            if let Some(candidate) = candidates.get_mut(token as usize) {
                candidate.logit = f32::NEG_INFINITY;
            }
        };
        suppressed.iter().chain(first).chain(eos_ids).copied().for_each(&mut forbid);
        if let Some(n_before) = no_repeat_ngram_size.checked_sub(1)
            && let Some(from) = self.sequence.len().checked_sub(n_before)
        {
            let before = &self.sequence[from..];
            let runs = self.sequence.windows(*no_repeat_ngram_size).filter(|run| run.starts_with(before));
            runs.map(|run| run[n_before]).for_each(forbid);
        }
    }

    fn choose(&mut self, candidates: &mut Vec<Candidate>) -> Result<u32, SamplerError> {
        candidates.retain(|candidate| candidate.logit > f32::NEG_INFINITY);
        let best = *candidates.iter().min_by(|a, b| better(a, b)).ok_or(SamplerError::NothingLeft)?;
        if self.params.temperature == 0.0 {
            return Ok(best.token);
        }
        // Probabilities relative to the best token, so that the largest is 1 whatever the temperature.
        let temperature = f64::from(self.params.temperature);
        let weight = |c: &Candidate| ((f64::from(c.logit) - f64::from(best.logit)) / temperature).exp();
        self.keep_top_k(candidates);
        self.keep_top_p(candidates, weight);
        if self.params.min_p > 0.0 {
            let floor = f64::from(self.params.min_p);
            candidates.retain(|candidate| weight(candidate) >= floor);
        }
        let total: f64 = candidates.iter().map(weight).sum();
        let mut left = self.uniform() * total;
        for candidate in candidates.iter() {
            left -= weight(candidate);
            if left < 0.0 {
                return Ok(candidate.token);
            }
        }
        // Rounding may leave a crumb of the total after the last candidate.
        Ok(candidates.iter().rfind(|candidate| weight(candidate) > 0.0).unwrap_or(&best).token)
    }

    fn keep_top_k(&self, candidates: &mut Vec<Candidate>) {
        let k = self.params.top_k;
        if k > 0 && k < candidates.len() {
            keep_best(candidates, k);
            candidates.sort_unstable_by(better);
        }
    }

    /// Sorts only as much of the head as the probability needs: most steps need a few hundred of 100,000 tokens.
    fn keep_top_p(&self, candidates: &mut Vec<Candidate>, weight: impl Fn(&Candidate) -> f64) {
        let top_p = f64::from(self.params.top_p);
        if top_p >= 1.0 {
            return;
        }
        let total: f64 = candidates.iter().map(&weight).sum();
        let mut head = 256;
        loop {
            let sorted = head.min(candidates.len());
            if sorted < candidates.len() {
                candidates.select_nth_unstable_by(sorted, better);
            }
            candidates[..sorted].sort_unstable_by(better);
            let mut reached = 0.0;
            let enough = candidates[..sorted].iter().position(|candidate| {
                reached += weight(candidate);
                reached >= top_p * total
            });
            if let Some(last) = enough {
                return candidates.truncate(last + 1);
            }
            if sorted == candidates.len() {
                return;
            }
            head *= 8;
        }
    }

    /// In [0, 1), with 53 random bits.
    fn uniform(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}
