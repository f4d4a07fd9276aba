//! Names of architectures, and GGUF tensor names in Hugging Face's spelling. Source: llama.cpp's gguf-py/gguf/tensor_mapping.py.

use crate::error::{FormatError, MAX_NAME, one_line};

/// A GGUF architecture whose tensors have names here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GgufArch {
    Llama,
    SmolLm3,
    Qwen2,
    Qwen3,
    Phi3,
    Gemma3,
    Llama4,
}

impl GgufArch {
    /// `general.architecture`, the Hugging Face `model_type`s that it stands for (the first has its class defaults),
    /// and the variant. All other lists of names derive from this one or are held to it by a test.
    const ALL: [(&'static str, &'static [&'static str], GgufArch); 7] = [
        ("llama", &["llama", "mistral"], GgufArch::Llama),
        ("smollm3", &["smollm3"], GgufArch::SmolLm3),
        ("qwen2", &["qwen2"], GgufArch::Qwen2),
        ("qwen3", &["qwen3"], GgufArch::Qwen3),
        ("phi3", &["phi3"], GgufArch::Phi3),
        ("gemma3", &["gemma3_text"], GgufArch::Gemma3),
        ("llama4", &["llama4_text"], GgufArch::Llama4),
    ];

    pub(crate) fn of(file: &str, architecture: &str) -> Result<GgufArch, FormatError> {
        let found = GgufArch::ALL.iter().find(|(gguf, ..)| *gguf == architecture);
        found.map(|&(.., arch)| arch).ok_or_else(|| unknown_architecture(file, architecture))
    }

    /// Hugging Face's `model_type` of the same architecture.
    pub(crate) fn model_type(self) -> &'static str {
        GgufArch::ALL.iter().find(|(.., arch)| *arch == self).expect("every variant is listed").1[0]
    }

    /// `general.architecture`.
    pub(crate) fn gguf_name(self) -> &'static str {
        GgufArch::ALL.iter().find(|(.., arch)| *arch == self).expect("every variant is listed").0
    }

    /// Whether llama.cpp's converter stores Q and K rows in interleaved rotary order.
    pub(crate) fn permutes_rotary_rows(self) -> bool {
        matches!(self, GgufArch::Llama | GgufArch::SmolLm3)
    }

    /// Whether llama.cpp's converter adds one to the weights of norms.
    pub(crate) fn adds_one_to_norms(self) -> bool {
        self == GgufArch::Gemma3
    }
}

/// The name in [`known_architectures`] that stands for the network of `name`, in either spelling.
pub(crate) fn family(name: &str) -> Option<&'static str> {
    let found = GgufArch::ALL.iter().find(|(gguf, model_types, _)| *gguf == name || model_types.contains(&name));
    found.map(|(gguf, ..)| *gguf)
}

/// Whether GGUF files of an architecture, in either spelling, hold queries, keys and values of a layer in one tensor.
pub fn stores_qkv_as_one(name: &str) -> bool {
    let found = GgufArch::ALL.iter().find(|(gguf, model_types, _)| *gguf == name || model_types.contains(&name));
    found.is_some_and(|(.., arch)| module_name(*arch, "attn_qkv").is_some())
}

/// Every architecture that is known, as config.json and GGUF spell it; sorted.
pub fn known_architectures() -> Vec<&'static str> {
    let spelled =
        GgufArch::ALL.iter().flat_map(|(gguf, model_types, _)| [*gguf].into_iter().chain(model_types.iter().copied()));
    let mut names: Vec<&str> = spelled.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The error about the architecture `found`, whichever format declares it.
pub(crate) fn unknown_architecture(file: &str, found: &str) -> FormatError {
    let known: Vec<String> = known_architectures().iter().map(|name| format!("`{name}`")).collect();
    FormatError::UnknownArchitecture {
        file: file.to_owned(),
        found: one_line(found, MAX_NAME),
        known: known.join(", "),
    }
}

/// What a GGUF tensor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// A weight with this canonical name.
    Weight(String),
    /// Divisors of the rotary frequencies, (rotary_dim / 2).
    RopeFactors(RopeFactors),
}

/// Which divisors: one set for all lengths, or Phi-3's pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RopeFactors {
    All,
    Short,
    Long,
}

/// The role of tensor `name`; `None` if the architecture has no such tensor.
pub(crate) fn role(arch: GgufArch, name: &str) -> Option<Role> {
    let global = match name {
        "token_embd.weight" => Some("model.embed_tokens.weight"),
        "output.weight" => Some("lm_head.weight"),
        "output_norm.weight" => Some("model.norm.weight"),
        "rope_freqs.weight" => return Some(Role::RopeFactors(RopeFactors::All)),
        "rope_factors_short.weight" => return Some(Role::RopeFactors(RopeFactors::Short)),
        "rope_factors_long.weight" => return Some(Role::RopeFactors(RopeFactors::Long)),
        _ => None,
    };
    if let Some(global) = global {
        return Some(Role::Weight(global.to_owned()));
    }
    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let canonical_number = layer.parse::<u32>().is_ok_and(|n| n.to_string() == layer);
    let (module, kind) = rest.rsplit_once('.')?;
    if !canonical_number || !matches!(kind, "weight" | "bias") {
        return None;
    }
    if let Some(experts) = experts(arch, module) {
        // Hugging Face keeps stacked experts as bare parameters, without `.weight`.
        return (kind == "weight").then(|| Role::Weight(format!("model.layers.{layer}.{experts}")));
    }
    let module = module_name(arch, module)?;
    Some(Role::Weight(format!("model.layers.{layer}.{module}.{kind}")))
}

fn experts(arch: GgufArch, module: &str) -> Option<&'static str> {
    match (arch, module) {
        (GgufArch::Llama4, "ffn_gate_exps") => Some("feed_forward.experts.gate_proj"),
        (GgufArch::Llama4, "ffn_up_exps") => Some("feed_forward.experts.up_proj"),
        (GgufArch::Llama4, "ffn_down_exps") => Some("feed_forward.experts.down_proj"),
        _ => None,
    }
}

fn module_name(arch: GgufArch, module: &str) -> Option<&'static str> {
    use GgufArch::*;
    Some(match (arch, module) {
        (_, "attn_norm") => "input_layernorm",
        (_, "attn_q") => "self_attn.q_proj",
        (_, "attn_k") => "self_attn.k_proj",
        (_, "attn_v") => "self_attn.v_proj",
        (_, "attn_output") => "self_attn.o_proj",
        (Phi3, "attn_qkv") => "self_attn.qkv_proj",
        (Qwen3 | Gemma3, "attn_q_norm") => "self_attn.q_norm",
        (Qwen3 | Gemma3, "attn_k_norm") => "self_attn.k_norm",
        (Gemma3, "post_attention_norm") => "post_attention_layernorm",
        (Gemma3, "ffn_norm") => "pre_feedforward_layernorm",
        (Gemma3, "post_ffw_norm") => "post_feedforward_layernorm",
        (_, "ffn_norm") => "post_attention_layernorm",
        (Llama4, "ffn_gate") => "feed_forward.gate_proj",
        (Llama4, "ffn_up") => "feed_forward.up_proj",
        (Llama4, "ffn_down") => "feed_forward.down_proj",
        (Llama4, "ffn_gate_inp") => "feed_forward.router",
        (Llama4, "ffn_gate_shexp") => "feed_forward.shared_expert.gate_proj",
        (Llama4, "ffn_up_shexp") => "feed_forward.shared_expert.up_proj",
        (Llama4, "ffn_down_shexp") => "feed_forward.shared_expert.down_proj",
        (Phi3, "ffn_up") => "mlp.gate_up_proj",
        (_, "ffn_gate") => "mlp.gate_proj",
        (_, "ffn_up") => "mlp.up_proj",
        (_, "ffn_down") => "mlp.down_proj",
        _ => return None,
    })
}

/// A vision tower whose tensors have names here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VisionArch {
    Idefics3,
    Llama4,
}

impl VisionArch {
    /// Its name, which is llama.cpp's `clip.projector_type` too; the `model_type`s of multimodal models that have it; the
    /// family of their text models; the variant.
    const ALL: [(&'static str, &'static [&'static str], &'static str, VisionArch); 2] = [
        ("idefics3", &["idefics3", "smolvlm"], "llama", VisionArch::Idefics3),
        ("llama4", &["llama4"], "llama4", VisionArch::Llama4),
    ];

    pub(crate) fn of_wrapper(model_type: &str) -> Option<VisionArch> {
        VisionArch::ALL.iter().find(|(_, types, ..)| types.contains(&model_type)).map(|&(.., arch)| arch)
    }

    pub(crate) fn of_projector(projector: &str) -> Option<VisionArch> {
        VisionArch::ALL.iter().find(|(name, ..)| *name == projector).map(|&(.., arch)| arch)
    }

    fn row(self) -> &'static (&'static str, &'static [&'static str], &'static str, VisionArch) {
        VisionArch::ALL.iter().find(|(.., arch)| *arch == self).expect("every variant is listed")
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().0
    }

    /// The token that stands in the text for each feature of a picture, as the tokenizers of all its models have it.
    pub(crate) fn image_token_text(self) -> &'static str {
        match self {
            VisionArch::Idefics3 => "<image>",
            VisionArch::Llama4 => "<|patch|>",
        }
    }

    /// The family of the text models that see with it.
    pub(crate) fn text_family(self) -> &'static str {
        self.row().2
    }
}

/// Every vision tower that is known.
pub fn known_towers() -> Vec<&'static str> {
    VisionArch::ALL.iter().map(|(name, ..)| *name).collect()
}

/// Prefixes of the canonical names of towers and connectors.
pub(crate) const VISION_PREFIXES: [&str; 3] = ["vision_tower.", "connector.", "multi_modal_projector."];

/// The canonical name of a tensor of an mmproj GGUF; `None` if its tower has no such tensor.
/// Source: llama.cpp's gguf-py/gguf/tensor_mapping.py.
pub(crate) fn mmproj_name(arch: VisionArch, name: &str) -> Option<String> {
    use VisionArch::*;
    let global = match (arch, name) {
        (Idefics3, "v.patch_embd.weight") => "vision_tower.embeddings.patch_embedding.weight",
        (Idefics3, "v.patch_embd.bias") => "vision_tower.embeddings.patch_embedding.bias",
        (Idefics3, "v.position_embd.weight") => "vision_tower.embeddings.position_embedding.weight",
        (Idefics3, "v.post_ln.weight") => "vision_tower.post_layernorm.weight",
        (Idefics3, "v.post_ln.bias") => "vision_tower.post_layernorm.bias",
        (Idefics3, "mm.model.fc.weight") => "connector.modality_projection.proj.weight",
        (Llama4, "v.patch_embd.weight") => "vision_tower.patch_embedding.linear.weight",
        (Llama4, "v.class_embd") => "vision_tower.class_embedding",
        (Llama4, "v.position_embd.weight") => "vision_tower.positional_embedding_vlm",
        (Llama4, "v.pre_ln.weight") => "vision_tower.layernorm_pre.weight",
        (Llama4, "v.pre_ln.bias") => "vision_tower.layernorm_pre.bias",
        (Llama4, "v.post_ln.weight") => "vision_tower.layernorm_post.weight",
        (Llama4, "v.post_ln.bias") => "vision_tower.layernorm_post.bias",
        (Llama4, "mm.model.mlp.1.weight") => "vision_tower.vision_adapter.mlp.fc1.weight",
        (Llama4, "mm.model.mlp.2.weight") => "vision_tower.vision_adapter.mlp.fc2.weight",
        (Llama4, "mm.model.fc.weight") => "multi_modal_projector.linear_1.weight",
        _ => {
            let (layer, rest) = name.strip_prefix("v.blk.")?.split_once('.')?;
            let (module, kind) = rest.rsplit_once('.')?;
            let canonical_number = layer.parse::<u32>().is_ok_and(|n| n.to_string() == layer);
            let module = mmproj_module(arch, module)?;
            let layers = if arch == Idefics3 { "encoder" } else { "model" };
            let fits = canonical_number && matches!(kind, "weight" | "bias");
            return fits.then(|| format!("vision_tower.{layers}.layers.{layer}.{module}.{kind}"));
        }
    };
    Some(global.to_owned())
}

fn mmproj_module(arch: VisionArch, module: &str) -> Option<&'static str> {
    use VisionArch::*;
    Some(match (arch, module) {
        (_, "attn_q") => "self_attn.q_proj",
        (_, "attn_k") => "self_attn.k_proj",
        (_, "attn_v") => "self_attn.v_proj",
        (_, "ffn_up") => "mlp.fc1",
        (_, "ffn_down") => "mlp.fc2",
        (Idefics3, "attn_out") => "self_attn.out_proj",
        (Idefics3, "ln1") => "layer_norm1",
        (Idefics3, "ln2") => "layer_norm2",
        (Llama4, "attn_out") => "self_attn.o_proj",
        (Llama4, "ln1") => "input_layernorm",
        (Llama4, "ln2" | "attn_post_norm") => "post_attention_layernorm",
        _ => return None,
    })
}

/// The canonical name of a safetensors tensor: text models lose the wrapper that multimodal checkpoints put around
/// them, vision towers and projectors get one spelling. `None` for buffers that are no weights.
pub(crate) fn unwrapped(name: &str) -> Option<String> {
    if name.ends_with(".rotary_emb.inv_freq") {
        return None; // computed from the config; files of 2023 carried it along
    }
    /// Prefix in the file, prefix in canonical names; the first that fits counts.
    const PREFIXES: [(&str, &str); 13] = [
        ("language_model.model.", "model."),
        ("language_model.lm_head.", "lm_head."),
        ("model.language_model.lm_head.", "lm_head."),
        ("model.language_model.", "model."),
        ("model.text_model.", "model."),
        ("model.vision_tower.vision_model.", "vision_tower."),
        ("vision_tower.vision_model.", "vision_tower."),
        ("model.vision_tower.", "vision_tower."),
        ("model.vision_model.", "vision_tower."),
        ("vision_model.", "vision_tower."),
        ("model.connector.", "connector."),
        ("model.multi_modal_projector.", "multi_modal_projector."),
        ("", ""),
    ];
    PREFIXES.iter().find_map(|(from, to)| name.strip_prefix(from).map(|rest| format!("{to}{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_gguf_name_means_what_its_architecture_says() {
        let named = |arch, name| match role(arch, name) {
            Some(Role::Weight(name)) => name,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(named(GgufArch::Llama, "blk.7.ffn_norm.weight"), "model.layers.7.post_attention_layernorm.weight");
        assert_eq!(named(GgufArch::Gemma3, "blk.7.ffn_norm.weight"), "model.layers.7.pre_feedforward_layernorm.weight");
        assert_eq!(named(GgufArch::Phi3, "blk.0.ffn_up.weight"), "model.layers.0.mlp.gate_up_proj.weight");
        assert_eq!(named(GgufArch::Llama4, "blk.1.ffn_up_exps.weight"), "model.layers.1.feed_forward.experts.up_proj");
        assert_eq!(named(GgufArch::Qwen2, "blk.0.attn_q.bias"), "model.layers.0.self_attn.q_proj.bias");
    }

    #[test]
    fn a_tensor_that_the_architecture_does_not_have_has_no_role() {
        for name in
            ["blk.0.attn_sinks.weight", "blk.0.ffn_gate_exps.weight", "blk.x.attn_q.weight", "blk.00.attn_q.weight"]
        {
            assert_eq!(role(GgufArch::Llama, name), None, "{name}");
        }
        assert_eq!(role(GgufArch::Llama, "blk.0.attn_q_norm.weight"), None);
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
