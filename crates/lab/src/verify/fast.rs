//! What production arithmetic costs: how far the distributions that a fast program predicts lie from those of the exact
//! one, over the positions of known texts, as prompts and as generated tokens.

use plimsoll_runtime::{CacheType, KvCache, Program, StepError};
use serde::Serialize;

use super::VerifyError;
use crate::divergence::{Divergence, DivergenceSamples};
use crate::standing::Standing;

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
    pub fn standing(&self) -> Standing {
        let phases = [self.prefill, self.decode];
        let of =
            |found: Divergence| Standing::of(found.positions > 0, found.positions == 0 || found.kl_mean <= KL_BOUND);
        Standing::all(phases.map(of))
    }
}

/// Passes every text through both programs. Keys and values of the exact one are kept in f32, those of the fast one as
/// `cache` says. `progress` hears how many tokens are done.
///
/// # Errors
/// A text does not fit a cache, or holds ids that the model does not know.
pub fn verify_fast(
    exact: &mut Program,
    fast: &mut Program,
    cache: CacheType,
    texts: &[&[u32]],
    mut progress: impl FnMut(usize),
) -> Result<FastReport, VerifyError> {
    let mut found = [DivergenceSamples::default(), DivergenceSamples::default()];
    let mut done = 0;
    for (case, text) in texts.iter().enumerate() {
        let mut caches = [
            exact.new_cache(text.len(), CacheType::F32)?,
            fast.new_cache(text.len(), cache)?,
            fast.new_cache(text.len(), cache)?,
        ];
        for tokens in text.chunks(POSITIONS) {
            compare(exact, fast, &mut caches, tokens, &mut found)
                .map_err(|source| VerifyError::Step { case, source })?;
            done += tokens.len();
            progress(done);
        }
    }
    let [prefill, decode] = found.each_ref().map(DivergenceSamples::divergence);
    Ok(FastReport { prefill, decode })
}

/// The next tokens of a text: once exactly, once as a prompt, once as generated, each with a cache of its own.
fn compare(
    exact: &mut Program,
    fast: &mut Program,
    [exact_cache, prompt, generated]: &mut [KvCache; 3],
    tokens: &[u32],
    [prefill, decode]: &mut [DivergenceSamples; 2],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_does_not_pass() {
        let mut found = DivergenceSamples::default();
        found.take(&[0.0, 1.0], &[0.0, f32::NAN]);
        let divergence = found.divergence();
        assert_eq!(FastReport { prefill: divergence, decode: divergence }.standing(), Standing::Failed);
        let nothing = DivergenceSamples::default().divergence();
        assert_eq!(FastReport { prefill: divergence, decode: nothing }.standing(), Standing::Failed);
        assert_eq!(FastReport { prefill: nothing, decode: nothing }.standing(), Standing::Inconclusive);
    }
}
