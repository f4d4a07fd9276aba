//! One door through which code of other crates is compiled for wider registers.

use crate::Isa;

/// Work in plain Rust that a compiler finds vectors in. What `run` does is compiled once more for every width: it takes on
/// the instructions of the level as long as it is `#[inline(always)]`, and so is all that it calls. A closure is not.
///
/// ```
/// use plimsoll_kernels::{Isa, Vectorised};
/// struct Doubled<'a>(&'a mut [f32]);
/// impl Vectorised for Doubled<'_> {
///     type Output = ();
///     #[inline(always)]
///     fn run(self) {
///         for value in self.0 {
///             *value *= 2.0;
///         }
///     }
/// }
/// let mut values = [1.0, 2.5];
/// Isa::best().run(Doubled(&mut values));
/// assert_eq!(values, [2.0, 5.0]);
/// ```
pub trait Vectorised {
    /// What it gives.
    type Output;

    /// Does it; to be marked `#[inline(always)]`.
    fn run(self) -> Self::Output;
}

impl Isa {
    /// Runs `work` compiled for this level. Its bits are the same at every level, for nothing is fused or reordered. AVX-512
    /// has no version of its own: eight lanes are a register of AVX2.
    ///
    /// # Panics
    /// This processor does not have the level.
    pub fn run<W: Vectorised>(self, work: W) -> W::Output {
        assert!(self.is_available(), "this processor cannot execute `{self}`");
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level is available, and each of these has all of AVX2.
            Isa::Avx2 | Isa::Avx512 | Isa::Amx => unsafe { with_avx2(work) },
            _ => work.run(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<W: Vectorised>(work: W) -> W::Output {
    work.run()
}
