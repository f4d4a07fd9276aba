//! Whether what is said to have been known of models besides the comparison is what this program knows of them.

use std::sync::LazyLock;

use plimsoll_catalog::{Catalog, ModelCard};
use plimsoll_lab::record::{Comparison, Measurement, ModelFacts, Side, Unit, listed};
use serde_json::Value;

use crate::judge::{Background, Rival};
use crate::report::{Report, licence_of};

/// A model has parts that are counted or not: a vision tower, a table that is tied. More than this it is another model.
const OTHER_SIZE: f64 = 2.0;

/// What a verdict rests on in a card: claims are held against measurements, the rest says what the licence allows.
const JUDGED: [&str; 4] = ["category", "claims", "licence", "licence_as_announced"];

/// What a card says of the machine that it lies on, and no other has.
const OWN: &str = "artifact";

static INSIDE: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

/// Licences that were judged and are not what the files and the card say, and cards that cannot be those of the models: a
/// sentence each, without its end.
pub(crate) fn background_doubts(comparison: &Comparison, background: [&Background; 2]) -> Vec<String> {
    let models = comparison.models.iter().zip(background).zip(Side::BOTH);
    let doubts = models.flat_map(|((model, known), side)| {
        let card = known.card.as_ref();
        let mut doubts: Vec<String> = card.and_then(|card| size_doubt(card, &model.facts)).into_iter().collect();
        doubts.extend(rivals_doubt(known, side));
        let further = known.further.iter().filter(|found| !is_possible(found));
        doubts.extend(further.map(|found| format!("{} of {} cannot be {}", found.metric, found.subject, found.value)));
        let (declared, texts) = licence_of(&model.facts);
        let doubt = INSIDE.terms_doubt(&known.terms, &declared, &texts, card);
        let letter = side.letter();
        doubts.extend(doubt.map(|doubt| {
            format!("the licence of {letter} that was judged is not that of its files and its card: {doubt}")
        }));
        doubts
    });
    doubts.collect()
}

/// What of what was known this program knows otherwise or not at all, though no verdict rests on it or nothing can be held
/// against it: a sentence each.
pub(crate) fn background_notes(background: [&Background; 2]) -> Vec<String> {
    let notes = background.into_iter().zip(Side::BOTH).flat_map(|(known, side)| {
        let mut notes: Vec<String> = known.card.as_ref().and_then(card_note).into_iter().collect();
        for licence in INSIDE.licences_of_others(&known.terms) {
            let letter = side.letter();
            notes.push(format!(
                "What `{licence}` allows, by which {letter} was judged, is not in this program's catalogue."
            ));
        }
        notes
    });
    notes.collect()
}

/// Of a report: what this program knows otherwise, or not at all, of what was known of its models besides the comparison.
pub fn differing(report: &Report) -> Vec<String> {
    background_notes(report.background.each_ref())
}

/// A card of a model of another size than the one that was measured.
fn size_doubt(card: &ModelCard, facts: &ModelFacts) -> Option<String> {
    let measured = facts.parameters;
    // Of a model that this program knows its own card tells the size, whatever was brought under the name.
    let card = INSIDE.card(&card.id).unwrap_or(card);
    let is_near = |published: u64| {
        let ratio = measured as f64 / published as f64;
        (1.0 / OTHER_SIZE..=OTHER_SIZE).contains(&ratio)
    };
    let other = card.shapes.first().filter(|_| !card.shapes.iter().any(|shape| is_near(shape.parameters)))?;
    let (name, published) = (&card.id, other.parameters);
    Some(format!("a model of {measured} parameters is taken for `{name}`, which has {published}"))
}

/// A card that goes by a name of one of this program's and differs from it: who measured may have put one in its place.
fn card_note(card: &ModelCard) -> Option<String> {
    let mut names = [&card.id].into_iter().chain(&card.aliases).chain(&card.hub);
    let called = || INSIDE.cards().find(|inside| inside.name.eq_ignore_ascii_case(&card.name));
    let inside = names.find_map(|name| INSIDE.resolve(name)).or_else(called)?;
    let differing = differing_keys(card, inside);
    if differing.is_empty() {
        return None;
    }
    let keys = listed(&differing.iter().map(String::as_str).collect::<Vec<_>>());
    let is_judged = differing.iter().any(|key| JUDGED.contains(&key.as_str()));
    let rests = if is_judged { ", by which it was judged" } else { "" };
    let (found, own) = (&card.id, &inside.id);
    Some(match found == own {
        true => format!("The report's card of `{found}` differs from this program's in {keys}{rests}."),
        false => format!(
            "The report's card `{found}` goes by a name of this program's `{own}`, and differs from it in {keys}{rests}."
        ),
    })
}

/// Keys of two cards under which they do not say the same.
fn differing_keys(one: &ModelCard, other: &ModelCard) -> Vec<String> {
    let fields = |card: &ModelCard| match serde_json::to_value(card) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (one, other) = (fields(one), fields(other));
    let keys = one.keys().filter(|key| *key != OWN && one.get(*key) != other.get(*key));
    keys.cloned().collect()
}

/// Whether anything can have this value.
fn is_possible(found: &Measurement) -> bool {
    let value = found.value;
    match found.unit {
        Unit::Share => (0.0..=1.0).contains(&value),
        Unit::ShareDifference => (-1.0..=1.0).contains(&value),
        _ => value >= 0.0,
    }
}

/// Rivals are those that the card names, as the catalogue has them.
fn rivals_doubt(known: &Background, side: Side) -> Option<String> {
    let named = known.card.as_ref().map_or(0, |card| card.rivals.len());
    let expected = Rival::of(&INSIDE, known.card.as_ref());
    let are_they = known.rivals.len() <= named && expected.iter().all(|rival| known.rivals.contains(rival));
    (!are_they).then(|| format!("the rivals of {} are not those that its card names", side.letter()))
}
