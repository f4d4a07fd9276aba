//! Partial results of an online softmax, and how two become one.
//!
//! A partial is `head_dim` weighted sums of values, the greatest score (an exponent of 2) and the sum of weights relative to
//! it, padded to whole cache lines. The sum is 0 for that of no position and for no other: the greatest score adds 1, and one
//! that is no number makes a sum that is none, which stays until it reaches the logits.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`

use crate::vector::{Vector, exp2};

/// Floats of one partial.
pub(super) fn partial_len(head_dim: usize) -> usize {
    (head_dim + 2).next_multiple_of(16)
}

/// Makes each of `partials` that of no position.
pub(super) fn clear(partials: &mut [f32], head_dim: usize) {
    partials.fill(0.0);
    for partial in partials.chunks_exact_mut(partial_len(head_dim)) {
        partial[head_dim] = f32::NEG_INFINITY;
    }
}

/// Merges each partial of later positions into that of earlier ones: both are rescaled to the greater of their greatest
/// scores, then added.
#[inline(always)]
pub(crate) unsafe fn merge_partials<V: Vector>(totals: &mut [f32], parts: &[f32], head_dim: usize) {
    let (len, mut at) = (partial_len(head_dim), 0);
    while at < totals.len() {
        merge_one::<V>(&mut totals[at..][..len], &parts[at..][..len], head_dim);
        at += len;
    }
}

#[inline(always)]
unsafe fn merge_one<V: Vector>(total: &mut [f32], part: &[f32], head_dim: usize) {
    if part[head_dim + 1] == 0.0 {
        return; // none of the chunk's positions is seen
    }
    if total[head_dim + 1] == 0.0 {
        return total.copy_from_slice(part);
    }
    let (earlier, later) = (total[head_dim], part[head_dim]);
    let max = earlier.max(later);
    let (keep, add) = (exp2(V::splat(earlier - max)), exp2(V::splat(later - max)));
    // The greatest scores, which this spoils, and the padding are scaled along: a partial is whole registers.
    let mut at = 0;
    while at < total.len() {
        let sum = V::load(total.as_ptr().add(at)).mul(keep);
        V::load(part.as_ptr().add(at)).mul_add(add, sum).store(total.as_mut_ptr().add(at));
        at += V::LANES;
    }
    total[head_dim] = max;
}

/// The attention result of a complete partial; zeros if it is of no position.
pub(super) fn normalise(partial: &[f32], out: &mut [f32]) {
    let sum = partial[out.len() + 1];
    if sum == 0.0 {
        return out.fill(0.0);
    }
    for (out, total) in out.iter_mut().zip(partial) {
        *out = total / sum;
    }
}
