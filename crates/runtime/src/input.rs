//! What a step is handed: tokens, and for some of them rows that stand in for their embeddings.

use std::ops::Range;

use plimsoll_graph::Ahead;

/// Rows in place of the embeddings of neighbouring tokens: a picture's features.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingOverride<'a> {
    /// Index of the first of the tokens among all of the input.
    pub at: usize,
    /// `(n_tokens, width)`: the embedding of each, and whatever else the network is given of it.
    pub rows: &'a [f32],
    /// Values of a row.
    pub width: usize,
    /// Rows and columns of the picture that all of the tokens are, where they stand as these do and not one behind the other.
    pub grid: Option<(usize, usize)>,
}

impl<'a> EmbeddingOverride<'a> {
    /// `rows`, `(n_tokens, width)`, from the token of index `at` on.
    pub fn new(at: usize, rows: &'a [f32], width: usize) -> EmbeddingOverride<'a> {
        EmbeddingOverride { at, rows, width, grid: None }
    }

    /// Tokens that it is for.
    pub fn n_tokens(&self) -> usize {
        self.rows.len() / self.width.max(1)
    }

    /// `rows`, `(n, width)`, for the first `n` of `positions`, indices of tokens that ascend. Neighbours are one override.
    pub fn at_positions(
        positions: impl Iterator<Item = usize>,
        rows: &'a [f32],
        width: usize,
    ) -> Vec<EmbeddingOverride<'a>> {
        let positions: Vec<usize> = positions.take(rows.len() / width).collect();
        let mut left = rows;
        let runs = positions.chunk_by(|a, b| a + 1 == *b).map(|run| {
            let (rows, after) = left.split_at(run.len() * width);
            left = after;
            EmbeddingOverride::new(run[0], rows, width)
        });
        runs.collect()
    }

    /// `rows`, `(n, width)`, of pictures one behind the other whose tokens stand as the rows and columns of `grids` do.
    ///
    /// # Panics
    /// There are fewer rows or positions than the grids have.
    pub fn of_pictures(
        positions: &[usize],
        rows: &'a [f32],
        width: usize,
        grids: &[(usize, usize)],
    ) -> Vec<EmbeddingOverride<'a>> {
        let mut before = 0;
        let of_picture = |grid: &(usize, usize)| {
            let first = before;
            before += grid.0 * grid.1;
            let rows = &rows[first * width..before * width];
            EmbeddingOverride { grid: Some(*grid), ..EmbeddingOverride::new(positions[first], rows, width) }
        };
        grids.iter().map(of_picture).collect()
    }
}

/// The tokens of a step. Overrides take the place of the embedding table's, as the reference scatters image
/// features over the embeddings of placeholder tokens; the ids there only have to be in the vocabulary.
///
/// ```
/// use plimsoll_runtime::{EmbeddingOverride, Input};
/// let features = [0.0; 2 * 8]; // two rows of a model that is 8 wide
/// let overrides = [EmbeddingOverride::new(1, &features, 8)];
/// let input = Input::with_embeddings(&[1, 77, 77, 5], &overrides);
/// assert_eq!(input.len(), 4);
/// assert_eq!(Input::from(&[1, 2, 3][..]).len(), 3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The ids that `overrides` count.
    all: &'a [u32],
    overrides: &'a [EmbeddingOverride<'a>],
    /// Of `all`, how many are the prompt.
    prompt: usize,
    /// Those of them that are meant.
    start: usize,
    end: usize,
}

impl<'a> Input<'a> {
    /// Tokens, some with rows; `overrides` must not overlap.
    pub fn with_embeddings(ids: &'a [u32], overrides: &'a [EmbeddingOverride<'a>]) -> Input<'a> {
        Input { all: ids, overrides, prompt: ids.len(), start: 0, end: ids.len() }
    }

    /// The same where the prompt is the first `n` tokens, and others answer it.
    pub fn of_prompt(self, n: usize) -> Input<'a> {
        Input { prompt: n, ..self }
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

    /// The tokens in parts of `n`, the last maybe shorter, others longer so that none ends within tokens that see `ahead` of
    /// themselves.
    pub(crate) fn parts(self, n: usize, ahead: Ahead) -> impl Iterator<Item = Input<'a>> {
        let blocks = self.blocks(ahead);
        let mut start = self.start;
        std::iter::from_fn(move || {
            let first = start;
            let end = (first + n).min(self.end);
            let within = |block: &&Range<usize>| block.start < end && end < block.end;
            start = blocks.iter().find(within).map_or(end, |block| block.end.min(self.end));
            (first < self.end).then_some(Input { start: first, end: start, ..self })
        })
    }

    /// The tokens of all, in order, that see each other.
    pub(crate) fn blocks(&self, ahead: Ahead) -> Vec<Range<usize>> {
        match ahead {
            Ahead::Nothing => Vec::new(),
            Ahead::Picture => self.overrides.iter().map(|given| given.at..given.at + given.n_tokens()).collect(),
            Ahead::Prompt => std::iter::once(0..self.prompt).collect(),
        }
    }

    /// Index among all of the first token that is meant.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    pub(crate) fn overrides(&self) -> &'a [EmbeddingOverride<'a>] {
        self.overrides
    }

    /// The first of the overrides, if there is one.
    pub(crate) fn first_override(&self) -> Option<EmbeddingOverride<'a>> {
        self.overrides.first().copied()
    }

    /// The first of the overrides that are not whole rows of `width`, or not all for tokens that are there, or for as many as
    /// their grid has.
    pub(crate) fn misfit(&self, width: usize) -> Option<EmbeddingOverride<'a>> {
        let fits = |given: &&EmbeddingOverride| {
            let n = given.rows.len() / width;
            let end = given.at.checked_add(n);
            let is_whole = given.width == width && given.rows.len().is_multiple_of(width);
            let is_grid = given.grid.is_none_or(|(rows, cols)| rows.checked_mul(cols) == Some(n));
            is_whole && is_grid && end.is_some_and(|end| end <= self.all.len())
        };
        self.overrides.iter().find(|given| !fits(given)).copied()
    }

    /// The row that is given for the token of this index.
    pub(crate) fn override_row(&self, index: usize) -> Option<&'a [f32]> {
        let at = self.start + index;
        let row = |given: &EmbeddingOverride<'a>| given.rows.chunks_exact(given.width).nth(at.checked_sub(given.at)?);
        self.overrides.iter().find_map(row)
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
