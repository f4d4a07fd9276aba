//! Seeded choices. Written out here, over ChaCha8's raw stream, so that no release of a random-number crate
//! can change which items a seed stands for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// A reproducible source of choices.
pub(crate) struct Rng(ChaCha8Rng);

impl Rng {
    /// The stream numbered `stream` of `seed`; streams of one seed are independent.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Rng(rng)
    }

    /// A number in `0..n`. The bias, below n / 2^64, is far under anything that a suite could show.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below((high - low + 1) as usize) as u32
    }

    /// One element.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// True once in `n` times on average.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Puts `items` in a random order (Fisher–Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }

    /// `n` different elements in random order; `from` must hold at least `n` different ones.
    pub(crate) fn distinct<'a, T: ?Sized + PartialEq>(&mut self, from: &[&'a T], n: usize) -> Vec<&'a T> {
        let mut chosen: Vec<&T> = Vec::with_capacity(n);
        while chosen.len() < n {
            let candidate = self.pick(from);
            if !chosen.contains(&candidate) {
                chosen.push(candidate);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn a_seed_and_stream_always_give_the_same_numbers() {
        let mut rng = Rng::new(1, 0);
        let first: Vec<usize> = (0..6).map(|_| rng.below(1000)).collect();
        let mut again = Rng::new(1, 0);
        assert_eq!(first, (0..6).map(|_| again.below(1000)).collect::<Vec<_>>());
        let mut other = Rng::new(1, 1);
        assert_ne!(first, (0..6).map(|_| other.below(1000)).collect::<Vec<_>>());
    }

    #[test]
    fn between_reaches_both_ends_and_no_further() {
        let mut rng = Rng::new(7, 0);
        let seen: std::collections::BTreeSet<u32> = (0..500).map(|_| rng.between(3, 6)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
    }

    #[test]
    fn distinct_never_repeats() {
        let mut rng = Rng::new(7, 0);
        let mut three = rng.distinct(&["a", "b", "c"], 3);
        three.sort_unstable();
        assert_eq!(three, ["a", "b", "c"]);
    }
}
