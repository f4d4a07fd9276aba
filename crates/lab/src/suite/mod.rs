//! The built-in suites: questions made by code from a seed, with no text of anybody else.
//!
//! One question in ten, chosen by the hash of what it asks, is reserved for suites; [`training_items`] never gives
//! a reserved one. That a suite is unseen by a model trained on these categories is therefore a property of the
//! code and not of a seed.

mod categories;
pub mod drawing;
mod framing;
pub mod hash;
mod rng;
mod vision;
pub(crate) mod words;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use categories::Draft;
pub use categories::{CATEGORIES, Category};
use drawing::Scene;
pub(crate) use framing::PLAIN;
pub use framing::{Framing, Image, Message, Role};
pub(crate) use rng::Rng;
pub use vision::{VISION_CATEGORIES, training_pictures};

use crate::language_model::AnswerError;
use crate::questions::CHECKS_VERSION;
use crate::score::{SCORER_VERSION, Scoring};

/// Items per category unless asked otherwise.
pub const DEFAULT_ITEMS: usize = 50;
/// The seed of the suite that is meant when none is named.
pub const DEFAULT_SEED: u64 = 2026;
/// The name of the suite that holds every category of text.
pub const ALL: &str = "text";
/// The name of the suite that holds every category about pictures.
pub const VISION: &str = "vision";
/// The name of the suite that holds both, for models that see.
pub const TEXT_AND_VISION: &str = "text+vision";
/// What stands for the category where a picture is held out: it is so for every category.
const PICTURES: &str = "pictures";
/// Share of questions kept for suites: one in this many.
const RESERVED_ONE_IN: u64 = 10;
/// Draws in a row without a new question after which a category is taken to hold no more.
const PATIENCE: usize = 20_000;
/// Items that a category may be asked for: some have more questions than a lifetime has room for.
const MAX_ITEMS: usize = 100_000;
/// Room for an answer with a sentence around it, in tokens.
const MAX_ANSWER_TOKENS: usize = 96;

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Category and a hash of the question; the same question has the same id in every suite.
    pub id: String,
    /// One of [`CATEGORIES`]' or [`VISION_CATEGORIES`]' ids, `canary`, or whatever a file of questions says.
    pub category: String,
    /// The words of the question, before any chat template.
    pub prompt: String,
    /// How an answer is marked, with the right one.
    pub scoring: Scoring,
    /// How many tokens a generated answer may have.
    pub max_tokens: usize,
    /// The drawn picture that it is about, shown before the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Scene>,
    /// How it is put, where that takes more than one message.
    #[serde(flatten)]
    pub framing: Framing,
}

impl Item {
    /// Whether it is about a picture, drawn or from a file.
    pub fn shows_pictures(&self) -> bool {
        self.picture.is_some() || !self.framing.images.is_empty()
    }
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Whether it is right: where the question asks for a form, right in that form.
    pub correct: bool,
    /// Whether the right answer stands in it, in whatever form; `None` where marking does not tell the two apart.
    pub known: Option<bool>,
}

impl Item {
    /// Whether it asks for a bare answer, so that a sentence around it, or an explanation, is not what was asked for.
    pub fn asks_for_a_form(&self) -> bool {
        ["only.", "one word.", "like this: 7 May."].iter().any(|plea| self.prompt.ends_with(plea))
    }

    /// Marks the answer `raw`.
    ///
    /// # Errors
    /// The sandbox that a program is run in gave no verdict.
    pub fn marked(&self, raw: &str) -> Result<Mark, AnswerError> {
        Ok(self.mark(raw, self.scoring.marked(raw)?))
    }

    /// What marking a kept answer again gives; `None` for programs, which nobody runs again to check a record.
    pub fn marked_again(&self, raw: &str) -> Option<Mark> {
        Some(self.mark(raw, self.scoring.marked_again(raw)?))
    }

    fn mark(&self, raw: &str, in_form: bool) -> Mark {
        let known = self.scoring.tells_forms_apart().then(|| self.scoring.knows(raw));
        Mark { correct: if self.asks_for_a_form() { in_form } else { known.unwrap_or(in_form) }, known }
    }
}

/// A fixed list of questions with the facts that make it reproducible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// [`ALL`], [`VISION`] or a category's id; for questions that were read, the names of their files or benchmarks.
    pub name: String,
    /// What the items were drawn with; 0 where they were read.
    pub seed: u64,
    /// Version of the marking rules: [`SCORER_VERSION`], or [`CHECKS_VERSION`] where the questions were read.
    pub scorer_version: u32,
    /// Licence of the questions.
    pub licence: String,
    /// Where the questions were read; none where they were drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// The questions, category by category.
    pub items: Vec<Item>,
    /// A question that every working model gets: if it fails, the run is broken and says nothing of the model.
    pub canary: Item,
}

/// A file that questions were read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The benchmark's name, or the file's.
    pub name: String,
    /// How its questions are put and marked, in a few words.
    pub variant: String,
    /// Its path, as it was given. Not part of the suite's id: the same questions elsewhere are the same suite.
    #[serde(skip)]
    pub path: String,
    /// SHA-256 of its bytes, not part of the suite's id either: a blank line more changes no question.
    #[serde(skip)]
    pub sha256: String,
}

/// Why a suite could not be made.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SuiteError {
    /// No suite has this name.
    #[error(
        "no built-in suite is named `{name}`{}; there are `{ALL}` (every category of text), `{VISION}` (every one about pictures), `{TEXT_AND_VISION}`, `code` (small programs) and {known}",
        near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"))
    )]
    Unknown {
        /// The name asked for.
        name: String,
        /// The name that was most likely meant.
        near: Option<&'static str>,
        /// The categories that there are.
        known: String,
    },
    /// A kind of task holds fewer different ones than were asked for.
    #[error("category `{category}` gave only {found} different questions of {asked} asked for")]
    Exhausted {
        /// The category that ran dry.
        category: &'static str,
        /// Items asked for.
        asked: usize,
        /// Items found.
        found: usize,
    },
    /// More than any run could answer.
    #[error("a suite has at most {MAX_ITEMS} items per category; {asked} were asked for")]
    TooMany {
        /// Items asked for.
        asked: usize,
    },
    /// A suite of nothing.
    #[error("a suite needs at least one item per category")]
    Empty,
}

impl Suite {
    /// The suite `name` ([`ALL`], [`VISION`], [`TEXT_AND_VISION`] or a category's id) of `per_category` questions in each category, drawn with `seed`.
    /// A category that holds fewer gives those that it has; [`Suite::short`] says which.
    ///
    /// ```
    /// use plimsoll_lab::suite::Suite;
    /// let suite = Suite::builtin("arithmetic", 7, 5)?;
    /// assert_eq!(suite.items.len(), 5);
    /// assert_eq!(suite.id(), Suite::builtin("arithmetic", 7, 5)?.id());
    /// # Ok::<(), plimsoll_lab::suite::SuiteError>(())
    /// ```
    ///
    /// # Errors
    /// When the name is unknown, none or far too many are asked for.
    pub fn builtin(name: &str, seed: u64, per_category: usize) -> Result<Suite, SuiteError> {
        let family = |category: &Category| if category.pictures { VISION } else { ALL };
        let is_meant = |c: &&Category| name == TEXT_AND_VISION || c.id == name || family(c) == name;
        let chosen: Vec<&Category> = categories().filter(is_meant).collect();
        let Some(first) = chosen.first() else {
            let known = categories().map(|c| format!("`{}`", c.id)).collect::<Vec<_>>().join(", ");
            let names = categories().map(|category| category.id).chain([ALL, VISION, TEXT_AND_VISION]);
            let near = plimsoll_catalog::nearest(name, names);
            return Err(SuiteError::Unknown { name: name.to_owned(), near, known });
        };
        let canary = if first.pictures { picture_canary() } else { canary() };
        if per_category == 0 {
            return Err(SuiteError::Empty);
        }
        if per_category > MAX_ITEMS {
            return Err(SuiteError::TooMany { asked: per_category });
        }
        let mut items = Vec::new();
        for category in chosen {
            items.extend(reserved_items(category, seed, per_category));
        }
        Ok(Suite {
            name: name.to_owned(),
            seed,
            scorer_version: SCORER_VERSION,
            licence: "Apache-2.0 OR MIT".to_owned(),
            sources: Vec::new(),
            items,
            canary,
        })
    }

    /// A suite of questions that were read from `sources`, put together category by category. Nothing of it is drawn, and
    /// nobody has told its licence.
    pub fn of_questions(sources: Vec<Source>, mut items: Vec<Item>) -> Suite {
        let mut order: Vec<String> = Vec::new();
        for item in &items {
            if !order.contains(&item.category) {
                order.push(item.category.clone());
            }
        }
        items.sort_by_key(|item| order.iter().position(|category| *category == item.category)); // stable
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        Suite {
            name: names.join("+"),
            seed: 0,
            scorer_version: CHECKS_VERSION,
            licence: "not told by the files".to_owned(),
            sources,
            items,
            canary: canary(),
        }
    }

    /// The suite that a record holds, if it is the one of this id, and nothing stands in it that is no part of a suite.
    pub fn recorded(content: &Value, id: &str) -> Option<Suite> {
        let is_it = hash::sha256_hex(hash::canonical_json(content).as_bytes()) == id;
        serde_json::from_value(content.clone()).ok().filter(|suite: &Suite| is_it && suite.id() == id)
    }

    /// SHA-256, in hexadecimal, of the suite's canonical JSON (sorted keys, no spaces).
    pub fn id(&self) -> String {
        hash::sha256_hex(hash::canonical_json(self).as_bytes())
    }

    /// The categories that gave fewer than `per_category` questions, with how many.
    pub fn short(&self, per_category: usize) -> Vec<(&str, usize)> {
        let n = |id: &str| self.items.iter().filter(|item| item.category == id).count();
        self.categories().into_iter().map(|id| (id, n(id))).filter(|(_, n)| *n < per_category).collect()
    }

    /// What a category of questions that were read shows: how its source is put and marked. Categories of a benchmark begin
    /// with its name.
    pub fn about(&self, category: &str) -> &str {
        let name = category.split('.').next().unwrap_or_default();
        let named = self.sources.iter().find(|source| source.name == name);
        // A file of one's own has categories of its own.
        let own = || self.sources.iter().find(|source| source.variant == crate::questions::VARIANT);
        named.or_else(own).map_or("", |source| &source.variant)
    }

    /// The categories in it, in the order of the items.
    pub fn categories(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.items.iter().map(|item| item.category.as_str()).collect();
        names.dedup();
        names
    }
}

/// Every built-in category, those of text first.
pub fn categories() -> impl Iterator<Item = &'static Category> {
    CATEGORIES.iter().chain(&VISION_CATEGORIES)
}

/// An endless stream of questions of `category` that no suite will ever hold.
pub fn training_items(category: &'static Category, seed: u64) -> impl Iterator<Item = Item> {
    let mut rng = Rng::new(seed, category_stream(category));
    std::iter::repeat_with(move || (category.draft)(&mut rng))
        .filter(|draft| !is_reserved(hold_out(category), &draft.key))
        .map(|draft| item(category.id, draft))
}

/// Within which name the questions of a category are held out: pictures are so for all categories at once.
fn hold_out(category: &Category) -> &'static str {
    if category.pictures { PICTURES } else { category.id }
}

/// Whether the question `key` is kept for suites, `within` a category or among pictures.
fn is_reserved(within: &str, key: &str) -> bool {
    hash::sha256_u64(format!("{within}\n{key}").as_bytes()).is_multiple_of(RESERVED_ONE_IN)
}

/// `n` questions of a category, or as many as there are.
fn reserved_items(category: &Category, seed: u64, n: usize) -> Vec<Item> {
    let mut rng = Rng::new(seed, category_stream(category));
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    let mut in_vain = 0;
    while items.len() < n {
        let draft = (category.draft)(&mut rng);
        if is_reserved(hold_out(category), &draft.key) && seen.insert(draft.key.clone()) {
            items.push(item(category.id, draft));
            in_vain = 0;
        } else if in_vain < PATIENCE {
            in_vain += 1;
        } else {
            break;
        }
    }
    items
}

/// A stream that hangs on the category's name alone: a suite of one category holds the same questions as that
/// category in the suite of all.
fn category_stream(category: &Category) -> u64 {
    hash::sha256_u64(category.id.as_bytes())
}

fn item(category: &str, draft: Draft) -> Item {
    let mut hashed = format!("{category}\n{}", draft.prompt);
    if let Some(picture) = &draft.picture {
        hashed = format!("{hashed}\n{}", hash::canonical_json(picture));
    }
    let digest = hash::sha256_hex(hashed.as_bytes());
    Item {
        id: format!("{category}-{}", &digest[..12]),
        category: category.to_owned(),
        prompt: draft.prompt,
        scoring: draft.scoring,
        max_tokens: MAX_ANSWER_TOKENS,
        picture: draft.picture,
        framing: Framing::default(),
    }
}

/// Characters that no answer holds, as many as in the repeated word of [`canary`].
const LINE_NOISE: &str = "q;Z#~w^ k}0v|X@ %j$";

/// Goes on with a repeated word, or with line noise of the same length. It catches likelihoods that are no numbers or
/// all the same, and scoring that mixes up its options. A model that predicts nothing passes too, for the noise takes more
/// tokens: that is for [`canary`](crate::canary) to find.
fn canary() -> Item {
    let options = vec![LINE_NOISE.to_owned(), "ship ship ship ship".to_owned()];
    let prompt = "Repeat this text exactly: ship ship ship ship".to_owned();
    item("canary", Draft { key: String::new(), prompt, scoring: Scoring::Choice { options, answer: 1 }, picture: None })
}

/// The same for a model that sees: line noise, or the colour of a large red disc.
fn picture_canary() -> Item {
    let options = vec![LINE_NOISE.to_owned(), "red".to_owned()];
    let prompt = "What colour is the circle? Answer with one word.".to_owned();
    let picture = Some(vision::canary_scene());
    item("canary", Draft { key: String::new(), prompt, scoring: Scoring::Choice { options, answer: 1 }, picture })
}

#[cfg(test)]
mod tests;
