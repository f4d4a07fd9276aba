//! The text half of Qwen2.5-VL: Qwen2 whose pairs turn by a token's time, row and column, one behind the other. Source:
//! transformers modeling_qwen2_5_vl.py, configuration_qwen2_5_vl.py; llama.cpp src/models/qwen2vl.cpp.

use serde_json::json;

use super::{Arch, Class, Gguf, RopeDefaults, Sections, llama, qwen2};

pub(crate) const ARCH: Arch = Arch {
    name: "qwen2vl",
    classes: &[CLASS],
    unwritten: Some("by what pairs of its heads turn in pictures"),
    gguf: Gguf { facts: |config| config.sections(), ..qwen2::ARCH.gguf },
    writes_mlx: false,
    ..qwen2::ARCH
};

const CLASS: Class = Class {
    model_type: "qwen2_5_vl_text",
    defaults: || {
        json!({
            "vocab_size": 152064, "hidden_size": 8192, "intermediate_size": 29568, "num_hidden_layers": 80,
            "num_attention_heads": 64, "num_key_value_heads": 8, "hidden_act": "silu",
            "max_position_embeddings": 32768, "rms_norm_eps": 1e-5, "tie_word_embeddings": false,
            "use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 80,
        })
    },
    rope: RopeDefaults {
        theta: 1e6,
        aliases: &[("mrope", "default")],
        sections: Some(Sections { interleaved: false, usual: [16, 24, 24] }),
        ..llama::CLASS.rope
    },
    ..qwen2::CLASS
};
