//! Eight blocks or runs side by side, one in each lane: what is computed of one is computed of all eight, and where one is
//! finished it stays as it is.
//!
//! All of it is plain arithmetic in arrays, which a compiler makes vectors of, and `#[inline(always)]`, so that it takes on
//! the registers of [`plimsoll_kernels::Isa::run`]. For the same reason no closure stands in what runs often.

use std::ops::{Add, Div, Mul, Sub};

/// Lanes of a register of AVX2.
pub const LANES: usize = 8;

/// A number for each lane.
#[derive(Clone, Copy, Debug)]
pub struct Lanes(pub [f32; LANES]);

/// Yes or no for each lane: all bits, or none.
#[derive(Clone, Copy)]
pub struct Mask([u32; LANES]);

macro_rules! lanewise {
    ($($operation:ident $method:ident $op:tt,)*) => {$(
        impl $operation for Lanes {
            type Output = Lanes;

            #[inline(always)]
            fn $method(self, other: Lanes) -> Lanes {
                let mut all = [0.0; LANES];
                for lane in 0..LANES {
                    all[lane] = self.0[lane] $op other.0[lane];
                }
                Lanes(all)
            }
        }
    )*};
}

lanewise! {
    Add add +,
    Sub sub -,
    Mul mul *,
    Div div /,
}

macro_rules! each_lane {
    ($lane:ident => $value:expr) => {{
        let mut all = [0.0f32; LANES];
        for $lane in 0..LANES {
            all[$lane] = $value;
        }
        Lanes(all)
    }};
}

impl Lanes {
    pub const ZERO: Lanes = Lanes([0.0; LANES]);
    pub const ONE: Lanes = Lanes([1.0; LANES]);

    /// The same number in every lane.
    #[inline(always)]
    pub fn all(value: f32) -> Lanes {
        Lanes([value; LANES])
    }

    /// The number in the lane, or the end of the range that it lies beyond; of NaN the lower end.
    #[inline(always)]
    pub fn within(self, low: f32, high: f32) -> Lanes {
        each_lane!(lane => crate::sums::within(self.0[lane], low, high))
    }

    /// [`crate::sums::nearest`]
    #[inline(always)]
    pub fn nearest(self) -> Lanes {
        each_lane!(lane => crate::sums::nearest(self.0[lane]))
    }

    /// [`crate::sums::inverse`]
    #[inline(always)]
    pub fn inverse(self) -> Lanes {
        each_lane!(lane => crate::sums::inverse(self.0[lane]))
    }

    #[inline(always)]
    pub fn abs(self) -> Lanes {
        each_lane!(lane => self.0[lane].abs())
    }

    /// The lesser of both; `other` if either is NaN.
    #[inline(always)]
    pub fn min(self, other: Lanes) -> Lanes {
        each_lane!(lane => if self.0[lane] < other.0[lane] { self.0[lane] } else { other.0[lane] })
    }

    /// The greater of both; `other` if either is NaN.
    #[inline(always)]
    pub fn max(self, other: Lanes) -> Lanes {
        each_lane!(lane => if self.0[lane] > other.0[lane] { self.0[lane] } else { other.0[lane] })
    }

    #[inline(always)]
    pub fn differs(self, other: Lanes) -> Mask {
        let mut all = [0; LANES];
        for (lane, is) in all.iter_mut().enumerate() {
            *is = 0u32.wrapping_sub(u32::from(self.0[lane] != other.0[lane]));
        }
        Mask(all)
    }

    #[inline(always)]
    pub fn at_least(self, least: f32) -> Mask {
        let mut all = [0; LANES];
        for (lane, is) in all.iter_mut().enumerate() {
            *is = 0u32.wrapping_sub(u32::from(self.0[lane] >= least));
        }
        Mask(all)
    }

    #[inline(always)]
    pub fn above(self, other: Lanes) -> Mask {
        let mut all = [0; LANES];
        for (lane, is) in all.iter_mut().enumerate() {
            *is = 0u32.wrapping_sub(u32::from(self.0[lane] > other.0[lane]));
        }
        Mask(all)
    }
}

impl Mask {
    pub const YES: Mask = Mask([u32::MAX; LANES]);

    /// Where it says yes the one, else the other.
    #[inline(always)]
    pub fn pick(self, yes: Lanes, no: Lanes) -> Lanes {
        // Bits in place of branches, which keep a compiler from vectors.
        each_lane!(lane => f32::from_bits(
            yes.0[lane].to_bits() & self.0[lane] | no.0[lane].to_bits() & !self.0[lane]
        ))
    }

    #[inline(always)]
    pub fn and(self, other: Mask) -> Mask {
        let mut all = [0; LANES];
        for (lane, is) in all.iter_mut().enumerate() {
            *is = self.0[lane] & other.0[lane];
        }
        Mask(all)
    }

    /// Whether any lane says yes.
    #[inline(always)]
    pub fn any(self) -> bool {
        let mut any = 0;
        for lane in 0..LANES {
            any |= self.0[lane];
        }
        any != 0
    }
}

/// Eight sequences side by side: place `i` of each in the lanes of `i`.
#[inline(always)]
pub fn abreast<const N: usize>(rows: [&[f32; N]; LANES]) -> [Lanes; N] {
    let mut all = [Lanes::ZERO; N];
    for (lane, row) in rows.into_iter().enumerate() {
        for (all, value) in all.iter_mut().zip(row) {
            all.0[lane] = *value;
        }
    }
    all
}

/// Weights side by side; of one where all values count alike.
#[inline(always)]
pub fn weights<const N: usize>(rows: Option<[&[f32; N]; LANES]>) -> [Lanes; N] {
    match rows {
        Some(rows) => abreast(rows),
        None => [Lanes::ONE; N],
    }
}

/// `sums!(N, i => [a, b])`: sums over every `i` below `N`, a multiple of eight, of as many terms as there are. Every eighth
/// term is added up by itself, and the eight sums at the end: it is more exact than one long sum, and no term waits for the
/// one before.
macro_rules! sums {
    ($n:expr, $i:ident => $terms:expr) => {{
        let mut parts = [[$crate::lanes::Lanes::ZERO; _]; 8];
        for part in 0..8 {
            let mut $i = part;
            while $i < $n {
                let terms = $terms;
                for (sum, term) in parts[part].iter_mut().zip(terms) {
                    *sum = *sum + term;
                }
                $i += 8;
            }
        }
        $crate::lanes::added(parts)
    }};
}
pub(crate) use sums;

/// The eight parts of every sum added up.
#[inline(always)]
pub fn added<const SUMS: usize>(parts: [[Lanes; SUMS]; 8]) -> [Lanes; SUMS] {
    let mut all = [Lanes::ZERO; SUMS];
    for (i, all) in all.iter_mut().enumerate() {
        let part =
            [parts[0][i], parts[1][i], parts[2][i], parts[3][i], parts[4][i], parts[5][i], parts[6][i], parts[7][i]];
        *all = ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_terms_are_summed() {
        let [sum, count] = sums!(16, i => [Lanes::all(i as f32), Lanes::ONE]);
        assert_eq!((sum.0, count.0), ([120.0; 8], [16.0; 8]));
    }

    #[test]
    fn lanes_choose_each_for_itself() {
        let counted = Lanes([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, f32::NAN]);
        let is_above = counted.above(Lanes::all(4.5));
        assert_eq!(is_above.pick(Lanes::ONE, Lanes::ZERO).0, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        assert!(is_above.any() && !is_above.and(Lanes::ZERO.above(Lanes::ONE)).any());
        assert_eq!(counted.within(2.0, 4.0).0, [2.0, 2.0, 2.0, 3.0, 4.0, 4.0, 4.0, 2.0]);
    }
}
