//! Instruction-set levels: what the processor offers and what the caller asked for.

use std::fmt;
use std::str::FromStr;

/// A level of vector instructions, from portable to widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Portable Rust without intrinsics; every machine has it.
    Scalar,
    /// AVX2 with FMA and F16C: 8 lanes.
    Avx2,
    /// AVX-512 F, BW, DQ, VL, VBMI and VNNI, with all of AVX2: 16 lanes.
    Avx512,
    /// AMX with bf16 and int8 beside AVX-512 BF16 and all of AVX-512: prompts multiply on the matrix unit, everything
    /// else is as at AVX-512. Where the operating system refuses the unit, the processor does not have the level.
    Amx,
    /// NEON, which every 64-bit ARM processor has: 4 lanes.
    Neon,
    /// NEON with dot products of bytes (ARMv8.2).
    Dotprod,
    /// NEON with dot and matrix products of bytes (ARMv8.6).
    I8mm,
}

impl Isa {
    const ALL: [Isa; 7] = [Isa::Scalar, Isa::Avx2, Isa::Avx512, Isa::Amx, Isa::Neon, Isa::Dotprod, Isa::I8mm];

    /// The levels this processor has, lowest first; never empty.
    pub fn available() -> Vec<Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The widest level this processor has.
    pub fn best() -> Isa {
        Isa::ALL.into_iter().rfind(|isa| isa.is_available()).unwrap_or(Isa::Scalar)
    }

    /// Whether this processor can execute the level.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => has_avx2(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => has_avx2() && has_avx512(),
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => has_avx2() && has_avx512() && has_amx(),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 | Isa::Amx => false,
            Isa::Neon => cfg!(target_arch = "aarch64"),
            #[cfg(target_arch = "aarch64")]
            Isa::Dotprod => has_dotprod(),
            #[cfg(target_arch = "aarch64")]
            Isa::I8mm => has_dotprod() && std::arch::is_aarch64_feature_detected!("i8mm"),
            #[cfg(not(target_arch = "aarch64"))]
            Isa::Dotprod | Isa::I8mm => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Amx => "amx",
            Isa::Neon => "neon",
            Isa::Dotprod => "dotprod",
            Isa::I8mm => "i8mm",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vnni")
}

/// Asked once: the answer holds for every thread of the process.
#[cfg(target_arch = "x86_64")]
fn has_amx() -> bool {
    static HAS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *HAS.get_or_init(|| {
        let (tiles, bf16, int8) = (1 << 24, 1 << 22, 1 << 25);
        let features = std::arch::x86_64::__cpuid_count(7, 0).edx;
        features & (tiles | bf16 | int8) == tiles | bf16 | int8
            && is_x86_feature_detected!("avx512bf16")
            && linux_permits_tiles()
    })
}

/// Tile registers are 8 KiB of state, which Linux saves only for processes that asked (Documentation/arch/x86/xstate.rst).
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn linux_permits_tiles() -> bool {
    const SYS_ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let mut result = SYS_ARCH_PRCTL;
    // SAFETY: a system call that reads no memory of ours; the kernel clobbers `rcx` and `r11`.
    unsafe {
        std::arch::asm!(
            "syscall", inout("rax") result, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _, out("r11") _, options(nostack)
        );
    }
    result == 0
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn linux_permits_tiles() -> bool {
    false
}

#[cfg(target_arch = "aarch64")]
fn has_dotprod() -> bool {
    std::arch::is_aarch64_feature_detected!("dotprod")
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an instruction-set level; expected `scalar`, `avx2`, `avx512`, `amx`, `neon`, `dotprod` or `i8mm`"
)]
pub struct UnknownIsa(pub String);

impl FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(word: &str) -> Result<Self, UnknownIsa> {
        Isa::ALL.into_iter().find(|isa| isa.name() == word).ok_or_else(|| UnknownIsa(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
        assert_eq!("sse".parse::<Isa>(), Err(UnknownIsa("sse".into())));
    }

    #[test]
    fn the_best_level_is_the_last_available() {
        assert_eq!(Isa::available().last(), Some(&Isa::best()));
        assert_eq!(Isa::available()[0], Isa::Scalar);
    }
}
