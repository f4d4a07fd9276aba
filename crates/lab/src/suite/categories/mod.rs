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

use super::draws::Draws;
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
}

/// A kind of item.
pub struct Category {
    /// Stable name, part of every item's id.
    pub id: &'static str,
    /// What it shows of a model, for reports.
    pub about: &'static str,
    pub(crate) draft: fn(&mut Draws) -> Draft,
}

/// Every built-in category, in the order of reports.
pub const CATEGORIES: [Category; 10] = [
    Category { id: "choice", about: "common knowledge, one of four options", draft: choice::draft },
    Category { id: "comparison", about: "the larger or smaller of two numbers", draft: comparison::draft },
    Category { id: "arithmetic", about: "small sums, differences and products", draft: arithmetic::draft },
    Category { id: "ordering", about: "sorting numbers and words", draft: ordering::draft },
    Category { id: "copying", about: "repeating a text exactly", draft: copying::draft },
    Category { id: "spelling", about: "the letters of a word, forwards and backwards", draft: spelling::draft },
    Category { id: "json", about: "an object of a given shape", draft: json::draft },
    Category { id: "dates", about: "weekdays, months and days of the calendar", draft: dates::draft },
    Category { id: "units", about: "converting lengths, weights and times", draft: units::draft },
    Category { id: "counting", about: "counting words in a list", draft: counting::draft },
];
