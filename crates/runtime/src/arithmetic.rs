//! How precisely a program multiplies.

use plimsoll_kernels::{Activations, Cpu, DType, Phase, Product};

/// What activations are rounded to before they meet the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Arithmetic {
    /// Nothing: f32 throughout, what a description is verified with. The same whatever the phase.
    Exact,
    /// What the level multiplies fastest ([`Cpu::fastest`]): whole numbers of 8 bits, or bf16.
    #[default]
    Fast,
}

impl Arithmetic {
    /// What activations are rounded to for weights of a type.
    pub(crate) fn activations(self, cpu: &Cpu, phase: Phase, dtype: DType) -> Activations {
        match self {
            Arithmetic::Exact => Activations::F32,
            Arithmetic::Fast => cpu.fastest(phase, dtype),
        }
    }

    /// What attention rounds to.
    pub(crate) fn attention(self, cpu: &Cpu, phase: Phase) -> Activations {
        match self {
            Arithmetic::Exact => Activations::F32,
            Arithmetic::Fast => cpu.fastest_attention(phase),
        }
    }
}

/// The products of one step: its device, its arithmetic, its phase.
#[derive(Clone, Copy)]
pub(crate) struct Multiplier<'a> {
    pub cpu: &'a Cpu,
    pub arithmetic: Arithmetic,
    pub phase: Phase,
}

impl Multiplier<'_> {
    /// The phase whose kernels sum: of exact products always the same.
    fn order(&self) -> Phase {
        match self.arithmetic {
            Arithmetic::Exact => Phase::Prefill,
            Arithmetic::Fast => self.phase,
        }
    }

    /// All `products` of `x`: one job for neighbours that want the same of `x`, which types of one model mostly do.
    pub fn multiply(&self, x: &[f32], products: &mut [Product]) {
        let wanted = |product: &Product| self.arithmetic.activations(self.cpu, self.phase, product.w.dtype());
        for alike in products.chunk_by_mut(|a, b| wanted(a) == wanted(b)) {
            self.cpu.multiply(self.order(), wanted(&alike[0]), x, alike);
        }
    }
}
