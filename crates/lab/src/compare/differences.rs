//! Every metric of both models laid side by side, with its test.

use super::assemble::accuracy_metric;
use super::ratio::{self, PairedRatio, paired_ratio};
use crate::paired::{self, Finding, OVERALL, PairError};
use crate::record::{
    Among, Better, Comparison, Difference, Equivalence, Filled, Measurement, ModelRecord, Origin, Settings, Test, Unit,
    Words,
};
use crate::stats::{LEVEL, holm};

/// What the differences of two models are called in their records.
const SUBJECT: &str = "A against B";

/// What is corrected together: everything that a report says of its models.
fn family(among: Option<&Among>) -> String {
    match among {
        None => "everything that is compared".to_owned(),
        Some(Among { models, .. }) => format!("everything that is compared of {models} models, each with each"),
    }
}

/// All differences: accuracy over all and by category, then start, speed and memory, corrected as one family: the chance
/// that a report of models that are alike marks anything is 5 %. What is said of other pairs together with this one is
/// in `among`. Where accuracy differs by less than the margin of `settings`, that may be said.
///
/// # Errors
/// When the models did not answer the same items.
pub fn differences(
    models: &[ModelRecord; 2],
    settings: &Settings,
    among: Option<&Among>,
) -> Result<Vec<Difference>, PairError> {
    let shares = shares(models)?;
    let quantities = quantities(models, settings);
    let mut p_values: Vec<f64> =
        shares.iter().map(|row| row.found.p).chain(quantities.iter().map(|(_, ratio)| ratio.p)).collect();
    p_values.extend(among.iter().flat_map(|among| &among.p));
    let (family, size) = (family(among), p_values.len());
    let mut adjusted = holm(&p_values).into_iter();
    let mut test = |name: &str, p| {
        let p_holm = adjusted.next().unwrap_or(1.0);
        Test { name: name.to_owned(), p, p_holm, family: family.clone(), family_size: size }
    };
    let mut all = Vec::with_capacity(size);
    for row in shares {
        let test = test("McNemar's score test", row.found.p);
        all.push(row.difference(test, settings.margin));
    }
    for (quantity, ratio) in quantities {
        let test = test("paired t on logarithms", ratio.p);
        all.push(quantity.difference(ratio, test));
    }
    Ok(all)
}

/// The p-value of everything that is said of two models, each by itself.
pub fn p_values(comparison: &Comparison) -> Vec<f64> {
    comparison.differences.iter().map(|difference| difference.test.p).collect()
}

/// Right answers in one category or in all.
struct Share<'a> {
    found: paired::Difference,
    a: &'a Measurement,
    b: &'a Measurement,
}

fn shares([a, b]: &[ModelRecord; 2]) -> Result<Vec<Share<'_>>, PairError> {
    let found = paired::differences(&a.quality.outcomes, &b.quality.outcomes)?;
    let both = rates(a).zip(rates(b));
    Ok(found.into_iter().zip(both).map(|(found, (a, b))| Share { found, a, b }).collect())
}

fn rates(model: &ModelRecord) -> impl Iterator<Item = &Measurement> {
    std::iter::once(&model.quality.overall).chain(&model.quality.categories).map(|rate| &rate.rate)
}

impl Share<'_> {
    fn difference(self, test: Test, margin: Option<f64>) -> Difference {
        let found = self.found.in_family(test.p_holm, test.family_size);
        let against = |margin| Some(Equivalence { margin, interval: found.equivalence_interval()? });
        let equivalence = margin.and_then(against);
        let words = match found.finding() {
            // A difference that was seen is told, however small the margin makes it.
            Finding::NoDifferenceSeen if equivalence.is_some_and(|found| found.holds()) => Words::NoLossBeyondMargin,
            Finding::NoDifferenceSeen => Words::NoDifferenceSeen,
            Finding::FirstBetter => Words::ABetter,
            Finding::SecondBetter => Words::BBetter,
        };
        let metric = accuracy_metric(&found.category);
        let is_overall = found.category == OVERALL;
        Difference {
            about: if is_overall { "accuracy, all categories".into() } else { format!("accuracy, {}", found.category) },
            better: Better::Higher,
            unit: Unit::Share,
            a: self.a.value,
            b: self.b.value,
            difference: Measurement::of(SUBJECT, &metric, Unit::ShareDifference, Origin::Derived, found.difference)
                .within(Some(found.interval))
                .n(found.n)
                .by("A minus B on the same items; Tango's score interval of paired shares, corrected for continuity")
                .from(&[self.a, self.b])
                .record(),
            metric,
            only_right: Some([found.only_a, found.only_b]),
            test,
            real: found.finding() != Finding::NoDifferenceSeen,
            words,
            detectable: found.detectable,
            equivalence,
        }
    }
}

/// A metric whose samples were taken in turn.
struct Quantity<'a> {
    about: String,
    better: Better,
    a: &'a Measurement,
    b: &'a Measurement,
}

/// Start, speed and memory, where both have samples.
fn quantities<'a>([a, b]: &'a [ModelRecord; 2], settings: &Settings) -> Vec<(Quantity<'a>, PairedRatio)> {
    let mut all = Vec::new();
    for (a, b) in a.speed.iter().zip(&b.speed) {
        let higher = |about: &str, a, b| Quantity { about: about.to_owned(), better: Better::Higher, a, b };
        all.push(higher(&format!("prefill after {} tokens", a.depth), &a.prefill, &b.prefill));
        all.push(higher(&format!("decode after {} tokens", a.depth), &a.decode, &b.decode));
    }
    let lower = |about: &str, a, b| Quantity { about: about.to_owned(), better: Better::Lower, a, b };
    all.push(lower("load", &a.start.load, &b.start.load));
    all.push(lower("cold first token", &a.start.first_token_cold, &b.start.first_token_cold));
    all.push(lower("warm first token", &a.start.first_token_warm, &b.start.first_token_warm));
    let memory = settings.filled.as_ref().map_or(Filled::ONE_ANSWER.to_owned(), Filled::to_string);
    all.push(lower(&format!("peak memory {memory}"), &a.memory.peak, &b.memory.peak));
    let ratios: Vec<Option<PairedRatio>> = all.iter().map(|q| paired_ratio(&q.a.samples, &q.b.samples)).collect();
    all.into_iter().zip(ratios).filter_map(|(quantity, ratio)| Some((quantity, ratio?))).collect()
}

impl Quantity<'_> {
    fn difference(self, found: PairedRatio, test: Test) -> Difference {
        let real = test.p_holm < 1.0 - LEVEL;
        let a_is_better = (found.ratio > 1.0) == (self.better == Better::Higher);
        Difference {
            metric: self.a.metric.clone(),
            about: self.about,
            better: self.better,
            unit: self.a.unit,
            a: self.a.value,
            b: self.b.value,
            difference: Measurement::of(SUBJECT, &self.a.metric, Unit::Ratio, Origin::Derived, found.ratio)
                .within(found.interval)
                .n(self.a.n.min(self.b.n))
                .by(&format!("A divided by B: {}", ratio::METHOD))
                .from(&[self.a, self.b])
                .record(),
            only_right: None,
            detectable: found.detectable((1.0 - LEVEL) / test.family_size.max(1) as f64),
            test,
            real,
            words: match (real, a_is_better) {
                (false, _) => Words::NoDifferenceSeen,
                (true, true) => Words::ABetter,
                (true, false) => Words::BBetter,
            },
            equivalence: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::compare::ratio::paired_ratio;
    use crate::stats::{LEVEL, holm, mcnemar};
    use crate::suite::Rng;

    /// The p-values of a report of two models that are alike: ten kinds of question, then all of them together, and what
    /// was timed. What slows the machine slows both.
    fn p_values(rng: &mut Rng) -> [Vec<f64>; 2] {
        let mut uniform = || rng.below(1_000_000) as f64 / 1e6;
        let mut found = [Vec::new(), Vec::new()];
        let mut all = [0, 0];
        for kind in 0..10 {
            // Of 50 items they disagree on few in an easy or hopeless category and on half in another.
            let share = 0.02 + 0.05 * f64::from(kind);
            let mut only = [0, 0];
            for _ in 0..50 {
                let at = uniform();
                only[0] += usize::from(at < share / 2.0);
                only[1] += usize::from((share / 2.0..share).contains(&at));
            }
            all = [all[0] + only[0], all[1] + only[1]];
            found[0].push(mcnemar(50, only[0], only[1]));
        }
        found[0].push(mcnemar(500, all[0], all[1]));
        let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        for _ in 0..10 {
            let drift: Vec<f64> = (0..7).map(|_| 0.3 * normal()).collect();
            let [a, b] = [(); 2].map(|()| drift.iter().map(|slow| (slow + 0.1 * normal()).exp()).collect::<Vec<f64>>());
            found[1].push(paired_ratio(&a, &b).unwrap().p);
        }
        found
    }

    #[test]
    fn of_reports_of_two_models_that_are_alike_one_in_twenty_marks_anything() {
        let mut rng = Rng::new(2026, 0);
        let marks = |p: &[f64]| holm(p).iter().any(|p| *p < 1.0 - LEVEL);
        let (mut together, mut apart, runs) = (0, 0, 4000);
        for _ in 0..runs {
            let [shares, timed] = p_values(&mut rng);
            together += usize::from(marks(&[shares.clone(), timed.clone()].concat()));
            apart += usize::from(marks(&shares[..10]) || marks(&shares[10..]) || marks(&timed));
        }
        let [together, apart] = [together, apart].map(|count| count as f64 / runs as f64);
        // Two standard errors of a share of 5 % over 4000 reports are 0.7 points.
        assert!((0.02..=0.057).contains(&together), "{together}");
        assert!(apart > 0.07, "three families would mark more: {apart}");
    }
}
