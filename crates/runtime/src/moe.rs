//! Routed experts: tokens are grouped by expert, so that each expert's weights are read once a
//! step, and only those of experts that some token chose.

use plimsoll_graph::{Experts, Gating, MoeOp, Routing, Score, Weighed, WeightId};
use plimsoll_kernels::Product;

use crate::arithmetic::Multiplier;
use crate::bind::BoundWeights;
use crate::observed::Observed;
use crate::read_ahead::ReadAhead;

/// Buffers of the mixture, kept from step to step.
#[derive(Debug, Default)]
pub(crate) struct MoeScratch {
    /// Logits of the router, `(n, n_experts)`.
    router: Vec<f32>,
    /// For each expert its tokens and how much it counts for them.
    chosen: Vec<Vec<(usize, f32)>>,
    x: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    hidden: Vec<f32>,
    y: Vec<f32>,
    ahead: ReadAhead,
}

impl MoeScratch {
    /// `x (n, d_model)` through its experts, which the router chooses by the other value, into `out (n, d_model)`. Contributions are summed in
    /// the order of the experts, so that a token's result does not depend on its company.
    pub(crate) fn run(
        &mut self,
        op: &MoeOp,
        weights: &BoundWeights,
        by: Multiplier,
        [x, by_which]: [&[f32]; 2],
        out: &mut [f32],
        mut observed: Option<&mut Observed>,
    ) {
        let d_model = weights.matrix(op.router).cols();
        let n = x.len() / d_model;
        resize(&mut self.router, n * op.n_experts);
        by.multiply(by_which, &mut [Product { w: weights.matrix(op.router), out: &mut self.router }]);
        if let Some(bias) = op.router_bias {
            by.cpu.add_bias(weights.vector(bias), &mut self.router);
        }
        let vector = |id: Option<WeightId>| id.map(|id| weights.vector(id));
        self.choose(op, vector(op.choice_bias), vector(op.expert_scale));
        if let Some(observed) = &mut observed {
            observed.add(op.router, [0, 1], by_which, d_model);
        }
        out.fill(0.0);
        let used: Vec<usize> = (0..op.n_experts).filter(|expert| !self.chosen[*expert].is_empty()).collect();
        let is_due = self.ahead.is_due();
        let fetch = |nth: usize| {
            if let Some(expert) = used.get(nth).filter(|_| is_due) {
                read_ahead(&op.experts, weights, *expert);
            }
        };
        fetch(0);
        for (nth, &expert) in used.iter().enumerate() {
            fetch(nth + 1);
            self.run_expert(op, weights, by, x, expert, out);
            if let Some(observed) = &mut observed {
                let (place, Experts { gate, up, down }) = ([expert, op.n_experts], op.experts);
                gate.into_iter().for_each(|gate| observed.add(gate, place, &self.x, d_model));
                observed.add(up, place, &self.x, d_model);
                observed.add(down, place, &self.hidden, op.d_ff);
            }
        }
    }

    /// Adds what one expert makes of its tokens to their rows of `out`.
    fn run_expert(
        &mut self,
        op: &MoeOp,
        weights: &BoundWeights,
        by: Multiplier,
        x: &[f32],
        expert: usize,
        out: &mut [f32],
    ) {
        let tokens = &self.chosen[expert];
        let matrix = |part| weights.expert(part, expert);
        let (m, d_model) = (tokens.len(), matrix(op.experts.up).cols());
        resize(&mut self.x, m * d_model);
        for ((token, weight), row) in tokens.iter().zip(self.x.chunks_exact_mut(d_model)) {
            let scale = if op.routing.weighs == Weighed::Input { *weight } else { 1.0 };
            let input = &x[token * d_model..][..d_model];
            row.iter_mut().zip(input).for_each(|(y, x)| *y = x * scale);
        }
        for buffer in [&mut self.gate, &mut self.up, &mut self.hidden] {
            resize(buffer, m * op.d_ff);
        }
        resize(&mut self.y, m * d_model);
        let bias = |part: fn(Experts) -> Option<WeightId>, width: usize| {
            op.biases.and_then(part).map(|id| &weights.vector(id)[expert * width..][..width])
        };
        let gate = op.experts.gate.map(|gate| Product { w: matrix(gate), out: &mut self.gate });
        let up = Product { w: matrix(op.experts.up), out: &mut self.up };
        by.multiply(&self.x, &mut gate.into_iter().chain([up]).collect::<Vec<Product>>());
        bias(|biases| biases.gate, op.d_ff).into_iter().for_each(|bias| by.cpu.add_bias(bias, &mut self.gate));
        bias(|biases| Some(biases.up), op.d_ff).into_iter().for_each(|bias| by.cpu.add_bias(bias, &mut self.up));
        match op.gating {
            Gating::Alone(act) => by.cpu.activate(act, &self.up, &mut self.hidden),
            Gating::Plain(act) => by.cpu.gated(act, &self.gate, &self.up, &mut self.hidden),
            Gating::Clamped { limit, alpha } => {
                let pairs = self.gate.iter().zip(&self.up);
                let values = pairs.map(|(gate, up)| clamped(*gate, *up, limit, alpha));
                self.hidden.iter_mut().zip(values).for_each(|(hidden, value)| *hidden = value);
            }
        }
        by.multiply(&self.hidden, &mut [Product { w: matrix(op.experts.down), out: &mut self.y }]);
        bias(|biases| Some(biases.down), d_model).into_iter().for_each(|bias| by.cpu.add_bias(bias, &mut self.y));
        for ((token, weight), row) in tokens.iter().zip(self.y.chunks_exact(d_model)) {
            let scale = if op.routing.weighs == Weighed::Output { *weight } else { 1.0 };
            let sum = &mut out[token * d_model..][..d_model];
            sum.iter_mut().zip(row).for_each(|(sum, y)| *sum += y * scale);
        }
    }

    /// Gives each token to its experts.
    fn choose(&mut self, op: &MoeOp, choice_bias: Option<&[f32]>, expert_scale: Option<&[f32]>) {
        self.chosen.resize_with(op.n_experts, Vec::new);
        self.chosen.iter_mut().for_each(Vec::clear);
        for (token, logits) in self.router.chunks_exact(op.n_experts).enumerate() {
            for (expert, weight) in route(&op.routing, logits, choice_bias) {
                let scale = expert_scale.map_or(1.0, |scale| scale[expert]);
                self.chosen[expert].push((token, weight * scale));
            }
        }
    }
}

/// The experts of one token and their weights.
fn route(routing: &Routing, logits: &[f32], choice_bias: Option<&[f32]>) -> Vec<(usize, f32)> {
    let mut scores = logits.to_vec();
    match routing.score {
        Score::Sigmoid => scores.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
        Score::Softmax => softmax(&mut scores),
        Score::SoftmaxOfChosen => {}
    }
    // Without a bias the logits have the order of the scores, and tell those apart that round to the same.
    let merit = |expert: usize| choice_bias.map_or(logits[expert], |bias| scores[expert] + bias[expert]);
    let mut chosen: Vec<usize> = (0..logits.len()).collect();
    chosen.sort_by(|a, b| merit(*b).total_cmp(&merit(*a)));
    chosen.truncate(routing.top_k);
    let mut weights: Vec<f32> = chosen.iter().map(|expert| scores[*expert]).collect();
    if routing.score == Score::SoftmaxOfChosen {
        softmax(&mut weights);
    }
    let sum = routing.renormalised.map_or(1.0, |added| weights.iter().sum::<f32>() + added);
    chosen.into_iter().zip(weights).map(|(expert, weight)| (expert, weight / sum * routing.factor)).collect()
}

fn softmax(x: &mut [f32]) {
    let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|x| *x = (*x - most).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
}

/// [`Gating::Clamped`] of one pair.
fn clamped(gate: f32, up: f32, limit: f32, alpha: f32) -> f32 {
    let (gate, up) = (gate.min(limit), up.clamp(-limit, limit));
    gate / (1.0 + (-alpha * gate).exp()) * (up + 1.0)
}

/// Has the system fetch all of an expert: of one that is not in memory, `up` and `down` arrive while `gate` multiplies,
/// and the next expert while this one does.
fn read_ahead(experts: &Experts, weights: &BoundWeights, expert: usize) {
    experts
        .gate
        .into_iter()
        .chain([experts.up, experts.down])
        .for_each(|part| weights.expert_will_be_needed(part, expert));
}

fn resize(buffer: &mut Vec<f32>, len: usize) {
    buffer.resize(len, 0.0);
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use plimsoll_graph::{Activation, Builder, Moe, Network, Op};
    use plimsoll_kernels::{Cpu, Isa, Phase};
    use plimsoll_models::Checkpoint;
    use serde_json::{Map, json};

    use super::*;
    use crate::Arithmetic;

    const D_MODEL: usize = 8;
    const D_FF: usize = 6;
    const N: usize = 5;
    const TOP_K: usize = 2;

    /// Numbers between -1 and 1 that differ from tensor to tensor.
    fn numbers(name: &str, n: usize) -> Vec<f32> {
        let mut state = name.bytes().fold(7u64, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    fn bind(network: &Network) -> BoundWeights {
        let (mut header, mut data) = (Map::new(), Vec::<u8>::new());
        for weight in &network.weights {
            let start = data.len();
            let values = numbers(&weight.name, weight.shape.iter().product());
            data.extend(values.into_iter().flat_map(f32::to_le_bytes));
            let described = json!({ "dtype": "F32", "shape": weight.shape, "data_offsets": [start, data.len()] });
            header.insert(weight.name.clone(), described);
        }
        let header = serde_json::to_vec(&header).unwrap();
        let file = [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat();
        let config = r#"{ "model_type": "llama" }"#;
        let files = [("config.json", config.as_bytes()), ("model.safetensors", &*file.leak())];
        let checkpoint = Checkpoint::from_embedded("mixture", Box::leak(Box::new(files))).unwrap();
        BoundWeights::bind(network, checkpoint.weights(), "mixture", |_| true).unwrap()
    }

    /// What the mixture makes of four tokens, `x` and the result in rows of `D_MODEL`.
    fn mixed(moe: &Moe, x: &[f32]) -> Vec<f32> {
        let mut net = Builder::new(3);
        let h = net.embed("embedding", D_MODEL);
        let h = net.moe(h, moe);
        let h = net.select_rows(h);
        let logits = net.linear(h, "head", 3);
        let network = net.finish(logits).unwrap();
        let weights = bind(&network);
        let op = network.nodes.iter().find_map(|node| match &node.op {
            Op::Moe(op) => Some(op),
            _ => None,
        });
        let cpu = Cpu::new(Isa::Scalar, NonZeroUsize::MIN).unwrap();
        let by = Multiplier { cpu: &cpu, arithmetic: Arithmetic::Exact, phase: Phase::Prefill };
        let mut out = vec![0.0; x.len()];
        MoeScratch::default().run(op.unwrap(), &weights, by, [x, x], &mut out, None);
        out
    }

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    /// `{name}` as (rows, cols) times `x`.
    fn product(name: &str, at: usize, rows: usize, x: &[f64]) -> Vec<f64> {
        let values = numbers(name, (at + 1) * rows * x.len());
        let matrix = &values[at * rows * x.len()..];
        matrix.chunks_exact(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum()).collect()
    }

    fn vector(name: &str, at: usize, len: usize) -> Vec<f64> {
        numbers(name, (at + 1) * len)[at * len..].iter().map(|v| f64::from(*v)).collect()
    }

    fn plus(a: Vec<f64>, b: Vec<f64>) -> Vec<f64> {
        a.into_iter().zip(b).map(|(a, b)| a + b).collect()
    }

    /// `down(silu(gate(x)) * up(x))` of an expert.
    fn silu_expert(expert: usize, x: &[f64]) -> Vec<f64> {
        let gate = product("experts.gate_proj", expert, D_FF, x);
        let up = product("experts.up_proj", expert, D_FF, x);
        let hidden: Vec<f64> = gate.into_iter().zip(up).map(|(g, u)| g * sigmoid(g) * u).collect();
        product("experts.down_proj", expert, D_MODEL, &hidden)
    }

    /// The positions of the largest, and the values there.
    fn top(values: &[f64]) -> Vec<(usize, f64)> {
        let mut sorted: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
        sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
        sorted[..TOP_K].to_vec()
    }

    fn softmax_f64(values: &[f64]) -> Vec<f64> {
        let sum: f64 = values.iter().map(|v| v.exp()).sum();
        values.iter().map(|v| v.exp() / sum).collect()
    }

    fn weighed_sum(terms: impl Iterator<Item = (f64, Vec<f64>)>) -> Vec<f64> {
        terms.fold(vec![0.0; D_MODEL], |sum, (weight, y)| plus(sum, y.into_iter().map(|y| weight * y).collect()))
    }

    const MIXTURE: Moe = Moe {
        router: "router",
        router_bias: false,
        choice_bias: None,
        expert_scale: None,
        experts: "experts",
        biases: false,
        n_experts: N,
        d_ff: D_FF,
        gating: Gating::Plain(Activation::Silu),
        routing: Routing {
            top_k: TOP_K,
            score: Score::Softmax,
            renormalised: None,
            factor: 1.0,
            weighs: Weighed::Output,
        },
    };

    /// Holds a mixture to what a reference makes of each token.
    fn assert_same(moe: &Moe, reference: impl Fn(&[f64]) -> Vec<f64>) {
        let x: Vec<f32> = numbers("tokens", 4 * D_MODEL).into_iter().map(|x| 3.0 * x).collect();
        let found = mixed(moe, &x);
        for (x, found) in x.chunks_exact(D_MODEL).zip(found.chunks_exact(D_MODEL)) {
            let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
            for (found, expected) in found.iter().zip(reference(&x)) {
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} for {expected}");
            }
        }
    }

    // modeling_llama4.py, `Llama4Router` and `Llama4TextMoe`: sigmoid of the largest logits, on the input.
    #[test]
    fn a_sigmoid_may_scale_what_goes_into_an_expert() {
        let routing = Routing { score: Score::Sigmoid, weighs: Weighed::Input, ..MIXTURE.routing };
        assert_same(&Moe { routing, ..MIXTURE }, |x| {
            let chosen = top(&product("router.weight", 0, N, x)).into_iter();
            weighed_sum(chosen.map(|(expert, logit)| {
                let scaled: Vec<f64> = x.iter().map(|x| x * sigmoid(logit)).collect();
                (1.0, silu_expert(expert, &scaled))
            }))
        });
    }

    // modeling_qwen3_moe.py, `Qwen3MoeTopKRouter` without `norm_topk_prob`.
    #[test]
    fn a_softmax_over_all_may_stay_as_it_is() {
        assert_same(&MIXTURE, |x| {
            let chosen = top(&softmax_f64(&product("router.weight", 0, N, x))).into_iter();
            weighed_sum(chosen.map(|(expert, weight)| (weight, silu_expert(expert, x))))
        });
    }

    // modeling_mixtral.py, `MixtralTopKRouter`; modeling_qwen3_moe.py with `norm_topk_prob`.
    #[test]
    fn a_softmax_over_all_may_be_renormalised_over_the_chosen() {
        let routing = Routing { renormalised: Some(0.0), ..MIXTURE.routing };
        assert_same(&Moe { routing, ..MIXTURE }, |x| {
            let chosen = top(&softmax_f64(&product("router.weight", 0, N, x)));
            let sum: f64 = chosen.iter().map(|(_, weight)| weight).sum();
            weighed_sum(chosen.into_iter().map(|(expert, weight)| (weight / sum, silu_expert(expert, x))))
        });
    }

    // modeling_gpt_oss.py, `GptOssTopKRouter` and `GptOssExperts`: biases throughout, softmax over the chosen.
    #[test]
    fn a_softmax_over_the_chosen_meets_experts_with_biases_and_a_clamped_gate() {
        let (limit, alpha) = (1.5, 1.702);
        let routing = Routing { score: Score::SoftmaxOfChosen, ..MIXTURE.routing };
        let gating = Gating::Clamped { limit, alpha };
        let (limit, alpha) = (f64::from(limit), f64::from(alpha));
        assert_same(&Moe { router_bias: true, biases: true, gating, routing, ..MIXTURE }, |x| {
            let logits = plus(product("router.weight", 0, N, x), vector("router.bias", 0, N));
            let chosen = top(&logits);
            let weights = softmax_f64(&chosen.iter().map(|(_, logit)| *logit).collect::<Vec<f64>>());
            weighed_sum(chosen.into_iter().zip(weights).map(|((e, _), weight)| {
                let part = |part: &str, width: usize, x: &[f64]| {
                    let (matrix, bias) = (format!("experts.{part}"), format!("experts.{part}_bias"));
                    plus(product(&matrix, e, width, x), vector(&bias, e, width))
                };
                let pairs = part("gate_proj", D_FF, x).into_iter().zip(part("up_proj", D_FF, x));
                let glu = |(g, u): (f64, f64)| {
                    let (g, u) = (g.min(limit), u.clamp(-limit, limit));
                    (u + 1.0) * g * sigmoid(alpha * g)
                };
                let hidden: Vec<f64> = pairs.map(glu).collect();
                (weight, part("down_proj", D_MODEL, &hidden))
            }))
        });
    }

    // modeling_lfm2_moe.py, modeling_glm4_moe_lite.py: the bias counts for the choice and not for the weight.
    #[test]
    fn a_bias_may_count_for_the_choice_alone() {
        let routing = Routing { score: Score::Sigmoid, renormalised: Some(1e-6), factor: 2.5, ..MIXTURE.routing };
        let choices = std::cell::Cell::new(0);
        assert_same(&Moe { choice_bias: Some("router.choice"), routing, ..MIXTURE }, |x| {
            let scores: Vec<f64> = product("router.weight", 0, N, x).into_iter().map(sigmoid).collect();
            let chosen = top(&plus(scores.clone(), vector("router.choice", 0, N)));
            let unbiased = top(&scores);
            let is_chosen = |(expert, _): &(usize, f64)| chosen.iter().any(|(other, _)| other == expert);
            choices.set(choices.get() + usize::from(!unbiased.iter().all(is_chosen)));
            let sum: f64 = chosen.iter().map(|(expert, _)| scores[*expert]).sum::<f64>() + 1e-6;
            weighed_sum(chosen.into_iter().map(|(e, _)| (scores[e] / sum * 2.5, silu_expert(e, x))))
        });
        assert!(choices.get() > 0, "the bias changes no choice, so nothing was shown");
    }

    // torch.topk over logits whose sigmoids round to the same number still tells them apart.
    #[test]
    fn saturated_logits_are_chosen_by_their_own_order() {
        let routing = Routing { top_k: 1, score: Score::Sigmoid, ..MIXTURE.routing };
        assert_eq!(route(&routing, &[40.0, 50.0, 30.0], None), [(1, 1.0)]);
        let equal = Routing { score: Score::Softmax, ..routing };
        assert_eq!(route(&equal, &[0.0, 0.0], None), [(0, 0.5)], "the first of equals");
    }
}
