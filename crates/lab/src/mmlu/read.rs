//! The folder: `test/SUBJECT_test.csv` and `dev/SUBJECT_dev.csv`, without headings.

use std::io::{self, Read};
use std::path::Path;

use super::LETTERS;

/// The ending of a file of questions.
const TEST: &str = "_test.csv";
/// Columns: the question, four options, the answer's letter.
const COLUMNS: [&str; 6] = ["question", "A", "B", "C", "D", "answer"];

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// What may be answered.
    pub options: [String; 4],
    /// Index of the right option.
    pub answer: usize,
}

/// One subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name, as in the files' names.
    pub name: String,
    /// Questions with their answers, to be shown.
    pub examples: Vec<Question>,
    /// Questions to be asked.
    pub questions: Vec<Question>,
}

/// Why a folder is not MMLU's.
#[derive(Debug, thiserror::Error)]
pub enum MmluError {
    /// A file or folder cannot be read.
    #[error("`{file}` cannot be read: {source}")]
    Read {
        /// The file or folder.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// A record cannot be read.
    #[error("`{file}`, line {line}: {reason}")]
    Csv {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A field is not as published.
    #[error("`{file}`, line {line}: field `{field}` should be {expected}, found {found:?}")]
    Field {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The field.
        field: &'static str,
        /// What should stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A folder or file without a question.
    #[error("`{file}` holds no {missing}")]
    Empty {
        /// The file or folder.
        file: String,
        /// What it should hold.
        missing: &'static str,
    },
    /// More examples are to be shown than there are.
    #[error("`{file}` holds {found} examples; {asked} are to be shown")]
    TooFewExamples {
        /// The file.
        file: String,
        /// Examples in it.
        found: usize,
        /// Examples asked for.
        asked: usize,
    },
}

/// Every subject of `folder` in the order of their names, each with its first `shots` examples. Hidden files, which systems
/// leave beside others' (`._law_test.csv`), are no subjects.
///
/// # Errors
/// The file, line and field that are not as published.
pub fn read(folder: &Path, shots: usize) -> Result<Vec<Subject>, MmluError> {
    let tests = folder.join("test");
    let mut names = Vec::new();
    let cannot = |path: &Path| {
        let file = path.display().to_string();
        move |source| MmluError::Read { file, source }
    };
    for entry in std::fs::read_dir(&tests).map_err(cannot(&tests))? {
        let name = entry.map_err(cannot(&tests))?.file_name();
        let name = name.to_str().filter(|name| !name.starts_with('.'));
        names.extend(name.and_then(|name| name.strip_suffix(TEST)).map(str::to_owned));
    }
    names.sort_unstable();
    if names.is_empty() {
        return Err(MmluError::Empty { file: tests.display().to_string(), missing: "file named SUBJECT_test.csv" });
    }
    names.into_iter().map(|name| subject(folder, name, shots)).collect()
}

fn subject(folder: &Path, name: String, shots: usize) -> Result<Subject, MmluError> {
    let questions = questions(&folder.join("test").join(format!("{name}{TEST}")))?;
    if shots == 0 {
        return Ok(Subject { name, examples: Vec::new(), questions });
    }
    let path = folder.join("dev").join(format!("{name}_dev.csv"));
    let mut examples = self::questions(&path)?;
    if examples.len() < shots {
        let (file, found) = (path.display().to_string(), examples.len());
        return Err(MmluError::TooFewExamples { file, found, asked: shots });
    }
    examples.truncate(shots);
    Ok(Subject { name, examples, questions })
}

fn questions(path: &Path) -> Result<Vec<Question>, MmluError> {
    let file = path.display().to_string();
    let opened =
        plimsoll_formats::open_regular(path).map_err(|source| MmluError::Read { file: file.clone(), source })?;
    parse(&file, opened)
}

/// The questions in `csv`, of the file named `file`.
///
/// # Errors
/// As [`read`].
fn parse(file: &str, csv: impl Read) -> Result<Vec<Question>, MmluError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv);
    let mut questions = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) => MmluError::Read { file: file.to_owned(), source },
            csv::ErrorKind::Utf8 { pos, err } => MmluError::Csv {
                file: file.to_owned(),
                line: pos.map_or(0, |pos| pos.line()),
                reason: format!("field `{}` is not UTF-8", COLUMNS.get(err.field()).unwrap_or(&"beyond the sixth")),
            },
            other => MmluError::Csv { file: file.to_owned(), line: 0, reason: format!("{other:?}") },
        })?;
        questions.push(question(file, &record)?);
    }
    if questions.is_empty() {
        return Err(MmluError::Empty { file: file.to_owned(), missing: "questions" });
    }
    Ok(questions)
}

fn question(file: &str, record: &csv::StringRecord) -> Result<Question, MmluError> {
    let line = record.position().map_or(0, csv::Position::line);
    if record.len() != COLUMNS.len() {
        let reason = format!("{} fields, expected 6: question, four options, answer", record.len());
        return Err(MmluError::Csv { file: file.to_owned(), line, reason });
    }
    let letter = &record[5];
    let answer = LETTERS.iter().position(|known| letter.trim().chars().eq([*known]));
    let answer = answer.ok_or_else(|| MmluError::Field {
        file: file.to_owned(),
        line,
        field: COLUMNS[5],
        expected: "A, B, C or D",
        found: letter.to_owned(),
    })?;
    let options = [1, 2, 3, 4].map(|column| record[column].to_owned());
    Ok(Question { text: record[0].to_owned(), options, answer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_may_hold_commas_quotes_and_line_breaks() {
        let questions = parse("x.csv", "\"One,\n\"\"two\"\"?\",1,2,\"3,4\",5,C\nNext?,a,b,c,d,A\n".as_bytes()).unwrap();
        assert_eq!(questions[0].text, "One,\n\"two\"?");
        assert_eq!((questions[0].options[2].as_str(), questions[0].answer), ("3,4", 2));
        assert_eq!((questions.len(), questions[1].answer), (2, 0));
    }

    #[test]
    fn an_error_names_file_line_and_field() {
        for (csv, message) in [
            (&b"Q,1,2,3,4,A\nQ,1,2,3,4,E\n"[..], "`x.csv`, line 2: field `answer` should be A, B, C or D, found \"E\""),
            (b"Q,1,2,3,4,A\n\"a\nb\",1,2,3,A\n", "`x.csv`, line 2: 5 fields, expected 6"),
            (b"Q,1,\xff,3,4,A\n", "`x.csv`, line 1: field `B` is not UTF-8"),
            (b"", "`x.csv` holds no questions"),
        ] {
            let found = parse("x.csv", csv).unwrap_err().to_string();
            assert!(found.contains(message), "{found}");
        }
    }

    #[test]
    fn a_folder_is_read_by_subject_with_as_many_examples_as_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
        assert!(read(folder.path(), 1).unwrap_err().to_string().contains("test` cannot be read"));
        for name in ["test", "dev"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        assert!(read(folder.path(), 1).unwrap_err().to_string().contains("SUBJECT_test.csv"));
        write("test/b_c_test.csv", "Q,1,2,3,4,A\n");
        write("test/a_test.csv", "Q,1,2,3,4,B\n");
        write("dev/a_dev.csv", "E,1,2,3,4,C\nF,1,2,3,4,D\n");
        assert!(read(folder.path(), 1).unwrap_err().to_string().contains("b_c_dev.csv` cannot be read"));
        write("dev/b_c_dev.csv", "E,1,2,3,4,C\n");
        let subjects = read(folder.path(), 1).unwrap();
        assert_eq!(subjects.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["a", "b_c"]);
        assert_eq!(subjects[0].examples.len(), 1);
        let error = read(folder.path(), 2).unwrap_err().to_string();
        assert!(error.contains("b_c_dev.csv` holds 1 examples; 2 are to be shown"), "{error}");
    }
}
