//! From vetoes and four calls to one word.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::review::Call;

/// What the panel says of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Word {
    /// Three of four or more of those who do not abstain say ship, among them whoever is needed for that.
    Ship,
    /// Half or more.
    Mixed,
    /// Less than half, or there is a veto.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verdict {
    /// The word.
    pub word: Word,
    /// Reviewers that say ship.
    pub ship: usize,
    /// Reviewers that say skip.
    pub skip: usize,
    /// Reviewers that abstain.
    pub abstain: usize,
    /// Vetoes, any of which makes the word Skip.
    #[serde(default)]
    pub vetoes: usize,
}

impl Verdict {
    /// The verdict of these calls, each with whether the word is Ship only with that reviewer's consent, and only where the
    /// licence can be told.
    pub fn of(calls: impl IntoIterator<Item = (Call, bool)>, licence_is_told: bool, vetoes: usize) -> Verdict {
        let mut found = Verdict { word: Word::Unmeasured, ship: 0, skip: 0, abstain: 0, vetoes };
        let mut is_held_back = !licence_is_told;
        for (call, needed_to_ship) in calls {
            match call {
                Call::Ship => found.ship += 1,
                Call::Skip => found.skip += 1,
                Call::Abstain => found.abstain += 1,
            }
            is_held_back |= needed_to_ship && call != Call::Ship;
        }
        let judging = found.ship + found.skip;
        found.word = match 4 * found.ship {
            _ if vetoes > 0 => Word::Skip,
            _ if judging == 0 => Word::Unmeasured,
            quarters if quarters >= 3 * judging && !is_held_back => Word::Ship,
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

    /// The same in per cent; none where a veto stands above the votes, for it says nothing then.
    pub fn percent(&self) -> Option<String> {
        self.share().filter(|_| self.vetoes == 0).map(|share| format!("{:.0} %", 100.0 * share))
    }

    /// All votes and vetoes, such as `3 ship / 0 skip / 1 abstains`.
    pub fn tally(&self) -> String {
        let Verdict { ship, skip, abstain, vetoes, .. } = self;
        let votes = format!("{ship} ship / {skip} skip / {abstain} abstain{}", plural(*abstain));
        match vetoes {
            0 => votes,
            1 => votes + ", vetoed",
            vetoes => format!("{votes}, {vetoes} vetoes"),
        }
    }

    /// The counts without the word, such as `3 of 4 ship`, or `vetoed` where they do not count.
    pub fn counts(&self) -> String {
        let Verdict { ship, skip, abstain, vetoes, .. } = self;
        match ship + skip {
            _ if *vetoes > 0 => "vetoed".to_owned(),
            0 => "all abstain".to_owned(),
            judging if *abstain > 0 => format!("{ship} of {judging} ship, {abstain} abstain{}", plural(*abstain)),
            judging => format!("{ship} of {judging} ship"),
        }
    }
}

/// The ending of a verb.
fn plural(n: usize) -> &'static str {
    if n == 1 { "s" } else { "" }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {}", self.word, self.tally())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ship: usize, skip: usize, abstain: usize, vetoes: usize) -> String {
        let calls = [(Call::Ship, ship), (Call::Skip, skip), (Call::Abstain, abstain)];
        let calls = calls.into_iter().flat_map(|(call, n)| std::iter::repeat_n((call, false), n));
        Verdict::of(calls, true, vetoes).to_string()
    }

    #[test]
    fn the_word_follows_from_those_who_judge() {
        assert_eq!(said(3, 0, 1, 0), "Ship · 3 ship / 0 skip / 1 abstains");
        assert_eq!(said(3, 1, 0, 0), "Ship · 3 ship / 1 skip / 0 abstain");
        assert_eq!(said(2, 2, 0, 0), "Mixed · 2 ship / 2 skip / 0 abstain");
        assert_eq!(said(2, 1, 1, 0), "Mixed · 2 ship / 1 skip / 1 abstains");
        assert_eq!(said(1, 3, 0, 0), "Skip · 1 ship / 3 skip / 0 abstain");
        assert_eq!(said(0, 0, 4, 0), "Unmeasured · 0 ship / 0 skip / 4 abstain");
    }

    #[test]
    fn a_veto_outweighs_any_number_of_votes() {
        assert_eq!(said(4, 0, 0, 1), "Skip · 4 ship / 0 skip / 0 abstain, vetoed");
        assert_eq!(said(0, 0, 4, 2), "Skip · 0 ship / 0 skip / 4 abstain, 2 vetoes");
    }

    #[test]
    fn whoever_is_needed_to_ship_caps_the_word_at_mixed_by_a_skip_and_by_silence() {
        let with = |needed: Call| {
            let calls = [(Call::Ship, false), (needed, true), (Call::Ship, false), (Call::Ship, false)];
            Verdict::of(calls, true, 0).word
        };
        let untold = Verdict::of([(Call::Ship, false); 4], false, 0);
        assert_eq!(untold.word, Word::Mixed, "whether it may be used is not known");
        assert_eq!([Call::Ship, Call::Skip, Call::Abstain].map(with), [Word::Ship, Word::Mixed, Word::Mixed]);
    }
}
