//! What came of a check: one that did not look at everything has not passed.

use std::fmt;

use serde::Serialize;

/// How a rule or a case stands, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It holds.
    Passed,
    /// The evidence does not tell, or something was not looked at.
    Inconclusive,
    /// It does not hold.
    Failed,
}

impl Standing {
    /// Of something that was compared or not, and agrees as far as it was.
    pub fn of(compared: bool, agrees: bool) -> Standing {
        match (compared, agrees) {
            (_, false) => Standing::Failed,
            (false, true) => Standing::Inconclusive,
            (true, true) => Standing::Passed,
        }
    }

    /// Of all of them together; of nothing, nothing is shown.
    pub fn all(each: impl IntoIterator<Item = Standing>) -> Standing {
        each.into_iter().max().unwrap_or(Standing::Inconclusive)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Passed => "passed",
            Standing::Inconclusive => "inconclusive",
            Standing::Failed => "failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Failed, Inconclusive, Passed};
    use super::*;

    #[test]
    fn what_was_not_looked_at_has_not_passed() {
        assert_eq!(Standing::all([]), Inconclusive);
        assert_eq!(Standing::all([Passed, Passed]), Passed);
        assert_eq!(Standing::all([Passed, Inconclusive, Passed]), Inconclusive);
        assert_eq!(Standing::all([Inconclusive, Failed, Passed]), Failed);
        assert_eq!(Standing::of(false, false), Failed, "what disagrees has been looked at");
    }
}
