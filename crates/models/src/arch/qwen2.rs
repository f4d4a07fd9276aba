//! Qwen2, Qwen2.5: Llama with biases on queries, keys and values. Source: transformers modeling_qwen2.py.

use plimsoll_formats::Hyperparams;
use plimsoll_graph::Network;

use crate::arch::llama;
use crate::{Arch, ModelError};

pub const ARCH: Arch = Arch { name: "qwen2", build };

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    llama::decoder(hp, |_, _| {})
}
