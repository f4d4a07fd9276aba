//! What a device does with states: shapes checked, work spread over its threads.

use super::convolution::{Convolution, ConvolutionTask};
use super::linear_attention::{LinearAttention, LinearAttentionInputs, LinearAttentionTask, scratch_len};
use crate::Cpu;
use crate::pool::Shareable;
use crate::scratch;

/// Multiply-adds that a task takes at least: some microseconds of work.
const TASK: usize = 1 << 15;

impl Cpu {
    /// A causal convolution of the tokens of each sequence, as many of each: `x` and `out` are `(n, channels)`, those of
    /// the first sequence, then those of the next. A state begins as zeros and moves on.
    ///
    /// # Panics
    /// If the slices do not have these shapes, or a state has not [`Convolution::state_len`] values.
    pub fn convolve(&self, of: &Convolution, x: &[f32], states: &mut [&mut [f32]], out: &mut [f32]) {
        assert!(of.taps > 0 && of.weight.len().is_multiple_of(of.taps), "{} taps", of.taps);
        let channels = of.channels();
        assert!(of.bias.is_none_or(|bias| bias.len() == channels), "a bias for each of {channels}");
        let Some(each) = tokens_of_each(x.len(), channels, states) else { return };
        assert_eq!(out.len(), x.len());
        assert!(states.iter().all(|state| state.len() == of.state_len()), "states of {} values", of.state_len());
        let rows = x.chunks_exact(each * channels).zip(out.chunks_exact_mut(each * channels));
        let tasks: Vec<ConvolutionTask> = states
            .iter_mut()
            .zip(rows)
            .map(|(state, (x, out))| {
                let (state, out) = (Shareable(state.as_mut_ptr()), Shareable(out.as_mut_ptr()));
                ConvolutionTask { of: *of, x, state, out }
            })
            .collect();
        let width = (TASK / (each * of.taps)).next_multiple_of(self.kernels().lanes);
        let blocks = channels.div_ceil(width);
        self.pool().run(tasks.len() * blocks, |i| {
            let from = i % blocks * width;
            // SAFETY: the level is available, shapes are checked; each task has its own channels of its own sequence.
            unsafe { (self.kernels().convolve)(&tasks[i / blocks], from, channels.min(from + width)) }
        });
    }

    /// Linear attention of the tokens of each sequence, as many of each, those of the first first. `out` is
    /// `(n, value_heads * value_dim)`. A state begins as zeros and moves on.
    ///
    /// # Panics
    /// If the slices do not have the shapes of [`LinearAttentionInputs`], or a state has not
    /// [`LinearAttention::state_len`] values.
    pub fn attend_linearly(
        &self,
        of: &LinearAttention,
        inputs: &LinearAttentionInputs,
        states: &mut [&mut [f32]],
        out: &mut [f32],
    ) {
        let LinearAttention { key_heads, value_heads, key_dim, value_dim, .. } = *of;
        assert!(key_heads > 0 && value_heads.is_multiple_of(key_heads), "{value_heads} heads over {key_heads}");
        let Some(each) = tokens_of_each(inputs.keep.len(), value_heads, states) else { return };
        let n = each * states.len();
        let (keys, values) = (n * key_heads * key_dim, n * value_heads * value_dim);
        assert_eq!((inputs.q.len(), inputs.k.len(), inputs.v.len()), (keys, keys, values), "inputs of {n} tokens");
        assert_eq!((inputs.beta.len(), out.len()), (inputs.keep.len(), values), "inputs of {n} tokens");
        assert!(states.iter().all(|state| state.len() == of.state_len()), "states of {} values", of.state_len());
        let tasks: Vec<LinearAttentionTask> = states
            .iter_mut()
            .enumerate()
            .map(|(i, state)| {
                let rows = |width: usize| i * each * width..(i + 1) * each * width;
                let inputs = LinearAttentionInputs {
                    q: &inputs.q[rows(key_heads * key_dim)],
                    k: &inputs.k[rows(key_heads * key_dim)],
                    v: &inputs.v[rows(value_heads * value_dim)],
                    keep: &inputs.keep[rows(value_heads)],
                    beta: &inputs.beta[rows(value_heads)],
                };
                let state = Shareable(state.as_mut_ptr());
                // SAFETY: the rows of a sequence lie within `out`, as was checked.
                let out = Shareable(unsafe { out.as_mut_ptr().add(i * each * value_heads * value_dim) });
                LinearAttentionTask { of: *of, inputs, state, out }
            })
            .collect();
        let width = (4 * self.kernels().lanes).min(value_dim);
        let blocks = value_dim.div_ceil(width);
        self.pool().run(tasks.len() * value_heads * blocks, |i| {
            let (task, head, from) = (i / blocks / value_heads, i / blocks % value_heads, i % blocks * width);
            let to = value_dim.min(from + width);
            scratch::with(scratch_len(key_dim, self.kernels().lanes), |scratch| {
                // SAFETY: the level is available, shapes are checked; each task has its own columns of its own head.
                unsafe { (self.kernels().attend_linearly)(&tasks[task], head, from, to, scratch) }
            });
        });
    }
}

/// Tokens of each sequence; `None` if there are none.
fn tokens_of_each(values: usize, width: usize, states: &[&mut [f32]]) -> Option<usize> {
    assert!(width > 0 && values.is_multiple_of(width), "rows of {width} in {values}");
    let n = values / width;
    if n == 0 {
        return None;
    }
    assert!(n.is_multiple_of(states.len()), "{n} tokens of {} sequences", states.len());
    Some(n / states.len())
}
