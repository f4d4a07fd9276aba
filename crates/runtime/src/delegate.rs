//! Another engine that computes a network in a program's place.

use plimsoll_graph::Network;
use plimsoll_kernels::Cpu;

use crate::machine::ResidentBytes;

/// Why another engine gave no logits, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{engine}: {message}")]
pub struct DelegateError {
    /// Which engine, with its version where that is known.
    pub engine: String,
    /// What it says.
    pub message: String,
}

/// Another engine that has the weights of a network and computes it.
pub trait Delegate: Send {
    /// Its name and version.
    fn engine(&self) -> &str;

    /// The logits after each of the last `wanted` of `ids`, `(wanted, vocab_size)`; of none, the tokens pass all the same.
    /// `ids` are the whole sequence: what is kept of one that begins alike need not be computed again.
    ///
    /// # Errors
    /// What the engine says.
    fn logits(&mut self, ids: &[u32], wanted: usize) -> Result<&[f32], DelegateError>;

    /// Memory of the process that it is, where it is one of its own and the system tells.
    fn resident(&self) -> Option<ResidentBytes>;
}

/// A network that another engine computes.
pub(crate) struct Delegated {
    pub network: Network,
    /// What else is computed here is computed on it.
    pub cpu: Cpu,
    pub delegate: Box<dyn Delegate>,
    /// Of several sequences, `(n_selected, vocab_size)`.
    logits: Vec<f32>,
}

impl Delegated {
    pub fn new(network: Network, cpu: Cpu, delegate: Box<dyn Delegate>) -> Delegated {
        Delegated { network, cpu, delegate, logits: Vec::new() }
    }

    /// The logits after the last `wanted` tokens of every sequence.
    pub fn run<'s>(
        &mut self,
        sequences: impl Iterator<Item = &'s [u32]>,
        wanted: usize,
    ) -> Result<&[f32], DelegateError> {
        self.logits.clear();
        let expected = wanted * self.network.vocab_size;
        for ids in sequences {
            let logits = self.delegate.logits(ids, wanted)?;
            if logits.len() != expected {
                let message = format!("gave {} logits, expected {expected}", logits.len());
                return Err(DelegateError { engine: self.delegate.engine().to_owned(), message });
            }
            self.logits.extend_from_slice(logits);
        }
        Ok(&self.logits)
    }
}
