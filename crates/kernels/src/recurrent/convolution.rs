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

/// Channels `from..to` of all tokens; the state then holds their last inputs.
#[inline(always)]
pub(crate) unsafe fn convolve<V: Vector>(task: &ConvolutionTask, from: usize, to: usize) {
    let mut at = from;
    while at < to {
        convolve_register::<V>(task, at, V::LANES.min(to - at));
        at += V::LANES;
    }
}

/// Most taps of which a register each is held; more are read again for every token.
const HELD: usize = 8;

#[inline(always)]
unsafe fn convolve_register<V: Vector>(task: &ConvolutionTask, at: usize, lanes: usize) {
    let Convolution { weight, bias, taps, .. } = task.of;
    let (channels, before) = (weight.len() / taps, taps - 1);
    let n = task.x.len() / channels;
    let state = task.state.at(at);
    let mut held = [V::zero(); HELD];
    let mut j = 0;
    while j < taps.min(HELD) {
        held[j] = tap::<V>(weight, taps, at, lanes, j);
        j += 1;
    }
    let bias = match bias {
        Some(bias) => load::<V>(bias.as_ptr().add(at), lanes),
        None => V::zero(),
    };
    let mut token = 0;
    while token < n {
        let mut sum = bias;
        let mut j = 0;
        while j < taps {
            let row = token + j; // counted from the oldest row of the state
            let from = match row < before {
                true => state.add(row * channels).cast_const(),
                false => task.x.as_ptr().add((row - before) * channels + at),
            };
            let weight = if j < HELD { held[j] } else { tap::<V>(weight, taps, at, lanes, j) };
            sum = load::<V>(from, lanes).mul_add(weight, sum);
            j += 1;
        }
        store(sum, task.out.at(token * channels + at), lanes);
        token += 1;
    }
    // Rows move towards the older ones, so that none is overwritten before it was read.
    let mut row = 0;
    while row < before {
        let from = row + n;
        let value = match from < before {
            true => load::<V>(state.add(from * channels), lanes),
            false => load::<V>(task.x.as_ptr().add((from - before) * channels + at), lanes),
        };
        store(value, state.add(row * channels), lanes);
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
