//! Mixtures of experts: which experts a token is given to and how much each counts is data, so that architectures differ in
//! values, not in operations. Experts that every token passes (shared ones) are a gated MLP beside the mixture, added to it.

use crate::builder::{Builder, Scope};
use crate::id::{ValueId, WeightId};
use crate::network::WeightKind;
use crate::op::{Activation, Op};

/// Routed experts, `(x, by) -> (n, d_model)`, `x` being `(n, d_model)` and `by`, which the router looks at, as wide: of each token the sum of what its experts make of it.
#[derive(Clone, Debug, PartialEq)]
pub struct MoeOp {
    /// `(n_experts, d_model)`; its products are the router's logits.
    pub router: WeightId,
    /// `(n_experts)`, added to the logits.
    pub router_bias: Option<WeightId>,
    /// `(n_experts)`, added to the scores where experts are chosen, not where they are weighed.
    pub choice_bias: Option<WeightId>,
    /// `(n_experts)`, multiplied onto the weights of the chosen.
    pub expert_scale: Option<WeightId>,
    /// The matrices of the experts.
    pub experts: Experts,
    /// Their biases: gate and up `(n_experts, d_ff)`, down `(n_experts, d_model)`.
    pub biases: Option<Experts>,
    /// Number of experts.
    pub n_experts: usize,
    /// Width of one expert.
    pub d_ff: usize,
    /// What an expert makes of its gate and up.
    pub gating: Gating,
    /// How experts are chosen and weighed.
    pub routing: Routing,
}

/// The weights of all experts by their part, gate and up `(n_experts, d_ff, d_model)`, down `(n_experts, d_model, d_ff)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Experts {
    /// `gate_proj`, of experts that have one.
    pub gate: Option<WeightId>,
    /// `up_proj`
    pub up: WeightId,
    /// `down_proj`
    pub down: WeightId,
}

/// How the logits of a router choose experts and weigh them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Routing {
    /// Experts of a token: those with the largest scores, of equal ones the first.
    pub top_k: usize,
    /// What a logit becomes.
    pub score: Score,
    /// Weights are divided by their sum over the experts chosen, to which this is added.
    pub renormalised: Option<f32>,
    /// What the weights of the chosen are multiplied by.
    pub factor: f32,
    /// What a weight multiplies.
    pub weighs: Weighed,
}

/// What a router's logit becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Its sigmoid.
    Sigmoid,
    /// Its softmax over all experts.
    Softmax,
    /// Its softmax over the experts chosen, which the logits choose.
    SoftmaxOfChosen,
}

/// Which end of an expert its weight multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighed {
    /// The expert's input, before its projections.
    Input,
    /// The expert's output, behind its projections.
    Output,
}

/// What an expert makes of its gate and up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gating {
    /// `act(up)`, of experts without a gate.
    Alone(Activation),
    /// `act(gate) * up`
    Plain(Activation),
    /// `g * sigmoid(alpha * g) * (u + 1)`, where g is the gate up to `limit` and u the up between `-limit` and `limit`.
    Clamped {
        /// Bound of gate and up.
        limit: f32,
        /// Factor in the sigmoid.
        alpha: f32,
    },
}

/// A mixture to be declared: see [`Builder::moe`].
#[derive(Clone, Copy, Debug)]
pub struct Moe<'a> {
    /// The router is `{router}.weight`.
    pub router: &'a str,
    /// Whether `{router}.bias` is added to its logits.
    pub router_bias: bool,
    /// Name of the vector that is added for the choice.
    pub choice_bias: Option<&'a str>,
    /// Name of the vector that weights are multiplied by.
    pub expert_scale: Option<&'a str>,
    /// The experts are `{experts}.gate_proj`, `{experts}.up_proj`, `{experts}.down_proj`.
    pub experts: &'a str,
    /// Whether they have biases, `{experts}.gate_proj_bias` and so on.
    pub biases: bool,
    /// Number of experts.
    pub n_experts: usize,
    /// Width of one expert.
    pub d_ff: usize,
    /// What an expert makes of its gate and up.
    pub gating: Gating,
    /// How experts are chosen and weighed.
    pub routing: Routing,
}

impl Builder {
    /// Routed experts, which the router chooses by what they are given.
    pub fn moe(&mut self, x: ValueId, moe: &Moe) -> ValueId {
        self.moe_routed_by(x, x, moe)
    }

    /// Routed experts of `x`, which the router chooses by another value.
    pub fn moe_routed_by(&mut self, x: ValueId, by: ValueId, moe: &Moe) -> ValueId {
        self.same_width(moe.router, x, by);
        let (d_model, n, top_k) = (self.width(x), moe.n_experts, moe.routing.top_k);
        self.require(moe.experts, top_k > 0 && top_k <= n, || format!("cannot choose {top_k} of {n} experts"));
        let router = self.weight(format!("{}.weight", moe.router), vec![n, d_model], WeightKind::Matrix);
        let vector = WeightKind::Vector { offset: 0.0 };
        let router_bias = moe.router_bias.then(|| self.weight(format!("{}.bias", moe.router), vec![n], vector));
        let choice_bias = moe.choice_bias.map(|name| self.weight(name.to_owned(), vec![n], vector));
        let expert_scale = moe.expert_scale.map(|name| self.weight(name.to_owned(), vec![n], vector));
        let mut part =
            |part: &str, shape: &[usize], kind| self.weight(format!("{}.{part}", moe.experts), shape.to_vec(), kind);
        let has_gate = !matches!(moe.gating, Gating::Alone(_));
        let experts = Experts {
            gate: has_gate.then(|| part("gate_proj", &[n, moe.d_ff, d_model], WeightKind::Experts)),
            up: part("up_proj", &[n, moe.d_ff, d_model], WeightKind::Experts),
            down: part("down_proj", &[n, d_model, moe.d_ff], WeightKind::Experts),
        };
        let biases = moe.biases.then(|| Experts {
            gate: has_gate.then(|| part("gate_proj_bias", &[n, moe.d_ff], vector)),
            up: part("up_proj_bias", &[n, moe.d_ff], vector),
            down: part("down_proj_bias", &[n, d_model], vector),
        });
        let Moe { n_experts, d_ff, gating, routing, .. } = *moe;
        let op =
            MoeOp { router, router_bias, choice_bias, expert_scale, experts, biases, n_experts, d_ff, gating, routing };
        self.push(Op::Moe(op), vec![x, by], self.rows(x), d_model)
    }
}

impl Scope<'_> {
    /// [`Builder::moe`].
    pub fn moe(&mut self, x: ValueId, moe: &Moe) -> ValueId {
        self.moe_routed_by(x, x, moe)
    }

    /// [`Builder::moe_routed_by`].
    pub fn moe_routed_by(&mut self, x: ValueId, by: ValueId, moe: &Moe) -> ValueId {
        let (router, experts) = (self.name(moe.router), self.name(moe.experts));
        let choice_bias = moe.choice_bias.map(|name| self.name(name));
        let expert_scale = moe.expert_scale.map(|name| self.name(name));
        let (choice_bias, expert_scale) = (choice_bias.as_deref(), expert_scale.as_deref());
        let named = Moe { router: &router, experts: &experts, choice_bias, expert_scale, ..*moe };
        self.net().moe_routed_by(x, by, &named)
    }
}
