//! What clients hear, over HTTP's types. One program of all tests, for each would be linked by itself.

mod agents;
mod anthropic;
mod http;
mod ollama;
mod responses;
mod room;
mod server;
mod structure;
mod tools;
mod words;
