//! Some bytes of a file, with which a model can be looked at before it is fetched.

use std::io::{self, Read};
use std::ops::Range;

use super::Hub;
use crate::error::FetchError;
use crate::names;
use crate::patience::Cancel;
use crate::plan::Plan;
use crate::wire::{Answer, Follow, Method};

impl Hub {
    /// The bytes of a file of a plan from `range`, fewer where it ends before. A server that sends more is cut off.
    ///
    /// # Errors
    /// The file cannot be had.
    pub fn bytes(&self, plan: &Plan, file: &str, range: Range<u64>, cancel: &Cancel) -> Result<Vec<u8>, FetchError> {
        names::check(file)?;
        let address = self.address_of(&plan.repository, &plan.commit, file);
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let asked = format!("bytes={}-{}", range.start, range.end - 1);
        self.wire.until_it_comes(cancel, || {
            let answer = self.wire.ask(Method::Get, &address, &[("range", &asked)], Follow::All)?;
            // The file ends before the first of them.
            if answer.status == 416 {
                return Ok(Vec::new());
            }
            self.judge(&answer, &plan.repository, "file")?;
            read(answer, &range).map_err(|error| self.wire.broken(&address, error.into()))
        })
    }
}

fn read(answer: Answer, range: &Range<u64>) -> io::Result<Vec<u8>> {
    let is_part = answer.status == 206;
    let mut reader = answer.body;
    if !is_part {
        io::copy(&mut reader.by_ref().take(range.start), &mut io::sink())?;
    }
    let mut bytes = Vec::new();
    reader.take(range.end - range.start).read_to_end(&mut bytes)?;
    Ok(bytes)
}
