//! Counts, sizes and prices in words.

use plimsoll_catalog::{Answer, Category, DeclaredUse, ModelCard, Outcome, Purpose, Terms, gate};
use plimsoll_lab::record::Unit;

/// A size, such as `5.40 MB`.
pub(super) fn bytes(value: u64) -> String {
    Unit::Bytes.text(value as f64)
}

/// A count of parameters as it is spoken of: `2.82 million`.
pub(super) fn count(value: u64) -> String {
    let (divisor, word) = match value {
        1_000_000_000.. => (1e9, " billion"),
        1_000_000.. => (1e6, " million"),
        1_000.. => (1e3, " thousand"),
        _ => return value.to_string(),
    };
    format!("{}{word}", Unit::Ratio.scale(&[]).show(value as f64 / divisor))
}

/// The part of the catalogue in which a page stands: `text models`.
pub(crate) struct Shelf {
    /// As a person reads it.
    pub words: String,
    /// Its address on the site.
    pub path: String,
}

impl Shelf {
    /// Of one or more models; of categories that differ, or that nobody knows, the whole catalogue.
    pub fn of(categories: impl IntoIterator<Item = Option<Category>>) -> Shelf {
        let mut categories = categories.into_iter();
        let first = categories.next().flatten();
        match first.filter(|first| categories.all(|other| other == Some(*first))) {
            Some(category) => {
                Shelf { words: format!("{}s", category.words()), path: format!("/?category={}", category.id()) }
            }
            None => Shelf { words: "all models".to_owned(), path: "/".to_owned() },
        }
    }
}

/// What the weights cost, and what the licence has to say to that: `Free, research only`.
pub(crate) fn entry_price(card: Option<&ModelCard>, terms: &Terms) -> String {
    let prices = card.map(|card| &card.prices[..]).unwrap_or_default();
    let weights = prices.iter().find(|price| price.what == "weights").or(prices.first());
    let mut words = weights.map_or_else(|| "not known".to_owned(), |price| price.text.clone());
    if let Some(first) = words.get(..1).filter(|_| weights.is_some()) {
        words = first.to_uppercase() + &words[1..];
    }
    format!("{words}, {}", entry_terms(terms))
}

/// What products and services may do with it, else who may use it at all.
fn entry_terms(terms: &Terms) -> String {
    let commercial = gate(terms, &DeclaredUse { purpose: Purpose::Commercial, users: None, region: None });
    let conditions = &terms.conditions;
    match commercial.outcome {
        Outcome::Passed => "commercial use allowed".to_owned(),
        Outcome::Unknown => commercial.allowed_within().unwrap_or_else(|| "terms not known".to_owned()),
        Outcome::Failed if conditions.internal.answer == Answer::Yes => "not for products".to_owned(),
        Outcome::Failed if conditions.research.answer == Answer::Yes => "research only".to_owned(),
        Outcome::Failed => "not for commercial use".to_owned(),
    }
}

/// A summary for previews of links: whole sentences up to about 200 letters, and the first in any case.
pub(crate) fn summary(text: &str) -> String {
    const LETTERS: usize = 200;
    let mut end = text.len();
    if text.chars().count() > LETTERS {
        let ends = text.match_indices(". ").map(|(at, _)| at + 1);
        let fitting = ends.clone().take_while(|end| text[..*end].chars().count() <= LETTERS).last();
        end = fitting.or_else(|| ends.clone().next()).unwrap_or(text.len());
    }
    text[..end].trim_end().to_owned()
}

/// A use in words, such as `commercial use, 1000 users`.
pub(super) fn use_words(usage: &DeclaredUse) -> String {
    let usage = usage.to_string();
    let (purpose, rest) = usage.split_once(',').map_or((usage.as_str(), ""), |(purpose, rest)| (purpose, rest));
    format!("{purpose} use{}{rest}", if rest.is_empty() { "" } else { "," })
}

#[cfg(test)]
mod tests {
    use plimsoll_catalog::Catalog;

    use super::*;

    #[test]
    fn the_entry_price_stands_with_its_terms() {
        let catalog = Catalog::builtin();
        let price = |id: &str| {
            let card = catalog.resolve(id).unwrap();
            entry_price(Some(card), &catalog.terms(&[], &[], Some(card)))
        };
        assert_eq!(price("claude-haiku-open-weights"), "Free, research only");
        assert_eq!(price("smollm3"), "Free, commercial use allowed");
        assert_eq!(price("llama-3.1-8b"), "Free, allowed up to 700 million monthly users");
        assert_eq!(entry_price(None, &Terms::default()), "not known, terms not known");
    }

    #[test]
    fn a_summary_ends_with_a_sentence() {
        let long = format!("Ship A. {}. {}.", "b".repeat(150), "c".repeat(100));
        assert_eq!(summary(&long), format!("Ship A. {}.", "b".repeat(150)));
        assert_eq!(summary("Ship neither."), "Ship neither.");
        assert_eq!(summary(&"x".repeat(300)).len(), 300);
    }
}
