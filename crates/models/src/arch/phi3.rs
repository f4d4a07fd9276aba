//! Phi-3, Phi-3.5 mini, Phi-4: Llama with fused projections (which the loader presents as views)
//! and, in some, a rotary embedding of part of each head. Source: transformers modeling_phi3.py.

use plimsoll_formats::Hyperparams;
use plimsoll_graph::Network;

use crate::arch::llama;
use crate::{Arch, ModelError};

pub const ARCH: Arch = Arch { name: "phi3", build };

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    llama::decoder(hp, |_, _| {})
}
