//! Joining neighbours into tokens, the best pair first: the one loop behind both kinds of byte-pair encoding.

use std::collections::BinaryHeap;

/// A stretch of bytes on its way to being a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub start: usize,
    pub length: usize, // 0: joined into its left neighbour
    pub token: Option<u32>,
}

/// A pair that may be joined, in the order in which pairs are: best priority, then leftmost.
#[derive(Debug, PartialEq, Eq)]
struct Candidate<P> {
    priority: P,
    left: usize,
    right: usize,
    length: usize,
    token: u32,
}

impl<P: Ord> Ord for Candidate<P> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.priority.cmp(&other.priority).then(other.left.cmp(&self.left)).then(self.length.cmp(&other.length))
    }
}

impl<P: Ord> PartialOrd for Candidate<P> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Joins neighbours for as long as `find` names a token for two of them, highest priority first and leftmost among
/// equals. `pieces` lie side by side in order; so do those that remain.
pub(super) fn join<P: Ord>(
    mut pieces: Vec<Piece>,
    find: impl Fn(&Piece, &Piece) -> Option<(P, u32)>,
) -> impl Iterator<Item = Piece> {
    let mut previous: Vec<usize> = (0..pieces.len()).map(|index| index.wrapping_sub(1)).collect();
    let mut next: Vec<usize> = (1..=pieces.len()).collect();
    let mut queue = BinaryHeap::new();
    let consider = |pieces: &[Piece], left: usize, right: usize, queue: &mut BinaryHeap<Candidate<P>>| {
        let (Some(l), Some(r)) = (pieces.get(left), pieces.get(right)) else { return };
        if let Some((priority, token)) = find(l, r) {
            queue.push(Candidate { priority, left, right, length: l.length + r.length, token });
        }
    };
    for left in 0..pieces.len() {
        consider(&pieces, left, left + 1, &mut queue);
    }
    while let Some(Candidate { left, right, length, token, .. }) = queue.pop() {
        // Pieces only grow or vanish, so the length tells whether both are still what they were.
        let gone = pieces[left].length == 0 || pieces[right].length == 0;
        if gone || pieces[left].length + pieces[right].length != length {
            continue;
        }
        pieces[left] = Piece { length, token: Some(token), ..pieces[left] };
        pieces[right].length = 0;
        next[left] = next[right];
        if let Some(after) = previous.get_mut(next[right]) {
            *after = left;
        }
        consider(&pieces, left, next[left], &mut queue);
        consider(&pieces, previous[left], left, &mut queue);
    }
    pieces.into_iter().filter(|piece| piece.length > 0)
}
