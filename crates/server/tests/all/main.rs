//! Pages and who may read them. One program of all tests, for each would be linked by itself.

#[path = "../client/mod.rs"]
mod client;
#[path = "../../../panel/tests/fixture/mod.rs"]
mod fixture;
mod fresh;
mod home;
mod http;
mod mail;
mod names;
mod openapi;
mod running;
