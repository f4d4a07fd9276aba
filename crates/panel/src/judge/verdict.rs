//! From four calls to one word.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::review::Call;

/// What the panel says of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// Three of four or more of those who do not abstain say ship.
    Ship,
    /// Half or more.
    Mixed,
    /// Less than half.
    Skip,
    /// Nobody has evidence to judge by.
    Unmeasured,
}

impl Word {
    /// From what a panel cannot recommend to what it does.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Word::Unmeasured => 0,
            Word::Skip => 1,
            Word::Mixed => 2,
            Word::Ship => 3,
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Word::Ship => "Ship",
            Word::Mixed => "Mixed",
            Word::Skip => "Skip",
            Word::Unmeasured => "Unmeasured",
        })
    }
}

/// The word with its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The word.
    pub word: Word,
    /// Reviewers that say ship.
    pub ship: usize,
    /// Reviewers that say skip.
    pub skip: usize,
    /// Reviewers that abstain.
    pub abstain: usize,
}

impl Verdict {
    /// The verdict of these calls.
    pub fn of(calls: impl IntoIterator<Item = Call>) -> Verdict {
        let mut found = Verdict { word: Word::Unmeasured, ship: 0, skip: 0, abstain: 0 };
        for call in calls {
            match call {
                Call::Ship => found.ship += 1,
                Call::Skip => found.skip += 1,
                Call::Abstain => found.abstain += 1,
            }
        }
        let judging = found.ship + found.skip;
        found.word = match 4 * found.ship {
            _ if judging == 0 => Word::Unmeasured,
            quarters if quarters >= 3 * judging => Word::Ship,
            quarters if quarters >= 2 * judging => Word::Mixed,
            _ => Word::Skip,
        };
        found
    }

    /// Share of those who judge that say ship; none where nobody judges.
    pub fn share(&self) -> Option<f64> {
        let judging = self.ship + self.skip;
        (judging > 0).then(|| self.ship as f64 / judging as f64)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { word, ship, skip, abstain } = self;
        let abstains = if *abstain == 1 { "abstains" } else { "abstain" };
        write!(f, "{word} · {ship} ship / {skip} skip / {abstain} {abstains}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_follows_from_those_who_judge() {
        let said = |ship, skip, abstain| {
            let calls = [(Call::Ship, ship), (Call::Skip, skip), (Call::Abstain, abstain)];
            Verdict::of(calls.into_iter().flat_map(|(call, n)| std::iter::repeat_n(call, n))).to_string()
        };
        assert_eq!(said(3, 0, 1), "Ship · 3 ship / 0 skip / 1 abstains");
        assert_eq!(said(3, 1, 0), "Ship · 3 ship / 1 skip / 0 abstain");
        assert_eq!(said(2, 2, 0), "Mixed · 2 ship / 2 skip / 0 abstain");
        assert_eq!(said(2, 1, 1), "Mixed · 2 ship / 1 skip / 1 abstains");
        assert_eq!(said(1, 3, 0), "Skip · 1 ship / 3 skip / 0 abstain");
        assert_eq!(said(0, 0, 4), "Unmeasured · 0 ship / 0 skip / 4 abstain");
    }
}
