//! Qwen3: Llama with a norm on the queries and keys of each head. Source: transformers modeling_qwen3.py.

use plimsoll_formats::Hyperparams;
use plimsoll_graph::Network;

use crate::arch::llama;
use crate::blocks::QkNorm;
use crate::{Arch, ModelError};

pub const ARCH: Arch = Arch { name: "qwen3", build };

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    llama::decoder(hp, |_, attention| attention.qk_norm = Some(QkNorm::Gain { offset: 0.0 }))
}
