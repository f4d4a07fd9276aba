//! NEON registers.

use std::arch::aarch64::*;
use std::arch::asm;

use super::Vector;

/// NEON.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct F32x4(pub float32x4_t);

impl Vector for F32x4 {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        F32x4(vdupq_n_f32(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        F32x4(vld1q_f32(from))
    }

    #[inline(always)]
    unsafe fn load_partial(from: *const f32, n: usize) -> Self {
        let none = vdupq_n_f32(0.0);
        F32x4(match n {
            0 => none,
            1 => vsetq_lane_f32::<0>(from.read_unaligned(), none),
            2 => vcombine_f32(vld1_f32(from), vget_low_f32(none)),
            3 => {
                let two = vcombine_f32(vld1_f32(from), vget_low_f32(none));
                vsetq_lane_f32::<2>(from.add(2).read_unaligned(), two)
            }
            _ => vld1q_f32(from),
        })
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        let bytes = vcreate_s8(u64::from(from.cast::<u32>().read_unaligned()));
        F32x4(vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes)))))
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> Self {
        widen_f16(vld1_u16(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self {
        widen_bf16(vld1_u16(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_f16_partial(from: *const u8, n: usize) -> Self {
        widen_f16(first_halves(from, n))
    }

    #[inline(always)]
    unsafe fn load_bf16_partial(from: *const u8, n: usize) -> Self {
        widen_bf16(first_halves(from, n))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        vst1q_f32(to, self.0)
    }

    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, n: usize) {
        match n {
            0 => (),
            1 => to.write_unaligned(vgetq_lane_f32::<0>(self.0)),
            2 => vst1_f32(to, vget_low_f32(self.0)),
            3 => {
                vst1_f32(to, vget_low_f32(self.0));
                to.add(2).write_unaligned(vgetq_lane_f32::<2>(self.0));
            }
            _ => vst1q_f32(to, self.0),
        }
    }

    /// The intrinsic for it is not stable.
    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        asm!("prfm pldl1keep, [{}]", in(reg) from, options(nostack, preserves_flags, readonly));
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        F32x4(vaddq_f32(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        F32x4(vsubq_f32(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        F32x4(vmulq_f32(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        F32x4(vdivq_f32(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        F32x4(vfmaq_f32(addend.0, self.0, factor.0))
    }

    /// `fmax` would give NaN where either is.
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        F32x4(vbslq_f32(vcgtq_f32(self.0, other.0), self.0, other.0))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.if_less(other, self, other)
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        F32x4(vrndnq_f32(self.0))
    }

    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        let exponent = vaddq_s32(vcvtq_s32_f32(self.0), vdupq_n_s32(127));
        F32x4(vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent)))
    }

    #[inline(always)]
    unsafe fn if_less(self, than: Self, yes: Self, no: Self) -> Self {
        F32x4(vbslq_f32(vcltq_f32(self.0, than.0), yes.0, no.0))
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        vpadds_f32(vadd_f32(vget_low_f32(self.0), vget_high_f32(self.0)))
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        let (a, b) = (vld1q_f32(from), vld1q_f32(from.add(stride)));
        let (c, d) = (vld1q_f32(from.add(2 * stride)), vld1q_f32(from.add(3 * stride)));
        let (ac, bd) = (vzipq_f32(a, c), vzipq_f32(b, d));
        let (low, high) = (vzipq_f32(ac.0, bd.0), vzipq_f32(ac.1, bd.1));
        vst1q_f32(to, low.0);
        vst1q_f32(to.add(to_stride), low.1);
        vst1q_f32(to.add(2 * to_stride), high.0);
        vst1q_f32(to.add(3 * to_stride), high.1);
    }
}

#[inline(always)]
unsafe fn widen_f16(halves: uint16x4_t) -> F32x4 {
    F32x4(vcvt_f32_f16(vreinterpret_f16_u16(halves)))
}

#[inline(always)]
unsafe fn widen_bf16(halves: uint16x4_t) -> F32x4 {
    F32x4(vreinterpretq_f32_u32(vshll_n_u16::<16>(halves)))
}

/// The first `n < 4` two-byte values, then zeros.
#[inline(always)]
unsafe fn first_halves(from: *const u8, n: usize) -> uint16x4_t {
    vcreate_u16(match n {
        0 => 0,
        1 => u64::from(from.cast::<u16>().read_unaligned()),
        2 => u64::from(from.cast::<u32>().read_unaligned()),
        _ => {
            let third = u64::from(from.add(4).cast::<u16>().read_unaligned());
            u64::from(from.cast::<u32>().read_unaligned()) | third << 32
        }
    })
}
