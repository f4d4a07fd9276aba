//! Cards, licences, devices. One program of all tests, for each would be linked by itself.

mod builtin;
mod devices;
mod folder;
mod gate;
mod terms;
