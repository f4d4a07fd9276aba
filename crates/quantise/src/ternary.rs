//! Types of -1, 0, 1 times one scale: `TQ1_0` and `TQ2_0`. Layouts: `plimsoll_kernels`, `blocks/tq.rs`.

use half::f16;

use crate::k_affine::put_two_bits;

/// `TQ1_0`: five digits to a byte, as a fraction of 256 in base 3, rounded up.
pub fn tq1_0(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 54]) {
    let (d, digits) = fit(x, w);
    put_digits(&digits[..160], &mut block[..32]);
    put_digits(&digits[160..240], &mut block[32..48]);
    put_digits(&digits[240..], &mut block[48..52]);
    block[52..].copy_from_slice(&d.to_le_bytes());
}

/// `TQ2_0`.
pub fn tq2_0(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 66]) {
    let (d, digits) = fit(x, w);
    put_two_bits(&digits, &mut block[..64]);
    block[64..].copy_from_slice(&d.to_le_bytes());
}

/// Digit `n` of byte `i` is value `n · bytes + i`; where there are four, the fifth is 0.
fn put_digits(digits: &[u8], to: &mut [u8]) {
    let bytes = to.len();
    for (i, byte) in to.iter_mut().enumerate() {
        let number =
            (0..5).fold(0u32, |number, n| number * 3 + digits.get(n * bytes + i).copied().map_or(0, u32::from));
        *byte = (number * 256).div_ceil(243) as u8;
    }
}

/// The scale, and digits from 0 to 2. Which values are not 0 is best told by a threshold, and every threshold is tried: with
/// those above it `S = Σ w |x|` and `W = Σ w`, the scale `S / W` takes `S² / W` off the error.
fn fit(x: &[f32; 256], w: &[f32; 256]) -> (f16, [u8; 256]) {
    let mut order: [usize; 256] = std::array::from_fn(|i| i);
    order.sort_by(|&a, &b| x[b].abs().total_cmp(&x[a].abs()).then(a.cmp(&b)));
    let (mut sum, mut weight, mut best) = (0.0f64, 0.0f64, (0.0f64, 0.0f64));
    for i in order {
        sum += f64::from(w[i]) * f64::from(x[i].abs());
        weight += f64::from(w[i]);
        if weight > 0.0 && sum * sum / weight > best.0 {
            best = (sum * sum / weight, sum / weight);
        }
    }
    let d = f16::from_f64(best.1);
    let half = d.to_f32() / 2.0;
    (
        d,
        x.map(|x| {
            if x > half {
                2
            } else if x < -half {
                0
            } else {
                1
            }
        }),
    )
}
