//! HumanEval's file: one JSON object a line, as published (Chen et al. 2021).

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::Problem;
use crate::questions::kind;

/// The category of its problems.
pub const HUMANEVAL: &str = "humaneval";
/// Bytes that the file may unpack to; the published one has 214 thousand.
const MOST_BYTES: u64 = 256 << 20;

/// Why a file is not HumanEval's.
#[derive(Debug, thiserror::Error)]
pub enum HumanEvalError {
    /// It cannot be read.
    #[error("`{file}` cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// A line is no JSON object.
    #[error("`{file}`, line {line}: not a JSON object ({reason})")]
    NotJson {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A line lacks a field, or has something else in it.
    #[error("`{file}`, line {line}: field `{field}` should be {expected}, found {found}")]
    Field {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// What should stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// Two lines are the same task.
    #[error("`{file}`, line {line}: field `task_id`: `{id}` was on a line before")]
    Twice {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The task.
        id: String,
    },
    /// No line at all.
    #[error("`{file}` holds no problems")]
    Empty {
        /// The file.
        file: String,
    },
}

/// The problems of a file in HumanEval's layout, `.jsonl` or `.jsonl.gz`.
///
/// # Errors
/// The file, line and field that are not as published.
pub fn read(path: &Path) -> Result<Vec<Problem>, HumanEvalError> {
    let file = path.display().to_string();
    let opened =
        plimsoll_formats::open_regular(path).map_err(|source| HumanEvalError::Read { file: file.clone(), source })?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        parse(&file, BufReader::new(MultiGzDecoder::new(opened).take(MOST_BYTES)))
    } else {
        parse(&file, BufReader::new(opened.take(MOST_BYTES)))
    }
}

/// The problems in `lines`, of the file named `file`.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, lines: impl BufRead) -> Result<Vec<Problem>, HumanEvalError> {
    let mut problems: Vec<Problem> = Vec::new();
    for (index, line) in lines.lines().enumerate() {
        let text = line.map_err(|source| HumanEvalError::Read { file: file.to_owned(), source })?;
        if text.trim().is_empty() {
            continue;
        }
        let problem = problem(&text, file, index + 1)?;
        if problems.iter().any(|other| other.id == problem.id) {
            return Err(HumanEvalError::Twice { file: file.to_owned(), line: index + 1, id: problem.id });
        }
        problems.push(problem);
    }
    if problems.is_empty() { Err(HumanEvalError::Empty { file: file.to_owned() }) } else { Ok(problems) }
}

fn problem(text: &str, file: &str, line: usize) -> Result<Problem, HumanEvalError> {
    let not_json = |reason: String| HumanEvalError::NotJson { file: file.to_owned(), line, reason };
    let value: Value = serde_json::from_str(text).map_err(|error| not_json(error.to_string()))?;
    let Value::Object(object) = value else { return Err(not_json(format!("it is {}", kind(&value)))) };
    let wrong = |field, expected, found| HumanEvalError::Field { file: file.to_owned(), line, field, expected, found };
    let field = |name: &'static str| match object.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(wrong(name, "a text", kind(other).to_owned())),
        None => Err(wrong(name, "a text", "nothing".to_owned())),
    };
    let problem = Problem {
        id: field("task_id")?,
        category: HUMANEVAL.to_owned(),
        prompt: field("prompt")?,
        entry_point: field("entry_point")?,
        solution: field("canonical_solution")?,
        test: field("test")?,
    };
    if !is_name(&problem.entry_point) {
        return Err(wrong("entry_point", "the name of a function", format!("{:?}", problem.entry_point)));
    }
    if problem.id.is_empty() {
        return Err(wrong("task_id", "a name", "an empty text".to_owned()));
    }
    Ok(problem)
}

pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const LINE: &str = r#"{"task_id": "Own/0", "prompt": "def f():\n", "entry_point": "f", "canonical_solution": "    return 1", "test": "def check(candidate):\n    assert candidate() == 1"}"#;

    fn message(text: &str) -> String {
        parse("file.jsonl", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_problem_is_read_and_empty_lines_are_passed_over() {
        let problems = parse("file.jsonl", format!("\n{LINE}\n\n").as_bytes()).unwrap();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].reference(), "def f():\n    return 1\n");
    }

    #[test]
    fn an_error_names_file_line_and_field() {
        for (text, parts) in [
            (LINE.replace("\"f\"", "7"), "`file.jsonl`, line 1: field `entry_point` should be a text, found a number"),
            (
                LINE.replace("\"test\"", "\"tests\""),
                "`file.jsonl`, line 1: field `test` should be a text, found nothing",
            ),
            (format!("{LINE}\n[]"), "`file.jsonl`, line 2: not a JSON object (it is a list)"),
            (format!("{LINE}\n{LINE}"), "`file.jsonl`, line 2: field `task_id`: `Own/0` was on a line before"),
            (LINE.replace("\"f\"", "\"f()\""), "field `entry_point` should be the name of a function, found \"f()\""),
            (format!("{LINE}\n{{"), "`file.jsonl`, line 2: not a JSON object (EOF"),
            (String::new(), "`file.jsonl` holds no problems"),
        ] {
            assert!(message(&text).contains(parts), "{}", message(&text));
        }
    }

    #[test]
    fn the_packed_file_is_read_as_the_plain_one() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("h.jsonl"), folder.path().join("h.jsonl.gz"));
        std::fs::write(&plain, LINE).unwrap();
        let mut encoder =
            flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
        encoder.write_all(LINE.as_bytes()).unwrap();
        encoder.finish().unwrap();
        assert_eq!(read(&plain).unwrap(), read(&packed).unwrap());
        std::fs::write(&packed, LINE).unwrap();
        assert!(read(&packed).unwrap_err().to_string().contains("h.jsonl.gz` cannot be read"));
    }
}
