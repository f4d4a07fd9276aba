//! The executor: one pass over the nodes, each handed to its kernel.

use std::ops::Range;

use plimsoll_graph::{AttentionOp, Node, Op, RopeSpec, Rows, ValueId};
use plimsoll_kernels::{AttentionShape, KvSequence, Phase, Product, RopeShape};

use crate::arithmetic::Multiplier;
use crate::cache::KvCache;
use crate::program::Program;

/// What is the same for every node of a step.
pub(crate) struct StepContext<'a> {
    phase: Phase,
    /// The tokens of each sequence after those of the one before, as many of each.
    tokens: &'a [u32],
    /// Where each token stands in its sequence.
    positions: Vec<usize>,
    n_selected: usize,
    /// Cosines and sines of the positions at hand, one table for each set of frequencies.
    rotations: Vec<Rotations>,
}

impl<'a> StepContext<'a> {
    pub(crate) fn new(
        phase: Phase,
        ropes: &[RopeSpec],
        tokens: &'a [u32],
        sequences: &[&mut KvCache],
        n_selected: usize,
    ) -> StepContext<'a> {
        let each = tokens.len() / sequences.len();
        let positions = sequences.iter().flat_map(|cache| cache.len()..cache.len() + each).collect();
        let rotations = ropes.iter().map(|spec| Rotations::new(spec, sequences, each)).collect();
        StepContext { phase, tokens, positions, n_selected, rotations }
    }

    fn rows(&self, rows: Rows) -> usize {
        match rows {
            Rows::Tokens => self.tokens.len(),
            Rows::Selected => self.n_selected,
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
            let inv_freq = spec.inv_freq_for(cache.capacity());
            let positions = cache.len()..cache.len() + each;
            for angle in positions.flat_map(|position| inv_freq.iter().map(move |freq| position as f32 * freq)) {
                let (s, c) = f64::from(angle).sin_cos();
                cos.push(c as f32 * spec.attention_factor);
                sin.push(s as f32 * spec.attention_factor);
            }
        }
        Rotations { cos, sin }
    }
}

/// Nodes that run together: products of one value, or one node.
pub(crate) fn stages(nodes: &[Node]) -> Vec<Range<usize>> {
    let is_product = |node: &Node| matches!(node.op, Op::Linear { .. });
    let together = nodes.chunk_by(|a, b| is_product(a) && is_product(b) && a.inputs == b.inputs);
    let ends = together.scan(0, |end, nodes| {
        *end += nodes.len();
        Some(*end - nodes.len()..*end)
    });
    ends.collect()
}

/// Runs every node. The plan never gives a node's result the buffer of one of its operands, so
/// that the result's buffer can be taken out while the operands are read.
pub(crate) fn run(program: &mut Program, sequences: &mut [&mut KvCache], context: &StepContext<'_>) {
    for stage in 0..program.stages.len() {
        let nodes = program.stages[stage].clone();
        let node = &program.network.nodes[nodes.start];
        let n = context.rows(node.rows);
        if n == 0 {
            continue;
        }
        if matches!(node.op, Op::Linear { .. }) {
            run_products(program, context, nodes);
            continue;
        }
        let slot = program.plan.slot_of[nodes.start].0;
        let mut buffer = std::mem::take(&mut program.buffers[slot]);
        if let Op::Moe(moe) = &node.op {
            let mut scratch = std::mem::take(&mut program.scratch);
            let x = operand(program, context, node.inputs[0]);
            scratch.run(moe, &program.weights, multiplier(program, context), x, &mut buffer[..n * node.width]);
            program.scratch = scratch;
        } else {
            run_node(program, sequences, context, node, &mut buffer[..n * node.width]);
        }
        program.buffers[slot] = buffer;
    }
}

/// Products of one value, biases added.
fn run_products(program: &mut Program, context: &StepContext<'_>, nodes: Range<usize>) {
    let slots = &program.plan.slot_of[nodes.clone()];
    let mut buffers: Vec<Vec<f32>> = slots.iter().map(|slot| std::mem::take(&mut program.buffers[slot.0])).collect();
    let (nodes, weights) = (&program.network.nodes[nodes], &program.weights);
    let n = context.rows(nodes[0].rows);
    let mut products = Vec::with_capacity(nodes.len());
    for (node, buffer) in nodes.iter().zip(&mut buffers) {
        if let Op::Linear { weight, .. } = node.op {
            products.push(Product { w: weights.matrix(weight), out: &mut buffer[..n * node.width] });
        }
    }
    multiplier(program, context).multiply(operand(program, context, nodes[0].inputs[0]), &mut products);
    for (node, buffer) in nodes.iter().zip(&mut buffers) {
        if let Op::Linear { bias: Some(bias), .. } = node.op {
            let bias = weights.vector(bias);
            buffer[..n * node.width].chunks_exact_mut(node.width).for_each(|row| add_to(row, bias));
        }
    }
    for (slot, buffer) in slots.iter().zip(buffers) {
        program.buffers[slot.0] = buffer;
    }
}

fn multiplier<'p>(program: &'p Program, context: &StepContext<'_>) -> Multiplier<'p> {
    Multiplier { cpu: &program.cpu, arithmetic: program.arithmetic, phase: context.phase }
}

fn operand<'p>(program: &'p Program, context: &StepContext<'_>, value: ValueId) -> &'p [f32] {
    let node = &program.network.nodes[value.0];
    &program.buffers[program.plan.slot_of[value.0].0][..context.rows(node.rows) * node.width]
}

fn run_node(
    program: &Program,
    sequences: &mut [&mut KvCache],
    context: &StepContext<'_>,
    node: &Node,
    out: &mut [f32],
) {
    let (cpu, weights) = (&program.cpu, &program.weights);
    let input = |i: usize| operand(program, context, node.inputs[i]);
    match &node.op {
        Op::Embed { table } => {
            let table = weights.matrix(*table);
            for (token, row) in context.tokens.iter().zip(out.chunks_exact_mut(node.width)) {
                cpu.embed_row(&table, *token as usize, row);
            }
        }
        Op::RmsNorm { weight, group, eps } => {
            cpu.rms_norm(input(0), weight.map(|id| weights.vector(id)), *eps, *group, out);
        }
        Op::Rope { rope, head_dim } => {
            let (spec, Rotations { cos, sin }) = (&program.network.ropes[rope.0], &context.rotations[rope.0]);
            let shape = RopeShape {
                heads: node.width / head_dim,
                head_dim: *head_dim,
                rotary_dim: 2 * spec.inv_freq.len(),
                layout: spec.layout,
            };
            out.copy_from_slice(input(0));
            cpu.rope(&shape, out, cos, sin);
        }
        Op::Attention(op) => attend(program, sequences, context, op, [input(0), input(1), input(2)], out),
        Op::Add => cpu.add(input(0), input(1), out),
        Op::Gated(act) => cpu.gated(*act, input(0), input(1), out),
        Op::Scale(factor) => out.iter_mut().zip(input(0)).for_each(|(y, x)| *y = x * factor),
        Op::ScaleByPosition { floor, scale } => {
            let rows = out.chunks_exact_mut(node.width).zip(input(0).chunks_exact(node.width));
            for (position, (row, x)) in context.positions.iter().zip(rows) {
                let factor = ((*position as f32 + 1.0) / floor).floor().ln_1p() * scale + 1.0;
                row.iter_mut().zip(x).for_each(|(y, x)| *y = x * factor);
            }
        }
        Op::SelectRows => {
            let x = input(0);
            out.copy_from_slice(&x[x.len() - out.len()..]);
        }
        Op::Softcap(cap) => out.iter_mut().zip(input(0)).for_each(|(y, x)| *y = cap * (x / cap).tanh()),
        Op::Linear { .. } | Op::Moe(_) => unreachable!("the caller runs them"),
    }
}

/// Each sequence attends to its own cache.
fn attend(
    program: &Program,
    sequences: &mut [&mut KvCache],
    context: &StepContext<'_>,
    op: &AttentionOp,
    [q, k, v]: [&[f32]; 3],
    out: &mut [f32],
) {
    let AttentionOp { n_heads, n_kv_heads, head_dim, scale, softcap, .. } = *op;
    let shape = AttentionShape { n_heads, n_kv_heads, head_dim, scale, softcap };
    let spans: Vec<Range<usize>> = context.positions.iter().map(|position| op.mask.span(*position)).collect();
    let each = spans.len() / sequences.len();
    let width = each * n_kv_heads * head_dim;
    let rows = k.chunks_exact(width).zip(v.chunks_exact(width)).zip(spans.chunks_exact(each));
    let cached = sequences.iter_mut().zip(rows).map(|(cache, ((k, v), spans))| {
        let (k, v) = cache.push(op.cache, k, v);
        KvSequence { k, v, spans }
    });
    let sequences: Vec<KvSequence> = cached.collect();
    let activations = program.arithmetic.attention(&program.cpu, context.phase);
    program.cpu.attention(activations, &shape, q, &sequences, out);
}

fn add_to(row: &mut [f32], bias: &[f32]) {
    row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
}
