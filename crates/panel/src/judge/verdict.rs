//! From vetoes and four calls to one word.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::review::Recommendation;

/// What the panel says of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Word")]
pub enum VerdictKind {
    /// Three of four or more of those who do not abstain say ship, among them whoever is needed for that.
    Ship,
    /// Half or more.
    Mixed,
    /// Less than half, or there is a veto.
    Skip,
    /// Nobody has evidence to judge by.
    Unmeasured,
    /// By what is predicted: it would float, the licence allows the use, and most of those who judge would try it.
    Try,
    /// By what is predicted: nothing rules it out, and something is not known or speaks against it.
    Perhaps,
}

impl VerdictKind {
    /// From what a panel cannot recommend to what it does. A prediction is beneath what was measured, whatever its word.
    pub(crate) fn rank(self) -> u8 {
        match self {
            VerdictKind::Unmeasured | VerdictKind::Try | VerdictKind::Perhaps => 0,
            VerdictKind::Skip => 1,
            VerdictKind::Mixed => 2,
            VerdictKind::Ship => 3,
        }
    }

    /// The same among predictions.
    pub(crate) fn hope(self) -> u8 {
        match self {
            VerdictKind::Skip => 0,
            VerdictKind::Unmeasured => 1,
            VerdictKind::Perhaps | VerdictKind::Mixed => 2,
            VerdictKind::Try | VerdictKind::Ship => 3,
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VerdictKind::Ship => "Ship",
            VerdictKind::Mixed => "Mixed",
            VerdictKind::Skip => "Skip",
            VerdictKind::Unmeasured => "Unmeasured",
            VerdictKind::Try => "Try",
            VerdictKind::Perhaps => "Perhaps",
        })
    }
}

/// The word with its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verdict {
    /// The word.
    pub word: VerdictKind,
    /// Reviewers that say ship.
    pub ship: usize,
    /// Reviewers that say skip.
    pub skip: usize,
    /// Reviewers that abstain.
    pub abstain: usize,
    /// Vetoes, any of which makes the word Skip.
    #[serde(default)]
    pub vetoes: usize,
    /// Reviewers that would try it, by what is predicted.
    #[serde(default, skip_serializing_if = "is_none")]
    pub tries: usize,
    /// Reviewers that would try it at the favourable ends of what is predicted, and not at the others.
    #[serde(default, skip_serializing_if = "is_none")]
    pub perhaps: usize,
    /// Whether all of this rests on predictions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub predicted: bool,
}

fn is_none(n: &usize) -> bool {
    *n == 0
}

impl Verdict {
    /// The verdict of these calls, each with whether the word is Ship only with that reviewer's consent. It is Ship only
    /// where nothing that decides is open: the licence can be told, and every need is seen to be met.
    pub fn of(calls: impl IntoIterator<Item = (Recommendation, bool)>, is_open: bool, vetoes: usize) -> Verdict {
        let (mut found, mut is_held_back) = (Verdict::vetoed(vetoes), is_open);
        for (call, needed_to_ship) in calls {
            found.count(call);
            is_held_back |= needed_to_ship && call != Recommendation::Ship;
        }
        let judging = found.ship + found.skip;
        found.word = match 4 * found.ship {
            _ if vetoes > 0 => VerdictKind::Skip,
            _ if judging == 0 => VerdictKind::Unmeasured,
            quarters if quarters >= 3 * judging && !is_held_back => VerdictKind::Ship,
            quarters if quarters >= 2 * judging => VerdictKind::Mixed,
            _ => VerdictKind::Skip,
        };
        found
    }

    /// The verdict of these calls on predictions. It is Try only where nothing that is known speaks against it; where nobody
    /// judges, what the licence allows is worth a second look.
    pub fn foreseen(
        calls: impl IntoIterator<Item = Recommendation>,
        is_allowed: bool,
        is_held_back: bool,
        vetoes: usize,
    ) -> Verdict {
        let mut found = Verdict { predicted: true, ..Verdict::vetoed(vetoes) };
        calls.into_iter().for_each(|call| found.count(call));
        let judging = found.judging();
        found.word = match 4 * found.tries {
            _ if vetoes > 0 => VerdictKind::Skip,
            _ if judging == 0 && is_allowed => VerdictKind::Perhaps,
            _ if judging == 0 => VerdictKind::Unmeasured,
            quarters if quarters >= 3 * judging && is_allowed && !is_held_back => VerdictKind::Try,
            quarters if quarters + 4 * found.perhaps >= 2 * judging => VerdictKind::Perhaps,
            _ => VerdictKind::Skip,
        };
        found
    }

    /// Before anybody was asked.
    fn vetoed(vetoes: usize) -> Verdict {
        Verdict {
            word: VerdictKind::Unmeasured,
            ship: 0,
            skip: 0,
            abstain: 0,
            vetoes,
            tries: 0,
            perhaps: 0,
            predicted: false,
        }
    }

    /// Reviewers that do not abstain.
    fn judging(&self) -> usize {
        self.ship + self.skip + self.tries + self.perhaps
    }

    fn count(&mut self, call: Recommendation) {
        match call {
            Recommendation::Ship => self.ship += 1,
            Recommendation::Skip => self.skip += 1,
            Recommendation::Abstain => self.abstain += 1,
            Recommendation::Try => self.tries += 1,
            Recommendation::Perhaps => self.perhaps += 1,
        }
    }

    /// How much speaks for it: 2 for each reviewer that would ship or try it, 1 for each that perhaps would. To abstain is
    /// nothing in its favour, whatever was not declared.
    pub(crate) fn in_favour(&self) -> usize {
        2 * (self.ship + self.tries) + self.perhaps
    }

    /// Share of those who judge that say ship, or would try it; none where nobody judges.
    pub fn share(&self) -> Option<f64> {
        let judging = self.judging();
        (judging > 0).then(|| (self.ship + self.tries) as f64 / judging as f64)
    }

    /// The word, marked where it is predicted: `Skip, predicted`.
    pub fn marked(&self) -> String {
        let is_marked = self.predicted && self.word != VerdictKind::Unmeasured;
        format!("{}{}", self.word, if is_marked { ", predicted" } else { "" })
    }

    /// The same in per cent; none where a veto stands above the votes, for it says nothing then, and of predictions, on which
    /// half of them abstain.
    pub fn percent(&self) -> Option<String> {
        self.share().filter(|_| self.vetoes == 0 && !self.predicted).map(|share| format!("{:.0} %", 100.0 * share))
    }

    /// All votes and vetoes, such as `3 ship / 0 skip / 1 abstains`.
    pub fn tally(&self) -> String {
        let Verdict { ship, skip, abstain, vetoes, tries, perhaps, predicted, .. } = self;
        let yes = match (*predicted, *perhaps) {
            (false, _) => format!("{ship} ship"),
            (true, 0) => format!("{tries} would try"),
            (true, perhaps) => format!("{tries} would try / {perhaps} perhaps"),
        };
        let votes = format!("{yes} / {skip} skip / {abstain} abstain{}", plural(*abstain));
        match vetoes {
            0 => votes,
            1 => votes + ", vetoed",
            vetoes => format!("{votes}, {vetoes} vetoes"),
        }
    }

    /// The counts without the word, such as `3 of 4 ship`, or `vetoed` where they do not count.
    pub fn counts(&self) -> String {
        let Verdict { ship, abstain, vetoes, tries, perhaps, predicted, .. } = self;
        let judging = self.judging();
        let mut said = match (*predicted, *perhaps) {
            _ if *vetoes > 0 => return "vetoed".to_owned(),
            _ if judging == 0 => return "all abstain".to_owned(),
            (false, _) => format!("{ship} of {judging} ship"),
            (true, 0) => format!("{tries} of {judging} would try"),
            (true, perhaps) => format!("{tries} of {judging} would try, {perhaps} perhaps"),
        };
        if *abstain > 0 {
            said += &format!(", {abstain} abstain{}", plural(*abstain));
        }
        said
    }
}

/// The ending of a verb.
fn plural(n: usize) -> &'static str {
    if n == 1 { "s" } else { "" }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {}", self.marked(), self.tally())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ship: usize, skip: usize, abstain: usize, vetoes: usize) -> String {
        let calls = [(Recommendation::Ship, ship), (Recommendation::Skip, skip), (Recommendation::Abstain, abstain)];
        let calls = calls.into_iter().flat_map(|(call, n)| std::iter::repeat_n((call, false), n));
        Verdict::of(calls, false, vetoes).to_string()
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
    fn predictions_are_marked_and_never_say_ship() {
        let of = |calls: &[Recommendation], is_held_back: bool, vetoes| {
            Verdict::foreseen(calls.iter().copied(), !is_held_back, is_held_back, vetoes).to_string()
        };
        use Recommendation::{Abstain, Perhaps, Skip, Try};
        assert_eq!(of(&[Try, Abstain, Abstain, Try], false, 0), "Try, predicted · 2 would try / 0 skip / 2 abstain");
        assert_eq!(of(&[Try, Abstain, Abstain, Try], true, 0), "Perhaps, predicted · 2 would try / 0 skip / 2 abstain");
        assert_eq!(
            of(&[Skip, Abstain, Abstain, Try], false, 0),
            "Perhaps, predicted · 1 would try / 1 skip / 2 abstain"
        );
        assert_eq!(
            of(&[Skip, Abstain, Abstain, Abstain], false, 0),
            "Skip, predicted · 0 would try / 1 skip / 3 abstain"
        );
        assert_eq!(
            of(&[Perhaps, Abstain, Abstain, Try], false, 0),
            "Perhaps, predicted · 1 would try / 1 perhaps / 0 skip / 2 abstain"
        );
        assert_eq!(of(&[Try; 4], false, 1), "Skip, predicted · 4 would try / 0 skip / 0 abstain, vetoed");
        assert_eq!(of(&[Abstain; 4], false, 0), "Perhaps, predicted · 0 would try / 0 skip / 4 abstain");
        assert_eq!(of(&[Abstain; 4], true, 0), "Unmeasured · 0 would try / 0 skip / 4 abstain");
    }

    #[test]
    fn whoever_is_needed_to_ship_caps_the_word_at_mixed_by_a_skip_and_by_silence() {
        let with = |needed: Recommendation| {
            let calls = [
                (Recommendation::Ship, false),
                (needed, true),
                (Recommendation::Ship, false),
                (Recommendation::Ship, false),
            ];
            Verdict::of(calls, false, 0).word
        };
        let untold = Verdict::of([(Recommendation::Ship, false); 4], true, 0);
        assert_eq!(untold.word, VerdictKind::Mixed, "whether it may be used, or meets a need, is not known");
        assert_eq!(
            [Recommendation::Ship, Recommendation::Skip, Recommendation::Abstain].map(with),
            [VerdictKind::Ship, VerdictKind::Mixed, VerdictKind::Mixed]
        );
    }
}
