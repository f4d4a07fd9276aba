//! What hyperparameters say of routed experts, as most families that have them spell it.

use plimsoll_formats::HyperparamError;
use plimsoll_graph::{Gating, Moe, Routing, Score, Weighed};

use crate::config::{Hyperparams, MAX_WIDTH};

/// Far beyond any published model; it keeps a damaged number from becoming an allocation.
const MAX_EXPERTS: usize = 4096;

/// How many experts there are, and of what size.
#[derive(Clone, Copy)]
pub(crate) struct Mixture {
    /// `num_local_experts`; 0 of a model without.
    pub n_experts: usize,
    /// `num_experts_per_tok`, at most `n_experts`.
    pub top_k: usize,
    /// Width of one expert: `moe_intermediate_size`, or that of the MLP where the family has no such key.
    pub d_ff: usize,
}

impl Mixture {
    /// Gated experts without biases, under these names, of which each token passes `top_k`; a weight multiplies what comes
    /// out of its expert.
    pub fn gated(
        &self,
        hp: &Hyperparams,
        router: &'static str,
        experts: &'static str,
        score: Score,
        renormalised: Option<f32>,
    ) -> Moe<'static> {
        let Mixture { n_experts, top_k, d_ff } = *self;
        Moe {
            router,
            router_bias: false,
            choice_bias: None,
            expert_scale: None,
            experts,
            biases: false,
            n_experts,
            d_ff,
            gating: Gating::Plain(hp.activation),
            routing: Routing { top_k, score, renormalised, factor: 1.0, weighs: Weighed::Output },
        }
    }

    /// # Errors
    /// A key is out of range.
    pub fn read(hp: &Hyperparams) -> Result<Mixture, HyperparamError> {
        let n_experts = hp.usize("num_local_experts")?.unwrap_or(0);
        if n_experts > MAX_EXPERTS {
            return Err(hp.error("num_local_experts", format!("{MAX_EXPERTS} experts at most")));
        }
        let top_k = hp.usize("num_experts_per_tok")?.unwrap_or(1);
        if n_experts > 0 && !(1..=n_experts).contains(&top_k) {
            return Err(hp.error("num_experts_per_tok", format!("1 to {n_experts}, all experts there are")));
        }
        let d_ff = match hp.usize("moe_intermediate_size")? {
            Some(_) => hp.size("moe_intermediate_size", MAX_WIDTH)?,
            None => hp.d_ff,
        };
        Ok(Mixture { n_experts, top_k, d_ff })
    }
}
