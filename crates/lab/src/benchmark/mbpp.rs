//! MBPP: `task_id`, `text` (`prompt` in the sanitised file), `code`, `test_list`, `test_setup_code` (`test_imports`). The
//! test split is tasks 11 to 510. Words: lm-evaluation-harness 0.4.13, tasks/mbpp/mbpp.yaml, without its examples unless a
//! file of them is named (the same file has them: tasks 2, 3 and 4 are the published ones); a chat gets them without
//! `[BEGIN]`.

use std::sync::LazyLock;

use regex::Regex;

use super::error::FieldFlaw;
use super::examples::Example;
use super::table::Row;
use super::{Asking, Draft, ProgramTask};
use crate::code::Problem;
use crate::code::run::MAX_TOKENS;
use crate::prompting::Prompting;
use crate::score::Scoring;

/// Tasks of the test split, by their ids. Source: the README of google-research/mbpp.
const TEST_SPLIT: std::ops::RangeInclusive<usize> = 11..=510;
const STOPS: &[&str] = &["[DONE]"];
/// Tasks to be shown as examples, by their ids: the prompt's part of the file, without its first, as the paper has it.
const EXAMPLES: std::ops::RangeInclusive<usize> = 2..=10;
/// Assertions that a prompt shows.
const SHOWN: usize = 3;

static FUNCTIONS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^def\s+(\w+)\s*\(").expect("a pattern"));

pub(super) fn question(row: &Row, asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let id = row.index("task_id")?;
    if !TEST_SPLIT.contains(&id) {
        return Ok(None);
    }
    let text = row.text("text").or_else(|_| row.text("prompt"))?;
    let (code, tests) = (row.text("code")?.replace("\r\n", "\n"), row.texts("test_list")?);
    let first = tests.first().ok_or_else(|| row.wrong("test_list", "a list of assertions"))?;
    let calls = |name: &&str| Regex::new(&format!(r"\b{name}\s*\(")).is_ok_and(|call| call.is_match(first));
    let names: Vec<&str> = FUNCTIONS.captures_iter(&code).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    let entry_point = names.into_iter().find(calls);
    let entry_point = entry_point.ok_or_else(|| row.wrong("code", "a function that the first of `test_list` calls"))?;
    let setup = match row.texts("test_imports") {
        Ok(imports) => imports.join("\n"),
        Err(_) => row.text("test_setup_code").unwrap_or_default().to_owned(),
    };
    let checks: String = tests.iter().map(|test| format!("    {}\n", test.trim())).collect();
    let problem = Problem {
        id: format!("mbpp/{id}"),
        category: "mbpp".to_owned(),
        prompt: if setup.is_empty() { setup } else { setup + "\n" },
        entry_point: entry_point.to_owned(),
        // The tests call the function by its name: within them that is the candidate.
        test: format!("def check(candidate):\n    {entry_point} = candidate\n{checks}"),
        solution: code,
    };
    let prompt = worded(text, &tests, asking.prompting);
    // Unlike HumanEval's, the prompt is no beginning of the program: an answer is all of it, in a fence or bare.
    let scoring = Scoring::Program(ProgramTask::new(problem, Prompting::Chat, asking.judge.clone()));
    Ok(Some(Draft { id: Some(id.to_string()), stops: STOPS, ..Draft::new(prompt, scoring, MAX_TOKENS) }))
}

fn worded(text: &str, tests: &[String], prompting: Prompting) -> String {
    let shown = tests.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
    let task = format!(
        "You are an expert Python programmer, and here is your task: {text} Your code should pass these tests:\n\n{shown}\n"
    );
    match prompting {
        Prompting::Base => task + "[BEGIN]\n",
        Prompting::Chat => task,
    }
}

/// A task with its program, to be shown; `None` of one that is not in the prompt's part of the file.
pub(super) fn example(row: &Row, prompting: Prompting) -> Result<Option<Example>, FieldFlaw> {
    if !EXAMPLES.contains(&row.index("task_id")?) {
        return Ok(None);
    }
    let text = row.text("text").or_else(|_| row.text("prompt"))?;
    let (asked, code) = (worded(text, &row.texts("test_list")?, prompting), row.text("code")?);
    let answer = match prompting {
        Prompting::Base => format!("{code}\n[DONE]"),
        Prompting::Chat => format!("```python\n{}\n```", code.replace("\r\n", "\n").trim_end()),
    };
    Ok(Some(Example { asked, answer }))
}
