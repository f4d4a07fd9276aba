//! What a step is handed: tokens, and for some of them rows that stand in for their embeddings.

use std::ops::Range;

/// Rows in place of the embeddings of neighbouring tokens: a picture's features.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingOverride<'a> {
    /// Index of the first of the tokens among all of the input.
    pub at: usize,
    /// `(n_tokens, d_model)`
    pub rows: &'a [f32],
}

impl<'a> EmbeddingOverride<'a> {
    /// `rows`, `(n, d_model)`, for the first `n` of `positions`, indices of tokens that ascend. Neighbours are one override.
    pub fn at_positions(
        positions: impl Iterator<Item = usize>,
        rows: &'a [f32],
        d_model: usize,
    ) -> Vec<EmbeddingOverride<'a>> {
        let positions: Vec<usize> = positions.take(rows.len() / d_model).collect();
        let mut left = rows;
        let runs = positions.chunk_by(|a, b| a + 1 == *b).map(|run| {
            let (rows, after) = left.split_at(run.len() * d_model);
            left = after;
            EmbeddingOverride { at: run[0], rows }
        });
        runs.collect()
    }
}

/// The tokens of a step. Overrides take the place of the embedding table's, as the reference scatters image
/// features over the embeddings of placeholder tokens; the ids there only have to be in the vocabulary.
///
/// ```
/// use plimsoll_runtime::{EmbeddingOverride, Input};
/// let features = [0.0; 2 * 8]; // two rows of a model that is 8 wide
/// let overrides = [EmbeddingOverride { at: 1, rows: &features }];
/// let input = Input::with_embeddings(&[1, 77, 77, 5], &overrides);
/// assert_eq!(input.len(), 4);
/// assert_eq!(Input::from(&[1, 2, 3][..]).len(), 3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The ids that `overrides` count.
    all: &'a [u32],
    overrides: &'a [EmbeddingOverride<'a>],
    /// Those of them that are meant.
    start: usize,
    end: usize,
}

impl<'a> Input<'a> {
    /// Tokens, some with rows; `overrides` must not overlap.
    pub fn with_embeddings(ids: &'a [u32], overrides: &'a [EmbeddingOverride<'a>]) -> Input<'a> {
        Input { all: ids, overrides, start: 0, end: ids.len() }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Token ids.
    pub fn ids(&self) -> &'a [u32] {
        &self.all[self.start..self.end]
    }

    /// Some of the tokens with their rows.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn part(&self, range: Range<usize>) -> Input<'a> {
        assert!(range.start <= range.end && range.end <= self.len(), "tokens {range:?} of {}", self.len());
        Input { start: self.start + range.start, end: self.start + range.end, ..*self }
    }

    /// The tokens in parts of `n`, the last maybe shorter.
    pub(crate) fn parts(self, n: usize) -> impl Iterator<Item = Input<'a>> {
        (0..self.len()).step_by(n).map(move |first| self.part(first..(first + n).min(self.len())))
    }

    /// The first of the overrides, if there is one.
    pub(crate) fn first_override(&self) -> Option<EmbeddingOverride<'a>> {
        self.overrides.first().copied()
    }

    /// The first of the overrides that are not whole, or not all for tokens that are there.
    pub(crate) fn misfit(&self, d_model: usize) -> Option<EmbeddingOverride<'a>> {
        let fits = |given: &&EmbeddingOverride| {
            let n = given.rows.len() / d_model;
            let end = given.at.checked_add(n);
            given.rows.len().is_multiple_of(d_model) && end.is_some_and(|end| end <= self.all.len())
        };
        self.overrides.iter().find(|given| !fits(given)).copied()
    }

    /// The row that overrides the embedding of the token of this index.
    pub(crate) fn override_row(&self, index: usize, d_model: usize) -> Option<&'a [f32]> {
        let at = self.start + index;
        self.overrides.iter().find_map(|given| given.rows.chunks_exact(d_model).nth(at.checked_sub(given.at)?))
    }
}

impl<'a> From<&'a [u32]> for Input<'a> {
    fn from(ids: &'a [u32]) -> Input<'a> {
        Input::with_embeddings(ids, &[])
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for Input<'a> {
    fn from(ids: &'a [u32; N]) -> Input<'a> {
        Input::with_embeddings(ids, &[])
    }
}

impl<'a> From<&'a Vec<u32>> for Input<'a> {
    fn from(ids: &'a Vec<u32>) -> Input<'a> {
        Input::with_embeddings(ids, &[])
    }
}
