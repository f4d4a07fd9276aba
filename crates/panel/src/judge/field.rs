//! Which of three models or more to ship: the rule for two, held to every pair, and what each of the others would be for.

use plimsoll_lab::compare::Field;
use plimsoll_lab::record::{Measurement, ModelRecord, Side};
use serde::{Deserialize, Serialize};

use super::advice::{Preferred, advice, after_colon, provided};
use super::paragraph::{Paragraph, Part};
use super::review::Review;

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldAdvice {
    /// Places of the models to ship: one; several that nothing tells apart; none where none is fit.
    pub ship: Vec<usize>,
    /// What to do, and why, every number with its measurement.
    pub paragraph: Vec<Part>,
}

impl FieldAdvice {
    /// As one text.
    pub fn text(&self) -> String {
        self.paragraph.iter().map(Part::text).collect()
    }
}

/// A model of a field.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// What was measured of it.
    pub record: &'a ModelRecord,
    /// What the panel says of it.
    pub review: &'a Review,
}

impl<'a> Judged<'a> {
    /// What was measured of it that leaves `need` undecided.
    pub(super) fn undecided(&self, need: &str) -> Option<&'a Measurement> {
        let id = self.review.open_needs().find(|found| found.need.text == need)?.measurement.as_deref()?;
        let all = self.record.measurements().into_iter().chain(&self.review.derived);
        all.into_iter().find(|measured| measured.id == id)
    }
}

/// Advice over `models`, in the order of `field`: the most right answers first.
///
/// Of those to which the panel says the best word, those remain that are not seen to be less often right than the one that
/// is right most often; among these the rule for two decides, pair by pair.
pub fn field_advice(field: &Field, models: &[Judged]) -> FieldAdvice {
    let case = Case { field, models };
    let ship = case.chosen();
    let paragraph = match &ship[..] {
        [] => case.none(),
        [one] => case.one(*one),
        several => case.several(several),
    };
    FieldAdvice { ship, paragraph }
}

/// The metrics in which models are told apart here.
const ACCURACY: &str = "accuracy";
const DECODE: &str = "decode@0";
const MEMORY: &str = "peak_memory";

struct Case<'a> {
    field: &'a Field,
    models: &'a [Judged<'a>],
}

impl Case<'_> {
    fn all(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.models.len()
    }

    fn rank(&self, model: usize) -> u8 {
        self.models[model].review.verdict.word.rank()
    }

    fn is_fit(&self, model: usize) -> bool {
        self.rank(model) > 1
    }

    fn name(&self, model: usize) -> &str {
        &self.models[model].record.facts.name
    }

    fn right(&self, model: usize) -> &Measurement {
        &self.models[model].record.quality.overall.rate
    }

    fn memory(&self, model: usize) -> &Measurement {
        &self.models[model].record.memory.peak
    }

    fn decode(&self, model: usize) -> Option<&Measurement> {
        self.models[model].record.speed.first().map(|row| &row.decode)
    }

    /// Which of two was seen to be better in `metric`.
    fn winner(&self, metric: &str, a: usize, b: usize) -> Option<usize> {
        let side = self.field.pair(a, b)?.difference(metric)?.winner()?;
        Some(if side == Side::A { a.min(b) } else { a.max(b) })
    }

    /// Which of two the rule for two would ship.
    fn preferred(&self, a: usize, b: usize) -> Option<usize> {
        let (low, high) = (a.min(b), a.max(b));
        let reviews = [low, high].map(|model| self.models[model].review.clone());
        match advice(self.field.pair(low, high)?, &reviews).preferred {
            Preferred::A => Some(low),
            Preferred::B => Some(high),
            Preferred::NotToldApart | Preferred::Neither => None,
        }
    }

    fn chosen(&self) -> Vec<usize> {
        let fit: Vec<usize> = self.all().filter(|model| self.is_fit(*model)).collect();
        let Some(best) = fit.iter().map(|model| self.rank(*model)).max() else { return Vec::new() };
        let mut left: Vec<usize> = fit.into_iter().filter(|model| self.rank(*model) == best).collect();
        let first = left[0];
        left.retain(|model| self.winner(ACCURACY, first, *model) != Some(first));
        let one = left.iter().copied().fold(first, |ahead, model| self.preferred(ahead, model).unwrap_or(ahead));
        left.retain(|model| *model == one || self.preferred(one, *model).is_none());
        left
    }

    fn none(&self) -> Vec<Part> {
        let mut says = Paragraph::default();
        says.words("Ship none of them. ");
        self.all().for_each(|model| self.against(&mut says, model));
        says.done()
    }

    fn several(&self, ship: &[usize]) -> Vec<Part> {
        let mut says = Paragraph::default();
        says.words("Ship any of ");
        self.names(&mut says, ship, " or ", |_, _| ());
        self.provided(&mut says, ship);
        says.words(": no difference that decides was seen between them. ");
        self.rest(&mut says, ship[0], ship);
        says.words("More questions (--items) and repetitions (--repeat) might tell them apart.");
        says.done()
    }

    fn one(&self, ship: usize) -> Vec<Part> {
        let mut says = Paragraph::default();
        says.words("Ship ").name(self.name(ship));
        self.provided(&mut says, &[ship]);
        says.words(". ");
        self.rest(&mut says, ship, &[ship]);
        says.done()
    }

    fn provided(&self, says: &mut Paragraph, ship: &[usize]) {
        provided(says, &ship.iter().map(|model| self.models[*model]).collect::<Vec<_>>());
    }

    /// What sets `ship` apart from all that are not `shipped`, what it costs, and what the others are for.
    fn rest(&self, says: &mut Paragraph, ship: usize, shipped: &[usize]) {
        let others: Vec<usize> = self.all().filter(|model| self.is_fit(*model) && !shipped.contains(model)).collect();
        self.quality(says, ship, &others);
        self.gains(says, ship, &others);
        self.instead(says, ship, &others);
        self.all().filter(|model| !self.is_fit(*model)).for_each(|model| self.against(says, model));
    }

    /// Right answers beside those of the others.
    fn quality(&self, says: &mut Paragraph, ship: usize, others: &[usize]) {
        let of = |wanted: Option<usize>| -> Vec<usize> {
            others.iter().copied().filter(|other| self.winner(ACCURACY, ship, *other) == wanted).collect()
        };
        let (behind, alike) = (of(Some(ship)), of(None));
        let with_share = |says: &mut Paragraph, model: usize| {
            says.words(" (").value_alone(self.right(model)).words(")");
        };
        if !behind.is_empty() {
            says.words("It is right more often, ").value_alone(self.right(ship)).words(", than ");
            self.names(says, &behind, " and ", with_share);
            says.words(". ");
        }
        if !alike.is_empty() {
            says.words("No difference in right answers was seen from ");
            self.names(says, &alike, " and ", with_share);
            says.words(if behind.is_empty() { "; its own are " } else { ". " });
            if behind.is_empty() {
                says.value_alone(self.right(ship)).words(". ");
            }
        }
        for other in others.iter().copied().filter(|other| self.winner(ACCURACY, ship, *other) == Some(*other)) {
            says.name(self.name(other)).words(" is right more often (").value_alone(self.right(other));
            says.words("), but the panel says ")
                .words(&self.models[other].review.verdict.word.to_string().to_lowercase());
            says.words(" to it. ");
        }
    }

    /// In what else it is better than those that it is not seen to be more often right than.
    fn gains(&self, says: &mut Paragraph, ship: usize, others: &[usize]) {
        for other in others.iter().copied().filter(|other| self.winner(ACCURACY, ship, *other).is_none()) {
            let faster = self.winner(DECODE, ship, other) == Some(ship);
            let smaller = self.winner(MEMORY, ship, other) == Some(ship);
            if let (true, Some(own), Some(others)) = (faster, self.decode(ship), self.decode(other)) {
                says.words("It writes ").factor([own, others]).words(" as fast as ").name(self.name(other)).words(". ");
            }
            if smaller {
                says.words("It takes less memory than ").name(self.name(other)).words(", ");
                says.value_alone(self.memory(ship)).words(" against ").value_alone(self.memory(other)).words(". ");
            }
        }
    }

    /// What it costs, and for whom another is right.
    fn instead(&self, says: &mut Paragraph, ship: usize, others: &[usize]) {
        let ahead = |metric: &'static str| {
            others.iter().copied().filter(move |other| self.winner(metric, ship, *other) == Some(*other))
        };
        let speed = |model: &usize| self.decode(*model).map_or(0.0, |decode| decode.value);
        let fastest = ahead(DECODE).max_by(|a, b| speed(a).total_cmp(&speed(b)));
        let smallest = ahead(MEMORY).min_by(|a, b| self.memory(*a).value.total_cmp(&self.memory(*b).value));
        if let Some((fast, own, others)) = fastest.and_then(|fast| Some((fast, self.decode(ship)?, self.decode(fast)?)))
        {
            says.words("Ship ").name(self.name(fast)).words(" if you need more than ").value_alone(own);
            says.words(": it writes ").value_alone(others).words(". ");
        }
        if let Some(small) = smallest {
            says.words("Ship ").name(self.name(small)).words(" if it has to run in less than ");
            says.value_alone(self.memory(ship)).words(": it takes ").value_alone(self.memory(small)).words(". ");
        }
    }

    /// Why one is not to be shipped.
    fn against(&self, says: &mut Paragraph, model: usize) {
        if self.rank(model) == 0 {
            says.words("Of ").name(self.name(model)).words(" there is not enough evidence to judge by. ");
            return;
        }
        says.name(self.name(model)).words(" is not fit for this: ");
        let vetoes = &self.models[model].review.vetoes;
        if vetoes.is_empty() {
            says.words("fewer than half of the reviewers who judge would ship it. ");
        }
        after_colon(says, vetoes);
    }

    /// `a, b and c`, each with what `behind` writes.
    fn names(&self, says: &mut Paragraph, models: &[usize], last: &str, behind: impl Fn(&mut Paragraph, usize)) {
        for (index, model) in models.iter().enumerate() {
            let is_last = index > 0 && index + 1 == models.len();
            says.words(if index == 0 {
                ""
            } else if is_last {
                last
            } else {
                ", "
            });
            says.name(self.name(*model));
            behind(says, *model);
        }
    }
}
