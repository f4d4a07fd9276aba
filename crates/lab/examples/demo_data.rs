//! Writes the demo pair's training data, or a suite, as JSON lines.
//!
//!     cargo run --release -p plimsoll-lab --example demo_data -- train SEED ITEMS_PER_CATEGORY > train.jsonl
//!     cargo run --release -p plimsoll-lab --example demo_data -- eval [SEED [ITEMS_PER_CATEGORY]] > eval.jsonl
//!
//! A training line holds `category` and `messages` (user, assistant). A suite's line holds the item itself and its
//! `reference` answer; the first line is the canary.

use std::io::{BufWriter, Write};

use plimsoll_lab::suite::{ALL, CATEGORIES, DEFAULT_ITEMS, DEFAULT_SEED, Item, Suite, training_items};
use serde_json::json;

type Error = Box<dyn std::error::Error>;

const USAGE: &str = "usage: demo_data train SEED ITEMS_PER_CATEGORY | demo_data eval [SEED [ITEMS_PER_CATEGORY]]";

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["train", seed, n] => write_training(seed.parse()?, n.parse()?),
        ["eval"] => write_suite(DEFAULT_SEED, DEFAULT_ITEMS),
        ["eval", seed] => write_suite(seed.parse()?, DEFAULT_ITEMS),
        ["eval", seed, n] => write_suite(seed.parse()?, n.parse()?),
        _ => Err(USAGE.into()),
    }
}

fn write_training(seed: u64, per_category: usize) -> Result<(), Error> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for category in &CATEGORIES {
        for item in training_items(category, seed).take(per_category) {
            let messages = json!([
                {"role": "user", "content": item.prompt},
                {"role": "assistant", "content": item.scoring.reference()},
            ]);
            writeln!(out, "{}", json!({"category": item.category, "messages": messages}))?;
        }
    }
    Ok(out.flush()?)
}

fn write_suite(seed: u64, per_category: usize) -> Result<(), Error> {
    let suite = Suite::builtin(ALL, seed, per_category)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for item in [&suite.canary].into_iter().chain(&suite.items) {
        writeln!(out, "{}", line(item)?)?;
    }
    eprintln!("suite {} of seed {seed}: {} items", suite.id(), suite.items.len());
    Ok(out.flush()?)
}

fn line(item: &Item) -> Result<serde_json::Value, Error> {
    let mut line = serde_json::to_value(item)?;
    line["reference"] = item.scoring.reference().into();
    Ok(line)
}
