//! Writes the demo models' training data, or a suite, as JSON lines.
//!
//!     cargo run --release -p plimsoll-lab --example demo_data -- train SEED ITEMS_PER_CATEGORY > train.jsonl
//!     cargo run --release -p plimsoll-lab --example demo_data -- eval [SEED [ITEMS_PER_CATEGORY]] > eval.jsonl
//!     cargo run --release -p plimsoll-lab --example demo_data -- pictures SEED PICTURES FOLDER
//!     cargo run --release -p plimsoll-lab --example demo_data -- eval-vision FOLDER [SEED [ITEMS_PER_CATEGORY]]
//!     cargo run --release -p plimsoll-lab --example demo_data -- mark A.jsonl [B.jsonl]
//!
//! A training line holds `category` and `messages` (user, assistant). A suite's line holds the item itself and its
//! `reference` answer; the first line is the canary. `pictures` writes `pictures.rgb`, the bytes of one picture after the
//! other, `scenes.jsonl`, what lies where in them, and `questions.jsonl`, for each of them a list of `category`, `prompt`
//! and `answer`. `eval-vision` writes
//! `suite.jsonl` and a PNG for each item, named as the item is. `mark` takes lines of `item` and `answer` to the default
//! suite of text or of pictures (`demo/evaluate.py` writes them) and prints the rates, and for two files the differences.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use plimsoll_lab::paired::{differences, rates};
use plimsoll_lab::runner::ItemOutcome;
use plimsoll_lab::suite::{
    ALL, CATEGORIES, DEFAULT_ITEMS, DEFAULT_SEED, Item, Suite, VISION, training_items, training_pictures,
};
use serde_json::json;

type Error = Box<dyn std::error::Error>;

const USAGE: &str = "usage: demo_data train SEED ITEMS_PER_CATEGORY | demo_data eval [SEED [ITEMS_PER_CATEGORY]] \
    | demo_data pictures SEED PICTURES FOLDER | demo_data eval-vision FOLDER [SEED [ITEMS_PER_CATEGORY]] \
    | demo_data mark A.jsonl [B.jsonl]";

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["train", seed, n] => write_training(seed.parse()?, n.parse()?),
        ["eval"] => write_suite(DEFAULT_SEED, DEFAULT_ITEMS),
        ["eval", seed] => write_suite(seed.parse()?, DEFAULT_ITEMS),
        ["eval", seed, n] => write_suite(seed.parse()?, n.parse()?),
        ["pictures", seed, n, folder] => write_pictures(seed.parse()?, n.parse()?, Path::new(folder)),
        ["eval-vision", folder] => write_vision_suite(Path::new(folder), DEFAULT_SEED, DEFAULT_ITEMS),
        ["eval-vision", folder, seed] => write_vision_suite(Path::new(folder), seed.parse()?, DEFAULT_ITEMS),
        ["eval-vision", folder, seed, n] => write_vision_suite(Path::new(folder), seed.parse()?, n.parse()?),
        ["mark", a] => print_rates(&marked(a)?),
        ["mark", a, b] => print_differences(&marked(a)?, &marked(b)?),
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

fn write_pictures(seed: u64, n: usize, folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)?;
    let mut pictures = BufWriter::new(File::create(folder.join("pictures.rgb"))?);
    let mut questions = BufWriter::new(File::create(folder.join("questions.jsonl"))?);
    let mut scenes = BufWriter::new(File::create(folder.join("scenes.jsonl"))?);
    for (scene, items) in training_pictures(seed).take(n) {
        pictures.write_all(&scene.rgb8())?;
        let asked: Vec<_> = items
            .iter()
            .map(|item| json!({"category": item.category, "prompt": item.prompt, "answer": item.scoring.reference()}))
            .collect();
        writeln!(questions, "{}", json!(asked))?;
        writeln!(scenes, "{}", json!(scene))?;
    }
    pictures.flush()?;
    scenes.flush()?;
    Ok(questions.flush()?)
}

fn write_vision_suite(folder: &Path, seed: u64, per_category: usize) -> Result<(), Error> {
    let suite = Suite::builtin(VISION, seed, per_category)?;
    fs::create_dir_all(folder)?;
    let mut lines = BufWriter::new(File::create(folder.join("suite.jsonl"))?);
    for item in [&suite.canary].into_iter().chain(&suite.items) {
        let picture = item.picture.as_ref().ok_or("an item of this suite has no picture")?;
        fs::write(folder.join(format!("{}.png", item.id)), picture.png())?;
        writeln!(lines, "{}", line(item)?)?;
    }
    eprintln!("suite {} of seed {seed}: {} items", suite.id(), suite.items.len());
    Ok(lines.flush()?)
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

/// The answers in `path` to the default suite of text or of pictures, whichever canary they answer, marked.
fn marked(path: &str) -> Result<Vec<ItemOutcome>, Error> {
    let mut answers = std::collections::HashMap::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        let (Some(item), Some(answer)) = (line["item"].as_str(), line["answer"].as_str()) else {
            return Err(format!("{path}: a line without `item` or `answer`: {line}").into());
        };
        answers.insert(item.to_owned(), answer.to_owned());
    }
    let suites = [ALL, VISION].map(|name| Suite::builtin(name, DEFAULT_SEED, DEFAULT_ITEMS));
    let [text, vision] = suites;
    let (text, vision) = (text?, vision?);
    let suite = if answers.contains_key(&vision.canary.id) { vision } else { text };
    let canary = answers.get(&suite.canary.id).is_some_and(|answer| suite.canary.scoring.mark(answer));
    if !canary {
        return Err(format!("{path}: the canary failed or is missing").into());
    }
    suite
        .items
        .iter()
        .map(|item| {
            let answer = answers.remove(&item.id).ok_or_else(|| format!("{path}: no answer to `{}`", item.id))?;
            let known = item.scoring.knows(&answer);
            let correct = if item.asks_for_a_form() { item.scoring.mark(&answer) } else { known };
            let (id, category) = (item.id.clone(), item.category.clone());
            Ok(ItemOutcome { item: id, category, correct, known: Some(known), answer, log_likelihoods: Vec::new() })
        })
        .collect()
}

fn print_rates(outcomes: &[ItemOutcome]) -> Result<(), Error> {
    println!("| category | right | n | share | 95 % interval |\n|---|---:|---:|---:|---|");
    for rate in rates(outcomes) {
        let (n, share) = (rate.n, 100.0 * rate.correct as f64 / rate.n as f64);
        let (low, high) = (100.0 * rate.interval.low, 100.0 * rate.interval.high);
        println!("| {} | {} | {n} | {share:.0} % | {low:.0} to {high:.0} % |", rate.category, rate.correct);
    }
    Ok(())
}

fn print_differences(a: &[ItemOutcome], b: &[ItemOutcome]) -> Result<(), Error> {
    println!(
        "| category | only A | only B | A − B | 95 % interval | p (Holm) | finding |\n|---|---:|---:|---:|---|---:|---|"
    );
    for d in differences(a, b)? {
        let (low, high) = (100.0 * d.interval.low, 100.0 * d.interval.high);
        println!(
            "| {} | {} | {} | {:+.0} points | {low:+.0} to {high:+.0} | {:.2e} | {:?} |",
            d.category,
            d.only_a,
            d.only_b,
            100.0 * d.difference,
            d.p_adjusted,
            d.finding(),
        );
    }
    Ok(())
}
