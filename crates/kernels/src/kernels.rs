//! The dispatch table: the only place where a level is chosen.

use crate::attention::chunk::{self, ChunkTask};
use crate::attention::partials;
use crate::attention::prompt::PromptTask;
use crate::elementwise::{self, Activation};
use crate::matmul::bf16::{Bf16Task, PackTask};
use crate::matmul::by_row::{Fetch, Lens, RowTask};
use crate::matmul::gemm::{self, GemmTask};
use crate::matmul::gemv::Gemv;
use crate::matmul::int8::{Int8, Int8Task, inputs};
use crate::matmul::transposed::{self, TransposedTask};
use crate::recurrent::convolution::{self, ConvolutionTask};
use crate::recurrent::linear_attention::{self, LinearAttentionTask};
use crate::simd_level::SimdLevel;
use crate::vector::{Portable, Vector};
use crate::{Activations, DType, Isa, probe};

/// `x`, `weight`, `eps`, `width`, `out`: see [`crate::Cpu::rms_norm`].
type RmsNorm = unsafe fn(&[f32], Option<&[f32]>, f32, usize, &mut [f32]);
/// `x`, `weight`, `bias`, `eps`, `out`: see [`crate::Cpu::layer_norm`].
type LayerNorm = unsafe fn(&[f32], &[f32], &[f32], f32, &mut [f32]);

/// The entry points of one level.
///
/// # Safety
/// Of every entry: the processor has the level's features, and slices and pointers have the shapes that the bodies'
/// documentation says; [`crate::Cpu`] checks both.
pub(crate) struct Kernels {
    /// Floats in a register.
    pub lanes: usize,
    /// Sums of a full tile.
    pub tile_sums: usize,
    pub gemv: unsafe fn(Gemv),
    pub gemm: unsafe fn(&GemmTask, &mut [f32]),
    pub gemm_transposed: unsafe fn(&TransposedTask),
    /// A token's activations, to its record.
    pub quantise: unsafe fn(&[f32], *mut u8),
    /// Floats of working memory that `int8` wants, beside `2 * lanes` for each token.
    pub int8_scratch: usize,
    pub int8: unsafe fn(&Int8Task, &mut [f32]),
    pub attend: unsafe fn(&ChunkTask, &mut [f32], &mut [f32]),
    /// Totals, parts, `head_dim`: see [`partials::merge_partials`].
    pub merge_partials: unsafe fn(&mut [f32], &[f32], usize),
    pub rms_norm: RmsNorm,
    pub layer_norm: LayerNorm,
    pub gated: unsafe fn(Activation, &[f32], &[f32], &mut [f32]),
    pub activate: unsafe fn(Activation, &[f32], &mut [f32]),
    /// The channels between two.
    pub convolve: unsafe fn(&ConvolutionTask, usize, usize),
    /// A head, and the columns of its values between two, with as much working memory as
    /// [`linear_attention::scratch_len`] says.
    pub attend_linearly: unsafe fn(&LinearAttentionTask, usize, usize, usize, &mut [f32]),
    /// Values, and how many of them ahead memory is asked for: see [`probe::sum`].
    pub sum: unsafe fn(&[f32], usize) -> f32,
    pub multiply_tiles: unsafe fn(usize),
    /// What the level has for generated tokens, if its registers are wide enough.
    pub by_row: Option<ByRow>,
    /// What the level has for bf16 operands, if it has a matrix unit.
    pub matrix_unit: Option<MatrixUnit>,
}

/// The entry points of products row by row, with the contract of [`Kernels`].
#[derive(Clone, Copy)]
pub(crate) struct ByRow {
    /// What activations are rounded to before they meet weights of a type, if there is a kernel for it.
    pub activations: fn(DType) -> Option<Activations>,
    /// Bytes of what a token brings, for so many inputs.
    pub lens: fn(Activations, usize) -> Lens,
    /// A token's activations, to its record.
    pub prepare: unsafe fn(Activations, &[f32], *mut u8),
    /// Some rows of the weights times all tokens.
    pub multiply: unsafe fn(&RowTask),
    /// What the processors of the level want.
    pub fetch: Fetch,
}

/// The entry points of a matrix unit, with the contract of [`Kernels`].
#[derive(Clone, Copy)]
pub(crate) struct MatrixUnit {
    pub pack: unsafe fn(&PackTask),
    /// With as much working memory as [`MatrixUnit::scratch_len`] says for the task's rows and tokens.
    pub multiply: unsafe fn(&Bf16Task, &mut [f32]),
    pub scratch_len: fn(usize, usize) -> usize,
    /// Most rows of a task.
    pub task_rows: usize,
    /// Operations of one block of [`MatrixUnit::multiply_blocks`].
    pub block_operations: usize,
    /// Multiplies so many blocks.
    pub multiply_blocks: unsafe fn(usize),
    /// With as much working memory as [`MatrixUnit::attend_scratch_len`] says for the task's rows and their width.
    pub attend: unsafe fn(&PromptTask, &mut [f32]),
    pub attend_scratch_len: fn(usize, usize) -> usize,
}

impl Kernels {
    /// The table of a level; the caller has made sure that the processor has it.
    pub fn of(isa: Isa) -> &'static Kernels {
        match isa {
            Isa::Scalar => &scalar::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &avx2::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &AVX512,
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => &AMX,
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 | Isa::Amx => unreachable!("`Isa::is_available` says no on this architecture"),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => &neon::KERNELS,
            #[cfg(target_arch = "aarch64")]
            Isa::Dotprod => &dotprod::KERNELS,
            #[cfg(target_arch = "aarch64")]
            Isa::I8mm => &i8mm::KERNELS,
            #[cfg(not(target_arch = "aarch64"))]
            Isa::Neon | Isa::Dotprod | Isa::I8mm => unreachable!("`Isa::is_available` says no on this architecture"),
        }
    }
}

/// Compiles every kernel for one level: each entry has the level's features, and its generic body is inlined into it.
macro_rules! level {
    ($name:ident, $V:ty $(, $features:literal)?) => {
        mod $name {
            use super::*;

            pub(super) static KERNELS: Kernels = Kernels {
                lanes: <$V>::LANES,
                tile_sums: <$V>::TILE_ROWS * <$V>::TILE_TOKENS,
                gemv,
                gemm,
                gemm_transposed,
                quantise,
                int8_scratch: <$V as Int8>::SCRATCH,
                int8,
                attend,
                merge_partials,
                rms_norm,
                layer_norm,
                gated,
                activate,
                convolve,
                attend_linearly,
                sum,
                multiply_tiles,
                by_row: None,
                matrix_unit: None,
            };

            $(#[target_feature(enable = $features)])?
            unsafe fn gemv(task: Gemv) {
                // SAFETY: the contract of `Kernels`, here and below.
                unsafe { <$V>::with(task.w.dtype(), task) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn gemm(task: &GemmTask, scratch: &mut [f32]) {
                // SAFETY: as above.
                unsafe { gemm::multiply::<$V>(task, scratch) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn gemm_transposed(task: &TransposedTask) {
                // SAFETY: as above.
                unsafe { transposed::multiply::<$V>(task) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn quantise(x: &[f32], record: *mut u8) {
                // SAFETY: as above.
                unsafe { inputs::quantise(x, record) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn int8(task: &Int8Task, scratch: &mut [f32]) {
                // SAFETY: as above.
                unsafe { <$V as Int8>::multiply(task, scratch) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn attend(task: &ChunkTask, part: &mut [f32], scratch: &mut [f32]) {
                // SAFETY: as above.
                unsafe { chunk::attend::<$V>(task, part, scratch) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn merge_partials(totals: &mut [f32], parts: &[f32], head_dim: usize) {
                // SAFETY: as above.
                unsafe { partials::merge_partials::<$V>(totals, parts, head_dim) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn rms_norm(x: &[f32], weight: Option<&[f32]>, eps: f32, width: usize, out: &mut [f32]) {
                // SAFETY: as above.
                unsafe { elementwise::rms_norm::<$V>(x, weight, eps, width, out) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
                // SAFETY: as above.
                unsafe { elementwise::layer_norm::<$V>(x, weight, bias, eps, out) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn activate(act: Activation, x: &[f32], out: &mut [f32]) {
                // SAFETY: as above.
                unsafe { elementwise::activate::<$V>(act, x, out) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn gated(act: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
                // SAFETY: as above.
                unsafe { elementwise::gated::<$V>(act, gate, up, out) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn convolve(task: &ConvolutionTask, from: usize, to: usize) {
                // SAFETY: as above.
                unsafe { convolution::convolve::<$V>(task, from, to) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn attend_linearly(
                task: &LinearAttentionTask,
                head: usize,
                from: usize,
                to: usize,
                scratch: &mut [f32],
            ) {
                // SAFETY: as above.
                unsafe { linear_attention::attend::<$V>(task, head, from, to, scratch) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn sum(values: &[f32], ahead: usize) -> f32 {
                // SAFETY: as above.
                unsafe { probe::sum::<$V>(values, ahead) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn multiply_tiles(tiles: usize) {
                // SAFETY: as above.
                unsafe { probe::multiply_tiles::<$V>(tiles) }
            }
        }
    };
}

level!(scalar, Portable);

#[cfg(target_arch = "x86_64")]
use crate::attention;
#[cfg(target_arch = "x86_64")]
use crate::matmul::{amx, by_row};
#[cfg(target_arch = "x86_64")]
use crate::vector::{F32x8, F32x16};
#[cfg(target_arch = "x86_64")]
level!(avx2, F32x8, "avx2,fma,f16c");
#[cfg(target_arch = "x86_64")]
level!(avx512, F32x16, "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni");

/// AVX-512, with products row by row.
#[cfg(target_arch = "x86_64")]
static AVX512: Kernels = Kernels { by_row: Some(BY_ROW), ..avx512::KERNELS };

#[cfg(target_arch = "x86_64")]
const BY_ROW: ByRow = ByRow {
    activations: by_row::avx512::activations,
    lens: by_row::avx512::lens,
    prepare: by_row_entries::prepare,
    multiply: by_row_entries::multiply,
    fetch: Fetch::Once,
};

#[cfg(target_arch = "x86_64")]
mod by_row_entries {
    use super::*;

    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub(super) unsafe fn prepare(activations: Activations, x: &[f32], record: *mut u8) {
        // SAFETY: the contract of `Kernels`, here and below.
        unsafe { by_row::avx512::prepare(activations, x, record) }
    }

    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
    pub(super) unsafe fn multiply(task: &RowTask) {
        // SAFETY: as above.
        unsafe { by_row::avx512::multiply(task) }
    }
}

/// AVX-512 with a matrix unit beside it.
#[cfg(target_arch = "x86_64")]
static AMX: Kernels = Kernels {
    by_row: Some(ByRow { fetch: Fetch::ByLevel, ..BY_ROW }),
    matrix_unit: Some(MatrixUnit {
        pack: amx_entries::pack,
        multiply: amx_entries::multiply,
        scratch_len: amx::gemm::scratch_len,
        task_rows: amx::gemm::TASK_ROWS,
        block_operations: amx::PROBE_STEPS * amx::STEP_OPERATIONS,
        multiply_blocks: amx::multiply_tiles,
        attend: amx_entries::attend,
        attend_scratch_len: attention::amx::scratch_len,
    }),
    ..AVX512
};

#[cfg(target_arch = "x86_64")]
mod amx_entries {
    use super::*;

    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,avx512bf16")]
    pub(super) unsafe fn pack(task: &PackTask) {
        // SAFETY: the contract of `Kernels`, here and below.
        unsafe { amx::pack::pack(task) }
    }

    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,avx512bf16")]
    pub(super) unsafe fn multiply(task: &Bf16Task, scratch: &mut [f32]) {
        // SAFETY: as above.
        unsafe { amx::gemm::multiply(task, scratch) }
    }

    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,avx512bf16")]
    pub(super) unsafe fn attend(task: &PromptTask, scratch: &mut [f32]) {
        // SAFETY: as above.
        unsafe { attention::amx::attend(task, scratch) }
    }
}

#[cfg(target_arch = "aarch64")]
use crate::vector::F32x4;
#[cfg(target_arch = "aarch64")]
level!(neon, F32x4, "neon");

/// Compiles a level that is NEON but for the products of bytes.
#[cfg(target_arch = "aarch64")]
macro_rules! neon_with {
    ($name:ident, $Products:ident, $features:literal) => {
        mod $name {
            use super::*;
            use crate::matmul::int8::neon::{U8x16, $Products};

            pub(super) static KERNELS: Kernels = Kernels { int8, ..neon::KERNELS };

            #[target_feature(enable = $features)]
            unsafe fn int8(task: &Int8Task, scratch: &mut [f32]) {
                // SAFETY: the contract of `Kernels`.
                unsafe { crate::matmul::int8::multiply::<U8x16<$Products>>(task, scratch) }
            }
        }
    };
}

#[cfg(target_arch = "aarch64")]
neon_with!(dotprod, Sdot, "neon,dotprod");
#[cfg(target_arch = "aarch64")]
neon_with!(i8mm, Smmla, "neon,dotprod,i8mm");
