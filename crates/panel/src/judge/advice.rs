//! Which of two to ship.

use plimsoll_lab::record::{Comparison, Side};
use serde::{Deserialize, Serialize};

use super::paragraph::{Paragraph, Part};
use super::review::Review;

/// Which of two models the panel would ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preferred {
    /// The first.
    A,
    /// The second.
    B,
    /// The evidence does not tell them apart.
    NotToldApart,
    /// Neither is fit for the declared use here.
    Neither,
}

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// Which.
    pub preferred: Preferred,
    /// Why, every number with its measurement.
    pub paragraph: Vec<Part>,
}

impl Advice {
    /// As one text.
    pub fn text(&self) -> String {
        self.paragraph.iter().map(Part::text).collect()
    }
}

/// The better verdict wins; between equal ones the overall difference in right answers decides, where there is one.
pub(super) fn advice(comparison: &Comparison, reviews: &[Review; 2]) -> Advice {
    let ranks = reviews.each_ref().map(|review| review.verdict.word.rank());
    let accuracy = comparison.difference("accuracy");
    let preferred = match ranks {
        [0 | 1, 0 | 1] => Preferred::Neither,
        [a, b] if a > b => Preferred::A,
        [a, b] if a < b => Preferred::B,
        _ => match accuracy.and_then(|difference| difference.winner()) {
            Some(Side::A) => Preferred::A,
            Some(Side::B) => Preferred::B,
            None => Preferred::NotToldApart,
        },
    };
    let mut says = Paragraph::default();
    let name = |side: Side| comparison.models[side.index()].facts.name.as_str();
    let chosen = |says: &mut Paragraph, side: Side| {
        says.words("Ship ").name(name(side));
        if ranks[0] == ranks[1] {
            let rate = |side: Side| &comparison.models[side.index()].quality.overall.rate;
            let other = if side == Side::A { Side::B } else { Side::A };
            says.words(": the panel says the same of both, and it is right more often, ");
            says.value_alone(rate(side)).words(" against ").value_alone(rate(other));
        } else {
            says.words(": the panel says ").words(&reviews[side.index()].verdict.word.to_string().to_lowercase());
            let other = if side == Side::A { Side::B } else { Side::A };
            says.words(" to it, and ").words(&reviews[other.index()].verdict.word.to_string().to_lowercase());
            says.words(" to ").name(name(other));
        }
        says.words(".");
    };
    match preferred {
        Preferred::A => chosen(&mut says, Side::A),
        Preferred::B => chosen(&mut says, Side::B),
        Preferred::Neither => {
            says.words("Ship neither for this use on this device.");
        }
        Preferred::NotToldApart => {
            says.words("The panel says the same of both, and the evidence does not tell them apart.");
        }
    }
    Advice { preferred, paragraph: says.done() }
}
