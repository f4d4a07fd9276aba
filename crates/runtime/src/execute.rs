//! The executor: one pass over the nodes of a network, each handed to its kernel. What only a step of tokens or only a step
//! of tiles knows, it asks the [`Step`].

use std::ops::Range;

use plimsoll_graph::{BufferPlan, Network, Node, Op, StepSize, ValueId, WeightId};
use plimsoll_kernels::{Cpu, Phase, Product};

use crate::arithmetic::{Arithmetic, Multiplier};
use crate::bind::BoundWeights;
use crate::moe::MoeScratch;
use crate::observed::{InputSquares, Observed};

/// What nodes are run for.
pub(crate) trait Step {
    fn phase(&self) -> Phase;

    fn size(&self) -> StepSize;

    /// Runs a node that reads what the step has and values do not: `inputs` are its operands.
    fn run_node(&mut self, executor: &Executor, node: &Node, inputs: &[&[f32]], out: &mut [f32]);
}

/// A network with its weights, buffers and device.
pub(crate) struct Executor {
    pub network: Network,
    pub weights: BoundWeights,
    plan: BufferPlan,
    /// Which nodes run together, in order.
    stages: Vec<Range<usize>>,
    buffers: Vec<Vec<f32>>,
    scratch: MoeScratch,
    pub cpu: Cpu,
    pub arithmetic: Arithmetic,
    /// What matrices are multiplied with, where somebody wants to know.
    pub observed: Option<Observed>,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (nodes, isa, threads) = (self.network.nodes.len(), self.cpu.isa(), self.cpu.threads());
        write!(f, "{nodes} nodes, {isa}, {threads} threads, {:?}", self.arithmetic)
    }
}

impl Executor {
    pub fn new(network: Network, weights: BoundWeights, cpu: Cpu, arithmetic: Arithmetic) -> Executor {
        let plan = BufferPlan::new(&network);
        let buffers = plan.slots.iter().map(|_| Vec::new()).collect();
        let stages = stages(&network.nodes);
        let scratch = MoeScratch::default();
        Executor { network, weights, plan, stages, buffers, scratch, cpu, arithmetic, observed: None }
    }

    /// Runs every node; nodes without rows do nothing. The plan never gives a node's result the buffer of one of its
    /// operands, so that the result's buffer can be taken out while the operands are read.
    pub fn run(&mut self, step: &mut impl Step) {
        let size = step.size();
        for (buffer, (rows, width)) in self.buffers.iter_mut().zip(&self.plan.slots) {
            let needed = width * size.rows(*rows);
            if buffer.len() < needed {
                buffer.resize(needed, 0.0);
            }
        }
        for stage in 0..self.stages.len() {
            let nodes = self.stages[stage].clone();
            let node = &self.network.nodes[nodes.start];
            let n = size.rows(node.rows);
            if n == 0 {
                continue;
            }
            if matches!(node.op, Op::Linear { .. }) {
                self.run_products(step, nodes);
                continue;
            }
            let slot = self.plan.slot_of[nodes.start].0;
            let mut buffer = std::mem::take(&mut self.buffers[slot]);
            if let Op::HeadLinear { weight } = &node.op {
                self.run_heads(step, node, *weight, &mut buffer[..n * node.width]);
            } else if let Op::Moe(moe) = &node.op {
                let (mut scratch, mut observed) = (std::mem::take(&mut self.scratch), self.observed.take());
                let inputs = [self.value(node.inputs[0], size), self.value(node.inputs[1], size)];
                let out = &mut buffer[..n * node.width];
                scratch.run(moe, &self.weights, self.multiplier(step.phase()), inputs, out, observed.as_mut());
                (self.scratch, self.observed) = (scratch, observed);
            } else {
                self.run_node(step, node, &mut buffer[..n * node.width]);
            }
            self.buffers[slot] = buffer;
        }
    }

    /// The rows of a value: of an output after [`Executor::run`], with the size of its step.
    pub fn value(&self, value: ValueId, size: StepSize) -> &[f32] {
        let node = &self.network.nodes[value.0];
        &self.buffers[self.plan.slot_of[value.0].0][..size.rows(node.rows) * node.width]
    }

    /// Products of one value, biases added.
    fn run_products(&mut self, step: &impl Step, nodes: Range<usize>) {
        let size = step.size();
        let slots = &self.plan.slot_of[nodes.clone()];
        let mut buffers: Vec<Vec<f32>> = slots.iter().map(|slot| std::mem::take(&mut self.buffers[slot.0])).collect();
        let (nodes, weights) = (&self.network.nodes[nodes], &self.weights);
        let n = size.rows(nodes[0].rows);
        let mut products = Vec::with_capacity(nodes.len());
        for (node, buffer) in nodes.iter().zip(&mut buffers) {
            if let Op::Linear { weight, .. } = node.op {
                products.push(Product { w: weights.matrix(weight), out: &mut buffer[..n * node.width] });
            }
        }
        let mut observed = self.observed.take();
        let x = self.value(nodes[0].inputs[0], size);
        self.multiplier(step.phase()).multiply(x, &mut products);
        if let Some(observed) = &mut observed {
            for node in nodes {
                if let Op::Linear { weight, .. } = node.op {
                    observed.add(weight, [0, 1], x, weights.matrix(weight).cols());
                }
            }
        }
        for (node, buffer) in nodes.iter().zip(&mut buffers) {
            if let Op::Linear { bias: Some(bias), .. } = node.op {
                self.cpu.add_bias(weights.vector(bias), &mut buffer[..n * node.width]);
            }
        }
        for (slot, buffer) in slots.iter().zip(buffers) {
            self.buffers[slot.0] = buffer;
        }
        self.observed = observed;
    }

    /// Each head's columns times its matrix.
    fn run_heads(&self, step: &impl Step, node: &Node, weight: WeightId, out: &mut [f32]) {
        let x = self.value(node.inputs[0], step.size());
        let heads = self.network.weight(weight).shape[0];
        let n = out.len() / node.width;
        let (wide, narrow) = (x.len() / n, node.width / heads);
        let each = wide / heads;
        let (mut columns, mut product) = (vec![0.0; n * each], vec![0.0; n * narrow]);
        for head in 0..heads {
            for (to, row) in columns.chunks_exact_mut(each).zip(x.chunks_exact(wide)) {
                to.copy_from_slice(&row[head * each..][..each]);
            }
            let w = self.weights.expert(weight, head);
            self.multiplier(step.phase()).multiply(&columns, &mut [Product { w, out: &mut product }]);
            for (row, from) in out.chunks_exact_mut(node.width).zip(product.chunks_exact(narrow)) {
                row[head * narrow..][..narrow].copy_from_slice(from);
            }
        }
    }

    /// Forgets what was seen, and sums up the inputs of every matrix from now on.
    pub fn observe(&mut self) {
        self.observed = Some(Observed::new(&self.network));
    }

    /// What every weight was multiplied with since [`Executor::observe`], by its canonical name; nothing of those that were
    /// multiplied with nothing.
    pub fn observed(&self) -> impl Iterator<Item = (&str, &InputSquares)> {
        let weights = self.network.weights.iter().enumerate();
        let seen = weights.filter_map(|(id, decl)| Some((&*decl.name, self.observed.as_ref()?.of(WeightId(id)))));
        seen.filter(|(_, seen)| !seen.counts.is_empty())
    }

    fn multiplier(&self, phase: Phase) -> Multiplier<'_> {
        Multiplier { cpu: &self.cpu, arithmetic: self.arithmetic, phase }
    }

    fn run_node(&self, step: &mut impl Step, node: &Node, out: &mut [f32]) {
        let (cpu, weights, size) = (&self.cpu, &self.weights, step.size());
        let input = |i: usize| self.value(node.inputs[i], size);
        match &node.op {
            Op::RmsNorm { weight, group, eps } => {
                cpu.rms_norm(input(0), weight.map(|id| weights.vector(id)), *eps, *group, out);
            }
            Op::LayerNorm { weight, bias, eps } => {
                cpu.layer_norm(input(0), weights.vector(*weight), weights.vector(*bias), *eps, out);
            }
            Op::Add => cpu.add(input(0), input(1), out),
            Op::Multiply => {
                let (a, b) = (input(0), input(1));
                spread(cpu, out, 1, |first, out| {
                    out.iter_mut().zip(a[first..].iter().zip(&b[first..])).for_each(|(y, (a, b))| *y = a * b);
                });
            }
            Op::Gated(act) => cpu.gated(*act, input(0), input(1), out),
            Op::Activate(act) => cpu.activate(*act, input(0), out),
            Op::Scale(factor) => each_value(cpu, input(0), out, |x| x * factor),
            Op::Columns { group, from, len } => {
                let x = input(0);
                spread(cpu, out, *len, |first, out| {
                    let groups =
                        x[first / len * group..].chunks_exact(*group).map(|columns| &columns[*from..*from + *len]);
                    out.chunks_exact_mut(*len).zip(groups).for_each(|(out, kept)| out.copy_from_slice(kept));
                });
            }
            Op::Join { groups } => {
                let (a, b) = (input(0), input(1));
                let rows = out.len() / node.width * groups;
                let (each_a, each_b) = (a.len() / rows, b.len() / rows);
                let parts = a.chunks_exact(each_a).zip(b.chunks_exact(each_b));
                for (out, (a, b)) in out.chunks_exact_mut(each_a + each_b).zip(parts) {
                    out[..each_a].copy_from_slice(a);
                    out[each_a..].copy_from_slice(b);
                }
            }
            Op::Bias(vector) => {
                out.copy_from_slice(input(0));
                cpu.add_bias(weights.vector(*vector), out);
            }
            Op::Unbias(vector) => {
                let (x, vector) = (input(0), weights.vector(*vector));
                spread(cpu, out, node.width, |first, out| {
                    let values = x[first..].iter().zip(vector.iter().cycle());
                    out.iter_mut().zip(values).for_each(|(out, (x, by))| *out = x - by);
                });
            }
            Op::Shift(by) => each_value(cpu, input(0), out, |x| x + by),
            Op::ClampTo { least, most } => {
                let (least, most) = (weights.vector(*least)[0], weights.vector(*most)[0]);
                // A value that is no number stays one.
                each_value(cpu, input(0), out, |x| {
                    let x = if x < least { least } else { x };
                    if x > most { most } else { x }
                });
            }
            Op::ScaleColumns { weight, group } => {
                let (x, factors) = (input(0), weights.vector(*weight));
                spread(cpu, out, node.width, |first, out| {
                    let factors = factors.iter().cycle().flat_map(|factor| std::iter::repeat_n(factor, *group));
                    out.iter_mut().zip(x[first..].iter().zip(factors)).for_each(|(out, (x, factor))| *out = x * factor);
                });
            }
            Op::Clamp { least, most } => each_value(cpu, input(0), out, |x| x.clamp(*least, *most)),
            Op::ScaleGroups => {
                let (x, by) = (input(0), input(1));
                let group = x.len() / by.len();
                for ((out, x), by) in out.chunks_exact_mut(group).zip(x.chunks_exact(group)).zip(by) {
                    out.iter_mut().zip(x).for_each(|(out, x)| *out = x * by);
                }
            }
            Op::Softcap(cap) => each_value(cpu, input(0), out, |x| cap * (x / cap).tanh()),
            _ => {
                let inputs: Vec<&[f32]> = node.inputs.iter().map(|value| self.value(*value, size)).collect();
                step.run_node(self, node, &inputs, out);
            }
        }
    }
}

/// Values that one thread computes before another would be awake.
const SMALL: usize = 1 << 14;

/// Has threads share `out` in parts of whole groups of `group` values; `each` gets the index of the first of its part.
fn spread(cpu: &Cpu, out: &mut [f32], group: usize, each: impl Fn(usize, &mut [f32]) + Sync) {
    if out.len() <= SMALL {
        return each(0, out);
    }
    let part = SMALL.next_multiple_of(group);
    cpu.pool().chunks_mut(out, part, |i, out| each(i * part, out));
}

/// What `of` makes of each value.
fn each_value(cpu: &Cpu, x: &[f32], out: &mut [f32], of: impl Fn(f32) -> f32 + Sync) {
    spread(cpu, out, 1, |first, out| out.iter_mut().zip(&x[first..]).for_each(|(y, x)| *y = of(*x)));
}

/// Nodes that run together: products of one value, or one node.
fn stages(nodes: &[Node]) -> Vec<Range<usize>> {
    let is_product = |node: &Node| matches!(node.op, Op::Linear { .. });
    let together = nodes.chunk_by(|a, b| is_product(a) && is_product(b) && a.inputs == b.inputs);
    let ends = together.scan(0, |end, nodes| {
        *end += nodes.len();
        Some(*end - nodes.len()..*end)
    });
    ends.collect()
}
