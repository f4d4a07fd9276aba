//! Activations rounded to 8 bits.

use super::bytes::Bytes;
use crate::blocks::STEP;
use crate::vector::Vector;

/// Values under one scale.
pub(crate) const GROUP: usize = 32;

/// Magnitudes below this make a group of zeros: their scale would not have an inverse.
const LEAST: f32 = 1e-36;

/// What a group of weights is told of the activations that it meets.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Group {
    /// A value is `scale` times its code.
    pub scale: f32,
    /// The sum of the codes, an integer.
    pub sum: f32,
    /// `scale * sum`, rounded.
    pub moment: f32,
}

/// Where lies in a step of a token, 256 values, all of it in [`STEP_LEN`] bytes: so one address finds what a step meets.
const CODES: usize = 0;
/// A [`Group`] for every 32 codes.
const PAIRS: usize = CODES + STEP;
/// One for every 16, since some weights come in groups of 16.
const HALVES: usize = PAIRS + STEP / GROUP * size_of::<Group>();
/// The sums of these once more, as integers.
const SUMS: usize = HALVES + 2 * STEP / GROUP * size_of::<Group>();
const STEP_LEN: usize = SUMS + 2 * STEP / GROUP * size_of::<i16>();
const CACHE_LINE: usize = 64;

/// Codes of `(n, cols)` activations, a record for each token, in steps: codes of -127 to 127 and their groups.
pub(crate) struct Inputs {
    base: *const u8,
    pub cols: usize,
    pub n: usize,
}

// SAFETY: a shared view; whoever fills the records has finished when it is made.
unsafe impl Sync for Inputs {}

/// Bytes from one token's record to the next: whole cache lines, an odd number of them, so that what the tokens of a
/// batch bring to a step spreads over all sets of a cache. `cols` is a multiple of 32.
pub(crate) fn record_len(cols: usize) -> usize {
    let bytes = cols.div_ceil(STEP) * STEP_LEN;
    CACHE_LINE * (bytes.div_ceil(CACHE_LINE) | 1)
}

/// From a step to its groups of `len` codes, 16 or 32.
#[inline(always)]
fn groups_of(len: usize) -> usize {
    if len == GROUP { PAIRS } else { HALVES }
}

impl Inputs {
    /// A view of the records of `n` tokens at `base`, which [`quantise`] has written.
    pub unsafe fn new(base: *const u8, cols: usize, n: usize) -> Inputs {
        Inputs { base, cols, n }
    }

    /// The step of a token that begins with value `col`.
    #[inline(always)]
    fn step(&self, token: usize, col: usize) -> *const u8 {
        self.base.wrapping_add(token * record_len(self.cols) + col / STEP * STEP_LEN)
    }

    /// The codes of the step of a token that begins with value `col`.
    #[inline(always)]
    pub fn codes(&self, token: usize, col: usize) -> *const i8 {
        self.step(token, col).wrapping_add(CODES).cast()
    }

    /// Its groups of `len` codes, 16 or 32.
    #[inline(always)]
    pub fn groups(&self, token: usize, len: usize, col: usize) -> *const Group {
        self.step(token, col).wrapping_add(groups_of(len)).cast()
    }
}

/// What some tokens bring to a step: at equal distances, so that few registers know all.
pub(crate) struct Tokens {
    first: *const u8,
    /// Bytes from one token to the next.
    record_len: usize,
    /// Length of the groups that the weights have.
    group: usize,
}

impl Tokens {
    #[inline(always)]
    pub unsafe fn new(x: &Inputs, group: usize, first: usize, col: usize) -> Tokens {
        Tokens { first: x.step(first, col), record_len: record_len(x.cols), group }
    }

    #[inline(always)]
    fn at(&self, token: usize, offset: usize) -> *const u8 {
        self.first.wrapping_add(token * self.record_len + offset)
    }

    /// The codes of `T` tokens from value `at` of the step on.
    #[inline(always)]
    pub fn codes<const T: usize>(&self, at: usize) -> [*const i8; T] {
        let mut codes = [std::ptr::null(); T];
        let mut t = 0;
        while t < T {
            codes[t] = self.at(t, CODES + at).cast();
            t += 1;
        }
        codes
    }

    /// Group `g`, of the length that the weights' groups have.
    #[inline(always)]
    pub unsafe fn group(&self, token: usize, g: usize) -> &Group {
        &*self.at(token, groups_of(self.group)).cast::<Group>().add(g)
    }

    /// The `pair`th group of 32 values.
    #[inline(always)]
    pub unsafe fn pair(&self, token: usize, pair: usize) -> &Group {
        &*self.at(token, PAIRS).cast::<Group>().add(pair)
    }

    /// Where the sums of its two halves lie.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only AVX2 multiplies scales as integers"))]
    #[inline(always)]
    pub fn sums(&self, token: usize, pair: usize) -> *const [i16; 2] {
        self.at(token, SUMS).cast::<[i16; 2]>().wrapping_add(pair)
    }

    /// Asks for what a token beyond the tile brings, a cache line for each group: it waits in the
    /// second-level cache.
    #[inline(always)]
    pub unsafe fn fetch_next<B: Bytes>(&self, token: usize, g: usize) {
        B::Floats::prefetch(self.at(token, g * CACHE_LINE));
    }
}

/// Writes the record of one token to `record`: codes are the nearest integers, ties to even. What is no finite number
/// makes its group's scale NaN. Plain Rust, compiled with the features of its caller: the same bits at every level.
#[inline(always)]
pub(crate) unsafe fn quantise(x: &[f32], record: *mut u8) {
    for (g, x) in x.as_chunks::<GROUP>().0.iter().enumerate() {
        let (codes, [first, second], scale) = codes_of_group(x);
        let (step, g) = (record.add(g / (STEP / GROUP) * STEP_LEN), g % (STEP / GROUP));
        step.add(CODES).cast::<[i8; GROUP]>().add(g).write(codes);
        step.add(PAIRS).cast::<Group>().add(g).write(group(scale, first + second));
        step.add(HALVES).cast::<[Group; 2]>().add(g).write([group(scale, first), group(scale, second)]);
        step.add(SUMS).cast::<[i16; 2]>().add(g).write([first as i16, second as i16]);
    }
}

#[inline(always)]
fn group(scale: f32, sum: f32) -> Group {
    Group { scale, sum, moment: scale * sum }
}

/// Added to a float of small magnitude, it leaves the nearest integer in the low bits.
const ROUND: f32 = (3 << 22) as f32;

/// The codes of a group, their sums by halves, and the scale.
#[inline(always)]
pub(crate) fn codes_of_group(x: &[f32; GROUP]) -> ([i8; GROUP], [f32; 2], f32) {
    // As integers, magnitudes are in order, infinity and then NaN above all others.
    let most = x.iter().map(|x| x.to_bits() & 0x7fff_ffff).fold(0, u32::max);
    let most = f32::from_bits(most);
    if !(LEAST..f32::INFINITY).contains(&most) {
        return ([0; GROUP], [0.0; 2], if most < LEAST { 0.0 } else { f32::NAN });
    }
    let inverse = 127.0 / most;
    // Loops, not `map`: its closures would be compiled without the features of the caller.
    let (mut rounded, mut codes) = ([0.0; GROUP], [0; GROUP]);
    for (rounded, x) in rounded.iter_mut().zip(x) {
        *rounded = x * inverse + ROUND;
    }
    for (code, rounded) in codes.iter_mut().zip(rounded) {
        *code = rounded.to_bits() as i8;
    }
    let (first, second) = rounded.split_at(GROUP / 2);
    (codes, [sum(first), sum(second)], most / 127.0)
}

/// The sum of 16 codes, still on [`ROUND`]: of integers, exact in any order, so in one that suits registers.
#[inline(always)]
fn sum(rounded: &[f32]) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|i| (rounded[i] - ROUND) + (rounded[i + 8] - ROUND));
    let four: [f32; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes and scale; the sums are what they should be.
    fn codes(x: [f32; GROUP]) -> ([i8; GROUP], f32) {
        let (codes, sums, scale) = codes_of_group(&x);
        let sum = |half: &[i8]| half.iter().map(|&code| i32::from(code)).sum::<i32>() as f32;
        assert_eq!(sums, [sum(&codes[..16]), sum(&codes[16..])]);
        (codes, scale)
    }

    #[test]
    fn codes_err_by_at_most_half_a_step_and_ties_go_to_even() {
        let x: [f32; GROUP] = std::array::from_fn(|i| (i as f32 * 0.7).sin() * 3.0);
        let (codes, scale) = codes(x);
        for (x, code) in x.iter().zip(codes) {
            assert!((x - scale * f32::from(code)).abs() <= 0.5001 * scale, "{x} became {code} of {scale}");
        }
        let mut x = [0.0; GROUP];
        (x[0], x[1], x[2], x[3]) = (127.0, 0.5, 1.5, -2.5);
        assert_eq!(codes_of_group(&x).0[..4], [127, 0, 2, -2]);
    }

    #[test]
    fn extremes_keep_their_sign_and_what_is_no_number_marks_its_group() {
        let mut x = [0.0; GROUP];
        assert_eq!(codes(x), ([0; GROUP], 0.0));
        (x[0], x[31]) = (-f32::MAX, f32::MAX);
        let (extremes, scale) = codes(x);
        assert_eq!((extremes[0], extremes[31], scale), (-127, 127, f32::MAX / 127.0));
        x[7] = f32::NAN;
        assert!(codes(x).0 == [0; GROUP] && codes(x).1.is_nan());
        x[7] = f32::NEG_INFINITY;
        assert!(codes(x).0 == [0; GROUP] && codes(x).1.is_nan());
        assert_eq!(codes([f32::from_bits(1); GROUP]), ([0; GROUP], 0.0));
    }
}
