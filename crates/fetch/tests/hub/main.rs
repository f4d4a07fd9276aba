//! Pulls from a hub on this machine.

mod beside_huggingface;
mod client;
mod faults;
mod killed;
mod mock;
mod ollama;
mod pulling;
mod refusals;
mod secure;
