//! Answers and what is read of them.

use super::cases::{CALLS, NONE};
use super::language::{Dialect, Language};
use super::*;
use plimsoll_engine::speech::{Markers, SpeechForm};

const NAMES: [&str; 3] = ["get_weather", "add", "f"];
const THINK: Markers = Markers { open: "<think>", title: "", close: "</think>" };

/// What is read of parts, with the text first, then the thinking, then the calls.
type Read = (String, String, Vec<(String, String)>);

fn known() -> Arc<[Known]> {
    NAMES.map(|name| Known { name: name.to_owned(), parameters: Value::Null }).into()
}

fn read(dialect: Dialect, is_thinking: bool, parts: &[Part]) -> Read {
    let form = match dialect {
        Dialect::Addressed => SpeechForm::Channels,
        _ => SpeechForm::Between(THINK),
    };
    let opening = if is_thinking { Opening::Thinking } else { Opening::Nothing };
    let (mut speech, mut calls) = (Speech::new(form, opening, false), Some(Calls::new(dialect, known())));
    let mut said = Vec::new();
    let spoken = parts.iter().flat_map(|part| speech.parts(vec![part.clone()])).collect::<Vec<_>>();
    for spoken in spoken.into_iter().chain(speech.end("")) {
        super::read(&mut calls, spoken, &mut said);
    }
    calls.iter_mut().for_each(|calls| calls.end(&mut said));
    let (mut content, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for said in said {
        match said {
            Said::Content(text) => content.push_str(&text),
            Said::Reasoning(text) => reasoning.push_str(&text),
            Said::Call(Call { name, arguments }) => calls.push((name, arguments)),
        }
    }
    (content, reasoning, calls)
}

/// Parts of a text in which control tokens stand between `⟦` and `⟧`.
fn parts(marked: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = marked;
    while let Some((text, after)) = rest.split_once('⟦') {
        let (control, after) = after.split_once('⟧').expect("it is closed");
        parts.extend([Part::Text(text.to_owned()), Part::Control(control.to_owned())]);
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    parts.retain(|part| *part != Part::Text(String::new()));
    parts
}

/// The same parts with texts cut anew: into letters, or at random.
fn cut(parts: &[Part], seed: u64) -> Vec<Part> {
    let mut state = seed;
    let mut is_cut = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed == 0 || (state >> 33).is_multiple_of(seed % 7 + 1)
    };
    let mut all = Vec::new();
    for part in parts {
        let Part::Text(text) = part else {
            all.push(part.clone());
            continue;
        };
        let mut piece = String::new();
        for letter in text.chars() {
            piece.push(letter);
            if is_cut() {
                all.push(Part::Text(std::mem::take(&mut piece)));
            }
        }
        all.push(Part::Text(piece));
    }
    all
}

#[test]
fn calls_are_read_and_the_text_around_them_stays() {
    for (dialect, answer, content, calls) in CALLS {
        let owned = |(name, arguments): &(&str, &str)| ((*name).to_owned(), (*arguments).to_owned());
        let expected = ((*content).to_owned(), String::new(), calls.iter().map(owned).collect());
        assert_eq!(read(*dialect, false, &parts(answer)), expected, "{answer}");
    }
}

#[test]
fn what_is_no_call_is_released_as_it_was() {
    for (dialect, answer) in NONE {
        let expected = ((*answer).to_owned(), String::new(), Vec::new());
        assert_eq!(read(*dialect, false, &parts(answer)), expected, "{answer}");
    }
}

#[test]
fn a_call_with_a_fault_does_not_swallow_the_next() {
    let faulty = "<tool_call>{\"name\": \"f\", \"arguments\": {}</tool_call>";
    let answer = format!("{faulty}<tool_call>{{\"name\": \"f\", \"arguments\": {{}}}}</tool_call>");
    let call = ("f".to_owned(), "{}".to_owned());
    let expected = (faulty.to_owned(), String::new(), vec![call.clone()]);
    assert_eq!(read(Dialect::Tagged, false, &parts(&answer)), expected);
    let marked = "⟦<tool_call>⟧{\"name⟦<tool_call>⟧{\"name\": \"f\"}⟦</tool_call>⟧";
    assert_eq!(read(Dialect::Tagged, false, &parts(marked)), ("{\"name".to_owned(), String::new(), vec![call]));
}

#[test]
fn thinking_is_no_part_of_the_answer_and_calls_nothing() {
    let call = "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";
    for (is_thinking, answer, content, reasoning, calls) in [
        (false, format!("<think>\nI could {call}\n</think>\n\nYes."), "Yes.", format!("I could {call}"), 0),
        (false, format!("⟦<think>⟧Hm.⟦</think>⟧\n{call}"), "", "Hm.".to_owned(), 1),
        (true, format!("Hm </thin </think>{call}"), "", "Hm </thin".to_owned(), 1),
        (true, "cut off </th".to_owned(), "", "cut off </th".to_owned(), 0),
        (false, "<think>\n\n</think>\nHi <think>".to_owned(), "Hi <think>", String::new(), 0),
        (false, " <thing> Hi".to_owned(), " <thing> Hi", String::new(), 0),
        (false, "<thi".to_owned(), "<thi", String::new(), 0),
    ] {
        for seed in 0..20 {
            let (text, thought, called) = read(Dialect::Tagged, is_thinking, &cut(&parts(&answer), seed));
            assert_eq!((text.as_str(), &thought, called.len()), (content, &reasoning, calls), "{answer}");
        }
    }
}

#[test]
fn any_cut_of_the_text_is_read_alike() {
    let answers = CALLS.iter().map(|(dialect, answer, ..)| (*dialect, *answer)).chain(NONE.iter().copied());
    for (dialect, answer) in answers {
        let whole = parts(&format!("<think>I {answer}</think>{answer}"));
        let expected = read(dialect, false, &whole);
        for seed in 0..100 {
            assert_eq!(read(dialect, false, &cut(&whole, seed)), expected, "{answer}, cut {seed}");
        }
    }
}

#[test]
fn what_is_too_deep_or_too_long_is_no_call() {
    let deep = format!("<tool_call>{{\"name\": \"f\", \"arguments\": {{\"x\": {}", "[".repeat(100_000));
    let long = format!("<tool_call>{{\"name\": \"f\", \"arguments\": {{\"x\": \"{}\"}}}}", "y".repeat(2 << 20));
    for answer in [deep, long] {
        assert_eq!(read(Dialect::Tagged, false, &parts(&answer)), (answer, String::new(), Vec::new()));
    }
}

#[test]
fn what_cannot_become_a_call_is_not_held_back() {
    for (dialect, answer) in [
        (Dialect::Pythonic, "[1, it's"),
        (Dialect::Bare, "{<x"),
        (Dialect::Tagged, "<tool_call>x"),
        (Dialect::Functools, "functools are"),
        (Dialect::Announced, "[TOOL_CALLS]\u{7}"),
        (Dialect::Functions, "<tool_call>{"),
        (Dialect::Functions, "<tool_call><function=f g"),
        (Dialect::Functions, "<tool_call><function=f>\n<param>"),
        (Dialect::Keyed, "<tool_call>f g"),
        (Dialect::Keyed, "<tool_call></tool_call>"),
        (Dialect::Keyed, "<tool_call>f<arg_key>a</b"),
        (Dialect::Braced, "<|tool_call>calm"),
        (Dialect::Braced, "<|tool_call>call:{"),
        (Dialect::Braced, "<|tool_call>call:f{x:<b"),
    ] {
        let mut calls = Calls::new(dialect, known());
        let mut said = Vec::new();
        calls.hear(&Part::Text(answer.to_owned()), &mut said);
        assert_eq!(merged(said), [Said::Content(answer.to_owned())]);
    }
}

#[test]
fn a_language_is_known_by_what_the_template_writes() {
    let language = |source: &str| {
        let template = plimsoll_engine::ChatTemplate::new::<&str, &str>(source, []).expect("it compiles");
        Language::of_template(&template)
    };
    let shown = "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}";
    for (marker, dialect) in [
        ("<tool_call>", Some(Dialect::Tagged)),
        ("<tool_call><function=", Some(Dialect::Functions)),
        ("<tool_call><arg_key>", Some(Dialect::Keyed)),
        ("<|tool_call>", Some(Dialect::Braced)),
        ("<|python_tag|>", Some(Dialect::Bare)),
        ("<|python_start|>", Some(Dialect::Pythonic)),
        ("<|tool_call_start|>", Some(Dialect::Enclosed)),
        ("[TOOL_CALLS]", Some(Dialect::Announced)),
        ("<|tool_call|>", Some(Dialect::Functools)),
        ("<|start|><|channel|><|message|>functions.", Some(Dialect::Addressed)),
        ("nothing", None),
    ] {
        assert_eq!(language(&format!("{shown}{{{{ '{marker}' }}}}")).dialect, dialect, "{marker}");
    }
    assert_eq!(language("<tool_call>{{ messages[0].content }}").dialect, None, "it shows no tools");
    let phi = "{% for m in messages %}{% if 'tools' in m %}<|tool|>{{ m['tools'] }}<|/tool|>{% endif %}{% endfor %}";
    assert!(language(phi).dialect == Some(Dialect::Functools) && language(phi).tools_in_message);
    assert!(language("{{ '<think></think>' }}").thinks() && !language("plain").thinks());
}

#[test]
fn noise_is_read_alike_however_it_is_cut_and_nothing_of_it_is_lost() {
    #[rustfmt::skip]
    const PIECES: [&str; 43] = [
        "<tool_call>", "</tool_call>", "<|tool_call_start|>", "⟦<tool_call>⟧", "⟦</tool_call>⟧", "<|python_tag|>", "⟦<|python_start|>⟧",
        "[TOOL_CALLS]", "⟦[TOOL_CALLS]⟧", "⟦[ARGS]⟧", "[ARGS]", "functools", "<|tool_call|>", "f", "(", ")", "=", "{", "}",
        "<function=f>", "<parameter=x>", "</parameter>", "</function>", "<arg_key>x</arg_key>", "⟦<arg_value>⟧",
        "</arg_value>", "⟦<|tool_call>⟧", "call:f{x:", "⟦<|\"|>⟧",
        "[", "]", "\"", "'", "\\", ",", ":", ";", " ", "\n", "{\"name\": \"f\", \"arguments\": {}}", "[f(x='{')]", "é<", "1",
    ];
    #[rustfmt::skip]
    let dialects = [
        Dialect::Tagged, Dialect::Bare, Dialect::Pythonic, Dialect::Enclosed, Dialect::Announced, Dialect::Functools,
        Dialect::Functions, Dialect::Keyed, Dialect::Braced,
    ];
    let (mut state, mut with_calls) = (1u64, 0);
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for _ in 0..20_000 {
        let answer: String = (0..=below(16)).map(|_| PIECES[below(PIECES.len())]).collect();
        let (dialect, parts, seed) = (dialects[below(dialects.len())], parts(&answer), below(100) as u64);
        let whole = read(dialect, false, &parts);
        assert_eq!(whole, read(dialect, false, &cut(&parts, seed)), "{dialect:?} {answer}, cut {seed}");
        with_calls += usize::from(!whole.2.is_empty());
        if whole.2.is_empty() {
            let shown = parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "" });
            assert_eq!(whole.0, shown.collect::<String>(), "{dialect:?} {answer}");
        }
    }
    assert!(with_calls > 10, "{with_calls}");
}
