//! The matrix unit: blocks of two by two tiles, `C += A · B` in bf16 with sums in f32.
//!
//! A tile is sixteen rows of 64 bytes. Of A, a tile row is 32 inputs (k) of one of its rows; of B, a tile row is two
//! inputs, `2p` and `2p + 1`, of each of its sixteen columns, side by side; of C, sixteen f32 columns of one row.
//! Operands that do not fill their tiles are padded with zeros by whoever packs them. Rounding is to nearest even, and
//! numbers below the smallest normal one count as zero, whatever the thread's floating-point mode says.
//!
//! The intrinsics are not stable, so that the instructions stand here as text, from the load of C to its store in one
//! block: no register of the unit is live in between.

use std::arch::asm;
use std::marker::PhantomData;
use std::mem::offset_of;

/// Rows of every tile, and columns of B and C.
pub(crate) const SIDE: usize = 16;
/// Inputs of a tile of A and of B.
pub(crate) const DEPTH: usize = 32;
/// Bytes of a full tile whose rows lie side by side.
pub(crate) const TILE_BYTES: usize = 1024;
/// Bytes of a tile row.
pub(crate) const ROW_BYTES: usize = 64;

/// Where the tiles of an operand lie; all distances in bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Operand {
    /// Row 0 of the first tile.
    pub at: *const u8,
    /// From one row of a tile to the next.
    pub row: usize,
    /// From one tile to that of the next inputs.
    pub step: usize,
    /// From one tile to that of the next sixteen rows of A, or columns of B.
    pub next: usize,
}

/// Where the sums lie; all distances in bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Sums {
    /// Row 0, column 0.
    pub at: *mut f32,
    /// From one row of a tile to the next.
    pub row: usize,
    /// From one tile to that of the next sixteen rows.
    pub down: usize,
    /// From one tile to that of the next sixteen columns.
    pub right: usize,
}

/// A product of 32 rows and 32 (or 16) columns.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Block {
    pub a: Operand,
    pub b: Operand,
    pub c: Sums,
    /// Tiles along the inputs: at least one.
    pub steps: usize,
    /// Whether the sums start at zero, else at what `c` holds.
    pub first: bool,
}

/// What `ldtilecfg` reads: palette 1, and for each of the eight tiles its bytes per row and rows.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static FULL_TILES: Config = Config {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// The unit, switched on for this thread. Dropping it switches it off: live tiles are 8 KiB that every change of
/// context would save.
pub(crate) struct MatrixUnit(PhantomData<*mut ()>);

impl MatrixUnit {
    /// # Safety
    /// [`crate::Isa::Amx`] is available, and this thread holds no other `MatrixUnit`.
    #[inline(always)]
    pub unsafe fn on() -> MatrixUnit {
        // SAFETY: the processor has the instruction and the system permits it; the configuration is valid.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &FULL_TILES, options(nostack, readonly, preserves_flags)) };
        MatrixUnit(PhantomData)
    }
}

impl Drop for MatrixUnit {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: there is a `MatrixUnit`, so the processor has the instruction.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// Names of the tiles: C in 0 to 3 (row by row), A in 4 and 5, B in 6 and 7.
macro_rules! block {
    ($block:expr; load: $($load:literal)*; zero: $($zero:literal)*; step: $($step:literal)*; store: $($store:literal)*) => {
        asm!(
            "cmp byte ptr [{block} + {first}], 0",
            "jne 2f",
            $($load,)*
            "jmp 3f",
            "2:",
            $($zero,)*
            "3:",
            $($step,)*
            "add {a}, [{block} + {a_step}]",
            "add {a1}, [{block} + {a_step}]",
            "add {b}, [{block} + {b_step}]",
            "add {b1}, [{block} + {b_step}]",
            "dec {steps}",
            "jnz 3b",
            $($store,)*
            "/* {right} */", // not every block has columns to its right
            block = in(reg) $block,
            first = const offset_of!(Block, first),
            a_step = const offset_of!(Block, a) + offset_of!(Operand, step),
            b_step = const offset_of!(Block, b) + offset_of!(Operand, step),
            a = inout(reg) $block.a.at => _,
            a1 = inout(reg) $block.a.at.wrapping_add($block.a.next) => _,
            a_row = in(reg) $block.a.row,
            b = inout(reg) $block.b.at => _,
            b1 = inout(reg) $block.b.at.wrapping_add($block.b.next) => _,
            b_row = in(reg) $block.b.row,
            c = inout(reg) $block.c.at => _,
            c1 = inout(reg) $block.c.at.wrapping_byte_add($block.c.down) => _,
            c_row = in(reg) $block.c.row,
            right = in(reg) $block.c.right,
            steps = inout(reg) $block.steps => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack)
        )
    };
}

impl MatrixUnit {
    /// 32 rows by 32 columns.
    ///
    /// # Safety
    /// Two tiles of A and two of B for each step, and four of C, lie where `block` says, and nobody else writes them.
    #[inline(always)]
    pub unsafe fn multiply_2x2(&self, block: &Block) {
        debug_assert!(block.steps > 0);
        // SAFETY: the unit is on; memory as the caller promises.
        unsafe {
            block!(block;
                load:
                    "tileloadd tmm0, [{c} + {c_row}*1]"
                    "tileloadd tmm2, [{c1} + {c_row}*1]"
                    "add {c}, {right}"
                    "add {c1}, {right}"
                    "tileloadd tmm1, [{c} + {c_row}*1]"
                    "tileloadd tmm3, [{c1} + {c_row}*1]"
                    "sub {c}, {right}"
                    "sub {c1}, {right}";
                zero: "tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3";
                step:
                    "tileloadd tmm6, [{b} + {b_row}*1]"
                    "tileloadd tmm4, [{a} + {a_row}*1]"
                    "tdpbf16ps tmm0, tmm4, tmm6"
                    "tileloadd tmm7, [{b1} + {b_row}*1]"
                    "tdpbf16ps tmm1, tmm4, tmm7"
                    "tileloadd tmm5, [{a1} + {a_row}*1]"
                    "tdpbf16ps tmm2, tmm5, tmm6"
                    "tdpbf16ps tmm3, tmm5, tmm7";
                store:
                    "tilestored [{c} + {c_row}*1], tmm0"
                    "tilestored [{c1} + {c_row}*1], tmm2"
                    "add {c}, {right}"
                    "add {c1}, {right}"
                    "tilestored [{c} + {c_row}*1], tmm1"
                    "tilestored [{c1} + {c_row}*1], tmm3"
            );
        }
    }

    /// 32 rows by 16 columns; `b.next` and `c.right` mean nothing.
    ///
    /// # Safety
    /// Two tiles of A and one of B for each step, and two of C, lie where `block` says, and nobody else writes them.
    #[inline(always)]
    pub unsafe fn multiply_2x1(&self, block: &Block) {
        debug_assert!(block.steps > 0);
        // SAFETY: the unit is on; memory as the caller promises.
        unsafe {
            block!(block;
                load: "tileloadd tmm0, [{c} + {c_row}*1]" "tileloadd tmm2, [{c1} + {c_row}*1]";
                zero: "tilezero tmm0" "tilezero tmm2";
                step:
                    "tileloadd tmm6, [{b} + {b_row}*1]"
                    "tileloadd tmm4, [{a} + {a_row}*1]"
                    "tdpbf16ps tmm0, tmm4, tmm6"
                    "tileloadd tmm5, [{a1} + {a_row}*1]"
                    "tdpbf16ps tmm2, tmm5, tmm6";
                store: "tilestored [{c} + {c_row}*1], tmm0" "tilestored [{c1} + {c_row}*1], tmm2"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::Isa;

    /// Small integers, whose products and sums are exact in every order.
    fn value(i: usize, salt: usize) -> f32 {
        ((i * 31 + salt * 17) % 13) as f32 - 6.0
    }

    /// `steps` steps of 32 rows and `16 * columns` columns, one after the other, onto what C held.
    fn check(columns: usize, steps: usize, first: bool) {
        let (rows, cols, k) = (2 * SIDE, columns * SIDE, steps * DEPTH);
        let a: Vec<f32> = (0..rows * k).map(|i| value(i, 1)).collect();
        let b: Vec<f32> = (0..k * cols).map(|i| value(i, 2)).collect();
        let mut c: Vec<f32> = (0..rows * cols).map(|i| value(i, 3)).collect();
        let mut expected = if first { vec![0.0; rows * cols] } else { c.clone() };
        for (i, sum) in expected.iter_mut().enumerate() {
            *sum += (0..k).map(|k_| a[i / cols * k + k_] * b[k_ * cols + i % cols]).sum::<f32>();
        }
        let narrow = |x: f32| bf16::from_f32(x).to_bits();
        let a: Vec<u16> = a.iter().map(|x| narrow(*x)).collect(); // row-major: tiles are cut out by their strides
        let pairs: Vec<u16> =
            (0..k * cols).map(|i| narrow(b[(i / (2 * cols) * 2 + i % 2) * cols + i % (2 * cols) / 2])).collect();
        let block = Block {
            a: Operand { at: a.as_ptr().cast(), row: 2 * k, step: 2 * DEPTH, next: SIDE * 2 * k },
            b: Operand { at: pairs.as_ptr().cast(), row: 4 * cols, step: SIDE * 4 * cols, next: ROW_BYTES },
            c: Sums { at: c.as_mut_ptr(), row: 4 * cols, down: SIDE * 4 * cols, right: ROW_BYTES },
            steps,
            first,
        };
        // SAFETY: the caller has looked for the level; the operands have these shapes.
        unsafe {
            let unit = MatrixUnit::on();
            if columns == 2 { unit.multiply_2x2(&block) } else { unit.multiply_2x1(&block) }
        }
        assert_eq!(c, expected, "{columns} tiles of columns, {steps} steps, first: {first}");
    }

    #[test]
    fn blocks_of_tiles_multiply_where_strides_say() {
        if !Isa::Amx.is_available() {
            return crate::skipped::skipped("this processor has no matrix unit");
        }
        for columns in [1, 2] {
            for steps in [1, 2, 7] {
                check(columns, steps, true);
                check(columns, steps, false);
            }
        }
    }
}
