//! A step of tokens: what a text network reads beside its values.

use std::ops::Range;

use plimsoll_graph::{AttentionOp, LinearAttentionOp, Node, Op, RopeSpec, StepSize};
use plimsoll_kernels::{AttentionShape, Convolution, KvSequence, LinearAttentionInputs, Phase, RopeShape};

use crate::cache::KvCache;
use crate::execute::{Executor, Step};
use crate::input::Input;

/// The next tokens of one or several sequences.
pub(crate) struct TokenStep<'a, 'c> {
    phase: Phase,
    /// The tokens of each sequence after those of the one before, as many of each.
    input: Input<'a>,
    sequences: &'a mut [&'c mut KvCache],
    /// Where each token stands in its sequence.
    positions: Vec<usize>,
    n_selected: usize,
    /// Cosines and sines of the positions at hand, one table for each set of frequencies.
    rotations: Vec<Rotations>,
}

impl<'a, 'c> TokenStep<'a, 'c> {
    pub fn new(
        phase: Phase,
        ropes: &[RopeSpec],
        input: Input<'a>,
        sequences: &'a mut [&'c mut KvCache],
        n_selected: usize,
    ) -> TokenStep<'a, 'c> {
        let each = input.len() / sequences.len();
        let positions = sequences.iter().flat_map(|cache| cache.len()..cache.len() + each).collect();
        let rotations = ropes.iter().map(|spec| Rotations::new(spec, sequences, each)).collect();
        TokenStep { phase, input, sequences, positions, n_selected, rotations }
    }

    /// Each sequence attends to its own cache.
    fn attend(&mut self, executor: &Executor, op: &AttentionOp, inputs: &[&[f32]], out: &mut [f32]) {
        let AttentionOp { n_heads, n_kv_heads, head_dim, scale, softcap, .. } = *op;
        let sinks = op.sinks.map(|sinks| executor.weights.vector(sinks));
        let shape = AttentionShape { n_heads, n_kv_heads, head_dim, scale, softcap, sinks };
        let each = self.positions.len() / self.sequences.len();
        let tokens = self.positions.iter().enumerate();
        let span = |(token, position): (usize, &usize)| {
            op.ahead.span(op.mask, *position, self.sequences[token / each].places.block(*position))
        };
        let spans: Vec<Range<usize>> = tokens.map(span).collect();
        let width = each * n_kv_heads * head_dim;
        let q = inputs[0];
        for (store, rows) in inputs[1..].iter().enumerate() {
            let rows = rows.chunks_exact(width);
            self.sequences.iter_mut().zip(rows).for_each(|(cache, rows)| cache.push(op.cache, store, rows));
        }
        let cached = self.sequences.iter().zip(spans.chunks_exact(each)).map(|(cache, spans)| {
            let (k, v) = cache.rows(op.cache);
            KvSequence { k, v, spans }
        });
        let sequences: Vec<KvSequence> = cached.collect();
        let activations = executor.arithmetic.attention(&executor.cpu, self.phase);
        executor.cpu.attention(self.phase, activations, &shape, q, &sequences, out);
    }
}

impl TokenStep<'_, '_> {
    fn attend_linearly(&mut self, executor: &Executor, op: &LinearAttentionOp, inputs: &[&[f32]], out: &mut [f32]) {
        let [q, k, v, step, beta] = *inputs else { unreachable!("linear attention has five operands") };
        let speed: Vec<f32> = executor.weights.vector(op.a_log).iter().map(|a_log| a_log.exp()).collect();
        let rows = step.chunks_exact(speed.len());
        let keep: Vec<f32> = rows.flat_map(|row| row.iter().zip(&speed).map(|(step, by)| (-by * step).exp())).collect();
        let inputs = LinearAttentionInputs { q, k, v, keep: &keep, beta };
        let mut states: Vec<&mut [f32]> = self.sequences.iter_mut().map(|cache| cache.state(op.state)).collect();
        executor.cpu.attend_linearly(&op.heads, &inputs, &mut states, out);
    }
}

impl Step for TokenStep<'_, '_> {
    fn phase(&self) -> Phase {
        self.phase
    }

    fn size(&self) -> StepSize {
        StepSize { tokens: self.input.len(), selected: self.n_selected, tiles: 0 }
    }

    fn run_node(&mut self, executor: &Executor, node: &Node, inputs: &[&[f32]], out: &mut [f32]) {
        let (cpu, weights) = (&executor.cpu, &executor.weights);
        match &node.op {
            Op::Embed { table, factor } => {
                let table = weights.matrix(*table);
                for (index, row) in out.chunks_exact_mut(node.width).enumerate() {
                    match self.input.override_row(index) {
                        Some(given) => row.copy_from_slice(&given[..node.width]),
                        None => {
                            cpu.embed_row(&table, self.input.ids()[index] as usize, row);
                            row.iter_mut().for_each(|value| *value *= factor);
                        }
                    }
                }
            }
            Op::AddGiven { part } => {
                out.copy_from_slice(inputs[0]);
                for (index, row) in out.chunks_exact_mut(node.width).enumerate() {
                    if let Some(given) = self.input.override_row(index) {
                        row.iter_mut().zip(&given[part * node.width..]).for_each(|(y, x)| *y += x);
                    }
                }
            }
            Op::EmbedBeside { table, pad } => {
                let table = weights.matrix(*table);
                for (index, row) in out.chunks_exact_mut(node.width).enumerate() {
                    let is_given = self.input.override_row(index).is_some();
                    let id = if is_given { *pad } else { self.input.ids()[index] };
                    cpu.embed_row(&table, id as usize, row);
                }
            }
            Op::Rope { rope, head_dim } => {
                let (spec, Rotations { cos, sin }) = (&executor.network.ropes[rope.0], &self.rotations[rope.0]);
                let shape = RopeShape {
                    heads: node.width / head_dim,
                    head_dim: *head_dim,
                    rotary_dim: 2 * spec.inv_freq.len(),
                    layout: spec.layout,
                };
                out.copy_from_slice(inputs[0]);
                cpu.rope(&shape, out, cos, sin);
            }
            Op::Attention(op) => self.attend(executor, op, inputs, out),
            Op::Convolution(op) => {
                let bias = op.bias.map(|bias| weights.vector(bias));
                let of = Convolution { weight: weights.vector(op.weight), bias, taps: op.taps };
                let mut states: Vec<&mut [f32]> =
                    self.sequences.iter_mut().map(|cache| cache.state(op.state)).collect();
                cpu.convolve(&of, inputs[0], &mut states, out);
            }
            Op::LinearAttention(op) => self.attend_linearly(executor, op, inputs, out),
            Op::ScaleByPosition(temperature) => {
                let rows = out.chunks_exact_mut(node.width).zip(inputs[0].chunks_exact(node.width));
                for (position, (row, x)) in self.positions.iter().zip(rows) {
                    let factor = temperature.at(*position);
                    row.iter_mut().zip(x).for_each(|(y, x)| *y = x * factor);
                }
            }
            Op::SelectRows => out.copy_from_slice(&inputs[0][inputs[0].len() - out.len()..]),
            other => unreachable!("no operation on tokens: {other:?}"),
        }
    }
}

/// Cosines and sines, `(n_tokens, rotary_dim / 2)`.
struct Rotations {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotations {
    /// Those of the next `each` positions of every sequence. Angles are products in f32, as the reference computes them.
    fn new(spec: &RopeSpec, sequences: &[&mut KvCache], each: usize) -> Rotations {
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for cache in sequences {
            let inv_freq = spec.inv_freq_for(cache.expected());
            let place = |position: usize, pair: usize| match &spec.coordinates {
                Some(coordinates) => cache.places.coordinate(position, coordinates[pair]),
                None => position,
            };
            let positions = cache.len()..cache.len() + each;
            let angles = positions.flat_map(|position| {
                inv_freq.iter().enumerate().map(move |(pair, freq)| place(position, pair) as f32 * freq)
            });
            for angle in angles {
                let (s, c) = f64::from(angle).sin_cos();
                cos.push(c as f32 * spec.attention_factor);
                sin.push(s as f32 * spec.attention_factor);
            }
        }
        Rotations { cos, sin }
    }
}
