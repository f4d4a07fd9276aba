//! How faithful one model of a comparison is to the other: measured where both can be artifacts of one, and as records.

use plimsoll_engine::Session;

use super::{CompareError, Contestant, Progress, Stage};
use crate::divergence::Gathered;
use crate::fidelity::{Distances, Flips, are_comparable, distances, flips, n_items};
use crate::record::{Distance, Fidelity, Measurement, ModelRecord, Origin, Side, Unit};
use crate::runner::Outcome;
use crate::stats::{LEVEL, paired_bootstrap, wilson};
use crate::suite::Suite;

/// Seed of the bootstrap, fixed so that a report can be made again.
const BOOTSTRAP_SEED: u64 = 1;

/// How faithful the model of fewer bytes is to the other, if both can be artifacts of one.
pub(super) fn faithfulness(
    contestants: &[Contestant; 2],
    sessions: &mut [Session; 2],
    outcomes: &[Vec<Outcome>; 2],
    suite: &Suite,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Fidelity>, CompareError> {
    let [a, b] = contestants;
    let [session_a, session_b] = sessions;
    if !are_comparable((&a.checkpoint, session_a), (&b.checkpoint, session_b)) {
        return Ok(None);
    }
    let (base, from, to) = match a.checkpoint.file_bytes() >= b.checkpoint.file_bytes() {
        true => (Side::A, session_a, session_b),
        false => (Side::B, session_b, session_a),
    };
    let of = n_items(suite);
    let hear = |done| progress(Progress { stage: Stage::Predicting, done, of });
    let found = distances(from, to, suite, hear).map_err(|source| {
        let [a, b] = contestants.each_ref().map(|contestant| contestant.argument.clone());
        CompareError::Fidelity { a, b, source: Box::new(source) }
    })?;
    let [outcomes_a, outcomes_b] = outcomes;
    let flips = match base {
        Side::A => flips(outcomes_a, outcomes_b),
        Side::B => flips(outcomes_b, outcomes_a),
    };
    Ok(Some(fidelity(base, &found, flips)))
}

/// The record of what was found of the model that is not `base`.
fn fidelity(base: Side, distances: &Distances, flips: Flips) -> Fidelity {
    let subject = match base {
        Side::A => "B against A",
        Side::B => "A against B",
    };
    let text = "predictions over the built-in text and the questions' words as plain text, the same tokens for both";
    let answers = "predictions of the right answer's tokens behind questions spread evenly over the suite, as each model \
                   is asked";
    let behind =
        |over: &str, found: &Gathered| (!found.kl().is_empty()).then(|| distance(subject, over, found, answers));
    let share = |metric: &str, count: usize, how: &str| {
        Measurement::of(subject, metric, Unit::Share, Origin::Derived, count as f64 / flips.n as f64)
            .within(wilson(count, flips.n, LEVEL))
            .n(flips.n)
            .by(how)
            .record()
    };
    Fidelity {
        base,
        text: distance(subject, "text", &distances.text, text),
        answers: behind("answers", &distances.answers),
        pictures: behind("pictures", &distances.pictures),
        flips: share(
            "fidelity.flips",
            flips.lost + flips.gained,
            "items that one model alone got right over items; Wilson interval; every outcome kept with the models",
        ),
        changed: share(
            "fidelity.changed",
            flips.changed,
            "items whose answer is another, letter by letter, over items; Wilson interval; every outcome kept with the \
             models",
        ),
        right_to_wrong: flips.lost,
        wrong_to_right: flips.gained,
    }
}

/// The same record, calculated again from the divergence of each position and the answers of both models.
pub(super) fn fidelity_again(found: &Fidelity, models: &[ModelRecord; 2]) -> Fidelity {
    let gathered = |distance: &Distance| {
        let n = distance.kl_mean.samples.len();
        Gathered::of(distance.kl_mean.samples.clone(), (distance.same_top.value * n as f64).round() as usize)
    };
    let some = |distance: &Option<Distance>| distance.as_ref().map(gathered).unwrap_or_default();
    let distances =
        Distances { text: gathered(&found.text), answers: some(&found.answers), pictures: some(&found.pictures) };
    let [a, b] = models.each_ref().map(|model| &model.quality.outcomes[..]);
    let flips = if found.base == Side::A { flips(a, b) } else { flips(b, a) };
    fidelity(found.base, &distances, flips)
}

fn distance(subject: &str, over: &str, found: &Gathered, how: &str) -> Distance {
    let (amounts, n) = (found.divergence(), found.kl().len());
    let measured = |name: &str, unit, value| {
        Measurement::of(subject, &format!("fidelity.{over}.{name}"), unit, Origin::Measured, value)
    };
    let kl_mean = measured("kl_mean", Unit::Nats, amounts.kl_mean)
        .within(paired_bootstrap(found.kl(), LEVEL, BOOTSTRAP_SEED))
        .samples(found.kl())
        .by(&format!("mean KL divergence from the base's {how}; interval by bootstrap over positions"))
        .record();
    let kl_high = measured("kl_high", Unit::Nats, amounts.kl_high)
        .n(n)
        .by("the divergence that 99.9 % of the positions do not exceed; of fewer than a thousand, the largest")
        .from(&[&kl_mean])
        .record();
    let same_top = measured("same_top", Unit::Share, amounts.same_top)
        .within(wilson(found.same_top(), n, LEVEL))
        .n(n)
        .by("positions with the same likeliest token over positions, those of the mean divergence; Wilson interval")
        .record();
    Distance { kl_mean, kl_high, same_top }
}
