//! Pulls from a hub on this machine.

mod client;
mod faults;
mod killed;
mod mock;
mod pulling;
mod refusals;
