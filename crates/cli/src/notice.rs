//! Words to a person beside the output proper.

use std::fmt::Display;
use std::io::Write;

/// Writes a line to standard error. Where nobody can read it (a closed pipe, a full disk) there is
/// nobody to tell, and what was asked for goes on.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
