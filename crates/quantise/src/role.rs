//! What a tensor is for, by its name in a GGUF. Source: llama.cpp, `src/llama-quant.cpp` (`tensor_get_category`,
//! `tensor_allows_quantization`).

/// What a tensor is for, as far as its type depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The embedding.
    Embedding,
    /// The output projection.
    Output,
    /// Queries.
    Query,
    /// Keys.
    Key,
    /// Values, or queries, keys and values in one.
    Value,
    /// The output projection of attention.
    AttentionOutput,
    /// The last matrix of an MLP, or a stack of such.
    Down,
    /// The matrix of an MLP whose outputs are multiplied by the gate's, or a stack of such; both in one count too.
    Up,
    /// The gate of an MLP, or a stack of such.
    Gate,
    /// Another matrix.
    Other,
    /// A vector, or a matrix that is too small or too delicate: routers, positions, convolutions.
    Kept,
}

/// Beginnings, ends and parts of names of matrices that are never written as blocks.
const KEPT: [&str; 9] = [
    "_norm.weight",
    "ffn_gate_inp.weight",
    ".position_embd",
    ".patch_embd",
    ".patch_merger",
    ".rel_pos",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "per_layer_model_proj",
];

impl Role {
    /// The role of the tensor `name` of `n_dims` dimensions.
    pub fn of(name: &str, n_dims: usize) -> Role {
        let has = |part: &str| name.contains(part);
        match name {
            _ if n_dims < 2 || !name.ends_with("weight") || KEPT.into_iter().any(has) => Role::Kept,
            "token_embd.weight" | "per_layer_token_embd.weight" => Role::Embedding,
            "output.weight" => Role::Output,
            _ if has("attn_q.weight") => Role::Query,
            _ if has("attn_k.weight") => Role::Key,
            _ if has("attn_v.weight") || has("attn_qkv.weight") || has("attn_kv_b.weight") => Role::Value,
            _ if has("attn_output.weight") => Role::AttentionOutput,
            _ if has("ffn_down") => Role::Down,
            _ if has("ffn_up") => Role::Up,
            _ if has("ffn_gate") => Role::Gate,
            _ => Role::Other,
        }
    }
}

/// The layer that a tensor stands in.
pub fn layer_of(name: &str) -> Option<usize> {
    let (_, behind) = name.split_once("blk.")?;
    behind.split('.').next()?.parse().ok()
}
