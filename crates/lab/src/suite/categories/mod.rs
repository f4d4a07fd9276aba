//! One file per category: each draws an item from a seeded stream.

mod arithmetic;
mod choice;
mod comparison;
mod copying;
mod counting;
mod dates;
mod json;
mod ordering;
mod spelling;
mod units;

use super::drawing::Scene;
use super::rng::Rng;
use crate::score::Scoring;

/// An item before it has an id.
pub(crate) struct Draft {
    /// What is asked, free of wording and of the order of options or operands. The hold-out looks at this, so a
    /// reserved question is reserved in every phrasing.
    pub key: String,
    /// The one user message.
    pub prompt: String,
    /// How the answer is marked.
    pub scoring: Scoring,
    /// The picture that the question is about.
    pub picture: Option<Scene>,
}

/// A kind of item.
pub struct Category {
    /// Stable name, part of every item's id.
    pub id: &'static str,
    /// What it shows of a model, for reports.
    pub about: &'static str,
    /// Whether its questions are about a picture.
    pub pictures: bool,
    /// Share of right answers that guessing within the form asked for gets: one of the options, names or orders, or
    /// always the commonest answer.
    pub chance: f64,
    pub(crate) draft: fn(&mut Rng) -> Draft,
}

/// Every category of text, in the order of reports.
pub const CATEGORIES: [Category; 10] = [
    Category {
        id: "choice",
        about: "common knowledge, one of four options",
        pictures: false,
        chance: 0.25,
        draft: choice::draft,
    },
    Category {
        id: "comparison",
        about: "the larger or smaller of two numbers",
        pictures: false,
        chance: 0.5,
        draft: comparison::draft,
    },
    Category {
        id: "arithmetic",
        about: "small sums, differences and products",
        pictures: false,
        chance: 0.015,
        draft: arithmetic::draft,
    },
    Category {
        id: "ordering",
        about: "sorting numbers and words",
        pictures: false,
        chance: 0.15,
        draft: ordering::draft,
    },
    Category { id: "copying", about: "repeating a text exactly", pictures: false, chance: 0.0, draft: copying::draft },
    Category {
        id: "spelling",
        about: "the letters of a word, forwards and backwards",
        pictures: false,
        chance: 0.0,
        draft: spelling::draft,
    },
    Category { id: "json", about: "an object of a given shape", pictures: false, chance: 0.0, draft: json::draft },
    Category {
        id: "dates",
        about: "weekdays, months and days of the calendar",
        pictures: false,
        chance: 0.07,
        draft: dates::draft,
    },
    Category {
        id: "units",
        about: "converting lengths, weights and times",
        pictures: false,
        chance: 0.012,
        draft: units::draft,
    },
    Category {
        id: "counting",
        about: "counting words in a list",
        pictures: false,
        chance: 0.18,
        draft: counting::draft,
    },
];
