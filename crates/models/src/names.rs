//! Canonical names of tensors, which are Hugging Face's, for what files call them. What an architecture calls its own is
//! declared in its file; here is how a name is put together.

use crate::arch::{Arch, COMMON, COMMON_TOWER, StoredAs, TOWERS, TowerArch};

/// What a GGUF tensor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// A weight with this canonical name.
    Weight(String),
    /// Divisors of the rotary frequencies, (rotary_dim / 2).
    RopeFactors(RopeFactors),
}

/// Which divisors: one set for all lengths, or LongRoPE's pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RopeFactors {
    All,
    Short,
    Long,
}

/// The role of tensor `name`; `None` if the architecture has no such tensor.
pub(crate) fn role(arch: &Arch, name: &str) -> Option<Role> {
    let global = match name {
        "token_embd.weight" => "model.embed_tokens.weight",
        "output.weight" => "lm_head.weight",
        "output_norm.weight" => "model.norm.weight",
        "rope_freqs.weight" => return Some(Role::RopeFactors(RopeFactors::All)),
        "rope_factors_short.weight" => return Some(Role::RopeFactors(RopeFactors::Short)),
        "rope_factors_long.weight" => return Some(Role::RopeFactors(RopeFactors::Long)),
        _ => {
            if let Some((_, whole)) = arch.gguf.tensors.iter().find(|(there, to)| *there == name && is_whole(to)) {
                return Some(Role::Weight((*whole).to_owned()));
            }
            let (layer, rest) = in_layer(name, "blk.")?;
            // Gate and up of all experts in one, wherever they may be in two.
            let (rest, in_one) = match rest {
                "ffn_gate_up_exps.weight" => ("ffn_gate_exps.weight", true),
                rest => (rest, false),
            };
            let mut canonical = spelled(rest, &[arch.gguf.tensors, &COMMON])?;
            if in_one {
                canonical = canonical.replace("gate_proj", "gate_up_proj");
            }
            return Some(Role::Weight(format!("model.layers.{layer}.{canonical}")));
        }
    };
    Some(Role::Weight(global.to_owned()))
}

/// Whether a GGUF tensor is one that no token needs.
pub(crate) fn is_ignored(arch: &Arch, name: &str) -> bool {
    in_layer(name, "blk.").is_some_and(|(_, rest)| arch.gguf.ignores.iter().any(|start| rest.starts_with(start)))
}

/// Whether a name in an architecture's tables is that of no part of a layer.
pub(crate) fn is_whole(canonical: &str) -> bool {
    canonical.starts_with("model.")
}

/// The layer of a GGUF tensor, if the tensor is its `module`.
pub(crate) fn layer_with(name: &str, module: &str) -> Option<usize> {
    let (layer, rest) = in_layer(name, "blk.")?;
    (rest == module).then(|| layer.parse().ok()).flatten()
}

/// The canonical name of a tensor of an mmproj GGUF; `None` if its tower has no such tensor. The second frame of a kernel has
/// that of the first with `.1`.
pub(crate) fn mmproj_name(tower: &TowerArch, name: &str) -> Option<String> {
    if let Some(first) = name.strip_suffix(".1") {
        let first = mmproj_name(tower, first).filter(|first| tower.stored_as(first) == Some(StoredAs::Frames));
        return first.map(|first| first + ".1");
    }
    if let Some((_, canonical)) = tower.tensors.iter().find(|(there, _)| *there == name) {
        return Some((*canonical).to_owned());
    }
    let (layer, rest) = in_layer(name, "v.blk.")?;
    let canonical = spelled(rest, &[tower.tensors, &COMMON_TOWER])?;
    Some(format!("{}.{layer}.{canonical}", tower.layers))
}

/// The number of a layer, which stands behind `layers`, and the rest of the name.
fn in_layer<'a>(name: &'a str, layers: &str) -> Option<(&'a str, &'a str)> {
    let (layer, rest) = name.strip_prefix(layers)?.split_once('.')?;
    let is_canonical = layer.parse::<u32>().is_ok_and(|n| n.to_string() == layer);
    is_canonical.then_some((layer, rest))
}

/// Kinds of tensors that a module may have: the last four bound what goes into a linear map and what comes out.
pub(crate) const KINDS: [&str; 6] = ["weight", "bias", "input_min", "input_max", "output_min", "output_max"];

/// Beginnings of the names of tensors in mmproj files that are of no vision tower: those of an audio encoder with its
/// connector, and embeddings that the text model has as well.
const BESIDE: [&str; 3] = ["a.", "mm.a.", "v.token_embd."];

/// Whether a tensor of an mmproj GGUF is no part of a vision tower. Source: llama.cpp's gguf-py/gguf/constants.py.
pub(crate) fn is_beside_tower(name: &str) -> bool {
    BESIDE.iter().any(|start| name.starts_with(start))
}

/// What the first of `tables` that has it calls a tensor of a layer, or its module with what kind of tensor it is.
fn spelled(name: &str, tables: &[&[(&str, &str)]]) -> Option<String> {
    let find = |name: &str| tables.iter().flat_map(|table| *table).find(|(there, _)| *there == name);
    if let Some((_, canonical)) = find(name) {
        return Some((*canonical).to_owned());
    }
    let (module, kind) = name.rsplit_once('.').filter(|(_, kind)| KINDS.contains(kind))?;
    find(module).map(|(_, canonical)| format!("{canonical}.{kind}"))
}

/// How multimodal classes begin the names of their text model and of most towers, and how canonical names begin.
const PARTS: [(&str, &str); 8] = [
    ("backbone.", "model."),
    ("language_model.model.", "model."),
    ("language_model.lm_head.", "lm_head."),
    ("model.language_model.lm_head.", "lm_head."),
    ("model.language_model.", "model."),
    ("model.vision_tower.vision_model.", TOWER),
    ("vision_tower.vision_model.", TOWER),
    ("model.vision_tower.", TOWER),
];
const TOWER: &str = "vision_tower.";

/// The canonical name of a safetensors tensor: text models lose the wrapper that multimodal checkpoints put around
/// them, vision towers and projectors get one spelling. `None` for buffers that are no weights.
pub(crate) fn unwrapped(name: &str) -> Option<String> {
    if name.ends_with(".rotary_emb.inv_freq") {
        return None; // computed from the config; files of 2023 carried it along
    }
    let parts = PARTS.iter().chain(TOWERS.iter().flat_map(|tower| tower.text.iter().chain(tower.parts)));
    let fitting = parts.filter(|(from, _)| name.starts_with(from));
    // The longest tells most; of the same that several have, the first.
    let Some((from, to)) = fitting.min_by_key(|(from, _)| std::cmp::Reverse(from.len())) else {
        return Some(name.to_owned());
    };
    Some(format!("{to}{}", &name[from.len()..]))
}

/// The canonical name of what an architecture's safetensors files call `name` by its table; `None` if that says nothing.
pub(crate) fn canonical(published: &[(&str, &str)], name: &str) -> Option<String> {
    if let Some((_, canonical)) = published.iter().find(|(there, _)| *there == name) {
        return Some((*canonical).to_owned());
    }
    let (layer, rest) = in_layer(name, "model.layers.")?;
    Some(format!("model.layers.{layer}.{}", spelled(rest, &[published])?))
}

/// Whether a canonical name is that of a tower or a connector.
pub(crate) fn is_vision(name: &str) -> bool {
    let mut parts = TOWERS.iter().flat_map(|tower| tower.parts).map(|(_, to)| *to);
    name.starts_with(TOWER) || parts.any(|part| name.starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_gguf_name_means_what_its_architecture_says() {
        let named = |arch: &str, name| match role(Arch::named(arch).unwrap(), name) {
            Some(Role::Weight(name)) => name,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(named("llama", "blk.7.ffn_norm.weight"), "model.layers.7.post_attention_layernorm.weight");
        assert_eq!(named("gemma3", "blk.7.ffn_norm.weight"), "model.layers.7.pre_feedforward_layernorm.weight");
        assert_eq!(named("phi3", "blk.0.ffn_up.weight"), "model.layers.0.mlp.gate_up_proj.weight");
        assert_eq!(named("llama4", "blk.1.ffn_up_exps.weight"), "model.layers.1.feed_forward.experts.up_proj");
        assert_eq!(named("qwen2", "blk.0.attn_q.bias"), "model.layers.0.self_attn.q_proj.bias");
    }

    #[test]
    fn a_tensor_that_the_architecture_does_not_have_has_no_role() {
        for name in
            ["blk.0.attn_sinks.weight", "blk.0.ffn_gate_exps.weight", "blk.x.attn_q.weight", "blk.00.attn_q.weight"]
        {
            assert_eq!(role(Arch::named("llama").unwrap(), name), None, "{name}");
        }
        assert_eq!(role(Arch::named("llama").unwrap(), "blk.0.attn_q_norm.weight"), None);
    }

    #[test]
    fn wrappers_of_multimodal_checkpoints_come_off() {
        for (file, canonical) in [
            ("language_model.model.norm.weight", "model.norm.weight"),
            ("language_model.lm_head.weight", "lm_head.weight"),
            ("model.language_model.norm.weight", "model.norm.weight"),
            ("model.text_model.norm.weight", "model.norm.weight"),
            ("model.vision_model.post_layernorm.bias", "vision_tower.post_layernorm.bias"),
            ("vision_tower.vision_model.post_layernorm.bias", "vision_tower.post_layernorm.bias"),
            ("model.connector.modality_projection.proj.weight", "connector.modality_projection.proj.weight"),
            ("model.norm.weight", "model.norm.weight"),
            ("lm_head.weight", "lm_head.weight"),
        ] {
            assert_eq!(unwrapped(file).as_deref(), Some(canonical));
        }
        assert_eq!(unwrapped("model.layers.0.self_attn.rotary_emb.inv_freq"), None);
    }
}
