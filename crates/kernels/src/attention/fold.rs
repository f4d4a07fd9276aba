//! Shares of a softmax-weighted sum, and how two become one.
//!
//! A share is `head_dim` weighted sums of values, the greatest score (an exponent of 2) and the sum of weights relative to
//! it, padded to whole cache lines. The sum is 0 for a share of no position and for no other: the greatest score adds 1, and one
//! that is no number makes a sum that is none, which stays until it reaches the logits.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`

use crate::vector::{Vector, exp2};

/// Floats of one share.
pub(super) fn share_len(head_dim: usize) -> usize {
    (head_dim + 2).next_multiple_of(16)
}

/// Makes every share of `shares` that of no position.
pub(super) fn clear(shares: &mut [f32], head_dim: usize) {
    shares.fill(0.0);
    for share in shares.chunks_exact_mut(share_len(head_dim)) {
        share[head_dim] = f32::NEG_INFINITY;
    }
}

/// Adds each share of later positions onto that of earlier ones.
#[inline(always)]
pub(crate) unsafe fn onto<V: Vector>(totals: &mut [f32], parts: &[f32], head_dim: usize) {
    let (len, mut at) = (share_len(head_dim), 0);
    while at < totals.len() {
        onto_one::<V>(&mut totals[at..][..len], &parts[at..][..len], head_dim);
        at += len;
    }
}

#[inline(always)]
unsafe fn onto_one<V: Vector>(total: &mut [f32], part: &[f32], head_dim: usize) {
    if part[head_dim + 1] == 0.0 {
        return; // none of the chunk's positions is seen
    }
    if total[head_dim + 1] == 0.0 {
        return total.copy_from_slice(part);
    }
    let (earlier, later) = (total[head_dim], part[head_dim]);
    let max = earlier.max(later);
    let (keep, add) = (exp2(V::splat(earlier - max)), exp2(V::splat(later - max)));
    // The greatest scores, which this spoils, and the padding are scaled along: a share is whole registers.
    let mut at = 0;
    while at < total.len() {
        let sum = V::load(total.as_ptr().add(at)).mul(keep);
        V::load(part.as_ptr().add(at)).mul_add(add, sum).store(total.as_mut_ptr().add(at));
        at += V::LANES;
    }
    total[head_dim] = max;
}

/// The attention result of a complete share; zeros if it is of no position.
pub(super) fn divide(share: &[f32], out: &mut [f32]) {
    let sum = share[out.len() + 1];
    if sum == 0.0 {
        return out.fill(0.0);
    }
    for (out, total) in out.iter_mut().zip(share) {
        *out = total / sum;
    }
}
