//! The beginning of a file, with which a model can be looked at before it is fetched.

use std::io::Read;

use ureq::http::Method;

use super::Hub;
use crate::error::FetchError;
use crate::names;
use crate::patience::Cancel;
use crate::plan::Plan;
use crate::wire::Follow;

impl Hub {
    /// The first `most` bytes of a file of a plan, fewer where it is shorter. A server that sends more is cut off.
    ///
    /// # Errors
    /// The file cannot be had.
    pub fn head(&self, plan: &Plan, file: &str, most: u64, cancel: &Cancel) -> Result<Vec<u8>, FetchError> {
        names::check(file)?;
        let address = self.address_of(&plan.repository, &plan.commit, file);
        if most == 0 {
            return Ok(Vec::new());
        }
        let range = format!("bytes=0-{}", most - 1);
        self.wire.until_it_comes(cancel, || {
            let answer = self.wire.ask(&Method::GET, &address, &[("range", &range)], Follow::All)?;
            // An empty file has no first byte.
            if answer.status == 416 {
                return Ok(Vec::new());
            }
            self.judge(&answer, &plan.repository, "file")?;
            let mut head = Vec::new();
            let read = answer.body.into_reader().take(most).read_to_end(&mut head);
            read.map_err(|error| self.wire.broken(&address, error.into()))?;
            Ok(head)
        })
    }
}
