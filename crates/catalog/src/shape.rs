//! The shape of a published checkpoint: what has to be known of it to predict, before a file is fetched, what it takes.

use serde::{Deserialize, Serialize};

use crate::catalog::Wrong;
use crate::figure::Provenance;

/// One published checkpoint of a card. Its files were not opened here: each figure has the standing of its source.
///
/// Where `network` names an architecture, the other figures are the hyperparameters of that network, and it has none of an
/// outline. Where it does not, they outline the checkpoint as far as memory and reading go: `caches`, `experts`,
/// `state_bytes` and the parameter counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Its name on the hub, one of the card's; none of what comes inside this program.
    pub hub: Option<String>,
    /// Parameters in its files, towers included, a tied table once.
    pub parameters: u64,
    /// The `model_type` whose text network it has, tensor for tensor; none where that network is not written down here.
    pub network: Option<String>,
    /// Decoder layers.
    pub n_layers: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Width of the dense MLP, or of one expert where every layer has experts.
    pub d_ff: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Whether the output projection is the embedding.
    pub tied_embeddings: bool,
    /// Longest sequence in tokens.
    pub max_seq_len: usize,
    /// Base of the rotary frequencies, of the layers that see the whole context.
    pub rope_theta: Option<f64>,
    /// What only its architecture's configuration has, under the names of `config.json`.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    #[schemars(schema_with = "hyperparameters")]
    pub config: toml::Table,
    /// Of an outline: its layers that keep keys and values, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caches: Vec<CacheShape>,
    /// Of an outline: its routed experts.
    pub experts: Option<ExpertsShape>,
    /// Of an outline: recurrent and convolution state of one sequence, f32, in bytes.
    #[serde(default)]
    pub state_bytes: u64,
    /// Of an outline: parameters in tables of which a token looks up one row, beside the embedding.
    #[serde(default)]
    pub lookup_parameters: u64,
    /// Parameters in its files that decoding never reads, such as a block that predicts several tokens ahead. They are no part
    /// of `network`.
    #[serde(default)]
    pub idle_parameters: u64,
    /// The type that its maker publishes routed experts in and that every quantisation keeps.
    pub experts_stored: Option<String>,
    /// What it sees and hears with.
    pub vision: Option<VisionShape>,
    /// What its maker publishes.
    pub native: Option<PublishedFile>,
    /// Sizes of GGUF files of its text model that others publish.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PublishedFile>,
    /// Where the figures come from.
    pub provenance: Provenance,
}

/// Layers of one kind that keep keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheShape {
    /// How many.
    pub n_layers: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Positions that stay; without it all.
    pub window: Option<usize>,
}

/// Routed experts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpertsShape {
    /// Layers that have them.
    pub n_layers: usize,
    /// Experts of a layer.
    pub n_experts: usize,
    /// Those that a token uses.
    pub top_k: usize,
    /// Width of one.
    pub d_ff: usize,
    /// Matrices of one: three where it is gated.
    pub matrices: usize,
}

/// A vision tower with its projector, and other towers beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VisionShape {
    /// What kind of tower.
    pub tower: String,
    /// Parameters of towers and projectors.
    pub parameters: u64,
    /// Layers.
    pub n_layers: Option<usize>,
    /// Width of a patch's row.
    pub d_model: Option<usize>,
    /// Width of the MLP.
    pub d_ff: Option<usize>,
    /// Edge of a patch, in pixels.
    pub patch_size: Option<usize>,
    /// Tokens of a picture; none where the papers do not tell.
    pub picture_tokens: Option<usize>,
    /// Patches that pass through the tower together.
    pub patches_at_once: Option<usize>,
    /// For which picture that holds.
    pub picture: Option<String>,
    /// The `model_type` of multimodal models whose tower it has, tensor for tensor; none where it is not written down here.
    pub network: Option<String>,
    /// Its hyperparameters under the names of `vision_config`, where `network` is told.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    #[schemars(schema_with = "hyperparameters")]
    pub config: toml::Table,
}

/// Any names with any values.
fn hyperparameters(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object" })
}

/// A file or a set of files that somebody publishes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedFile {
    /// `BF16`, `Q4_K_M`.
    pub quantisation: String,
    /// Its size, rounded as published, in bytes.
    pub bytes: f64,
    /// Where the size comes from.
    pub provenance: Provenance,
}

/// Far beyond any published model; it keeps a damaged figure from becoming an overflow.
const MOST: u64 = 1 << 50;
const MOST_OF_A_SIZE: usize = 1 << 32;

impl Shape {
    /// What it is called beside others of its card: its name on the hub without the owner.
    pub fn name(&self) -> Option<&str> {
        self.hub.as_deref().map(crate::names::without_owner)
    }

    /// What types cannot tell: the key, and what is wrong.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        let sizes = [
            ("n_layers", self.n_layers),
            ("d_model", self.d_model),
            ("d_ff", self.d_ff),
            ("n_heads", self.n_heads),
            ("n_kv_heads", self.n_kv_heads),
            ("head_dim", self.head_dim),
            ("vocab_size", self.vocab_size),
            ("max_seq_len", self.max_seq_len),
        ];
        if let Some((key, _)) = sizes.into_iter().find(|(_, size)| !(1..=MOST_OF_A_SIZE).contains(size)) {
            return Err((key.to_owned(), format!("expected a whole number from 1 to {MOST_OF_A_SIZE}")));
        }
        let total = |name: &str, what: &str| Err((name.to_owned(), what.to_owned()));
        if !(1..=MOST).contains(&self.parameters) {
            return total("parameters", "expected the number of parameters");
        }
        if self.network.is_none() && self.caches.is_empty() && self.state_bytes == 0 {
            return total("network", "expected an architecture, or `caches` or `state_bytes` that outline one");
        }
        if let Some(experts) = &self.experts
            && !(1..=experts.n_experts).contains(&experts.top_k)
        {
            return Err(("experts.top_k".to_owned(), format!("expected 1 to {}", experts.n_experts)));
        }
        if self.parameters < self.outside_the_body() {
            return total("parameters", "expected no fewer than those of its tables, towers and experts");
        }
        for (i, file) in self.files.iter().chain(&self.native).enumerate() {
            if !(file.bytes.is_finite() && file.bytes > 0.0) {
                return Err((format!("files[{i}].bytes"), "expected a size in bytes".to_owned()));
            }
        }
        Ok(())
    }

    /// Parameters of the embedding, of an output projection that is not it, of other tables, towers and routed experts.
    fn outside_the_body(&self) -> u64 {
        let table = self.embedding_parameters();
        let head = if self.tied_embeddings { 0 } else { table };
        let towers = self.vision.as_ref().map_or(0, |vision| vision.parameters);
        [table, head, towers, self.lookup_parameters, self.idle_parameters, self.expert_parameters()]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Parameters that every token meets: what is left of an outline beside tables, towers and experts.
    pub fn body_parameters(&self) -> u64 {
        self.parameters.saturating_sub(self.outside_the_body())
    }

    /// Parameters of the embedding.
    pub fn embedding_parameters(&self) -> u64 {
        (self.vocab_size as u64).saturating_mul(self.d_model as u64)
    }

    /// Parameters of all routed experts.
    pub fn expert_parameters(&self) -> u64 {
        self.experts.as_ref().map_or(0, |experts| {
            [experts.n_layers, experts.n_experts, experts.matrices, experts.d_ff, self.d_model]
                .into_iter()
                .fold(1, |product, factor| u64::saturating_mul(product, factor as u64))
        })
    }
}
