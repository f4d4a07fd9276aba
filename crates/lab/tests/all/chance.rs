//! What guessing gets is known for every category, and is what its questions give.

use std::collections::HashMap;

use plimsoll_lab::score::Scoring;
use plimsoll_lab::suite::{Item, categories, training_items};

const QUESTIONS: usize = 6000;

/// Share of right answers of the better of two guessers: one picks among the options, names or orders that a question
/// gives, the other always says what is right most often.
fn guessed(items: &[Item]) -> f64 {
    let picked = |scoring: &Scoring| match scoring {
        Scoring::Choice { options, .. } => 1.0 / options.len() as f64,
        Scoring::Named { names, .. } => 1.0 / names.len() as f64,
        Scoring::List { answer } => 1.0 / (1..=answer.len()).product::<usize>() as f64,
        _ => 0.0,
    };
    let picking = items.iter().map(|item| picked(&item.scoring)).sum::<f64>() / items.len() as f64;
    let mut said: HashMap<String, usize> = HashMap::new();
    // A constant answer to a choice is an option that most questions do not offer.
    for item in items.iter().filter(|item| !matches!(item.scoring, Scoring::Choice { .. })) {
        *said.entry(item.scoring.reference()).or_default() += 1;
    }
    let constant = said.values().max().copied().unwrap_or(0) as f64 / items.len() as f64;
    picking.max(constant)
}

#[test]
fn the_chance_of_every_category_is_what_guessing_gets() {
    let wrong: Vec<String> = categories()
        .filter_map(|category| {
            let items: Vec<Item> = training_items(category, 7).take(QUESTIONS).collect();
            let found = guessed(&items);
            let is_so = (category.chance - found).abs() < 0.015;
            (!is_so).then(|| format!("{}: {} where guessing gets {found:.3}", category.id, category.chance))
        })
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}
