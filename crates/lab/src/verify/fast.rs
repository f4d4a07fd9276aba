//! What production arithmetic costs: how far the distributions that a fast program predicts lie from those of the exact
//! one, over the positions of known texts, as prompts and as generated tokens.

use plimsoll_runtime::{CacheType, KvCache, Program, StepError, likeliest};
use serde::Serialize;

use super::{VerifyError, max_delta};

/// Greatest mean KL divergence that passes, in nats.
///
/// Rounding activations to 8 bits in groups of 32 moves a product by about 0.5 % of its size. What that makes of the logits
/// depends on the model: 1e-5 to 8e-4 nats were measured on 135M models of 30 layers, 1e-2 on one of 36 layers of random weights,
/// which nothing has taught to be robust. Arithmetic has to cost less than the weight types that people choose: of Llama 3
/// 8B, `Q6_K` diverges by 5e-3 and `Q4_K_M` by 3e-2 (the scoreboard in llama.cpp's perplexity README).
pub const KL_BOUND: f64 = 2e-2;

/// A text for models without golden cases: prose, code, figures, several scripts.
pub const BUILT_IN_TEXT: &str = include_str!("text.txt");

/// Positions whose exact logits are held at a time.
const POSITIONS: usize = 32;

/// The fast program against the exact one, in both phases.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FastReport {
    /// Every token as part of a prompt.
    pub prefill: Divergence,
    /// Every token as a generated one.
    pub decode: Divergence,
}

impl FastReport {
    /// Whether both phases stay within [`KL_BOUND`].
    pub fn passed(&self) -> bool {
        [self.prefill, self.decode].iter().all(|found| found.kl_mean <= KL_BOUND)
    }
}

/// How far one sequence of distributions lies from another. Infinite wherever a logit is no number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Divergence {
    /// Positions compared.
    pub positions: usize,
    /// Mean Kullback-Leibler divergence from the exact distribution. [nats]
    pub kl_mean: f64,
    /// The divergence that 99.9 % of the positions do not exceed; of fewer than a thousand, the largest. [nats]
    pub kl_high: f64,
    /// Share of positions at which the likeliest token is the same.
    pub same_top: f64,
    /// Largest difference of a logit.
    pub max_delta: f32,
}

/// Passes every text through both programs. Keys and values of the exact one are kept in f32, those of the fast one as
/// sessions keep them. `progress` hears how many tokens are done.
///
/// # Errors
/// A text does not fit a cache, or holds ids that the model does not know.
pub fn verify_fast(
    exact: &mut Program,
    fast: &mut Program,
    texts: &[&[u32]],
    mut progress: impl FnMut(usize),
) -> Result<FastReport, VerifyError> {
    let mut found = [Gathered::default(), Gathered::default()];
    let mut done = 0;
    for (case, text) in texts.iter().enumerate() {
        let mut caches = [
            exact.new_cache(text.len(), CacheType::F32)?,
            fast.new_cache(text.len(), CacheType::default())?,
            fast.new_cache(text.len(), CacheType::default())?,
        ];
        for tokens in text.chunks(POSITIONS) {
            compare(exact, fast, &mut caches, tokens, &mut found)
                .map_err(|source| VerifyError::Step { case, source })?;
            done += tokens.len();
            progress(done);
        }
    }
    let [prefill, decode] = found.map(Gathered::divergence);
    Ok(FastReport { prefill, decode })
}

/// The next tokens of a text: once exactly, once as a prompt, once as generated, each with a cache of its own.
fn compare(
    exact: &mut Program,
    fast: &mut Program,
    [exact_cache, prompt, generated]: &mut [KvCache; 3],
    tokens: &[u32],
    [prefill, decode]: &mut [Gathered; 2],
) -> Result<(), StepError> {
    let mut logits = Vec::new(); // (tokens, vocab_size)
    exact.step_each(exact_cache, tokens, |_, row| logits.extend_from_slice(row))?;
    let rows: Vec<&[f32]> = logits.chunks_exact(exact.network().vocab_size).collect();
    fast.step_each(prompt, tokens, |i, row| prefill.take(rows[i], row))?;
    for (token, row) in tokens.iter().zip(&rows) {
        decode.take(row, fast.decode(&mut [(&mut *generated, *token)])?);
    }
    Ok(())
}

/// What is gathered while positions pass by.
#[derive(Default)]
struct Gathered {
    /// Of each position. [nats]
    kl: Vec<f64>,
    same_top: usize,
    max_delta: f32,
}

impl Gathered {
    fn take(&mut self, exact: &[f32], fast: &[f32]) {
        self.kl.push(kl_divergence(exact, fast));
        self.same_top += usize::from(likeliest(exact) == likeliest(fast));
        self.max_delta = self.max_delta.max(max_delta(fast, exact));
    }

    fn divergence(mut self) -> Divergence {
        let positions = self.kl.len();
        self.kl.sort_by(f64::total_cmp);
        let high = (0.999 * positions as f64).ceil() as usize;
        Divergence {
            positions,
            kl_mean: self.kl.iter().sum::<f64>() / positions as f64,
            kl_high: high.checked_sub(1).map_or(f64::NAN, |at| self.kl[at]),
            same_top: self.same_top as f64 / positions as f64,
            max_delta: self.max_delta,
        }
    }
}

/// The Kullback-Leibler divergence of softmax(`other`) from softmax(`exact`), summed in f64; infinite if a logit is no
/// number. [nats]
fn kl_divergence(exact: &[f32], other: &[f32]) -> f64 {
    let (p, q) = (log_sum(exact), log_sum(other));
    let terms = exact.iter().zip(other).map(|(exact, other)| {
        let (p, q) = (f64::from(*exact) - p, f64::from(*other) - q);
        p.exp() * (p - q)
    });
    let sum: f64 = terms.sum();
    // Rounding may leave a divergence of nothing a little below it.
    if sum.is_nan() { f64::INFINITY } else { sum.max(0.0) }
}

/// The logarithm of the sum of the exponentials.
fn log_sum(logits: &[f32]) -> f64 {
    let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    highest + logits.iter().map(|logit| (f64::from(*logit) - highest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_is_that_of_the_textbook() {
        // (1/2, 1/2) against (1/4, 3/4).
        let found = kl_divergence(&[7.0, 7.0], &[0.0, 3f32.ln()]);
        assert!((found - 0.5 * (4.0f64 / 3.0).ln()).abs() < 1e-7, "{found}");
        assert_eq!(kl_divergence(&[1.0, -2.0, 0.5], &[1.0, -2.0, 0.5]), 0.0);
    }

    #[test]
    fn what_is_no_number_diverges_beyond_every_bound() {
        for broken in [[f32::NAN, 0.0], [f32::INFINITY, 0.0], [f32::NEG_INFINITY, f32::NEG_INFINITY]] {
            assert_eq!(kl_divergence(&[0.0, 0.0], &broken), f64::INFINITY);
            assert_eq!(kl_divergence(&broken, &[0.0, 0.0]), f64::INFINITY);
        }
        let mut found = Gathered::default();
        found.take(&[0.0, 1.0], &[0.0, f32::NAN]);
        let divergence = found.divergence();
        assert_eq!((divergence.kl_mean, divergence.max_delta), (f64::INFINITY, f32::INFINITY));
        assert!(!FastReport { prefill: divergence, decode: divergence }.passed());
    }

    #[test]
    fn the_high_divergence_is_exceeded_by_one_position_in_a_thousand() {
        let many = Gathered { kl: (0..2000).map(f64::from).collect(), ..Gathered::default() };
        assert_eq!(many.divergence().kl_high, 1997.0);
        let few = Gathered { kl: vec![1.0, 3.0, 2.0], ..Gathered::default() };
        let divergence = few.divergence();
        assert_eq!((divergence.kl_high, divergence.kl_mean, divergence.positions), (3.0, 2.0, 3));
    }
}
