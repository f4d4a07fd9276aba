//! Every metric of both models laid side by side, with its test.

use super::assemble::accuracy_metric;
use super::ratio::{self, PairedRatio, paired_ratio};
use crate::paired::{self, Finding, OVERALL, PairError};
use crate::record::{Better, Difference, Equivalence, Measurement, ModelRecord, Origin, Test, Unit, Words};
use crate::stats::{LEVEL, holm};

/// What the differences of two models are called in their records.
const SUBJECT: &str = "A against B";

/// All differences: accuracy over all and by category, then start, speed and memory. Where accuracy differs by less than
/// `margin`, that may be said.
///
/// # Errors
/// When the models did not answer the same items.
pub fn differences(models: &[ModelRecord; 2], margin: Option<f64>) -> Result<Vec<Difference>, PairError> {
    let mut all = accuracy(models, margin)?;
    all.extend(quantities(models));
    Ok(all)
}

fn accuracy(models: &[ModelRecord; 2], margin: Option<f64>) -> Result<Vec<Difference>, PairError> {
    let [a, b] = models;
    let found = paired::differences(&a.quality.outcomes, &b.quality.outcomes)?;
    let n_categories = found.len().saturating_sub(1);
    let rates = |model: &ModelRecord| -> Vec<Measurement> {
        std::iter::once(&model.quality.overall).chain(&model.quality.categories).map(|r| r.rate.clone()).collect()
    };
    let (a_rates, b_rates) = (rates(a), rates(b));
    let laid_out = found.into_iter().zip(a_rates.iter().zip(&b_rates)).map(|(found, (a, b))| {
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
            a: a.value,
            b: b.value,
            difference: Measurement::of(SUBJECT, &metric, Unit::ShareDifference, Origin::Derived, found.difference)
                .within(Some(found.interval))
                .n(found.n)
                .by("A minus B on the same items; interval by bootstrap over items, Wilson's bound where all agree")
                .from(&[a, b])
                .record(),
            metric,
            only_right: Some([found.only_a, found.only_b]),
            test: Test {
                name: "exact McNemar".into(),
                p: found.p,
                p_holm: found.p_adjusted,
                family: if is_overall { "accuracy overall".into() } else { "accuracy by category".into() },
                family_size: if is_overall { 1 } else { n_categories },
            },
            real: found.finding() != Finding::NoDifferenceSeen,
            words,
            detectable: found.detectable,
            equivalence,
        }
    });
    Ok(laid_out.collect())
}

/// A metric whose samples were taken in turn.
struct Quantity<'a> {
    about: String,
    better: Better,
    a: &'a Measurement,
    b: &'a Measurement,
}

/// Start, speed and memory: one family, corrected together.
fn quantities([a, b]: &[ModelRecord; 2]) -> Vec<Difference> {
    let mut all = Vec::new();
    for (a, b) in a.speed.iter().zip(&b.speed) {
        let higher = |about: &str, a, b| Quantity { about: about.to_owned(), better: Better::Higher, a, b };
        all.push(higher(&format!("prefill after {} tokens", a.depth), &a.prefill, &b.prefill));
        all.push(higher(&format!("decode after {} tokens", a.depth), &a.decode, &b.decode));
    }
    let lower = |about: &str, a, b| Quantity { about: about.to_owned(), better: Better::Lower, a, b };
    all.push(lower("load", &a.start.load, &b.start.load));
    all.push(lower("first token, cold", &a.start.first_token_cold, &b.start.first_token_cold));
    all.push(lower("first token, warm", &a.start.first_token_warm, &b.start.first_token_warm));
    all.push(lower("peak memory", &a.memory.peak, &b.memory.peak));

    let ratios: Vec<Option<PairedRatio>> = all.iter().map(|q| paired_ratio(&q.a.samples, &q.b.samples)).collect();
    let found: Vec<(Quantity, PairedRatio)> = all.into_iter().zip(ratios).filter_map(|(q, r)| Some((q, r?))).collect();
    let adjusted = holm(&found.iter().map(|(_, ratio)| ratio.p).collect::<Vec<_>>());
    let family_size = found.len();
    found.into_iter().zip(adjusted).map(|((quantity, ratio), p)| quantity.difference(ratio, p, family_size)).collect()
}

impl Quantity<'_> {
    fn difference(self, found: PairedRatio, p_holm: f64, family_size: usize) -> Difference {
        let real = p_holm < 1.0 - LEVEL;
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
            test: Test {
                name: "paired t on logarithms".into(),
                p: found.p,
                p_holm,
                family: "start, speed and memory".into(),
                family_size,
            },
            real,
            words: match (real, a_is_better) {
                (false, _) => Words::NoDifferenceSeen,
                (true, true) => Words::ABetter,
                (true, false) => Words::BBetter,
            },
            detectable: found.detectable,
            equivalence: None,
        }
    }
}
