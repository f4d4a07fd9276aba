//! The questions of MMLU.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use plimsoll_lab::benchmark::Benchmark;
use plimsoll_lab::mmlu::{self, Asking, Mean};
use plimsoll_lab::paired::{self, OVERALL, Rate};
use plimsoll_lab::record::Unit;
use plimsoll_panel::shown_text;
use serde_json::json;

use super::prompting::{strict_prompting, words};
use super::rates::write_rates;
use crate::args::Eval;
use crate::evaluation::Evaluation;
use crate::output::print_json;
use crate::settings::Settings;
use crate::style::Style;
use crate::{model, progress};

pub fn run(command: &Eval, folder: &Path, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let shots = command.shots.unwrap_or(Benchmark::Mmlu.usual_shots());
    let subjects = mmlu::read(folder, shots)?;
    let all: usize = subjects.iter().map(|subject| subject.questions.len()).sum();
    let checkpoint = model::open(&command.model)?;
    let mut session = model::session(&checkpoint, settings.clone())?;
    let mut evaluation = Evaluation::of(&command.model, &checkpoint, &session, &settings, &command.store)?;
    let questions = command.questions.each()?.map(NonZeroUsize::get);
    let asking = Asking { prompting: strict_prompting(command, &session)?, questions };
    let asked = asking.count(&subjects);
    let bar = progress::bar(asked as u64, "answering");
    let outcomes = evaluation.remembering(|journal| {
        Ok(mmlu::run(&subjects, asking, &mut session, journal, |done| bar.set_position(done as u64))?)
    })?;
    bar.finish_and_clear();
    let mut rates = paired::rates(&outcomes);
    let average = mmlu::macro_average(&rates);
    if let (true, Some(overall)) = (asked == all, rates.iter().find(|rate| rate.category == OVERALL)) {
        let marks: Vec<f64> = outcomes.iter().map(|outcome| f64::from(u8::from(outcome.correct))).collect();
        let how = format!(
            "right answers over all questions, {} shots, {}, likeliest letter; Wilson interval; one mark for each question",
            shots,
            words(asking.prompting)
        );
        evaluation.keep_share("mmlu", overall.correct as f64 / overall.n as f64, overall.interval, &marks, &how)?;
    }
    if as_json {
        return print_json(&json!({
            "model": command.model,
            "suite": { "name": "mmlu", "folder": folder, "subjects": subjects.len(), "items": asked, "of": all },
            "shots": shots, "prompting": asking.prompting,
            "rates": rates, "macro_average": average, "outcomes": outcomes,
        }));
    }
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    let part = if asked < all { format!("{asked} of {all}") } else { all.to_string() };
    let model = style.bold(&shown_text(&command.model, 120));
    writeln!(out, "{model}  MMLU, {part} questions of {} subjects, {} shots", subjects.len(), shots)?;
    writeln!(out, "{}\n", words(asking.prompting))?;
    for Rate { category, .. } in &mut rates {
        // The mean over questions goes by the name that the literature has for it; the others are names of files.
        *category = if category == OVERALL { "all questions (micro)".to_owned() } else { shown_text(category, 40) };
    }
    write_rates(&mut out, "subject", &rates)?;
    if let Some(Mean { value, interval }) = average {
        let scale = Unit::Share.scale(&[value]);
        let (value, interval) = (scale.show(value), scale.show_interval(interval, value));
        writeln!(out, "\nmean of the subjects (macro)  {value} %  {interval}  95 %, bootstrap")?;
    }
    Ok(())
}
