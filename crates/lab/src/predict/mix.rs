//! Which stored type each weight has in the usual GGUF files of a model. Source: llama.cpp, `src/llama-quant.cpp`
//! (`llama_tensor_get_type`), without an importance matrix.

use std::fmt;

use plimsoll_graph::{WeightDecl, WeightKind};
use plimsoll_kernels::DType;
use plimsoll_models::EMBEDDING;
use serde::{Deserialize, Serialize};

/// A usual way of storing a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[allow(non_camel_case_types)] // llama.cpp's spelling, by which files are called
pub enum Quantisation {
    /// As most makers publish.
    BF16,
    /// 8 bits.
    Q8_0,
    /// 6 bits.
    Q6_K,
    /// 5 bits, some of the weights 6.
    Q5_K_M,
    /// 4 bits, some of the weights 6.
    Q4_K_M,
    /// 4 bits.
    Q4_0,
}

impl Quantisation {
    /// All of them, the most precise first.
    pub const ALL: [Quantisation; 6] = [
        Quantisation::BF16,
        Quantisation::Q8_0,
        Quantisation::Q6_K,
        Quantisation::Q5_K_M,
        Quantisation::Q4_K_M,
        Quantisation::Q4_0,
    ];

    /// The type of most weights.
    pub fn dtype(self) -> DType {
        match self {
            Quantisation::BF16 => DType::BF16,
            Quantisation::Q8_0 => DType::Q8_0,
            Quantisation::Q6_K => DType::Q6_K,
            Quantisation::Q5_K_M => DType::Q5_K,
            Quantisation::Q4_K_M => DType::Q4_K,
            Quantisation::Q4_0 => DType::Q4_0,
        }
    }

    /// Whether weights have 8 bits or more, of which engines reach a larger share of a memory's bandwidth.
    pub fn is_wide(self) -> bool {
        matches!(self, Quantisation::BF16 | Quantisation::Q8_0)
    }

    /// The type of the output projection, or of the embedding where that is both.
    fn head(self) -> DType {
        if self.is_wide() { self.dtype() } else { DType::Q6_K }
    }

    /// The type of those weights to which a mixture gives more bits.
    fn raised(self) -> DType {
        match self {
            Quantisation::Q5_K_M | Quantisation::Q4_K_M => DType::Q6_K,
            _ => self.dtype(),
        }
    }

    /// The type of queries, keys and values in one tensor.
    fn fused(self) -> DType {
        match self {
            Quantisation::Q4_K_M => DType::Q5_K,
            Quantisation::Q5_K_M => DType::Q6_K,
            _ => self.dtype(),
        }
    }

    /// Bytes of `values` of the inner layers of a network of which no more is known than their number. A mixture raises a
    /// third of the MLP in half of the layers, a sixth of what is there at most.
    pub(super) fn body_bytes(self, values: u64) -> u64 {
        let bytes = |dtype: DType| values as f64 * dtype.block_bytes() as f64 / dtype.block_len() as f64;
        (bytes(self.dtype()) * 5.0 / 6.0 + bytes(self.raised()) / 6.0) as u64
    }

    /// Bytes of a table of `rows` by `cols`, which is the output projection too if `is_head`; and its type.
    pub(super) fn table(self, rows: usize, cols: usize, is_head: bool) -> (DType, u64) {
        stored(if is_head { self.head() } else { self.dtype() }, rows, cols)
    }
}

impl fmt::Display for Quantisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Ends of the names of what chooses experts, which no quantisation touches.
const ROUTERS: [&str; 3] = [".router", ".gate", ".router.proj"];

/// The table that every layer has columns of, which is stored as the embedding is.
const TABLE_OF_LAYERS: &str = "embed_tokens_per_layer";

/// What makes columns of the embedding for every layer, which stays as published.
const PROJECTION_FOR_LAYERS: &str = "per_layer_model_projection";

/// A quantisation of one network.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Which.
    pub quantisation: Quantisation,
    /// Decoder layers.
    pub n_layers: usize,
    /// Whether the output projection is the embedding.
    pub tied: bool,
    /// Whether the file has queries, keys and values in one tensor.
    pub qkv_as_one: bool,
    /// The type that routed experts keep however the rest is stored, if they do.
    pub experts: Option<DType>,
}

impl Mix {
    /// The stored type of a weight, and its bytes.
    pub fn stored(&self, weight: &WeightDecl) -> (DType, u64) {
        let cols = weight.shape.last().copied().unwrap_or(1);
        let rows = weight.shape.iter().rev().skip(1).product();
        stored(self.asked(weight), rows, cols)
    }

    /// The type that it would have if its rows were whole blocks.
    fn asked(&self, weight: &WeightDecl) -> DType {
        let name = weight.name.strip_suffix(".weight").unwrap_or(&weight.name);
        let Some((_, part)) = name.rsplit_once('.') else { return self.quantisation.head() };
        if let (true, Some(kept)) = (name.contains(".experts."), self.experts)
            && weight.kind == WeightKind::Experts
        {
            return kept;
        }
        match part {
            _ if matches!(weight.kind, WeightKind::Vector { .. }) => DType::F32,
            _ if (weight.name == EMBEDDING || part == TABLE_OF_LAYERS) && self.tied => self.quantisation.head(),
            _ if ROUTERS.iter().any(|router| name.ends_with(router)) => DType::F32,
            PROJECTION_FOR_LAYERS => DType::BF16,
            "in_proj_qkv" => self.quantisation.fused(),
            "q_proj" | "k_proj" | "v_proj" if self.qkv_as_one => self.quantisation.fused(),
            "v_proj" | "down_proj" if self.gets_more_bits(name) => self.quantisation.raised(),
            _ => self.quantisation.dtype(),
        }
    }

    /// `use_more_bits`: the first and the last eighth of the layers, and every third between.
    fn gets_more_bits(&self, name: &str) -> bool {
        let number = name.strip_prefix("model.layers.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        let eighth = self.n_layers / 8;
        number.is_some_and(|layer| layer < eighth || layer >= 7 * self.n_layers / 8 || (layer - eighth) % 3 == 2)
    }
}

/// What `rows` by `cols` take as `dtype`, or as the type that takes its place where blocks do not divide the columns.
fn stored(dtype: DType, rows: usize, cols: usize) -> (DType, u64) {
    let fallback = match dtype {
        DType::Q4_K => DType::Q5_0,
        DType::Q5_K => DType::Q5_1,
        DType::Q6_K => DType::Q8_0,
        other => other,
    };
    let fits = [dtype, fallback, DType::F16].into_iter().find_map(|dtype| Some((dtype, dtype.row_bytes(cols)?)));
    let (dtype, row) = fits.unwrap_or((DType::F32, 4 * cols));
    (dtype, (rows as u64).saturating_mul(row as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(quantisation: Quantisation) -> Mix {
        Mix { quantisation, n_layers: 32, tied: false, qkv_as_one: false, experts: None }
    }

    fn weight(name: &str, rows: usize, cols: usize) -> WeightDecl {
        WeightDecl { name: name.to_owned(), shape: vec![rows, cols], kind: WeightKind::Matrix }
    }

    #[test]
    fn half_of_the_layers_get_more_bits_where_a_mixture_gives_them() {
        let raised = |layer: usize| {
            let name = format!("model.layers.{layer}.mlp.down_proj.weight");
            mix(Quantisation::Q4_K_M).stored(&weight(&name, 16, 512)).0 == DType::Q6_K
        };
        // llama-quantize on 32 layers: the first four, the last four, and 6, 9, 12 … 27.
        let layers: Vec<usize> = (0..32).filter(|layer| raised(*layer)).collect();
        assert_eq!(layers, [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]);
        let gate = weight("model.layers.0.mlp.gate_proj.weight", 16, 512);
        assert_eq!(mix(Quantisation::Q4_K_M).stored(&gate), (DType::Q4_K, 16 * 2 * 144));
        let down = weight("model.layers.0.mlp.down_proj.weight", 16, 512);
        assert_eq!(mix(Quantisation::Q4_0).stored(&down), (DType::Q4_0, 16 * 16 * 18));
    }

    #[test]
    fn rows_that_are_no_whole_blocks_fall_back_to_wider_types() {
        let gate = |cols| weight("model.layers.5.mlp.gate_proj.weight", 1, cols);
        let of = |quantisation, cols| mix(quantisation).stored(&gate(cols)).0;
        assert_eq!(of(Quantisation::Q4_K_M, 576), DType::Q5_0);
        assert_eq!(of(Quantisation::Q5_K_M, 576), DType::Q5_1);
        assert_eq!(of(Quantisation::Q6_K, 576), DType::Q8_0);
        assert_eq!(of(Quantisation::Q4_K_M, 80), DType::F16);
    }

    #[test]
    fn the_output_projection_keeps_six_bits_and_a_tied_embedding_is_one() {
        let head = weight("lm_head.weight", 8, 256);
        let table = weight(EMBEDDING, 8, 256);
        for quantisation in [Quantisation::Q4_0, Quantisation::Q4_K_M, Quantisation::Q6_K] {
            assert_eq!(mix(quantisation).stored(&head).0, DType::Q6_K);
            assert_eq!(Mix { tied: true, ..mix(quantisation) }.stored(&table).0, DType::Q6_K);
        }
        assert_eq!(mix(Quantisation::Q4_K_M).stored(&table).0, DType::Q4_K);
        assert_eq!(mix(Quantisation::Q8_0).stored(&head).0, DType::Q8_0);
    }

    #[test]
    fn routers_stay_as_they_are_and_a_table_of_layers_is_stored_as_the_embedding() {
        let tied = Mix { tied: true, ..mix(Quantisation::Q4_K_M) };
        let of = |name: &str| tied.stored(&weight(name, 8, 256)).0;
        for router in ["mlp.gate", "mlp.router", "router.proj", "block_sparse_moe.router"] {
            assert_eq!(of(&format!("model.layers.9.{router}.weight")), DType::F32, "{router}");
        }
        assert_eq!(of("model.layers.9.mlp.gate_proj.weight"), DType::Q4_K);
        assert_eq!(of("model.embed_tokens_per_layer.weight"), DType::Q6_K);
        assert_eq!(of("model.per_layer_model_projection.weight"), DType::BF16);
        assert_eq!(of("model.layers.9.linear_attn.in_proj_qkv.weight"), DType::Q5_K);
    }

    #[test]
    fn experts_keep_the_type_that_their_maker_publishes() {
        let kept = Mix { experts: Some(DType::MXFP4), ..mix(Quantisation::Q4_K_M) };
        let experts = |mix: &Mix, part: &str| {
            let name = format!("model.layers.9.mlp.experts.{part}");
            mix.stored(&WeightDecl { name, shape: vec![4, 8, 256], kind: WeightKind::Experts })
        };
        assert_eq!(experts(&kept, "up_proj"), (DType::MXFP4, 4 * 8 * (256 / 32) * 17));
        assert_eq!(experts(&mix(Quantisation::Q4_K_M), "up_proj").0, DType::Q4_K);
        assert_eq!(kept.stored(&weight("model.layers.9.mlp.up_proj.weight", 8, 256)).0, DType::Q4_K);
    }

    #[test]
    fn queries_keys_and_values_in_one_tensor_get_a_bit_more() {
        let value = weight("model.layers.9.self_attn.v_proj.weight", 8, 256);
        let fused = Mix { qkv_as_one: true, ..mix(Quantisation::Q4_K_M) };
        assert_eq!(fused.stored(&value).0, DType::Q5_K);
        assert_eq!(mix(Quantisation::Q4_K_M).stored(&value).0, DType::Q6_K);
    }
}
