//! From outcomes to rates and differences: what a comparison of two models may say of their quality.

use serde::Serialize;

use crate::runner::ItemOutcome;
use crate::stats::{Interval, LEVEL, POWER, detectable_difference, holm, mcnemar, tango, wilson};

/// The name under which all categories are taken together.
pub const OVERALL: &str = "overall";

/// One model's share of right answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rate {
    /// A category's id, or [`OVERALL`].
    pub category: String,
    /// Right answers.
    pub correct: usize,
    /// Items.
    pub n: usize,
    /// Wilson's interval of the share.
    pub interval: Interval,
    /// Answers in which what was asked for stands in whatever form; absent where that was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<usize>,
}

/// The difference of two models on the same items, first minus second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// A category's id, or [`OVERALL`].
    pub category: String,
    /// Items.
    pub n: usize,
    /// Items that both got right.
    pub both: usize,
    /// Items that the first model alone got right.
    pub only_a: usize,
    /// Items that the second model alone got right.
    pub only_b: usize,
    /// Share of right answers, first minus second, in -1 to 1.
    pub difference: f64,
    /// Tango's score interval.
    pub interval: Interval,
    /// Two-sided p-value of McNemar's score test, which is below 1 − [`LEVEL`] exactly where the interval excludes 0.
    pub p: f64,
    /// The same after Holm's correction over everything that is said together.
    pub p_adjusted: f64,
    /// The smallest true difference that so many items show in four runs of five under the test that decides: at the
    /// strictest step of Holm's correction.
    pub detectable: Option<f64>,
}

/// What the evidence says of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The first model is right more often.
    FirstBetter,
    /// The second model is right more often.
    SecondBetter,
    /// The items do not tell them apart, which is not the same as no difference.
    NoDifferenceSeen,
}

/// Why two runs cannot be paired.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PairError {
    /// Different numbers of items.
    #[error("the runs hold {a} and {b} items; only runs of the same suite can be paired")]
    Length {
        /// Items of the first run.
        a: usize,
        /// Items of the second run.
        b: usize,
    },
    /// Different items at the same place.
    #[error("item {index} is `{a}` in one run and `{b}` in the other; only runs of the same suite can be paired")]
    Item {
        /// Place in the suite, from 0.
        index: usize,
        /// Item of the first run.
        a: String,
        /// Item of the second run.
        b: String,
    },
}

impl Difference {
    /// What follows at the level of every report, [`LEVEL`].
    pub fn finding(&self) -> Finding {
        if self.p_adjusted >= 1.0 - LEVEL {
            Finding::NoDifferenceSeen
        } else if self.only_a > self.only_b {
            Finding::FirstBetter
        } else {
            Finding::SecondBetter
        }
    }

    /// The interval for two one-sided tests at 5 %.
    pub fn equivalence_interval(&self) -> Option<Interval> {
        tango(self.n, self.only_a, self.only_b, 1.0 - 2.0 * (1.0 - LEVEL))
    }

    /// The same difference among `family_size` comparisons that are told together, with the p-value that Holm's correction
    /// over all of them gives.
    pub fn in_family(self, p_adjusted: f64, family_size: usize) -> Difference {
        let alpha = (1.0 - LEVEL) / family_size.max(1) as f64;
        let detectable = detectable_difference(self.n, self.only_a + self.only_b, alpha, POWER);
        Difference { p_adjusted, detectable, ..self }
    }
}

/// The share of right answers overall and in each category, in the order of the items; empty without outcomes.
pub fn rates(outcomes: &[ItemOutcome]) -> Vec<Rate> {
    groups(outcomes)
        .into_iter()
        .filter_map(|(category, indices)| {
            let correct = indices.iter().filter(|&&i| outcomes[i].correct).count();
            let n = indices.len();
            let known: Option<Vec<bool>> = indices.iter().map(|&i| outcomes[i].known).collect();
            let known = known.map(|known| known.into_iter().filter(|known| *known).count());
            Some(Rate { category, correct, n, interval: wilson(correct, n, LEVEL)?, known })
        })
        .collect()
}

/// The differences overall and in each category of two runs of one suite, corrected as one family.
///
/// # Errors
/// When the runs do not hold the same items in the same order.
pub fn differences(a: &[ItemOutcome], b: &[ItemOutcome]) -> Result<Vec<Difference>, PairError> {
    if a.len() != b.len() {
        return Err(PairError::Length { a: a.len(), b: b.len() });
    }
    if let Some(index) = (0..a.len()).find(|&i| a[i].item != b[i].item) {
        return Err(PairError::Item { index, a: a[index].item.clone(), b: b[index].item.clone() });
    }
    let found: Vec<Difference> =
        groups(a).into_iter().filter_map(|(category, indices)| difference(category, &indices, a, b)).collect();
    let (adjusted, size) = (holm(&found.iter().map(|difference| difference.p).collect::<Vec<_>>()), found.len());
    Ok(found.into_iter().zip(adjusted).map(|(difference, p)| difference.in_family(p, size)).collect())
}

fn difference(category: String, indices: &[usize], a: &[ItemOutcome], b: &[ItemOutcome]) -> Option<Difference> {
    let count = |x: bool, y: bool| indices.iter().filter(|&&i| (a[i].correct, b[i].correct) == (x, y)).count();
    let (n, both, only_a, only_b) = (indices.len(), count(true, true), count(true, false), count(false, true));
    let p = mcnemar(n, only_a, only_b);
    Some(Difference {
        category,
        n,
        both,
        only_a,
        only_b,
        difference: (only_a as f64 - only_b as f64) / n as f64,
        interval: tango(n, only_a, only_b, LEVEL)?,
        p,
        p_adjusted: p,
        detectable: None,
    })
}

/// All items, then those of each category. A suite of one category is its own overall.
fn groups(outcomes: &[ItemOutcome]) -> Vec<(String, Vec<usize>)> {
    let mut groups = vec![(OVERALL.to_owned(), (0..outcomes.len()).collect::<Vec<_>>())];
    for (index, outcome) in outcomes.iter().enumerate() {
        match groups[1..].iter_mut().find(|(category, _)| *category == outcome.category) {
            Some((_, indices)) => indices.push(index),
            None => groups.push((outcome.category.clone(), vec![index])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::{Finding, OVERALL, PairError, differences, rates};
    use crate::runner::ItemOutcome;

    fn outcomes(right: &[(&str, &[bool])]) -> Vec<ItemOutcome> {
        let item = |category: &str, index: usize, correct: bool| ItemOutcome {
            item: format!("{category}-{index}"),
            category: category.to_owned(),
            correct,
            known: None,
            answer: String::new(),
            log_likelihoods: Vec::new(),
        };
        right.iter().flat_map(|(c, marks)| marks.iter().enumerate().map(|(i, m)| item(c, i, *m))).collect()
    }

    #[test]
    fn rates_come_overall_and_by_category() {
        let rates = rates(&outcomes(&[("dates", &[true, false]), ("units", &[true, true])]));
        let found: Vec<_> = rates.iter().map(|r| (r.category.as_str(), r.correct, r.n)).collect();
        assert_eq!(found, [(OVERALL, 3, 4), ("dates", 1, 2), ("units", 2, 2)]);
    }

    #[test]
    fn a_clear_difference_is_found_and_its_direction_named() {
        let a = outcomes(&[("dates", &[true; 20]), ("units", &[true; 20])]);
        let b = outcomes(&[("dates", &[false; 20]), ("units", &[true; 20])]);
        let found = differences(&a, &b).unwrap();
        assert_eq!((found[0].both, found[0].only_a, found[0].only_b, found[0].difference), (20, 20, 0, 0.5));
        let findings: Vec<_> = found.iter().map(super::Difference::finding).collect();
        assert_eq!(findings, [Finding::FirstBetter, Finding::FirstBetter, Finding::NoDifferenceSeen]);
        assert_eq!(differences(&b, &a).unwrap()[0].finding(), Finding::SecondBetter);
    }

    #[test]
    fn a_row_pays_for_being_one_of_many() {
        // Six to nothing of twelve has p = 0.025: enough alone, not enough among four rows, of which all together come first.
        let (six, none): ([bool; 12], _) = (std::array::from_fn(|index| index < 6), [false; 12]);
        let a = outcomes(&[("dates", &six), ("units", &none), ("json", &none)]);
        let b = outcomes(&[("dates", &none), ("units", &none), ("json", &none)]);
        let found = differences(&a, &b).unwrap();
        assert!((found[1].p_adjusted - 3.0 * 0.024744672).abs() < 1e-8, "{found:?}");
        assert!(found.iter().all(|difference| difference.finding() == Finding::NoDifferenceSeen));
        let [alone, among] = [1, 4].map(|size| found[1].clone().in_family(found[1].p, size));
        assert_eq!(alone.finding(), Finding::FirstBetter);
        assert!(among.detectable.unwrap_or(1.0) > alone.detectable.unwrap());
    }

    #[test]
    fn agreement_on_every_item_still_leaves_room_for_a_difference() {
        let a = outcomes(&[("dates", &[true; 50])]);
        let interval = differences(&a, &a).unwrap()[0].interval;
        assert!((interval.high - 0.0713).abs() < 1e-4 && (interval.low + interval.high).abs() < 1e-12, "{interval:?}");
    }

    #[test]
    fn a_single_disagreement_does_not_make_the_items_surer_than_none() {
        let mut marks = [true; 50];
        let a = outcomes(&[("dates", &marks)]);
        let all_agree = differences(&a, &a).unwrap()[0].clone();
        let bound = all_agree.equivalence_interval().unwrap();
        assert!((bound.high - 0.0513).abs() < 1e-4, "Wilson, 0 of 50 at 90 %: {bound:?}");
        marks[0] = false;
        let one_differs = differences(&a, &outcomes(&[("dates", &marks)])).unwrap()[0].clone();
        let wider = |a: super::Interval, b: super::Interval| a.high - a.low >= b.high - b.low;
        assert!(wider(one_differs.interval, all_agree.interval), "{one_differs:?}");
        assert!(wider(one_differs.equivalence_interval().unwrap(), bound));
    }

    #[test]
    fn runs_of_different_suites_are_not_paired() {
        let (a, b) = (outcomes(&[("dates", &[true, true])]), outcomes(&[("units", &[true, true])]));
        assert_eq!(differences(&a, &a[..1]), Err(PairError::Length { a: 2, b: 1 }));
        assert!(matches!(differences(&a, &b), Err(PairError::Item { index: 0, .. })));
    }

    #[test]
    fn no_outcomes_give_no_rates() {
        assert!(rates(&[]).is_empty());
        assert_eq!(differences(&[], &[]), Ok(vec![]));
    }
}
