//! Which type each tensor of a file has that is called by one name, such as `Q4_K_M`.
//! Source: llama.cpp, `src/llama-quant.cpp` (`llama_tensor_get_type_impl`, `tensor_type_fallback`).

use std::fmt;

use plimsoll_kernels::DType;

use crate::role::Role;

macro_rules! mixes {
    ($($name:ident $number:literal $dtype:ident: $doc:literal,)*) => {
        /// A way of storing a model, called as llama.cpp calls it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(non_camel_case_types)] // llama.cpp's spelling
        pub enum Mix { $(#[doc = $doc] $name,)* }

        impl Mix {
            /// All of them, the most precise first.
            pub const ALL: &[Mix] = &[$(Mix::$name,)*];

            /// Its name, such as `"Q4_K_M"`.
            pub fn name(self) -> &'static str {
                match self { $(Mix::$name => stringify!($name),)* }
            }

            /// `general.file_type` of its files. Source: `enum llama_ftype` in llama.h.
            pub fn file_type(self) -> u32 {
                match self { $(Mix::$name => $number,)* }
            }

            /// The type of most weights.
            pub fn dtype(self) -> DType {
                match self { $(Mix::$name => DType::$dtype,)* }
            }

            /// What it is, in words.
            pub fn description(self) -> &'static str {
                match self { $(Mix::$name => $doc,)* }
            }
        }
    };
}

mixes! {
    F32 0 F32: "singles, which hold every published weight",
    BF16 32 BF16: "as most makers publish",
    F16 1 F16: "half precision",
    Q8_0 7 Q8_0: "8 bits",
    Q6_K 18 Q6_K: "6 bits",
    Q5_K_M 17 Q5_K: "5 bits, some of the weights 6",
    Q5_K_S 16 Q5_K: "5 bits",
    Q5_1 9 Q5_1: "5 bits, blocks of 32 with an offset",
    Q5_0 8 Q5_0: "5 bits, blocks of 32",
    Q4_K_M 15 Q4_K: "4 bits, some of the weights 6",
    Q4_K_S 14 Q4_K: "4 bits, a few of the weights 5",
    Q4_1 3 Q4_1: "4 bits, blocks of 32 with an offset",
    Q4_0 2 Q4_0: "4 bits, blocks of 32",
    IQ4_NL 25 IQ4_NL: "4 bits on a curve, blocks of 32",
    IQ4_XS 30 IQ4_XS: "4 bits on a curve",
    MXFP4 38 MXFP4: "experts as 4-bit floats, the rest 8 bits",
    Q3_K_L 13 Q3_K: "3 bits, many of the weights 5",
    Q3_K_M 12 Q3_K: "3 bits, some of the weights 4 and 5",
    Q3_K_S 11 Q3_K: "3 bits",
    IQ3_M 27 IQ3_S: "3 bits out of a codebook, some of the weights 4",
    IQ3_S 26 IQ3_S: "3 bits out of a codebook",
    Q2_K 10 Q2_K: "2 bits, some of the weights 3 and 4",
    TQ2_0 37 TQ2_0: "ternary, for models trained so",
    TQ1_0 36 TQ1_0: "ternary in less space, for models trained so",
}

/// What of a model bears on the type of a tensor.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Decoder layers.
    pub n_layers: usize,
    /// Whether the embedding is the output projection.
    pub tied: bool,
    /// Query heads for each key and value head.
    pub group: usize,
    /// Experts of a layer; 0 of a model without.
    pub n_experts: usize,
    /// Whether an importance matrix says how much its columns count.
    pub is_weighed: bool,
}

/// A tensor of it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// What it is for.
    pub role: Role,
    /// The layer that it stands in; 0 of one that stands in none.
    pub layer: usize,
    /// Whether it is a stack of experts.
    pub is_stack: bool,
    /// Values in a row.
    pub cols: usize,
}

impl Mix {
    /// The mix of this name, in whatever case; `MXFP4_MOE` and the names of types that mixes have in two sizes count too.
    pub fn named(name: &str) -> Option<Mix> {
        let meant = match &name.to_ascii_uppercase()[..] {
            "Q5_K" => "Q5_K_M".to_owned(),
            "Q4_K" => "Q4_K_M".to_owned(),
            "Q3_K" => "Q3_K_M".to_owned(),
            "MXFP4_MOE" => "MXFP4".to_owned(),
            other => other.to_owned(),
        };
        Mix::ALL.iter().copied().find(|mix| mix.name() == meant)
    }

    /// The type of a matrix; what is kept as it is has none.
    pub fn type_of(self, model: &Model, place: &Place) -> Option<DType> {
        if place.role == Role::Kept {
            return None;
        }
        let dtype = if self.dtype().is_float() { self.dtype() } else { self.chosen(model, place) };
        Some(fitting(dtype, place.cols))
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
            Role::Embedding if matches!(self, Mix::TQ1_0 | Mix::TQ2_0) => DType::Q4_K,
            Role::Value => self.value(model, place.layer),
            Role::Key if model.n_experts == 8 => DType::Q8_0,
            Role::Down => self.down(model, place.layer),
            Role::AttentionOutput => self.attention_output(model),
            _ => self.dtype(),
        }
    }

    /// Of the output projection, or of the embedding where that is both.
    fn head(self, cols: usize) -> DType {
        let is_wide = matches!(self, Mix::Q8_0 | Mix::MXFP4) || !cols.is_multiple_of(self.dtype().block_len());
        if is_wide { DType::Q8_0 } else { DType::Q6_K }
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
            Mix::IQ3_S if wide => DType::Q4_K,
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
        use Mix::{IQ3_M, IQ3_S, IQ4_NL, IQ4_XS, Q2_K, Q3_K_L, Q3_K_M, Q3_K_S, Q4_K_M, Q4_K_S};
        match self {
            Q2_K | Q3_K_S | Q3_K_M | Q4_K_S | Q4_K_M | IQ4_NL | IQ4_XS | IQ3_S | IQ3_M if model.n_experts == 8 => {
                DType::Q5_K
            }
            _ if model.n_experts == 8 => self.dtype(),
            Q2_K => DType::Q3_K,
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

/// The type, or the one that takes its place where its blocks do not divide a row.
pub fn fitting(dtype: DType, cols: usize) -> DType {
    let fallback = match dtype {
        DType::Q2_K | DType::Q3_K | DType::TQ1_0 | DType::TQ2_0 => DType::Q4_0,
        DType::Q4_K => DType::Q5_0,
        DType::Q5_K => DType::Q5_1,
        DType::Q6_K => DType::Q8_0,
        DType::IQ4_XS | DType::IQ3_S => DType::IQ4_NL,
        other => other,
    };
    let fits = |dtype: &DType| cols.is_multiple_of(dtype.block_len());
    [dtype, fallback].into_iter().find(fits).unwrap_or(DType::F16)
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
