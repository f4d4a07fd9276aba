//! The types a weight may be stored in.

use std::fmt;

macro_rules! dtypes {
    ($($variant:ident $name:literal $values:literal values $bytes:literal bytes: $doc:literal,)*) => {
        /// How a tensor's values are stored: plain floats, or ggml's blocks of `block_len` values in `block_bytes` bytes.
        ///
        /// ```
        /// use plimsoll_kernels::DType;
        /// assert_eq!(DType::Q4_K.row_bytes(512), Some(2 * 144));
        /// assert_eq!(DType::Q4_K.row_bytes(500), None);
        /// ```
        #[allow(non_camel_case_types)] // ggml's spelling, which every model file uses
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DType { $(#[doc = $doc] $variant,)* }

        impl DType {
            /// Every type, in the order of the enum.
            pub const ALL: &[DType] = &[$(DType::$variant,)*];

            /// ggml's name, such as `"Q4_K"`.
            pub fn name(self) -> &'static str {
                match self { $(DType::$variant => $name,)* }
            }

            /// Values in one block; 1 for the float types.
            pub const fn block_len(self) -> usize {
                match self { $(DType::$variant => $values,)* }
            }

            /// Bytes of one block.
            pub const fn block_bytes(self) -> usize {
                match self { $(DType::$variant => $bytes,)* }
            }
        }
    };
}

dtypes! {
    F32 "F32" 1 values 4 bytes: "IEEE single precision.",
    F16 "F16" 1 values 2 bytes: "IEEE half precision.",
    BF16 "BF16" 1 values 2 bytes: "The upper half of a single.",
    Q4_0 "Q4_0" 32 values 18 bytes: "4 bits and a scale.",
    Q4_1 "Q4_1" 32 values 20 bytes: "4 bits, a scale and a minimum.",
    Q5_0 "Q5_0" 32 values 22 bytes: "5 bits and a scale.",
    Q5_1 "Q5_1" 32 values 24 bytes: "5 bits, a scale and a minimum.",
    Q8_0 "Q8_0" 32 values 34 bytes: "8 bits and a scale.",
    Q2_K "Q2_K" 256 values 84 bytes: "2 bits, 4-bit scales and minima per 16.",
    Q3_K "Q3_K" 256 values 110 bytes: "3 bits, 6-bit scales per 16.",
    Q4_K "Q4_K" 256 values 144 bytes: "4 bits, 6-bit scales and minima per 32.",
    Q5_K "Q5_K" 256 values 176 bytes: "5 bits, 6-bit scales and minima per 32.",
    Q6_K "Q6_K" 256 values 210 bytes: "6 bits, 8-bit scales per 16.",
    IQ1_S "IQ1_S" 256 values 50 bytes: "1.56 bits: codebook of ternary runs of eight.",
    IQ1_M "IQ1_M" 256 values 56 bytes: "1.75 bits: the same codebook, finer scales.",
    IQ2_XXS "IQ2_XXS" 256 values 66 bytes: "2.06 bits: 256 runs of eight, packed signs.",
    IQ2_XS "IQ2_XS" 256 values 74 bytes: "2.31 bits: 512 runs of eight, packed signs.",
    IQ2_S "IQ2_S" 256 values 82 bytes: "2.56 bits: 1024 runs of eight, all signs.",
    IQ3_XXS "IQ3_XXS" 256 values 98 bytes: "3.06 bits: 256 runs of four, packed signs.",
    IQ3_S "IQ3_S" 256 values 110 bytes: "3.44 bits: 512 runs of four, all signs.",
    IQ4_NL "IQ4_NL" 32 values 18 bytes: "4 bits into a curve of 16 levels, a scale.",
    IQ4_XS "IQ4_XS" 256 values 136 bytes: "The same curve, 6-bit scales per 32.",
    TQ1_0 "TQ1_0" 256 values 54 bytes: "Ternary, five to a byte.",
    TQ2_0 "TQ2_0" 256 values 66 bytes: "Ternary, four to a byte.",
    MXFP4 "MXFP4" 32 values 17 bytes: "OCP's E2M1 floats under a power-of-two scale.",
    AFFINE8 "AFFINE8" 32 values 40 bytes: "8 bits, a scale and an offset in f32: in memory alone, no file has it.",
}

impl DType {
    /// Bytes of a row of `cols` values, or `None` if blocks do not divide it or the size overflows.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        cols.is_multiple_of(self.block_len()).then_some(cols / self.block_len())?.checked_mul(self.block_bytes())
    }

    /// Whether each value stands alone (F32, F16, BF16).
    pub fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F16 | DType::BF16)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
