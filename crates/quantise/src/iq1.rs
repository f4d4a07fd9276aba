//! Types of 256 values out of a codebook of -1, 0 and 1, moved together by an eighth up or down: `IQ1_S`, `IQ1_M`.
//! Layouts: `plimsoll_kernels`, `blocks/iq1.rs`.

use std::sync::LazyLock;

use plimsoll_kernels::{DType, Isa};

use crate::codebook::{Fit, Layout};
use crate::grid::Grid;
use crate::sums::half;

static GRID: LazyLock<Grid<8>> = LazyLock::new(|| {
    Grid::read(DType::IQ1_S, 2048, 1.0, 0.125, |entry| {
        let mut block = vec![0; 50];
        block[..2].copy_from_slice(&half(1.0).to_le_bytes());
        (block[2], block[34]) = (entry as u8, (entry >> 8) as u8);
        block
    })
});

/// What the levels of a run are moved by; a bit that is set says the second.
const SHIFTS: [f32; 2] = [0.125, -0.125];

/// `IQ1_S`.
pub fn iq1_s(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 50]) {
    let layout = Layout { len: 32, per_unit: 1.0, scales: 8, shifted_together: 32 };
    let fitted = isa.run(Fit { x, w, grid: &*GRID, layout, shifts: SHIFTS });
    block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
    for group in 0..8 {
        let entries = &fitted.entries[4 * group..][..4];
        let mut word = u16::from(fitted.shifts[4 * group]) << 15 | u16::from(fitted.scales[group]) << 12;
        for (run, entry) in entries.iter().enumerate() {
            block[2 + 4 * group + run] = *entry as u8;
            word |= (entry >> 8 << (3 * run)) as u16;
        }
        block[34 + 2 * group..][..2].copy_from_slice(&word.to_le_bytes());
    }
}

/// `IQ1_M`.
pub fn iq1_m(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 56]) {
    let layout = Layout { len: 16, per_unit: 1.0, scales: 8, shifted_together: 8 };
    let fitted = isa.run(Fit { x, w, grid: &*GRID, layout, shifts: SHIFTS });
    for (run, entry) in fitted.entries[..32].iter().enumerate() {
        block[run] = *entry as u8;
        let nibble = (entry >> 8) as u8 | fitted.shifts[run] << 3;
        let byte = &mut block[32 + run / 2];
        *byte = if run % 2 == 0 { nibble } else { *byte | nibble << 4 };
    }
    // The scale's four digits stand above the scales of four groups each.
    let d = half(fitted.d).to_bits();
    for (quarter, to) in block[48..].as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let scales =
            fitted.scales[4 * quarter..][..4].iter().rev().fold(0, |word, scale| word << 3 | u16::from(*scale));
        *to = (scales | (d >> (4 * quarter) & 15) << 12).to_le_bytes();
    }
}
