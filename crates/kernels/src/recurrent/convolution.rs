//! Causal convolution of each channel with taps of its own.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`

use crate::pool::Shareable;
use crate::vector::Vector;

/// A depthwise convolution over the sequence: `out[t] = Σ_j weight[c, j] · in[t − taps + 1 + j] (+ bias[c])`, where what
/// lies before the step is in the state.
#[derive(Clone, Copy, Debug)]
pub struct Convolution<'a> {
    /// `(channels, taps)`, the last tap for the token itself.
    pub weight: &'a [f32],
    /// `(channels)`
    pub bias: Option<&'a [f32]>,
    /// Taps of a channel, from 1.
    pub taps: usize,
}

impl Convolution<'_> {
    /// Channels of a row.
    pub fn channels(&self) -> usize {
        self.weight.len() / self.taps
    }

    /// Values that are kept of a sequence: its last `taps − 1` inputs.
    pub fn state_len(&self) -> usize {
        (self.taps - 1) * self.channels()
    }
}

/// The tokens of one sequence.
pub(crate) struct ConvolutionTask<'a> {
    pub of: Convolution<'a>,
    /// `(n, channels)`
    pub x: &'a [f32],
    /// `(taps − 1, channels)`, the oldest input first.
    pub state: Shareable<f32>,
    /// As `x`.
    pub out: Shareable<f32>,
}

/// Registers of channels that pass a token together: rows may lie a page apart.
const WIDE: usize = 4;
/// Most taps of which a register each is held; more are read again for every token.
const HELD: usize = 8;

/// Channels `from..to` of all tokens; the state then holds their last inputs.
#[inline(always)]
pub(crate) unsafe fn convolve<V: Vector>(task: &ConvolutionTask, from: usize, to: usize) {
    let mut at = from;
    while to - at >= WIDE * V::LANES {
        convolve_registers::<V, WIDE, true>(task, at, V::LANES);
        at += WIDE * V::LANES;
    }
    while at < to {
        convolve_registers::<V, 1, false>(task, at, V::LANES.min(to - at));
        at += V::LANES;
    }
}

/// `R` registers of channels, `FULL` or the last of `lanes` alone.
#[inline(always)]
unsafe fn convolve_registers<V: Vector, const R: usize, const FULL: bool>(
    task: &ConvolutionTask,
    at: usize,
    lanes: usize,
) {
    let lanes = if FULL { V::LANES } else { lanes };
    let Convolution { weight, bias, taps, .. } = task.of;
    let (channels, before) = (weight.len() / taps, taps - 1);
    let n = task.x.len() / channels;
    let state = task.state.at(at);
    let mut held = [[V::zero(); R]; HELD];
    let mut j = 0;
    while j < taps.min(HELD) {
        let mut r = 0;
        while r < R {
            held[j][r] = tap::<V>(weight, taps, at + r * V::LANES, lanes, j);
            r += 1;
        }
        j += 1;
    }
    let mut begin = [V::zero(); R];
    if let Some(bias) = bias {
        let mut r = 0;
        while r < R {
            begin[r] = load::<V>(bias.as_ptr().add(at + r * V::LANES), lanes);
            r += 1;
        }
    }
    let mut token = 0;
    while token < n {
        let mut sum = begin;
        let mut j = 0;
        while j < taps {
            let row = token + j; // counted from the oldest row of the state
            let from = match row < before {
                true => state.add(row * channels).cast_const(),
                false => task.x.as_ptr().add((row - before) * channels + at),
            };
            let mut r = 0;
            while r < R {
                let weight = match j < HELD {
                    true => held[j][r],
                    false => tap::<V>(weight, taps, at + r * V::LANES, lanes, j),
                };
                sum[r] = load::<V>(from.add(r * V::LANES), lanes).mul_add(weight, sum[r]);
                r += 1;
            }
            j += 1;
        }
        let mut r = 0;
        while r < R {
            store(sum[r], task.out.at(token * channels + at + r * V::LANES), lanes);
            r += 1;
        }
        token += 1;
    }
    // Rows move towards the older ones, so that none is overwritten before it was read.
    let mut row = 0;
    while row < before {
        let from = row + n;
        let from = match from < before {
            true => state.add(from * channels).cast_const(),
            false => task.x.as_ptr().add((from - before) * channels + at),
        };
        let mut r = 0;
        while r < R {
            store(load::<V>(from.add(r * V::LANES), lanes), state.add(row * channels + r * V::LANES), lanes);
            r += 1;
        }
        row += 1;
    }
}

/// Tap `j` of the channels from `at` on.
#[inline(always)]
unsafe fn tap<V: Vector>(weight: &[f32], taps: usize, at: usize, lanes: usize, j: usize) -> V {
    let mut gathered = [0.0; 16];
    let mut lane = 0;
    while lane < lanes {
        gathered[lane] = *weight.as_ptr().add((at + lane) * taps + j);
        lane += 1;
    }
    V::load(gathered.as_ptr())
}

#[inline(always)]
pub(super) unsafe fn load<V: Vector>(from: *const f32, lanes: usize) -> V {
    if lanes == V::LANES { V::load(from) } else { V::load_partial(from, lanes) }
}

#[inline(always)]
pub(super) unsafe fn store<V: Vector>(value: V, to: *mut f32, lanes: usize) {
    if lanes == V::LANES { value.store(to) } else { value.store_partial(to, lanes) }
}
