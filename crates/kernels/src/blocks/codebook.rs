//! What the IQ types share: runs of codes out of a grid, and signs kept apart from magnitudes.

/// The byte of eight signs that seven stored bits stand for: the eighth makes the count of minuses even.
#[inline(always)]
pub(super) fn even_signs(seven: u32) -> u8 {
    let seven = (seven & 127) as u8;
    seven | ((seven.count_ones() & 1) as u8) << 7
}

/// A run of `grid`; bit `i` of `signs` negates value `i`.
#[inline(always)]
pub(super) fn signed<const RUN: usize>(codes: &mut [i8; RUN], grid: &[i8; RUN], signs: u8) {
    for (i, (code, magnitude)) in codes.iter_mut().zip(grid).enumerate() {
        let minus = -((signs >> i & 1) as i8); // all ones, or none
        *code = (magnitude ^ minus) - minus;
    }
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
