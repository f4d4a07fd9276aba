//! One register of bytes, as each instruction-set level has it, seen as `L` lanes of 16: what codes are unpacked in.
//!
//! Every operation stays within its lane of 16, so that a stored type is written once for registers of any width. A
//! register holds 16 bytes of each of `L` rows; four registers hold a [`RowStrip`](super::row_strip::RowStrip), `4 L` rows, of
//! which register `q` has the rows `q, q + 4, q + 8, …`: transposing four by four within lanes then leaves 32-bit lanes
//! that are rows in order.

use super::gemm::{self, STRIPS};
use super::integer_scales::Scales;
use super::row_strip::{MOST, Rows};
use super::stored::Stored;
use crate::DType;
use crate::blocks::{Codes, half_e8m0};
use crate::vector::Vector;

/// Bytes, or 32-bit integers where it says so.
pub(crate) trait Bytes: Copy {
    /// As many floats as there are 32-bit integers.
    type Floats: Vector;
    /// Rows of a strip.
    const ROWS: usize = Self::Floats::LANES;
    /// What [`Bytes::signed`] adds to a code.
    const BIAS: i32;
    /// Where types with integers for scales multiply by them.
    type Scales: Scales<Self>;
    /// Most tokens of a tile, at most 6: the integer sums of two strips stay in registers.
    const TOKENS: usize;

    /// 16 bytes at `at` of the rows `q, q + 4, …`.
    unsafe fn load(rows: Rows, q: usize, at: usize) -> Self;
    /// The same byte everywhere.
    unsafe fn splat(byte: u8) -> Self;
    /// The 16 bytes at `from` in every lane.
    unsafe fn repeat_16(from: *const u8) -> Self;
    /// The 4 bytes at `from` in every 32-bit lane.
    unsafe fn repeat_4(from: *const u8) -> Self;

    unsafe fn and(self, other: Self) -> Self;
    unsafe fn or(self, other: Self) -> Self;
    /// Shifts units of 16 bits towards the lower, zeros enter.
    unsafe fn shr_16<const N: u32>(self) -> Self;
    /// Shifts units of 16 bits towards the higher, zeros enter.
    unsafe fn shl_16<const N: u32>(self) -> Self;
    /// Shifts units of 32 bits towards the lower, the sign enters.
    unsafe fn sar_32<const N: u32>(self) -> Self;
    /// Byte `from[i]` of each lane to its byte `i`, or 0 where `from[i]` is negative.
    unsafe fn shuffle(self, from: [i8; 16]) -> Self;
    /// `table[i]` for each byte `i`, 15 at most.
    unsafe fn look_up(self, table: [i8; 16]) -> Self;

    /// Units of `N` bytes, of the lower half of each lane of `self` and `other` in turn.
    unsafe fn zip_low<const N: usize>(self, other: Self) -> Self;
    /// The same of the upper half.
    unsafe fn zip_high<const N: usize>(self, other: Self) -> Self;

    /// 32-bit sums.
    unsafe fn add_32(self, other: Self) -> Self;
    /// 32-bit integers as floats.
    unsafe fn to_floats(self) -> Self::Floats;

    /// Codes of -128 to 127 in the form that [`Bytes::dot`] takes them in: with [`Bytes::BIAS`] added.
    unsafe fn signed(self) -> Self;
    /// Onto each 32-bit lane of `self`, the products of four codes and four activations. `SIGNED` codes come from
    /// [`Bytes::signed`], others are at most 127.
    unsafe fn dot<const SIGNED: bool>(self, codes: Self, x: Self) -> Self;

    /// The dot products of a group of 32 codes with its activations, 16 of each to a register.
    #[inline(always)]
    unsafe fn dot_two<S: Stored<Self>>(codes: [Self; 2], x: [Self; 2]) -> Self {
        S::dot(S::dot(Self::zero(), codes[0], x[0]), codes[1], x[1])
    }

    /// The half-precision number at `at` of every row, widened.
    #[inline(always)]
    unsafe fn halves(rows: Rows, at: usize) -> Self::Floats {
        let mut halves = [0u16; MOST];
        let mut row = 0;
        while row < Self::ROWS {
            halves[row] = rows.row(row).add(at).cast::<u16>().read_unaligned();
            row += 1;
        }
        Self::Floats::load_f16(halves.as_ptr().cast())
    }

    /// [`half_e8m0`] of the byte at `at` of every row, which another byte follows.
    #[inline(always)]
    unsafe fn powers(rows: Rows, at: usize) -> Self::Floats {
        let mut powers = [0.0; MOST];
        let mut row = 0;
        while row < Self::ROWS {
            powers[row] = half_e8m0(*rows.row(row).add(at));
            row += 1;
        }
        Self::Floats::load(powers.as_ptr())
    }

    /// The four registers of a strip, in the order in which [`Bytes::group`] wants them.
    #[inline(always)]
    unsafe fn arrange(rows: [Self; 4]) -> [Self; 4] {
        Self::transpose(rows)
    }

    /// The dot products of one group of each strip, whose codes are arranged, and `T` tokens: 32-bit lanes are rows.
    #[inline(always)]
    unsafe fn group<S: Stored<Self>, const T: usize>(
        codes: [*const Self; STRIPS],
        x: [*const i8; T],
    ) -> [[Self; STRIPS]; T] {
        gemm::by_dots::<Self, S, T>(S::GROUP / 4, codes, x)
    }

    /// [`crate::blocks::decode`], as compiled for the level.
    unsafe fn decode(dtype: DType, bytes: &[u8], to: &mut Codes);

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self::splat(0)
    }

    /// Bits 0 to 3 of each byte.
    #[inline(always)]
    unsafe fn low_nibbles(self) -> Self {
        self.and(Self::splat(15))
    }

    /// Bits 4 to 7 of each byte.
    #[inline(always)]
    unsafe fn high_nibbles(self) -> Self {
        self.shr_16::<4>().and(Self::splat(15))
    }

    /// Of the four registers of a strip, the sums of each row's four 32-bit lanes: lanes are rows.
    #[inline(always)]
    unsafe fn sum_rows([a, b, c, d]: [Self; 4]) -> Self {
        let ab = a.zip_low::<4>(b).add_32(a.zip_high::<4>(b));
        let cd = c.zip_low::<4>(d).add_32(c.zip_high::<4>(d));
        ab.zip_low::<8>(cd).add_32(ab.zip_high::<8>(cd))
    }

    /// The four registers of a strip, turned: register `i` has bytes `4 i .. 4 i + 4` of every row, 32-bit lanes are
    /// rows.
    #[inline(always)]
    unsafe fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let (ab, cd) = (a.zip_low::<4>(b), c.zip_low::<4>(d));
        let (ab_high, cd_high) = (a.zip_high::<4>(b), c.zip_high::<4>(d));
        [ab.zip_low::<8>(cd), ab.zip_high::<8>(cd), ab_high.zip_low::<8>(cd_high), ab_high.zip_high::<8>(cd_high)]
    }

    /// The four registers of a strip, turned by bytes: bytes `4 i .. 4 i + 4` of a lane of register `r` are byte
    /// `4 r + i` of four rows in order.
    #[inline(always)]
    unsafe fn transpose_bytes([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let (ab, cd) = (a.zip_low::<1>(b), c.zip_low::<1>(d));
        let (ab_high, cd_high) = (a.zip_high::<1>(b), c.zip_high::<1>(d));
        [ab.zip_low::<2>(cd), ab.zip_high::<2>(cd), ab_high.zip_low::<2>(cd_high), ab_high.zip_high::<2>(cd_high)]
    }

    /// Bytes `4 i .. 4 i + 4` of each lane, widened to 32 bits: of [`Bytes::transpose_bytes`], a byte of every row.
    #[inline(always)]
    unsafe fn widen(self, i: usize) -> Self {
        let i = 4 * i as i8;
        self.shuffle([i, -1, -1, -1, i + 1, -1, -1, -1, i + 2, -1, -1, -1, i + 3, -1, -1, -1])
    }

    /// The same of signed bytes.
    #[inline(always)]
    unsafe fn widen_signed(self, i: usize) -> Self {
        let i = 4 * i as i8;
        self.shuffle([-1, -1, -1, i, -1, -1, -1, i + 1, -1, -1, -1, i + 2, -1, -1, -1, i + 3]).sar_32::<24>()
    }
}
