use std::path::Path;

use super::{keep_first, line_of, parse, read};
use crate::questions::{Check, QuestionsError};
use crate::score::Scoring;
use crate::suite::{Role, Suite};

fn parsed(text: &str) -> Result<Vec<crate::suite::Item>, String> {
    parse("q.jsonl", text.as_bytes(), Path::new("")).map_err(|error| error.to_string())
}

fn check(line: &str) -> Check {
    match parsed(line).unwrap().remove(0).scoring {
        Scoring::Check(check) => check,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_line_says_how_it_is_marked_or_its_fields_do() {
    for (line, wanted) in [
        (r#"{"prompt": "Q", "expected": "A"}"#, "exact"),
        (r#"{"prompt": "Q", "expected": 12.5}"#, "number"),
        (r#"{"prompt": "Q", "expected": "12", "check": "number", "tolerance": 1}"#, "number"),
        (r#"{"prompt": "Q", "expected": "b", "choices": ["a", "b"]}"#, "choice"),
        (r#"{"prompt": "Q", "schema": {"type": "object"}}"#, "json-schema"),
        (r#"{"prompt": "Q", "expected": ["a", "b"], "check": "contains", "ignore_case": true}"#, "contains"),
        (r#"{"prompt": "Q", "expected": "^a+$", "check": "regex"}"#, "regex"),
    ] {
        let found = serde_json::to_value(check(line)).unwrap();
        assert_eq!(found["check"], wanted, "{line}");
    }
    assert_eq!(check(r#"{"prompt": "Q", "expected": ["12", 13], "check": "number"}"#).reference(), "12");
}

#[test]
fn every_malformed_line_is_told_with_its_number_and_field() {
    let lines = [
        (r#"{"prompt": "Q", "expected": "A""#, "not a JSON object (EOF while parsing an object at column 31)"),
        (r#"["Q"]"#, "not a JSON object (it is a list)"),
        (r#"{"promt": "Q", "expected": "A"}"#, "unknown key `promt` (did you mean `prompt`?)"),
        (r#"{"prompt": "Q", "zzz": 1}"#, "unknown key `zzz`"),
        (r#"{"prompt": "Q", "prompt": "R", "expected": "A"}"#, "key `prompt` stands there twice"),
        (r#"{"expected": "A"}"#, "field `prompt` is missing: a question has it, or `messages`"),
        (r#"{"prompt": "Q"}"#, "field `expected` is missing: it is what is right"),
        (r#"{"prompt": 7, "expected": "A"}"#, "field `prompt` should be a text, found a number"),
        (r#"{"prompt": " ", "expected": "A"}"#, "field `prompt` should be a text, found an empty one"),
        (r#"{"prompt": "Q", "expected": ["A", ""]}"#, "field `expected[1]` should be a text, found an empty one"),
        (r#"{"prompt": "Q", "expected": []}"#, "field `expected` should be a list of texts, found an empty one"),
        (
            r#"{"prompt": "Q", "expected": "A", "check": "exakt"}"#,
            "no check is named `exakt` (did you mean `exact`?); there are exact, contains",
        ),
        (r#"{"prompt": "Q", "expected": "(a", "check": "regex"}"#, "field `expected`: unclosed group"),
        (r#"{"prompt": "Q", "expected": "a*", "check": "regex"}"#, "field `expected`: `a*` matches an empty text"),
        (
            r#"{"prompt": "Q", "expected": "((a{200}){200}){200}", "check": "regex"}"#,
            "field `expected`: Compiled regex exceeds size limit",
        ),
        (r#"{"prompt": "Q", "schema": {"type": "objct"}}"#, "field `schema`: "),
        (r#"{"prompt": "Q", "schema": {"$ref": "https://example.com/x"}}"#, "field `schema`: "),
        (
            r#"{"prompt": "Q", "expected": "c", "choices": ["a", "b"]}"#,
            "field `expected` should be one of the choices, found \"c\"",
        ),
        (r#"{"prompt": "Q", "expected": "a", "choices": ["a"]}"#, "field `choices` should be 2 to 64 texts, found 1"),
        (r#"{"prompt": "Q", "expected": "a", "choices": ["a", "a"]}"#, "found `a` twice"),
        (r#"{"prompt": "Q", "expected": "A", "tolerance": 1}"#, "field `tolerance` is of no use to the check `exact`"),
        (r#"{"prompt": "Q", "expected": "x", "check": "number"}"#, "should be a number, found \"x\""),
        (r#"{"prompt": "Q", "expected": 1, "tolerance": -1}"#, "field `tolerance` should be a number, 0 or more"),
        (r#"{"prompt": "Q", "expected": "A", "max_tokens": 0}"#, "field `max_tokens` should be a whole number from 1"),
        (r#"{"prompt": "Q", "expected": "A", "category": "overall"}"#, "another name than `overall`"),
        (r#"{"prompt": "Q", "expected": "A", "images": ["gone.png"]}"#, "field `images`: `gone.png` cannot be read"),
        (
            r#"{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}], "expected": "A"}"#,
            "field `messages` should be a list that ends with a message of the user",
        ),
        (
            r#"{"messages": [{"role": "robot", "content": "Q"}], "expected": "A"}"#,
            "field `messages[0].role` should be `system`, `user` or `assistant`, found \"robot\"",
        ),
        (r#"{"prompt": "Q", "messages": [], "expected": "A"}"#, "should be left out beside `prompt`"),
    ];
    for (line, message) in lines {
        let told = parsed(&format!("\n{line}")).unwrap_err();
        assert!(told.starts_with("`q.jsonl`, line 2: ") && told.contains(message), "{line}\n{told}");
        assert!(!told.contains('\n'), "{told}");
    }
    let all: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    let told = parsed(&all.join("\n")).unwrap_err();
    assert_eq!(told.lines().count(), 21, "{told}");
    assert!(told.ends_with(&format!("and {} more malformed lines", lines.len() - 20)), "{told}");
}

#[test]
fn what_cannot_be_read_as_text_is_told_as_what_it_is() {
    let told = |bytes: &[u8]| parse("q.jsonl", bytes, Path::new("")).unwrap_err().to_string();
    assert_eq!(told(b"{\"prompt\": \"\xff\"}"), "`q.jsonl`, line 1: not UTF-8 at byte 13");
    assert_eq!(told(b"\xff\xfe{\0"), "`q.jsonl` is UTF-16 text; JSON lines are UTF-8");
    assert_eq!(told(b" \n\n"), "`q.jsonl` holds no questions");
    assert_eq!(told(&vec![b' '; (1 << 20) + 1]), "`q.jsonl`, line 1: longer than 1048576 bytes");
    let gone = read(Path::new("no/such.jsonl"), None).unwrap_err();
    assert!(matches!(gone, QuestionsError::Read { .. }) && gone.to_string().contains("`no/such.jsonl` cannot be read"));
}

#[test]
fn many_repeated_questions_are_one_fault_with_its_remedy() {
    let line = r#"{"prompt": "Q", "expected": "A"}"#;
    let told = parsed(&[line; 51].join("\n")).unwrap_err();
    let says = "`q.jsonl`: 50 lines repeat a question of an earlier line (lines 2, 3, 4, 5, 6, …); give each an `id`";
    assert_eq!(told, says);
    let told = parsed(&[line, "{", line, line].join("\n")).unwrap_err();
    assert!(told.starts_with("`q.jsonl`, line 2: not a JSON object"), "{told}");
    assert!(told.ends_with("2 lines repeat a question of an earlier line (lines 3, 4); give each an `id`"), "{told}");
}

#[test]
fn a_question_is_found_again_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.jsonl");
    std::fs::write(&path, "\n{\"prompt\": \"Q\", \"expected\": \"A\"}\n{\"prompt\": \"R\", \"expected\": \"A\"}")
        .unwrap();
    let (_, items) = read(&path, None).unwrap();
    assert_eq!(items.iter().map(|item| line_of(&path, &item.id)).collect::<Vec<_>>(), [Some(2), Some(3)]);
    assert_eq!(line_of(&path, "another"), None);
}

#[test]
fn the_same_question_or_id_twice_is_told_with_the_line_before() {
    let line = r#"{"prompt": "Q", "expected": "A"}"#;
    let told = parsed(&format!("{line}\n\n{line}")).unwrap_err();
    assert!(told.contains("line 3: the same question was on line 1 before"), "{told}");
    let named = |prompt: &str| format!(r#"{{"id": "one", "prompt": "{prompt}", "expected": "A"}}"#);
    let told = parsed(&format!("{}\n{}", named("Q"), named("R"))).unwrap_err();
    assert!(told.contains("line 2: field `id`: `one` was on line 1 before"), "{told}");
}

#[test]
fn a_conversation_ends_with_the_question() {
    let line = r#"{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Q"}], "expected": "A"}"#;
    let item = parsed(line).unwrap().remove(0);
    assert_eq!((item.prompt.as_str(), item.framing.earlier[0].role), ("Q", Role::System));
    assert_eq!((item.category.as_str(), item.max_tokens), ("questions", 256));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_passed_over() {
    let text = "\u{feff}{\"prompt\": \"Q\", \"expected\": \"A\"}\r\n\r\n{\"prompt\": \"R\", \"expected\": \"A\"}\r\n";
    assert_eq!(parsed(text).unwrap().len(), 2);
}

#[test]
fn a_suites_id_hangs_on_what_is_asked_and_not_on_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let suite = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let (source, items) = read(&path, None).unwrap();
        Suite::of_questions(vec![source], items)
    };
    let line = r#"{"prompt": "Q", "expected": "A"}"#;
    let one = suite("mine.jsonl", line);
    std::fs::create_dir(folder.path().join("other")).unwrap();
    let same = suite("other/mine.jsonl", &format!("\n{line}\n"));
    assert_eq!((one.id(), one.name.as_str()), (same.id(), "mine"));
    assert_ne!(one.sources[0].sha256, same.sources[0].sha256);
    assert_ne!(one.id(), suite("mine.jsonl", &line.replace("\"A\"", "\"B\"")).id());
    let content = serde_json::to_value(&one).unwrap();
    assert_eq!(Suite::recorded(&content, &one.id()).unwrap().items, one.items);
    assert_eq!(Suite::recorded(&content, &"0".repeat(64)), None);
}

#[test]
fn pictures_lie_beside_the_file_and_count_by_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vision/tests/data/pictures");
    std::fs::copy(pictures.join("alpha.png"), folder.path().join("a.png")).unwrap();
    std::fs::write(folder.path().join("b.png"), "no picture").unwrap();
    let asked = |name: &str| {
        let line = format!(r#"{{"prompt": "Q", "expected": "A", "images": "{name}"}}"#);
        parse("q.jsonl", line.as_bytes(), folder.path())
    };
    let item = asked("a.png").unwrap().remove(0);
    assert!(item.shows_pictures() && item.framing.images[0].picture().is_ok());
    let told = asked("b.png").unwrap_err().to_string();
    assert!(told.contains("line 1: field `images`: ") && told.contains("b.png"), "{told}");
    std::fs::copy(pictures.join("rgb.bmp"), folder.path().join("a.png")).unwrap();
    assert_ne!(asked("a.png").unwrap()[0].id, item.id, "another picture is another question");
}

#[test]
fn the_first_of_every_category_are_kept() {
    let line = |i: usize| format!(r#"{{"prompt": "Q{i}", "expected": "A", "category": "c{}"}}"#, i % 2);
    let mut items = parsed(&(0..10).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    keep_first(&mut items, Some(2));
    assert_eq!(items.iter().map(|item| item.prompt.as_str()).collect::<Vec<_>>(), ["Q0", "Q1", "Q2", "Q3"]);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_questions_or_a_message(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = parse("q.jsonl", &bytes, Path::new("")).map_err(|error| error.to_string());
    }
}
