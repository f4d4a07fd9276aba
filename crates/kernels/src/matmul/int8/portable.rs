//! The reference: any block type, in plain Rust.

use super::Int8Task;
use super::inputs::{GROUP, Group};
use crate::blocks::{Codes, STEP, Units, decode};
use crate::fused::fused;

#[inline(always)]
pub(super) unsafe fn multiply(task: &Int8Task) {
    let dtype = task.w.dtype();
    let len = dtype.group_len();
    let step_bytes = STEP / dtype.block_len() * dtype.block_bytes();
    let mut weights = Codes::new();
    for row in task.rows.clone() {
        for token in 0..task.x.n {
            task.out.add(token * task.w.rows() + row).write(0.0);
        }
        for (step, bytes) in task.w.row(row).chunks(step_bytes).enumerate() {
            decode(dtype, bytes, &mut weights);
            let col = step * STEP;
            let units = Units::of(dtype, bytes);
            let len = if units.is_some() { GROUP } else { len };
            let groups = STEP.min(task.x.cols - col) / len;
            for token in 0..task.x.n {
                let codes = std::slice::from_raw_parts(task.x.codes(token, col), groups * len);
                let inputs = std::slice::from_raw_parts(task.x.groups(token, len, col), groups);
                let sum = task.out.add(token * task.w.rows() + row);
                sum.write(match &units {
                    Some(units) => fold_block(&weights, units, codes, inputs, sum.read()),
                    None => fold(&weights, len, dtype.has_offsets(), codes, inputs, sum.read()),
                });
            }
        }
    }
}

/// `sum` and the groups of one step of a row and a token.
#[inline(always)]
fn fold(weights: &Codes, len: usize, offsets: bool, codes: &[i8], inputs: &[Group], mut sum: f32) -> f32 {
    for (g, input) in inputs.iter().enumerate() {
        let product = match len {
            GROUP => dot(&weights.codes[g * GROUP..][..GROUP], &codes[g * GROUP..][..GROUP]),
            _ => dot(&weights.codes[g * len..][..len], &codes[g * len..][..len]),
        };
        sum = fused(product as f32, weights.scales[g] * input.scale, sum);
        if offsets {
            sum = fused(weights.offsets[g], input.moment, sum);
        }
    }
    sum
}

/// `sum` and one block of a row and a token: see [`super::integer_scales`].
#[inline(always)]
fn fold_block(weights: &Codes, units: &Units, codes: &[i8], inputs: &[Group], sum: f32) -> f32 {
    let (mut scaled, mut offset) = (0.0, 0.0);
    for (pair, input) in inputs.iter().enumerate() {
        let product = |run: usize| dot(&weights.codes[16 * run..][..16], &codes[16 * run..][..16]);
        let [first, second] = [2 * pair, 2 * pair + 1].map(|run| i32::from(units.scales[run]) * product(run));
        scaled = fused((first + second) as f32, input.scale, scaled);
        if let Some((_, minima)) = units.minima {
            offset = fused(f32::from(minima[pair]), input.moment, offset);
        }
    }
    let sum = fused(units.d, scaled, sum);
    units.minima.map_or(sum, |(dmin, _)| fused(-dmin, offset, sum))
}

#[inline(always)]
fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}
