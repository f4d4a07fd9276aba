//! SmolLM3: Llama whose every fourth layer has no rotary embedding. Source: transformers modeling_smollm3.py.

use plimsoll_formats::Hyperparams;
use plimsoll_graph::Network;

use crate::arch::llama;
use crate::{Arch, ModelError};

pub const ARCH: Arch = Arch { hf: &["smollm3"], gguf: "smollm3", build };

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let rotary = rotary_layers(hp)?;
    llama::decoder(hp, |layer, attention| {
        if !rotary[layer] {
            attention.rope = None;
        }
    })
}

/// Which layers rotate: `no_rope_layers` holds 1 where a layer *uses* rotary. Absent or empty,
/// every `no_rope_layer_interval`-th layer goes without.
pub(crate) fn rotary_layers(hp: &Hyperparams) -> Result<Vec<bool>, ModelError> {
    if let Some(flags) = hp.layer_flags("no_rope_layers")? {
        return Ok(flags);
    }
    let interval = hp.usize("no_rope_layer_interval")?.unwrap_or(4).max(1);
    Ok((1..=hp.n_layers).map(|layer| !layer.is_multiple_of(interval)).collect())
}
