//! Questions with both answers: those that tell the models apart, and every kind at least once.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use plimsoll_lab::record::Comparison;
use plimsoll_lab::runner::ItemOutcome;
use plimsoll_lab::suite::{Item, Suite};

/// Questions of one category that are shown; the record beside the page has all answers.
const SHOWN: usize = 6;

/// What was asked and answered.
pub(super) struct Asked<'a> {
    pub categories: Vec<Category<'a>>,
}

/// Questions of one kind.
pub(super) struct Category<'a> {
    pub id: &'a str,
    pub about: &'a str,
    pub n: usize,
    pub shown: Vec<Shown<'a>>,
}

/// One question with both answers.
pub(super) struct Shown<'a> {
    pub prompt: &'a str,
    /// The picture as a `data:` address.
    pub picture: Option<String>,
    pub expected: String,
    pub answers: [Answer<'a>; 2],
}

/// What one model said.
pub(super) struct Answer<'a> {
    pub text: &'a str,
    pub correct: bool,
}

/// The questions of `suite` that are shown with the answers of `comparison`.
pub(super) fn asked<'a>(comparison: &'a Comparison, suite: &'a Suite) -> Asked<'a> {
    let answers = comparison.models.each_ref().map(|model| {
        model.quality.outcomes.iter().map(|outcome| (outcome.item.as_str(), outcome)).collect::<HashMap<_, _>>()
    });
    let categories = comparison.suite.categories.iter().map(|category| {
        let items = suite.items.iter().filter(|item| item.category == category.id);
        let mut found: Vec<(bool, Shown)> = items
            .filter_map(|item| {
                let pair = [answers[0].get(item.id.as_str())?, answers[1].get(item.id.as_str())?];
                Some((pair[0].correct == pair[1].correct, shown(item, pair)))
            })
            .collect();
        found.sort_by_key(|(alike, _)| *alike); // stable: the suite's own order within each
        let shown = found.into_iter().take(SHOWN).map(|(_, shown)| shown).collect();
        Category { id: &category.id, about: &category.about, n: category.n, shown }
    });
    Asked { categories: categories.collect() }
}

fn shown<'a>(item: &'a Item, outcomes: [&&'a ItemOutcome; 2]) -> Shown<'a> {
    Shown {
        prompt: &item.prompt,
        picture: item
            .picture
            .as_ref()
            .map(|scene| format!("data:image/png;base64,{}", BASE64_STANDARD.encode(scene.png()))),
        expected: item.scoring.wanted(),
        answers: outcomes.map(|outcome| Answer { text: outcome.answer.trim(), correct: outcome.correct }),
    }
}
