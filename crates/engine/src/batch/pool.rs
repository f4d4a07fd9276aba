//! Keys and values of ended answers, kept for prompts that begin as they did.

use plimsoll_runtime::{CacheError, KvCache};

use super::sequence::Sequence;
use crate::vision::PromptToken;

/// A cache that begins a prompt.
pub(super) struct Prefix {
    pub cache: KvCache,
    /// The tokens it holds.
    pub cached: Vec<PromptToken>,
}

impl Prefix {
    /// Cut to what a prompt of these tokens begins with, but for its last token, whose logits are always wanted.
    pub fn of(mut self, tokens: &[PromptToken]) -> Prefix {
        if !self.cache.expect(tokens.len()) {
            self.cached.clear();
        }
        let shared = shared(tokens, &self.cached);
        let kept = self.cache.truncate(shared);
        self.cached.truncate(kept);
        self
    }
}

/// How many tokens two sequences begin with alike, the last of `tokens` left out.
fn shared(tokens: &[PromptToken], cached: &[PromptToken]) -> usize {
    let before_last = &tokens[..tokens.len().saturating_sub(1)];
    before_last.iter().zip(cached).take_while(|(new, old)| new == old).count()
}

/// The same of a cache that holds the second, as far as it can be gone on from.
fn usable(tokens: &[PromptToken], cache: &KvCache, cached: &[PromptToken]) -> usize {
    cache.reachable(shared(tokens, cached))
}

/// A copy of the first `length` positions, which are usable.
fn copied(cache: &KvCache, cached: &[PromptToken], length: usize) -> Result<Prefix, CacheError> {
    Ok(Prefix { cache: cache.beginning(length)?, cached: cached[..length].to_vec() })
}

struct Kept {
    prefix: Prefix,
    /// Positions that its memory was filled to: what is forgotten of a cache is not given back to the system.
    filled: usize,
}

/// Caches of ended answers, the last used last.
#[derive(Default)]
pub(super) struct Pool {
    kept: Vec<Kept>,
}

impl Pool {
    /// Positions for which memory is held.
    pub fn positions(&self) -> usize {
        self.kept.iter().map(|kept| kept.filled).sum()
    }

    /// Keeps what a sequence read of its prompt. Generated positions are forgotten: their arithmetic is that of generated
    /// tokens, and as part of a prompt they would have other bits.
    pub fn keep(&mut self, sequence: Sequence) {
        let Sequence { mut cache, mut cached, filled, .. } = sequence;
        cached.truncate(cache.truncate(cached.len()));
        if !cached.is_empty() {
            let filled = filled.max(cached.len()) + cache.state_positions();
            self.kept.push(Kept { filled, prefix: Prefix { cache, cached } });
        }
    }

    /// The longest beginning of `tokens` among what is kept and what is being answered: taken where the prompt continues
    /// all of it, or all but its last token; copied where somebody else may.
    pub fn prefix(&mut self, tokens: &[PromptToken], sequences: &[Sequence]) -> Result<Option<Prefix>, CacheError> {
        let of_kept = self.kept.iter().map(|kept| usable(tokens, &kept.prefix.cache, &kept.prefix.cached)).enumerate();
        let (at, kept) = of_kept.max_by_key(|(_, usable)| *usable).unwrap_or_default();
        let of_sequence = |sequence: &&Sequence| usable(tokens, &sequence.cache, &sequence.cached);
        let running = sequences.iter().max_by_key(of_sequence);
        let of_running = running.as_ref().map_or(0, of_sequence);
        match running {
            _ if kept.max(of_running) == 0 => Ok(None),
            Some(sequence) if of_running > kept => copied(&sequence.cache, &sequence.cached, of_running).map(Some),
            _ => {
                let used = self.kept.remove(at);
                if used.prefix.cached.len() <= kept + 1 {
                    return Ok(Some(used.prefix));
                }
                let copy = copied(&used.prefix.cache, &used.prefix.cached, kept);
                self.kept.push(used);
                copy.map(Some)
            }
        }
    }

    /// Forgets the longest unused until no more than `positions` are held.
    pub fn shrink(&mut self, positions: usize) {
        while self.positions() > positions {
            self.kept.remove(0);
        }
    }
}
