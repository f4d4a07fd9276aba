//! How faithful one model of a comparison is to the other: measured where both can be artifacts of one, and as records.

use plimsoll_engine::Session;

use super::schedule::Schedule;
use super::{CompareError, ModelUnderTest, Options, Progress, Stage};
use crate::divergence::DivergenceSamples;
use crate::fidelity::{Distances, Flips, are_comparable, distances, flips, n_items};
use crate::record::{Distance, Fidelity, Measurement, ModelRecord, Origin, Side, Unit};
use crate::runner::ItemOutcome;
use crate::stats::{LEVEL, block_mean, block_share, wilson};

/// That a base which somebody declared can be one.
///
/// # Errors
/// [`CompareError::NotOfOneShape`].
pub(super) fn check_base(
    base: Option<Side>,
    under_test: &[ModelUnderTest; 2],
    sessions: [&Session; 2],
) -> Result<(), CompareError> {
    let [a, b] = under_test;
    let comparable = are_comparable((&a.checkpoint, sessions[0]), (&b.checkpoint, sessions[1]));
    match base {
        Some(base) if !comparable => {
            let [base, other] = [base, base.other()].map(|side| under_test[side.index()].argument.clone());
            Err(CompareError::NotOfOneShape { base, other })
        }
        _ => Ok(()),
    }
}

/// How far the predictions of the two lie apart, if both can be artifacts of one: from those of the base that was
/// declared, else from A's.
pub(super) fn faithfulness(
    options: &Options,
    under_test: &[ModelUnderTest; 2],
    sessions: [&mut Session; 2],
    outcomes: [&[ItemOutcome]; 2],
    schedule: &Schedule,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Fidelity>, CompareError> {
    let [a, b] = under_test;
    let [session_a, session_b] = sessions;
    if !are_comparable((&a.checkpoint, session_a), (&b.checkpoint, session_b)) {
        return Ok(None);
    }
    let (declared, suite) = (options.base, &options.suite);
    let base = declared.unwrap_or(Side::A);
    let (from, to) = match base {
        Side::A => (session_a, session_b),
        Side::B => (session_b, session_a),
    };
    let of = n_items(suite);
    let hear = |done| progress(Progress::of(schedule, Stage::Predicting, done, of));
    let found = distances(from, to, suite, hear).map_err(|source| {
        let [a, b] = under_test.each_ref().map(|tested| tested.argument.clone());
        CompareError::Fidelity { a, b, source: Box::new(source) }
    })?;
    let [outcomes_a, outcomes_b] = outcomes;
    let flips = match base {
        Side::A => flips(outcomes_a, outcomes_b),
        Side::B => flips(outcomes_b, outcomes_a),
    };
    Ok(Some(Fidelity { declared: declared.is_some(), ..fidelity(base, &found, flips) }))
}

/// The other model against `base`.
fn subject(base: Side) -> &'static str {
    match base {
        Side::A => "B against A",
        Side::B => "A against B",
    }
}

/// The record of what was found of the model that is not `base`, whether or not anybody declared it to be one.
fn fidelity(base: Side, distances: &Distances, flips: Flips) -> Fidelity {
    let subject = subject(base);
    let text = "predictions over the built-in text and the questions' words as plain text, the same tokens for both";
    let answers = "predictions of the right answer's tokens behind questions spread evenly over the suite, as each model \
                   is asked";
    let behind =
        |over: &str, found: &DivergenceSamples| (!found.kl().is_empty()).then(|| distance(base, over, found, answers));
    let share = |metric: &str, count: usize, how: &str| {
        Measurement::of(subject, metric, Unit::Share, Origin::Derived, count as f64 / flips.n as f64)
            .within(wilson(count, flips.n, LEVEL))
            .n(flips.n)
            .by(how)
            .record()
    };
    Fidelity {
        base,
        declared: false,
        text: distance(base, "text", &distances.text, text),
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
    let samples = |distance: &Distance| {
        let same_top = distance.same_top.samples.iter().map(|same| *same == 1.0).collect();
        DivergenceSamples::of(distance.kl_mean.samples.clone(), same_top)
    };
    let some = |distance: &Option<Distance>| distance.as_ref().map(samples).unwrap_or_default();
    let distances =
        Distances { text: samples(&found.text), answers: some(&found.answers), pictures: some(&found.pictures) };
    let [a, b] = models.each_ref().map(|model| &model.quality.outcomes[..]);
    let flips = if found.base == Side::A { flips(a, b) } else { flips(b, a) };
    Fidelity { declared: found.declared, ..fidelity(found.base, &distances, flips) }
}

fn distance(base: Side, over: &str, found: &DivergenceSamples, how: &str) -> Distance {
    let (subject, from) = (subject(base), base.letter());
    let (amounts, n) = (found.divergence(), found.kl().len());
    let measured = |name: &str, unit, value| {
        Measurement::of(subject, &format!("fidelity.{over}.{name}"), unit, Origin::Measured, value)
    };
    let kl_mean = measured("kl_mean", Unit::Nats, amounts.kl_mean)
        .within(block_mean(found.kl(), LEVEL))
        .samples(found.kl())
        .by(&format!("mean KL divergence from {from}'s {how}; interval by Student's t on its logarithm over blocks of 100 positions"))
        .record();
    let kl_high = measured("kl_high", Unit::Nats, amounts.kl_high)
        .n(n)
        .by("the divergence that 99.9 % of the positions do not exceed; of fewer than a thousand, the largest")
        .from(&[&kl_mean])
        .record();
    let hits: Vec<f64> = found.same_top().iter().map(|same| f64::from(u8::from(*same))).collect();
    let same_top = measured("same_top", Unit::Share, amounts.same_top)
        .within(block_share(found.same_top(), LEVEL))
        .samples(&hits)
        .by("positions with the same likeliest token over positions, those of the mean divergence; Wilson interval for as many \
             as the spread between blocks of 100 makes them worth")
        .record();
    Distance { kl_mean, kl_high, same_top }
}
