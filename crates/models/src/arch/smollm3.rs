//! SmolLM3: Llama whose every fourth layer has no rotary embedding. Source: transformers modeling_smollm3.py.

use plimsoll_formats::Hyperparams;
use plimsoll_graph::Network;

use crate::arch::llama;
use crate::{Arch, ModelError};

pub const ARCH: Arch = Arch { name: "smollm3", build };

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let rotary = hp.rotary_layers()?;
    llama::decoder(hp, |layer, attention| {
        if !rotary[layer] {
            attention.rope = None;
        }
    })
}
