//! Models of Ollama: those in its store on this machine, and those of its registry.

mod manifest;
mod registry;
mod store;

pub use manifest::{Layer, LayerKind};
pub use registry::{OLLAMA, OllamaPlan, OllamaRegistry, PlannedLayer};
pub use store::{OllamaModel, OllamaStore};
