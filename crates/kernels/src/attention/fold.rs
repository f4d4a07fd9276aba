//! Shares of a softmax-weighted sum, and how two become one.
//!
//! A share is `head_dim` weighted sums of values, the greatest score and the sum of exponentials relative to it, padded
//! to whole cache lines. The sum is 0 for a share of no position and for no other: the greatest score adds 1, and one
//! that is no number makes a sum that is none, which stays until it reaches the logits. Plain Rust: it is the same arithmetic at every level.

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
pub(super) fn onto(totals: &mut [f32], parts: &[f32], head_dim: usize) {
    let len = share_len(head_dim);
    for (total, part) in totals.chunks_exact_mut(len).zip(parts.chunks_exact(len)) {
        if part[head_dim + 1] == 0.0 {
            continue; // none of the chunk's positions is seen
        }
        if total[head_dim + 1] == 0.0 {
            total[..head_dim + 2].copy_from_slice(&part[..head_dim + 2]);
            continue;
        }
        let (earlier, later) = (total[head_dim], part[head_dim]);
        let max = earlier.max(later);
        let (keep, add) = ((earlier - max).exp(), (later - max).exp());
        for (total, part) in total[..head_dim].iter_mut().zip(part) {
            *total = *total * keep + part * add;
        }
        total[head_dim + 1] = total[head_dim + 1] * keep + part[head_dim + 1] * add;
        total[head_dim] = max;
    }
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
