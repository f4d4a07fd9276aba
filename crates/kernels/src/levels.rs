//! The levels: `scalar` and `avx2`, `avx512`, `neon` with those that differ from them in single kernels.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`

use crate::DType;
use crate::blocks::decode;
use crate::matmul::microkernel::microkernels;
use crate::matmul::operands::{OuterProduct, Tile};
use crate::matmul::outer_product::outer_microkernels;
use crate::simd_level::SimdLevel;
use crate::unpack::{Bf16, Coded, Decode, Element, F16, F32, Visit};
use crate::vector::{Portable, Vector};

/// Calls `visit` with the unpacker of a block type by way of its codes, which `decode` reads.
#[inline(always)]
unsafe fn with_coded<V: Vector>(dtype: DType, decode: Decode, visit: impl Visit<V>) {
    match dtype.block_len() {
        32 => visit.visit(Coded::<32>::new(dtype, decode)),
        256 => visit.visit(Coded::<256>::new(dtype, decode)),
        values => unreachable!("no block type has {values} values"),
    }
}

/// Sixteen registers of four lanes: eight hold sums, four weights, two inputs.
impl SimdLevel for Portable {
    const TILE_ROWS: usize = 2;
    const TILE_TOKENS: usize = 2;
    const OUTER_VECTORS: usize = 2;
    const OUTER_TOKENS: usize = 2;

    #[inline(always)]
    unsafe fn with(dtype: DType, visit: impl Visit<Self>) {
        match dtype {
            DType::F32 => visit.visit(F32),
            DType::F16 => visit.visit(F16),
            DType::BF16 => visit.visit(Bf16),
            _ => with_coded(dtype, decode, visit),
        }
    }

    #[inline(always)]
    unsafe fn microkernel<E: Element<Self>>(tile: &Tile, rows: usize, tokens: usize) {
        microkernels!(tile, rows, tokens; Self, E; 2 x 2, 2 x 1, 1 x 2, 1 x 1,)
    }

    #[inline(always)]
    unsafe fn outer_microkernel<E: Element<Self>>(operands: &OuterProduct, vectors: usize, tokens: usize) {
        outer_microkernels!(operands, vectors, tokens; Self, E; 2 x 2, 2 x 1, 1 x 2, 1 x 1,)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::*;
    use crate::unpack::{
        InRegisters, Iq4Nl, Mxfp4, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q6K, Q8_0, decode_avx2, decode_avx512,
    };
    use crate::vector::{F32x8, F32x16};

    /// The types that both x86 levels unpack in registers.
    macro_rules! with_fast_types {
        ($dtype:expr, $visit:expr, $decode:expr) => {
            match $dtype {
                DType::F32 => $visit.visit(F32),
                DType::F16 => $visit.visit(F16),
                DType::BF16 => $visit.visit(Bf16),
                DType::Q8_0 => $visit.visit(Q8_0),
                DType::Q4_0 => $visit.visit(Q4_0),
                DType::Q4_K => $visit.visit(Q4K),
                DType::Q6_K => $visit.visit(Q6K),
                DType::Q4_1 => $visit.visit(InRegisters(Q4_1)),
                DType::Q5_0 => $visit.visit(InRegisters(Q5_0)),
                DType::Q5_1 => $visit.visit(InRegisters(Q5_1)),
                DType::IQ4_NL => $visit.visit(InRegisters(Iq4Nl)),
                DType::MXFP4 => $visit.visit(InRegisters(Mxfp4)),
                dtype => with_coded(dtype, $decode, $visit),
            }
        };
    }

    /// Sixteen registers: twelve sums, three weights, one input.
    impl SimdLevel for F32x8 {
        const TILE_ROWS: usize = 3;
        const TILE_TOKENS: usize = 4;
        const OUTER_VECTORS: usize = 2;
        const OUTER_TOKENS: usize = 6;

        #[inline(always)]
        unsafe fn with(dtype: DType, visit: impl Visit<Self>) {
            with_fast_types!(dtype, visit, decode_avx2)
        }

        #[inline(always)]
        unsafe fn microkernel<E: Element<Self>>(tile: &Tile, rows: usize, tokens: usize) {
            microkernels!(tile, rows, tokens; Self, E; 3 x 4, 3 x 3, 3 x 2, 3 x 1, 1 x 4, 1 x 3, 1 x 2, 1 x 1,)
        }

        #[inline(always)]
        unsafe fn outer_microkernel<E: Element<Self>>(operands: &OuterProduct, vectors: usize, tokens: usize) {
            outer_microkernels!(operands, vectors, tokens; Self, E;
                2 x 6, 2 x 5, 2 x 4, 2 x 3, 2 x 2, 2 x 1, 1 x 6, 1 x 5, 1 x 4, 1 x 3, 1 x 2, 1 x 1,)
        }
    }

    /// Thirty-two registers: twenty-four sums, four weights, one input.
    impl SimdLevel for F32x16 {
        const TILE_ROWS: usize = 4;
        const TILE_TOKENS: usize = 6;
        const OUTER_VECTORS: usize = 4;
        const OUTER_TOKENS: usize = 6;

        #[inline(always)]
        unsafe fn with(dtype: DType, visit: impl Visit<Self>) {
            with_fast_types!(dtype, visit, decode_avx512)
        }

        #[inline(always)]
        unsafe fn microkernel<E: Element<Self>>(tile: &Tile, rows: usize, tokens: usize) {
            microkernels!(tile, rows, tokens; Self, E;
                4 x 6, 4 x 5, 4 x 4, 4 x 3, 4 x 2, 4 x 1, 1 x 6, 1 x 5, 1 x 4, 1 x 3, 1 x 2, 1 x 1,)
        }

        #[inline(always)]
        unsafe fn outer_microkernel<E: Element<Self>>(operands: &OuterProduct, vectors: usize, tokens: usize) {
            outer_microkernels!(operands, vectors, tokens; Self, E;
                4 x 6, 4 x 5, 4 x 4, 4 x 3, 4 x 2, 4 x 1, 1 x 6, 1 x 5, 1 x 4, 1 x 3, 1 x 2, 1 x 1,)
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use super::*;
    use crate::unpack::{Q4_0, Q4K, Q6K, Q8_0};
    use crate::vector::F32x4;

    /// Thirty-two registers: twenty-four sums, four weights, one input.
    impl SimdLevel for F32x4 {
        const TILE_ROWS: usize = 4;
        const TILE_TOKENS: usize = 6;
        const OUTER_VECTORS: usize = 4;
        const OUTER_TOKENS: usize = 6;

        #[inline(always)]
        unsafe fn with(dtype: DType, visit: impl Visit<Self>) {
            match dtype {
                DType::F32 => visit.visit(F32),
                DType::F16 => visit.visit(F16),
                DType::BF16 => visit.visit(Bf16),
                DType::Q8_0 => visit.visit(Q8_0),
                DType::Q4_0 => visit.visit(Q4_0),
                DType::Q4_K => visit.visit(Q4K),
                DType::Q6_K => visit.visit(Q6K),
                dtype => with_coded(dtype, decode, visit),
            }
        }

        #[inline(always)]
        unsafe fn microkernel<E: Element<Self>>(tile: &Tile, rows: usize, tokens: usize) {
            microkernels!(tile, rows, tokens; Self, E;
                4 x 6, 4 x 5, 4 x 4, 4 x 3, 4 x 2, 4 x 1, 1 x 6, 1 x 5, 1 x 4, 1 x 3, 1 x 2, 1 x 1,)
        }

        #[inline(always)]
        unsafe fn outer_microkernel<E: Element<Self>>(operands: &OuterProduct, vectors: usize, tokens: usize) {
            outer_microkernels!(operands, vectors, tokens; Self, E;
                4 x 6, 4 x 5, 4 x 4, 4 x 3, 4 x 2, 4 x 1, 1 x 6, 1 x 5, 1 x 4, 1 x 3, 1 x 2, 1 x 1,)
        }
    }
}
