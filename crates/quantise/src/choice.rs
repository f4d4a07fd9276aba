//! Which type a mix gives each tensor.
//! Source: llama.cpp, `src/llama-quant.cpp` (`llama_tensor_get_type_impl`, `tensor_type_fallback`, `tensor_requires_imatrix`).

use plimsoll_kernels::DType;

use crate::mix::{Mix, Model, Place};
use crate::role::Role;

impl Mix {
    /// The type of a matrix; what is kept as it is has none.
    pub fn type_of(self, model: &Model, place: &Place) -> Option<DType> {
        if place.role == Role::Kept {
            return None;
        }
        let dtype = if self.dtype().is_float() { self.dtype() } else { self.chosen(model, place) };
        Some(fitting(dtype, place.cols))
    }

    /// Whether a matrix in this type is too coarse to be written without an importance matrix.
    pub fn needs_importance(self, role: Role, dtype: DType) -> bool {
        let is_coarse = is_coarse(dtype) || dtype == DType::Q2_K && self == Mix::Q2_K_S;
        is_coarse && !matches!(role, Role::Embedding | Role::Output | Role::Kept)
    }

    fn chosen(self, model: &Model, place: &Place) -> DType {
        match place.role {
            Role::Output => self.head(place.cols),
            Role::Embedding if model.tied => self.head(place.cols),
            _ if self == Mix::MXFP4 => {
                if place.is_stack {
                    DType::MXFP4
                } else {
                    DType::Q8_0
                }
            }
            Role::Embedding => self.embedding(),
            _ if self.is_two_bit() => self.two_bit(model, place),
            Role::Value => match self.value(model, place.layer) {
                DType::Q3_K | DType::Q4_K if model.is_70b => DType::Q5_K,
                dtype => dtype,
            },
            Role::Key if model.n_experts == 8 => DType::Q8_0,
            Role::Key | Role::Query if self == Mix::IQ3_XS => DType::IQ3_XXS,
            Role::Key | Role::Query if self == Mix::IQ3_XXS => DType::IQ2_S,
            Role::Up | Role::Gate if self == Mix::IQ3_XS && is_between(place.layer, model.n_layers) => DType::IQ3_XXS,
            Role::Down => self.down(model, place.layer),
            Role::AttentionOutput => self.attention_output(model),
            _ => self.dtype(),
        }
    }

    /// Of the output projection, or of the embedding where that is both.
    fn head(self, cols: usize) -> DType {
        match self {
            Mix::Q8_0 | Mix::MXFP4 => DType::Q8_0,
            _ if !cols.is_multiple_of(self.dtype().block_len()) => DType::Q8_0,
            Mix::IQ3_XXS => DType::Q5_K,
            _ if self.is_two_bit() => DType::Q5_K,
            _ => DType::Q6_K,
        }
    }

    /// Of the embedding where something else is the output projection.
    fn embedding(self) -> DType {
        match self {
            Mix::TQ1_0 | Mix::TQ2_0 => DType::Q4_K,
            Mix::IQ2_XXS | Mix::IQ2_XS | Mix::IQ1_M | Mix::IQ1_S => DType::Q2_K,
            Mix::IQ2_S | Mix::IQ2_M | Mix::IQ3_XXS => DType::IQ3_S,
            _ => self.dtype(),
        }
    }

    fn is_two_bit(self) -> bool {
        matches!(self, Mix::IQ2_XXS | Mix::IQ2_XS | Mix::IQ2_S | Mix::IQ2_M | Mix::IQ1_M | Mix::IQ1_S)
    }

    /// Of a matrix in a layer, of mixes whose weights are mostly of two bits and fewer out of a codebook.
    fn two_bit(self, model: &Model, place: &Place) -> DType {
        let is_large = matches!(self, Mix::IQ2_S | Mix::IQ2_M);
        let more = if is_large { DType::IQ3_S } else { DType::Q2_K };
        match place.role {
            Role::Value if model.group >= 4 || model.n_experts >= 4 => DType::Q4_K,
            Role::Value => more,
            Role::Key if model.n_experts == 8 => DType::Q4_K,
            Role::Down if place.layer < model.n_layers / 8 => more,
            Role::AttentionOutput if model.n_experts == 8 => DType::Q5_K,
            Role::AttentionOutput if is_large => DType::IQ3_S,
            Role::AttentionOutput if matches!(self, Mix::IQ1_M | Mix::IQ1_S) => DType::IQ2_XXS,
            _ => self.dtype(),
        }
    }

    fn value(self, model: &Model, layer: usize) -> DType {
        let wide = model.group >= 4;
        match self {
            _ if model.n_experts == 8 => DType::Q8_0,
            Mix::Q2_K => {
                if wide {
                    DType::Q4_K
                } else {
                    DType::Q3_K
                }
            }
            Mix::Q3_K_M => {
                if layer < 2 {
                    DType::Q5_K
                } else {
                    DType::Q4_K
                }
            }
            Mix::Q3_K_L => DType::Q5_K,
            Mix::IQ3_M => DType::Q4_K,
            Mix::IQ3_S | Mix::IQ3_XS | Mix::IQ3_XXS | Mix::Q2_K_S if wide => DType::Q4_K,
            Mix::IQ3_XXS if !model.is_weighed => DType::IQ3_S,
            Mix::IQ4_NL | Mix::IQ4_XS if wide => DType::Q5_K,
            Mix::Q4_K_M | Mix::Q5_K_M if gets_more_bits(layer, model.n_layers) => DType::Q6_K,
            Mix::Q4_K_S if layer < 4 => DType::Q5_K,
            _ => self.dtype(),
        }
    }

    fn down(self, model: &Model, layer: usize) -> DType {
        match self {
            Mix::Q2_K => DType::Q3_K,
            Mix::Q3_K_M => {
                if layer < model.n_layers / 16 {
                    DType::Q5_K
                } else {
                    DType::Q4_K
                }
            }
            Mix::Q3_K_L => DType::Q5_K,
            Mix::Q2_K_S if layer < model.n_layers / 8 => DType::Q4_K,
            Mix::IQ3_XXS if !model.is_weighed => {
                if layer < model.n_layers / 8 {
                    DType::Q4_K
                } else {
                    DType::Q3_K
                }
            }
            Mix::Q4_K_M | Mix::Q5_K_M if gets_more_bits(layer, model.n_layers) => DType::Q6_K,
            Mix::IQ3_M
                if layer < model.n_layers / 8 || model.n_experts == 8 && gets_more_bits(layer, model.n_layers) =>
            {
                DType::Q4_K
            }
            Mix::Q4_K_S if layer < model.n_layers / 8 => DType::Q5_K,
            Mix::IQ4_NL | Mix::IQ4_XS if layer < model.n_layers / 8 && !model.is_weighed => DType::Q5_K,
            Mix::Q4_0 if layer < model.n_layers / 8 && model.is_weighed => DType::Q4_1,
            Mix::Q5_0 if layer < model.n_layers / 8 && model.is_weighed => DType::Q5_1,
            _ => self.dtype(),
        }
    }

    fn attention_output(self, model: &Model) -> DType {
        use Mix::{IQ3_M, IQ3_S, IQ3_XS, IQ3_XXS, IQ4_NL, IQ4_XS, Q2_K, Q3_K_L, Q3_K_M, Q3_K_S, Q4_K_M, Q4_K_S};
        match self {
            Q2_K | Q3_K_S | Q3_K_M | Q4_K_S | Q4_K_M | IQ4_NL | IQ4_XS | IQ3_S | IQ3_M | IQ3_XS | IQ3_XXS
                if model.n_experts == 8 =>
            {
                DType::Q5_K
            }
            _ if model.n_experts == 8 => self.dtype(),
            Q2_K => DType::Q3_K,
            IQ3_XXS => DType::IQ3_S,
            Q3_K_M | IQ3_M => DType::Q4_K,
            Q3_K_L => DType::Q5_K,
            _ => self.dtype(),
        }
    }
}

/// The first and the last eighth of the layers, and every third between.
fn gets_more_bits(layer: usize, n_layers: usize) -> bool {
    let eighth = n_layers / 8;
    layer < eighth || layer >= 7 * n_layers / 8 || (layer - eighth) % 3 == 2
}

/// Neither the first nor the last eighth of the layers.
fn is_between(layer: usize, n_layers: usize) -> bool {
    (n_layers / 8..7 * n_layers / 8).contains(&layer)
}

/// Whether a type keeps little of any matrix where all columns count alike.
pub(crate) fn is_coarse(dtype: DType) -> bool {
    use DType::{IQ1_M, IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_XXS};
    matches!(dtype, IQ3_XXS | IQ2_S | IQ2_XS | IQ2_XXS | IQ1_M | IQ1_S)
}

/// The type, or the one that takes its place where its blocks do not divide a row.
pub fn fitting(dtype: DType, cols: usize) -> DType {
    let fallback = match dtype {
        DType::Q2_K | DType::Q3_K | DType::TQ1_0 | DType::TQ2_0 => DType::Q4_0,
        DType::Q4_K => DType::Q5_0,
        DType::Q5_K => DType::Q5_1,
        DType::Q6_K => DType::Q8_0,
        DType::IQ4_XS | DType::IQ3_S | DType::IQ3_XXS | DType::IQ2_S | DType::IQ2_XS | DType::IQ2_XXS => DType::IQ4_NL,
        DType::IQ1_M | DType::IQ1_S => DType::IQ4_NL,
        other => other,
    };
    let fits = |dtype: &DType| cols.is_multiple_of(dtype.block_len());
    [dtype, fallback].into_iter().find(fits).unwrap_or(DType::F16)
}
