use serde_json::json;

use super::{Scoring, extract};

fn number(answer: i64) -> Scoring {
    Scoring::Number { answer }
}

#[test]
fn a_number_is_found_in_the_sentences_that_chat_models_write() {
    for raw in [
        "12",
        " 12.",
        "**12**",
        "12 apples",
        "The answer is 12.",
        "The answer is: **12**",
        "Answer: 12",
        "7 + 5 = 12",
        "7 + 5 = **12**.",
        "The sum of 7 and 5 is 12.",
        "<think>\n7 + 5 makes 13? No.\n</think>\n\n12",
        "12.0",
        "12 (because 7 + 5 = 12 and 5 + 7 = 12, 2 ways)",
    ] {
        assert!(number(12).mark(raw), "{raw:?} gives {:?}", extract::number(raw));
    }
}

#[test]
fn a_wrong_or_missing_number_is_marked_wrong() {
    for raw in ["", "13", "112", "-12", "12.5", "twelve", "I think it is 12 or 13", "<think> 12", "12 is not it: 13"] {
        assert!(!number(12).mark(raw), "{raw:?}");
    }
}

#[test]
fn units_and_thousands_are_read_as_people_write_them() {
    assert!(number(7000).mark("7,000 metres"));
    assert!(number(7000).mark("7 kilometres is 7,000 metres."));
    assert!(number(700).mark("700 cm (since 1 m = 100 cm)"));
    assert!(number(-3).mark("-3"));
    assert!(number(3).mark("It is 2-3"), "a range's hyphen is no minus sign");
}

#[test]
fn a_list_with_commas_is_not_read_as_thousands() {
    assert_eq!(extract::number("1, 200"), Some(200));
    assert_eq!(extract::number("99999999999999999999"), None);
}

#[test]
fn a_text_is_taken_out_of_its_wrapping() {
    let scoring = Scoring::Text { answer: "kite 4 fox".into() };
    for raw in [
        "kite 4 fox",
        "\"kite 4 fox\"",
        "`kite 4 fox`.",
        "**kite 4 fox**",
        "```\nkite 4 fox\n```",
        "```text\nkite 4 fox\n```",
        "The answer is: kite 4 fox",
        "<think>copy it</think>kite 4 fox",
    ] {
        assert!(scoring.mark(raw), "{raw:?} gives {:?}", extract::text(raw));
    }
    for raw in ["Kite 4 fox", "kite 4 fox fox", "kite, 4, fox", "kite  4 fox", ""] {
        assert!(!scoring.mark(raw), "{raw:?}");
    }
}

#[test]
fn a_list_may_be_laid_out_in_any_way_but_its_order_counts() {
    let scoring = Scoring::List { answer: vec!["7".into(), "19".into(), "42".into()] };
    for raw in [
        "7, 19, 42",
        "7 19 42",
        "7 < 19 < 42",
        "7\n19\n42",
        "1. 7\n2. 19\n3. 42",
        "- 7\n- 19\n- 42",
        "Sorted from smallest to largest: 7, 19, and 42.",
        "**7, 19, 42**",
    ] {
        assert!(scoring.mark(raw), "{raw:?} gives {:?}", extract::list(raw));
    }
    for raw in ["42, 19, 7", "7, 19", "7, 19, 42, 50", ""] {
        assert!(!scoring.mark(raw), "{raw:?}");
    }
}

#[test]
fn a_name_is_the_last_one_mentioned_as_a_whole_word() {
    let names: Vec<String> = ["March", "May", "June"].map(str::to_owned).into();
    let scoring = Scoring::Named { names, answer: "May".into() };
    assert!(scoring.mark("May"));
    assert!(scoring.mark("Two months after March comes **may**."));
    assert!(!scoring.mark("It may be June"));
    assert!(!scoring.mark("Maybe"));
}

#[test]
fn json_is_accepted_bare_or_in_a_fence_and_compared_by_value() {
    let scoring = Scoring::Json { answer: json!({"name": "Tom", "age": 34, "tags": ["a", "b"]}) };
    for raw in [
        r#"{"name": "Tom", "age": 34, "tags": ["a", "b"]}"#,
        "```json\n{\"age\": 34.0,\n \"tags\": [\"a\",\"b\"], \"name\": \"Tom\"}\n```",
        r#"Here it is: {"name":"Tom","age":34,"tags":["a","b"]} Enjoy."#,
    ] {
        assert!(scoring.mark(raw), "{raw:?}");
    }
    for raw in [
        r#"{"name": "Tom", "age": "34", "tags": ["a", "b"]}"#,
        r#"{"name": "Tom", "age": 34, "tags": ["b", "a"]}"#,
        r#"{"name": "Tom", "age": 34, "tags": ["a", "b"], "x": 1}"#,
        r#"{"name": "Tom", "age": 34"#,
        "",
    ] {
        assert!(!scoring.mark(raw), "{raw:?}");
    }
}

#[test]
fn a_thought_without_an_end_is_no_answer() {
    assert_eq!(extract::after_thinking("<think>12"), "");
    assert_eq!(extract::after_thinking("<think>\n\n</think>\n\nhello"), "hello");
    assert_eq!(extract::after_thinking("hello"), "hello");
}

proptest::proptest! {
    #[test]
    fn marking_survives_any_text(raw in "(?s)([\\-=.,:`*\"{}<>/ 0-9a-z\n]|answer is|</?think>|```|“|”|İ|é|\\PC){0,40}") {
        for scoring in [
            number(3),
            Scoring::Text { answer: "x".into() },
            Scoring::List { answer: vec!["x".into()] },
            Scoring::Named { names: vec!["x".into()], answer: "x".into() },
            Scoring::Json { answer: json!(null) },
        ] {
            scoring.mark(&raw);
        }
    }

    #[test]
    fn a_number_written_by_itself_is_read_back(n in -1_000_000_000_i64..1_000_000_000) {
        proptest::prop_assert_eq!(extract::number(&n.to_string()), Some(n));
        proptest::prop_assert_eq!(extract::number(&format!("The answer is {n}.")), Some(n));
    }
}
