//! Predictions of the catalogue's models for a device before anything is fetched, and the words in which they are told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_catalog::{DeviceProfile, EngineThere, Gate, ModelCard, Outcome, Shape};
use plimsoll_lab::predict::before::{Asked, Floats, Place, Prediction, Range, predict};
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_lab::predict::published::{Published, ShapeProblem};

use crate::foreign::shown_text;
use crate::gate::Wanted;
use crate::judge::{Need, OtherEngine};

/// Tokens of context where nobody says.
pub const CONTEXT: usize = 4096;

/// What is asked of one shape: no more context than it has, and no pictures of one that does not see.
pub fn asked(shape: &Shape, context: usize, pictures: usize) -> Asked {
    let pictures = if shape.vision.is_some() { pictures } else { 0 };
    Asked { context: context.clamp(1, shape.max_seq_len), pictures, cache: Default::default() }
}

/// What the shapes that were asked for cost, each worked out once: that depends on no device, and takes much longer than
/// what follows from it.
#[derive(Debug, Default)]
pub struct Costs(Mutex<HashMap<String, OfCard>>);

type OfCard = Vec<(Shape, Arc<Published>)>;

impl Costs {
    /// What a shape of a card costs.
    fn of(&self, card: &ModelCard, shape: &Shape) -> Result<Arc<Published>, ShapeProblem> {
        let known = |of_card: &OfCard| {
            of_card.iter().find(|(known, _)| known == shape).map(|(_, published)| Arc::clone(published))
        };
        let held = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(published) = held().get(&card.id).and_then(known) {
            return Ok(published);
        }
        let published = Arc::new(Published::new(card, shape)?);
        held().entry(card.id.clone()).or_default().push((shape.clone(), Arc::clone(&published)));
        Ok(published)
    }

    /// Each quantisation of a shape, the most precise first.
    ///
    /// # Errors
    /// The card's figures make no network.
    pub fn predicted(
        &self,
        card: &ModelCard,
        shape: &Shape,
        place: Place<'_>,
        room: Option<Range>,
        asked: Asked,
    ) -> Result<Vec<Prediction>, ShapeProblem> {
        let published = self.of(card, shape)?;
        let of = |quantisation| predict(&published, quantisation, place, room, asked);
        Ok(Quantisation::ALL.into_iter().map(of).collect())
    }
}

/// For how much a prediction is: `4096 tokens, one picture among them`.
pub fn context_words(context: usize, pictures: usize) -> String {
    match pictures {
        0 => format!("{context} tokens"),
        1 => format!("{context} tokens, one picture among them"),
        n => format!("{context} tokens, {n} pictures among them"),
    }
}

/// How a prediction stands to a need. What cannot be predicted, such as right answers, is met perhaps.
pub fn stands(need: &Need, prediction: &Prediction) -> Floats {
    let range = match need.metric.as_str() {
        "peak_memory" => Some(prediction.memory.total),
        "decode@0" => prediction.decode,
        "prefill@0" => prediction.prefill,
        _ => None,
    };
    // What arithmetic allows at most can rule a need out and never meet it.
    if let (None, Some(most), Wanted::AtLeast) = (range, prediction.prefill_at_most, need.wanted)
        && need.metric == "prefill@0"
        && most < need.limit
    {
        return Floats::No;
    }
    range.map_or(Floats::Perhaps, |range| match need.wanted {
        Wanted::AtLeast => range.at_least(need.limit),
        Wanted::AtMost => range.at_most(need.limit),
    })
}

/// How a prediction stands to the room and to all needs: as it stands to the worst of them.
pub fn afloat(prediction: &Prediction, needs: &[Need]) -> Floats {
    needs.iter().map(|need| stands(need, prediction)).fold(prediction.fits, Floats::max)
}

/// What a shape is called beside others: the card's id, and its own name where the card has several.
pub fn name(card: &ModelCard, shape: &Shape) -> String {
    match shape.name().filter(|_| card.shapes.len() > 1) {
        Some(name) => name.to_owned(),
        None => card.id.clone(),
    }
}

/// What is known of a device by its profile, each figure with how it is known.
pub fn device_lines(profile: &DeviceProfile) -> Vec<String> {
    let DeviceProfile { name, kind, chip, app_memory, read_bandwidth, .. } = profile;
    let what = if chip == name { kind.words().to_owned() } else { format!("{}, {chip}", kind.words()) };
    let mut lines = vec![format!("{name} ({what}), by published figures; nothing was measured on one")];
    // The whole range that models are held against.
    let range = match (bytes(app_memory.least()), bytes(app_memory.most())) {
        (low, high) if low != high => format!("{low} to {high}"),
        (one, _) => one,
    };
    lines.push(format!("an app may take {range} ({})", app_memory.words()));
    lines.push(match read_bandwidth {
        Some(figure) => format!("reads {:.1} GB/s ({})", figure.value / 1e9, figure.words()),
        None => "how fast it reads is not known".to_owned(),
    });
    if let Some(reach) = profile.reach.first() {
        let share = &reach.four_bit;
        let [low, high] = [share.low, share.high].map(|end| 100.0 * end.unwrap_or(share.value));
        let range = if low < high { format!("{low:.0} to {high:.0} %") } else { format!("{high:.0} %") };
        lines.push(format!("engines reach {range} of that on its {} ({})", reach.unit, share.words()));
    }
    if profile.engine == EngineThere::Other && profile.notes.is_empty() {
        lines.push("Plimsoll computes on processors: another engine would be needed".to_owned());
    }
    lines.extend(profile.notes.iter().cloned());
    lines.into_iter().map(|line| shown_text(&line, 400)).collect()
}

/// A size that is predicted or published: no more figures than it is sure to. What was measured has [`Unit::text`]'s.
///
/// [`Unit::text`]: plimsoll_lab::record::Unit::text
pub fn bytes(n: f64) -> String {
    match n {
        n if n < 1e6 => format!("{:.0} kB", n / 1e3),
        n if n < 1e9 => format!("{:.0} MB", n / 1e6),
        n if n < 99.95e9 => format!("{:.1} GB", n / 1e9),
        _ => format!("{:.0} GB", n / 1e9),
    }
}

/// `8 to 21`, or that it is not known. The ends are rounded outward, so that no end seems to meet what it does not.
pub fn speed(range: Option<Range>) -> String {
    match range {
        Some(range) => format!("{} to {}", figure(range.low, f64::floor), figure(range.high, f64::ceil)),
        None => "not known".to_owned(),
    }
}

fn figure(n: f64, rounded: impl Fn(f64) -> f64) -> String {
    match n {
        n if n < 1.0 => format!("{:.1}", rounded(n * 10.0) / 10.0),
        n if n < 1000.0 => format!("{}", rounded(n)),
        n if n < 10_000.0 => format!("{}", rounded(n / 100.0) * 100.0),
        n => format!("{}k", rounded(n / 1e3)),
    }
}

/// How the memory stands to the room.
pub fn fits_words(fits: Floats) -> &'static str {
    match fits {
        Floats::Yes => "fits",
        Floats::Perhaps => "perhaps",
        Floats::No => "no",
    }
}

/// What would run it on a device of this profile, or on this machine, where that is not this program.
pub fn runner_words(card: &ModelCard, prediction: &Prediction, there: Option<&DeviceProfile>) -> Option<String> {
    OtherEngine::of(card, prediction.runner, there).map(|engine| engine.words())
}

/// How a licence stands to the declared use, in a word or three.
pub fn licence_words(gate: &Gate) -> String {
    match gate.outcome {
        Outcome::Passed => "allowed".to_owned(),
        Outcome::Failed => "not allowed".to_owned(),
        Outcome::Unknown => gate.allowed_within().unwrap_or_else(|| "not known".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_catalog::Catalog;

    use super::*;

    fn predictions(room: f64) -> Vec<Prediction> {
        let catalog = Catalog::builtin();
        let (card, device) = (catalog.card("smollm3").unwrap(), catalog.device("rpi5-8gb").unwrap());
        let room = Range { low: room, value: room, high: room };
        let shape = &card.shapes[0];
        let asked = asked(shape, CONTEXT, 0);
        Costs::default().predicted(card, shape, Place::There(device), Some(room), asked).unwrap()
    }

    #[test]
    fn a_shape_is_worked_out_once_and_another_of_its_card_by_itself() {
        let catalog = Catalog::builtin();
        let card = catalog.card("smollm3").unwrap();
        let (costs, shape) = (Costs::default(), &card.shapes[0]);
        let first = costs.of(card, shape).unwrap();
        assert!(Arc::ptr_eq(&first, &costs.of(card, &shape.clone()).unwrap()));
        let other = Shape { vocab_size: shape.vocab_size / 2, ..shape.clone() };
        let other = costs.of(card, &other).unwrap();
        assert!(other.file_bytes(Quantisation::Q4_0) < first.file_bytes(Quantisation::Q4_0));
    }

    #[test]
    fn what_is_not_predicted_is_met_perhaps() {
        let [need] = <[Need; 1]>::try_from(Need::read("accuracy>80%").unwrap()).unwrap();
        assert_eq!(stands(&need, &predictions(16e9)[0]), Floats::Perhaps);
    }
}
