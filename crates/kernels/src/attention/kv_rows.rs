//! Cached keys and values as they are stored.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`

use std::ops::Range;

use half::f16;

use super::AttentionShape;
use crate::simd_level::SimdLevel;

/// Cached keys or values, `(n_positions, n_kv_heads * head_dim)`.
#[derive(Clone, Copy, Debug)]
pub enum KvRows<'a> {
    /// In single precision.
    F32(&'a [f32]),
    /// In half precision.
    F16(&'a [f16]),
    /// In 8 bits, a value being `scale * code`; see [`quantise_kv`].
    Q8_0 {
        /// `(n_positions, n_kv_heads * head_dim)`
        codes: &'a [i8],
        /// `(n_positions, n_kv_heads * kv_groups(head_dim))`
        scales: &'a [f16],
    },
}

/// Values of a head that share a scale; the last group of a head may be shorter.
const GROUP: usize = 32;

/// Scales that [`KvRows::Q8_0`] has for the `head_dim` values of one head.
pub fn kv_groups(head_dim: usize) -> usize {
    head_dim.div_ceil(GROUP)
}

/// Appends heads of `head_dim` values each to the codes and scales of [`KvRows::Q8_0`]: every value comes back within
/// half a scale, and the scale is a 127th of the greatest magnitude in its group, rounded up to half precision. A group
/// that holds what is no number, or more than a half can scale, comes back as no numbers.
///
/// The block is ggml's `Q8_0`, with scales kept apart from codes so that both stay aligned.
///
/// # Panics
/// If `head_dim` does not divide `values`.
pub fn quantise_kv(values: &[f32], head_dim: usize, codes: &mut Vec<i8>, scales: &mut Vec<f16>) {
    /// Added to a float below 2^22, this leaves the nearest integer (ties to even) in the lowest bits.
    const TO_INTEGER: f32 = 12_582_912.0;
    assert!(head_dim > 0 && values.len().is_multiple_of(head_dim), "heads of {head_dim} in {}", values.len());
    for group in values.chunks_exact(head_dim).flat_map(|head| head.chunks(GROUP)) {
        // Once no number, it stays none.
        let most = group.iter().fold(0.0f32, |most, x| if most >= x.abs() || most.is_nan() { most } else { x.abs() });
        let scale = round_up(most / 127.0);
        let inverse = if most == 0.0 { 0.0 } else { 1.0 / scale.to_f32() };
        codes.extend(group.iter().map(|x| (x * inverse + TO_INTEGER).to_bits() as i8));
        scales.push(scale);
    }
}

/// The least half-precision number that is not below `x`, for `x >= 0` or none.
fn round_up(x: f32) -> f16 {
    let nearest = f16::from_f32(x);
    if nearest.to_f32() < x { f16::from_bits(nearest.to_bits() + 1) } else { nearest }
}

/// Bytes of a cache line: what one request to memory brings.
const LINE: usize = 64;

impl KvRows<'_> {
    /// Positions held.
    ///
    /// # Panics
    /// If what is held is not whole positions.
    pub(super) fn positions(&self, shape: &AttentionShape) -> usize {
        let width = shape.n_kv_heads * shape.head_dim;
        let values = match self {
            KvRows::F32(values) => values.len(),
            KvRows::F16(values) => values.len(),
            KvRows::Q8_0 { codes, scales } => {
                let groups = shape.n_kv_heads * kv_groups(shape.head_dim);
                assert_eq!(codes.len() / width * groups, scales.len(), "scales for each position");
                codes.len()
            }
        };
        assert!(values.is_multiple_of(width), "whole positions of {width} in {values}");
        values / width
    }

    /// The memory of some positions, also beyond the last, and some heads; not of their scales, which are little.
    pub(super) fn ahead(&self, shape: &AttentionShape, positions: Range<usize>, kv_heads: Range<usize>) -> Ahead {
        let (base, size) = match self {
            KvRows::F32(values) => (values.as_ptr().cast::<u8>(), size_of::<f32>()),
            KvRows::F16(values) => (values.as_ptr().cast(), size_of::<f16>()),
            KvRows::Q8_0 { codes, .. } => (codes.as_ptr().cast(), size_of::<i8>()),
        };
        let head = shape.head_dim * size;
        let stride = shape.n_kv_heads * head;
        let run = base.wrapping_add(positions.start * stride + kv_heads.start * head);
        match kv_heads.len() == shape.n_kv_heads {
            true => Ahead { run, bytes: positions.len() * stride, at: 0, stride, runs: 1 },
            false => Ahead { run, bytes: kv_heads.len() * head, at: 0, stride, runs: positions.len() },
        }
    }

    /// The values of some positions for some heads, as `(head, position, head_dim)`.
    #[inline(always)]
    pub(super) unsafe fn widen<L: SimdLevel>(
        &self,
        shape: &AttentionShape,
        positions: Range<usize>,
        kv_heads: Range<usize>,
        out: &mut [f32],
    ) {
        let AttentionShape { n_kv_heads, head_dim, .. } = *shape;
        let mut position = positions.start;
        while position < positions.end {
            let mut kv_head = kv_heads.start;
            while kv_head < kv_heads.end {
                let row = (kv_head - kv_heads.start) * positions.len() + position - positions.start;
                let head = position * n_kv_heads + kv_head;
                self.widen_head::<L>(head_dim, head, out.as_mut_ptr().add(row * head_dim));
                kv_head += 1;
            }
            position += 1;
        }
    }

    /// The values of a register's worth of positions, or fewer and then zeros, for one head, to `(head_dim, position)`,
    /// `stride` floats from one value to the next. `square` has room for as many heads as a register has lanes.
    #[inline(always)]
    pub(super) unsafe fn widen_turned<L: SimdLevel>(
        &self,
        shape: &AttentionShape,
        positions: Range<usize>,
        kv_head: usize,
        square: &mut [f32],
        (out, stride): (*mut f32, usize),
    ) {
        let (head_dim, n) = (shape.head_dim, positions.len());
        self.widen::<L>(shape, positions, kv_head..kv_head + 1, square);
        square[n * head_dim..L::LANES * head_dim].fill(0.0);
        let (square, mut value) = (square.as_ptr(), 0);
        while value + L::LANES <= head_dim {
            L::transpose(square.add(value), head_dim, out.add(value * stride), stride);
            value += L::LANES;
        }
        while value < head_dim {
            let mut position = 0;
            while position < L::LANES {
                out.add(value * stride + position).write(*square.add(position * head_dim + value));
                position += 1;
            }
            value += 1;
        }
    }

    #[inline(always)]
    unsafe fn widen_head<L: SimdLevel>(&self, head_dim: usize, head: usize, out: *mut f32) {
        match self {
            KvRows::F32(values) => {
                std::ptr::copy_nonoverlapping(values.as_ptr().add(head * head_dim), out, head_dim);
            }
            KvRows::F16(values) => widen_f16::<L>(values.as_ptr().add(head * head_dim), head_dim, out),
            KvRows::Q8_0 { codes, scales } => {
                let scales = scales.as_ptr().add(head * kv_groups(head_dim));
                widen_q8_0::<L>(codes.as_ptr().add(head * head_dim), scales, head_dim, out);
            }
        }
    }
}

/// Memory that will be read, to be asked for a few lines at a time while something else is computed: a processor waits
/// for only so many lines at once, and stops at one more.
pub(super) struct Ahead {
    run: *const u8,
    /// Of a run.
    bytes: usize,
    /// Bytes of it that were asked for.
    at: usize,
    /// From one run to the next.
    stride: usize,
    runs: usize,
}

impl Ahead {
    /// A part of all lines, if they are asked for in so many steps.
    pub fn part(&self, steps: usize) -> usize {
        (self.runs * self.bytes.div_ceil(LINE)).div_ceil(steps)
    }

    #[inline(always)]
    pub unsafe fn ask<L: SimdLevel>(&mut self, lines: usize) {
        let mut line = 0;
        while line < lines && self.runs > 0 {
            L::prefetch(self.run.wrapping_add(self.at));
            self.at += LINE;
            if self.at >= self.bytes {
                (self.run, self.at, self.runs) = (self.run.wrapping_add(self.stride), 0, self.runs - 1);
            }
            line += 1;
        }
    }
}

#[inline(always)]
unsafe fn widen_f16<L: SimdLevel>(from: *const f16, n: usize, out: *mut f32) {
    let mut at = 0;
    while at + L::LANES <= n {
        L::load_f16(from.add(at).cast()).store(out.add(at));
        at += L::LANES;
    }
    if at < n {
        L::load_f16_partial(from.add(at).cast(), n - at).store_partial(out.add(at), n - at);
    }
}

#[inline(always)]
unsafe fn widen_q8_0<L: SimdLevel>(codes: *const i8, scales: *const f16, n: usize, out: *mut f32) {
    let mut group = 0;
    while group * GROUP < n {
        let scale = half_to_single::<L>(scales.add(group));
        let (mut at, end) = (group * GROUP, n.min((group + 1) * GROUP));
        while at + L::LANES <= end {
            L::load_i8(codes.add(at)).mul(L::splat(scale)).store(out.add(at));
            at += L::LANES;
        }
        while at < end {
            out.add(at).write(f32::from(*codes.add(at)) * scale);
            at += 1;
        }
        group += 1;
    }
}

/// By the level's own conversion: `half`'s would ask for the processor's features each time.
#[inline(always)]
unsafe fn half_to_single<L: SimdLevel>(half: *const f16) -> f32 {
    let mut single = 0.0;
    L::load_f16_partial(half.cast(), 1).store_partial(&mut single, 1);
    single
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(values: &[f32], head_dim: usize) -> Vec<f32> {
        let (mut codes, mut scales) = (Vec::new(), Vec::new());
        quantise_kv(values, head_dim, &mut codes, &mut scales);
        assert_eq!((codes.len(), scales.len()), (values.len(), values.len() / head_dim * kv_groups(head_dim)));
        let scale = |i: usize| scales[i / head_dim * kv_groups(head_dim) + i % head_dim / GROUP].to_f32();
        codes.iter().enumerate().map(|(i, code)| f32::from(*code) * scale(i)).collect()
    }

    #[test]
    fn values_come_back_within_half_a_scale_whatever_their_size_and_the_heads_width() {
        for head_dim in [1, 31, 32, 33, 80, 128] {
            for size in [1e-9, 1e-6, 1.0, 3e4, 8e6] {
                let values: Vec<f32> = (0..3 * head_dim).map(|i| (i as f32 * 0.7).sin() * size).collect();
                let back = there_and_back(&values, head_dim);
                for (i, (x, back)) in values.iter().zip(&back).enumerate() {
                    let (head, group) = (i / head_dim * head_dim, i % head_dim / GROUP * GROUP);
                    let group = &values[head + group..head + head_dim.min(group + GROUP)];
                    let most = group.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                    // Half a scale, and the scale's rounding up to 11 bits or to the least half.
                    let bound = most / 254.0 * (1.0 + 1.0 / 1024.0) + 3e-8;
                    assert!((x - back).abs() <= bound * 1.0001, "{x} came back as {back} of {head_dim} values");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_spoils_its_group_and_no_other() {
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let mut values = vec![1.0; 96];
            values[40] = broken;
            let back = there_and_back(&values, 96);
            assert!(back[32..64].iter().all(|x| x.is_nan()), "{broken}: {:?}", &back[32..64]);
            assert!(back[..32].iter().chain(&back[64..]).all(|x| (x - 1.0).abs() < 0.01));
        }
        assert_eq!(there_and_back(&[0.0; 64], 64), [0.0; 64]);
    }
}
