//! Convolutions and linear attention against arithmetic in f64, and the same bits however a sequence is cut.

use plimsoll_kernels::{Convolution, Cpu, Isa, LinearAttention, LinearAttentionInputs, Write};

use crate::common::{Random, bits, cpu};

/// Every cut of a sequence of `n` tokens that is tried: as a whole, token by token, in uneven pieces.
fn cuts(n: usize) -> [Vec<usize>; 3] {
    [vec![n], vec![1; n], [3, 1, n - 9, 5].to_vec()]
}

struct Convolved {
    channels: usize,
    taps: usize,
    weight: Vec<f32>,
    bias: Vec<f32>,
    x: Vec<f32>,
}

impl Convolved {
    fn run(&self, cpu: &Cpu, cut: &[usize]) -> Vec<f32> {
        let of = Convolution { weight: &self.weight, bias: Some(&self.bias), taps: self.taps };
        let (mut state, mut out, mut at) = (vec![0.0; of.state_len()], vec![f32::NAN; self.x.len()], 0);
        for n in cut {
            let rows = at * self.channels..(at + n) * self.channels;
            cpu.convolve(&of, &self.x[rows.clone()], &mut [&mut state], &mut out[rows]);
            at += n;
        }
        out
    }

    fn expected(&self, token: usize, channel: usize) -> f64 {
        let taps = (0..self.taps).filter_map(|j| Some((j, (token + j).checked_sub(self.taps - 1)?)));
        let terms = taps.map(|(j, row)| {
            f64::from(self.weight[channel * self.taps + j]) * f64::from(self.x[row * self.channels + channel])
        });
        f64::from(self.bias[channel]) + terms.sum::<f64>()
    }
}

#[test]
fn a_convolution_sees_the_last_tokens_and_is_the_same_however_it_is_cut() {
    for (channels, taps) in [(5, 1), (70, 4), (33, 3), (16, 7), (20, 11)] {
        let mut random = Random(channels as u64);
        let n = 20;
        let of = Convolved {
            channels,
            taps,
            weight: random.floats(channels * taps),
            bias: random.floats(channels),
            x: random.floats(n * channels),
        };
        for isa in Isa::available() {
            let whole = of.run(&cpu(isa, 1), &[n]);
            for (i, found) in whole.iter().enumerate() {
                let expected = of.expected(i / channels, i % channels);
                assert!((f64::from(*found) - expected).abs() < 2e-6, "{isa}: {found} for {expected}");
            }
            for cut in cuts(n) {
                assert_eq!(bits(&of.run(&cpu(isa, 2), &cut)), bits(&whole), "{isa}, {cut:?}");
            }
        }
    }
}

struct Attended {
    of: LinearAttention,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    keep: Vec<f32>,
    beta: Vec<f32>,
}

impl Attended {
    fn random(of: LinearAttention, n: usize, seed: u64) -> Attended {
        let mut random = Random(seed);
        let keys = n * of.key_heads * of.key_dim;
        let mut parts = |len: usize| random.floats(len).into_iter().map(|x| x.abs()).collect();
        let (keep, beta) = (parts(n * of.value_heads), parts(n * of.value_heads));
        let (q, k) = (random.floats(keys), random.floats(keys));
        Attended { of, q, k, v: random.floats(n * of.value_heads * of.value_dim), keep, beta }
    }

    fn run(&self, cpu: &Cpu, cut: &[usize]) -> Vec<f32> {
        let LinearAttention { key_heads, value_heads, key_dim, value_dim, .. } = self.of;
        let (mut state, mut out, mut at) = (vec![0.0; self.of.state_len()], vec![f32::NAN; self.v.len()], 0);
        for n in cut {
            let rows = |width: usize| at * width..(at + n) * width;
            let inputs = LinearAttentionInputs {
                q: &self.q[rows(key_heads * key_dim)],
                k: &self.k[rows(key_heads * key_dim)],
                v: &self.v[rows(value_heads * value_dim)],
                keep: &self.keep[rows(value_heads)],
                beta: &self.beta[rows(value_heads)],
            };
            cpu.attend_linearly(&self.of, &inputs, &mut [&mut state], &mut out[rows(value_heads * value_dim)]);
            at += n;
        }
        out
    }

    /// Head by head and token by token: modeling_qwen3_5.py, `torch_recurrent_gated_delta_rule`, and the recurrent form of
    /// Mamba-2.
    fn expected(&self) -> Vec<f64> {
        let LinearAttention { key_heads, value_heads, key_dim, value_dim, tiled, .. } = self.of;
        let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>();
        let (q, k, v) = (wide(&self.q), wide(&self.k), wide(&self.v));
        let mut out = vec![0.0; v.len()];
        for head in 0..value_heads {
            let key_head = if tiled { head % key_heads } else { head / (value_heads / key_heads) };
            let mut state = vec![0.0; key_dim * value_dim];
            for token in 0..self.keep.len() / value_heads {
                let (keep, beta) = (self.keep[token * value_heads + head], self.beta[token * value_heads + head]);
                state.iter_mut().for_each(|s| *s *= f64::from(keep));
                let at = (token * key_heads + key_head) * key_dim;
                for column in 0..value_dim {
                    let to = (token * value_heads + head) * value_dim + column;
                    let key = |i: usize| k[at + i] * f64::from(self.of.key_scale);
                    let read: f64 = (0..key_dim).map(|i| state[i * value_dim + column] * key(i)).sum();
                    let of_memory = if self.of.write == Write::Delta { read } else { 0.0 };
                    let update = f64::from(beta) * (v[to] - of_memory);
                    for i in 0..key_dim {
                        state[i * value_dim + column] += key(i) * update;
                        out[to] += state[i * value_dim + column] * q[at + i] * f64::from(self.of.query_scale);
                    }
                }
            }
        }
        out
    }
}

#[test]
fn linear_attention_is_the_recurrence_and_the_same_however_it_is_cut() {
    let n = 20;
    for (case, (heads, dims)) in
        [((1, 1), (8, 5)), ((2, 6), (16, 16)), ((2, 4), (24, 70)), ((1, 3), (5, 33))].iter().enumerate()
    {
        for (write, tiled) in [(Write::Delta, false), (Write::Delta, true), (Write::Sum, false)] {
            let of = LinearAttention {
                key_heads: heads.0,
                value_heads: heads.1,
                key_dim: dims.0,
                value_dim: dims.1,
                tiled,
                query_scale: 0.5,
                key_scale: (dims.0 as f32).sqrt().recip(),
                write,
            };
            let attended = Attended::random(of, n, case as u64);
            let expected = attended.expected();
            for isa in Isa::available() {
                let whole = attended.run(&cpu(isa, 1), &[n]);
                for (found, expected) in whole.iter().zip(&expected) {
                    let bound = 1e-5 * expected.abs().max(1.0);
                    assert!((f64::from(*found) - expected).abs() < bound, "{isa}, {of:?}: {found} for {expected}");
                }
                for cut in cuts(n) {
                    assert_eq!(bits(&attended.run(&cpu(isa, 2), &cut)), bits(&whole), "{isa}, {cut:?}, {of:?}");
                }
            }
        }
    }
}

#[test]
fn sequences_of_a_step_have_their_own_states() {
    let mut random = Random(3);
    let (weight, x) = (random.floats(8 * 3), random.floats(4 * 8));
    let of = Convolution { weight: &weight, bias: None, taps: 3 };
    let cpu = cpu(Isa::best(), 2);
    let (mut states, mut both) = ([vec![0.0; of.state_len()], vec![0.0; of.state_len()]], vec![0.0; x.len()]);
    let [a, b] = &mut states;
    cpu.convolve(&of, &x, &mut [a, b], &mut both);
    for (x, out) in x.chunks_exact(16).zip(both.chunks_exact(16)) {
        let (mut state, mut alone) = (vec![0.0; of.state_len()], vec![0.0; 16]);
        cpu.convolve(&of, x, &mut [&mut state], &mut alone);
        assert_eq!(bits(&alone), bits(out));
    }
}
