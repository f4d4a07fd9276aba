//! What a step is handed: tokens, and for some of them rows that stand in for their embeddings.

use std::ops::Range;

/// Rows in place of the embeddings of neighbouring tokens: a picture's features.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Index of the first of the tokens among all of the input.
    pub at: usize,
    /// `(n_tokens, d_model)`
    pub rows: &'a [f32],
}

impl<'a> Given<'a> {
    /// `rows`, `(n, d_model)`, for the first `n` of `places`, indices of tokens that ascend. Neighbours are given together.
    pub fn at_places(places: impl Iterator<Item = usize>, rows: &'a [f32], d_model: usize) -> Vec<Given<'a>> {
        let places: Vec<usize> = places.take(rows.len() / d_model).collect();
        let mut left = rows;
        let runs = places.chunk_by(|a, b| a + 1 == *b).map(|run| {
            let (rows, after) = left.split_at(run.len() * d_model);
            left = after;
            Given { at: run[0], rows }
        });
        runs.collect()
    }
}

/// The tokens of a step. Where rows are given, they take the place of the embedding table's, as the reference scatters image
/// features over the embeddings of placeholder tokens; the ids there only have to be in the vocabulary.
///
/// ```
/// use plimsoll_runtime::{Given, Input};
/// let features = [0.0; 2 * 8]; // two rows of a model that is 8 wide
/// let given = [Given { at: 1, rows: &features }];
/// let input = Input::with_rows(&[1, 77, 77, 5], &given);
/// assert_eq!(input.len(), 4);
/// assert_eq!(Input::from(&[1, 2, 3][..]).len(), 3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The ids that `given` counts.
    all: &'a [u32],
    given: &'a [Given<'a>],
    /// Those of them that are meant.
    start: usize,
    end: usize,
}

impl<'a> Input<'a> {
    /// Tokens, some with rows; parts of `given` must not overlap.
    pub fn with_rows(ids: &'a [u32], given: &'a [Given<'a>]) -> Input<'a> {
        Input { all: ids, given, start: 0, end: ids.len() }
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

    /// The first of the given rows that are not whole, or not all for tokens that are there.
    pub(crate) fn misfit(&self, d_model: usize) -> Option<Given<'a>> {
        let fits = |given: &&Given| {
            let n = given.rows.len() / d_model;
            let end = given.at.checked_add(n);
            given.rows.len().is_multiple_of(d_model) && end.is_some_and(|end| end <= self.all.len())
        };
        self.given.iter().find(|given| !fits(given)).copied()
    }

    /// The row given for the token of this index.
    pub(crate) fn given_row(&self, index: usize, d_model: usize) -> Option<&'a [f32]> {
        let at = self.start + index;
        self.given.iter().find_map(|given| given.rows.chunks_exact(d_model).nth(at.checked_sub(given.at)?))
    }
}

impl<'a> From<&'a [u32]> for Input<'a> {
    fn from(ids: &'a [u32]) -> Input<'a> {
        Input::with_rows(ids, &[])
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for Input<'a> {
    fn from(ids: &'a [u32; N]) -> Input<'a> {
        Input::with_rows(ids, &[])
    }
}

impl<'a> From<&'a Vec<u32>> for Input<'a> {
    fn from(ids: &'a Vec<u32>) -> Input<'a> {
        Input::with_rows(ids, &[])
    }
}
