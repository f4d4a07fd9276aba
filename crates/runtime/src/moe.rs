//! Routed experts: tokens are grouped by expert, so that each expert's weights are read once a
//! step, and only those of experts that some token chose.

use plimsoll_graph::MoeOp;
use plimsoll_kernels::Product;

use crate::arithmetic::Multiplier;
use crate::bind::Weights;

/// Buffers of the mixture, kept from step to step.
#[derive(Debug, Default)]
pub(crate) struct MoeScratch {
    router: Vec<f32>,
    /// For each expert its tokens and their input scales.
    chosen: Vec<Vec<(usize, f32)>>,
    x: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    hidden: Vec<f32>,
    y: Vec<f32>,
}

impl MoeScratch {
    /// `x (n, d_model)` through its experts into `out (n, d_model)`. Contributions are summed in
    /// the order of the experts, so that a token's result does not depend on its company.
    pub(crate) fn run(&mut self, op: &MoeOp, weights: &Weights, by: Multiplier, x: &[f32], out: &mut [f32]) {
        let d_model = weights.matrix(op.router).cols();
        let n = x.len() / d_model;
        resize(&mut self.router, n * op.n_experts);
        by.multiply(x, &mut [Product { w: weights.matrix(op.router), out: &mut self.router }]);
        self.choose(op);
        out.fill(0.0);
        let used: Vec<usize> = (0..op.n_experts).filter(|expert| !self.chosen[*expert].is_empty()).collect();
        used.first().into_iter().for_each(|first| read_ahead(op, weights, *first));
        for (nth, &expert) in used.iter().enumerate() {
            used.get(nth + 1).into_iter().for_each(|next| read_ahead(op, weights, *next));
            self.run_expert(op, weights, by, x, expert, out);
        }
    }

    /// Adds what one expert makes of its tokens to their rows of `out`.
    fn run_expert(&mut self, op: &MoeOp, weights: &Weights, by: Multiplier, x: &[f32], expert: usize, out: &mut [f32]) {
        let tokens = &self.chosen[expert];
        let (m, d_model) = (tokens.len(), weights.expert(op.gate, expert).cols());
        resize(&mut self.x, m * d_model);
        for ((token, scale), row) in tokens.iter().zip(self.x.chunks_exact_mut(d_model)) {
            let input = &x[token * d_model..][..d_model];
            row.iter_mut().zip(input).for_each(|(y, x)| *y = x * scale);
        }
        for buffer in [&mut self.gate, &mut self.up, &mut self.hidden] {
            resize(buffer, m * op.d_ff);
        }
        resize(&mut self.y, m * d_model);
        let gate = Product { w: weights.expert(op.gate, expert), out: &mut self.gate };
        let up = Product { w: weights.expert(op.up, expert), out: &mut self.up };
        by.multiply(&self.x, &mut [gate, up]);
        by.cpu.gated(op.act, &self.gate, &self.up, &mut self.hidden);
        by.multiply(&self.hidden, &mut [Product { w: weights.expert(op.down, expert), out: &mut self.y }]);
        for ((token, _), row) in tokens.iter().zip(self.y.chunks_exact(d_model)) {
            let sum = &mut out[token * d_model..][..d_model];
            sum.iter_mut().zip(row).for_each(|(sum, y)| *sum += y);
        }
    }

    /// The `top_k` largest router logits of each token, the lower expert on a tie; sigmoid of each.
    fn choose(&mut self, op: &MoeOp) {
        self.chosen.resize_with(op.n_experts, Vec::new);
        self.chosen.iter_mut().for_each(Vec::clear);
        for (token, logits) in self.router.chunks_exact(op.n_experts).enumerate() {
            let mut order: Vec<usize> = (0..op.n_experts).collect();
            order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
            for &expert in &order[..op.top_k] {
                self.chosen[expert].push((token, 1.0 / (1.0 + (-logits[expert]).exp())));
            }
        }
    }
}

/// Has the system fetch all of an expert: of one that is not in memory, `up` and `down` arrive while `gate` multiplies,
/// and the next expert while this one does.
fn read_ahead(op: &MoeOp, weights: &Weights, expert: usize) {
    [op.gate, op.up, op.down].into_iter().for_each(|part| weights.expert_will_be_needed(part, expert));
}

fn resize(buffer: &mut Vec<f32>, len: usize) {
    buffer.resize(len, 0.0);
}
