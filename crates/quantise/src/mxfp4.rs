//! Floats of four bits under a power of two: `MXFP4`. Layout: `plimsoll_kernels`, `blocks/mxfp4.rs`.

use crate::lanes::LANES;
use crate::simple::put_nibbles;
use crate::sums::total;

/// The levels of E2M1. Source: OCP Microscaling Formats 1.0.
const E2M1: [f32; 16] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

/// `MXFP4`: the power of two of the three that come into question.
pub fn mxfp4(x: &[f32; 32], w: &[f32; 32], block: &mut [u8; 17]) {
    let extreme = x.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    // The greatest level is 1.5 · 2^2. Source: OCP Microscaling Formats 1.0, 6.3.
    let exponent = (extreme.to_bits() >> 23).saturating_sub(2);
    let tried = [exponent, (exponent + 1).min(254), exponent.saturating_sub(1)];
    let mut best = (f32::INFINITY, 0, [0; 32]);
    for exponent in tried {
        let scale = f32::from_bits(if exponent == 0 { 1 << 22 } else { exponent << 23 });
        let codes = x.map(|x| to_e2m1(x / scale)); // a power of two: exact but for what is below any level
        let mut lanes = [0.0; LANES];
        for start in (0..32).step_by(LANES) {
            for (lane, sum) in lanes.iter_mut().enumerate() {
                let i = start + lane;
                let off = x[i] - scale * E2M1[usize::from(codes[i])];
                *sum += w[i] * off * off;
            }
        }
        let error = total(lanes);
        if error < best.0 {
            best = (error, exponent as u8, codes);
        }
    }
    block[0] = best.1;
    put_nibbles(&best.2, &mut block[1..]);
}

fn to_e2m1(value: f32) -> u8 {
    let magnitude = value.abs();
    let code = (1..8).fold(0, |code, level| {
        let middle = (E2M1[level - 1] + E2M1[level]) / 2.0;
        if magnitude > middle { level as u8 } else { code }
    });
    if value < 0.0 && code > 0 { code | 8 } else { code }
}
