//! No sockets, for a build that is to open none.

use super::{Broken, Method, Proxying, Response};
use crate::patience::Patience;

/// Nothing that could be connected.
#[derive(Debug, Clone)]
pub struct Socket;

impl Socket {
    /// No connections.
    pub fn new(_: &Patience, _: Proxying) -> Socket {
        Socket
    }

    /// The same.
    pub fn apart(&self) -> Socket {
        Socket
    }

    /// There is nothing to cut.
    pub fn cut(&self) {}

    /// Asks nobody.
    pub fn ask<'h>(&self, _: Method, _: &str, _: impl Iterator<Item = (&'h str, &'h str)>) -> Result<Response, Broken> {
        Err(Broken::NoConnection("this program was built without a network".to_owned()))
    }
}
