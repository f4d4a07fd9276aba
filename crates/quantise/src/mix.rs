//! What files are called by whose weights are stored in one way, such as `Q4_K_M`. Source: llama.cpp, `include/llama.h`.

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
    IQ3_XS 22 IQ3_S: "3 bits out of two codebooks; needs an importance matrix",
    IQ3_XXS 23 IQ3_XXS: "3 bits out of a smaller codebook, some of the weights 2; needs an importance matrix",
    Q2_K 10 Q2_K: "2 bits, some of the weights 3 and 4",
    Q2_K_S 21 Q2_K: "2 bits, a few of the weights 4; needs an importance matrix",
    IQ2_M 29 IQ2_S: "2 bits out of a codebook, some of the weights 3; needs an importance matrix",
    IQ2_S 28 IQ2_XS: "2 bits out of a smaller codebook, some of the weights 3; needs an importance matrix",
    IQ2_XS 20 IQ2_XS: "2 bits out of a smaller codebook; needs an importance matrix",
    IQ2_XXS 19 IQ2_XXS: "2 bits out of the smallest codebook; needs an importance matrix",
    IQ1_M 31 IQ1_M: "under 2 bits out of a codebook of -1, 0 and 1; needs an importance matrix",
    IQ1_S 24 IQ1_S: "the same codebook, coarser scales; needs an importance matrix",
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
    /// Whether llama.cpp counts it among its 70B, whose values are few and take more bits.
    pub is_70b: bool,
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
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
