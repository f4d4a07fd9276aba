//! What the IQ types share: runs of codes out of a grid, and signs kept apart from magnitudes.

/// The byte of eight signs that seven stored bits stand for: the eighth makes the count of minuses even.
#[inline(always)]
pub(super) fn even_signs(seven: u32) -> u8 {
    let seven = (seven & 127) as u8;
    seven | ((seven.count_ones() & 1) as u8) << 7
}

/// Eight values of an `IQ2` grid entry, scaled; bit `i` of `signs` negates value `i`.
#[inline(always)]
pub(super) fn eight(out: &mut [f32], entry: u16, signs: u8, scale: f32) {
    const MAGNITUDES: [f32; 4] = [8.0, 25.0, 43.0, 0.0]; // code 3 does not occur
    for (i, value) in out.iter_mut().enumerate() {
        *value = signed(scale * MAGNITUDES[(entry >> (2 * i) & 3) as usize], signs >> i);
    }
}

/// Four values of an `IQ3` grid entry, scaled, under the low four `signs`.
#[inline(always)]
pub(super) fn four(out: &mut [f32], entry: u16, magnitudes: &[f32; 8], signs: u8, scale: f32) {
    for (i, value) in out.iter_mut().enumerate() {
        *value = signed(scale * magnitudes[(entry >> (4 * i) & 7) as usize], signs >> i);
    }
}

#[inline(always)]
fn signed(value: f32, sign: u8) -> f32 {
    if sign & 1 == 0 { value } else { -value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eighth_sign_makes_the_count_even() {
        assert_eq!(even_signs(0), 0x00);
        assert_eq!(even_signs(1), 0x81);
        assert_eq!(even_signs(3), 0x03);
        assert!((0..128).all(|seven| even_signs(seven).count_ones().is_multiple_of(2)));
    }
}
