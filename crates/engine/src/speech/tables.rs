//! Answers in parts and what is heard of them.

use super::*;

/// What is heard, and how it is spelled: what was thought, what was said, to whom else what.
type Heard = (String, String, Vec<(String, String)>);

const HARMONY: SpeechForm = SpeechForm::Channels;
const TITLED: SpeechForm = SpeechForm::Between(Markers { open: "<|channel>", title: "thought\n", close: "<channel|>" });

/// Parts of a text in which control tokens stand between `⟦` and `⟧`; the texts are cut into letters or stay whole.
fn parts(marked: &str, by_letter: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    for (at, piece) in marked.split(['⟦', '⟧']).enumerate() {
        match at % 2 {
            0 if by_letter => parts.extend(piece.chars().map(|letter| Part::Text(letter.to_string()))),
            0 if !piece.is_empty() => parts.push(Part::Text(piece.to_owned())),
            0 => {}
            _ => parts.push(Part::Control(piece.to_owned())),
        }
    }
    parts
}

fn heard(form: SpeechForm, opening: Opening, marked: &str) -> Heard {
    let once = |by_letter| {
        let mut speech = Speech::new(form, opening, false);
        let mut spoken = speech.parts(parts(marked, by_letter));
        spoken.extend(speech.end(""));
        let (mut thought, mut said, mut addressed) = (String::new(), String::new(), Vec::new());
        for spoken in spoken {
            match spoken {
                Spoken::Thought(text) => thought.push_str(&text),
                Spoken::Answer(Part::Text(text)) => said.push_str(&text),
                Spoken::Answer(Part::Control(_)) => {}
                Spoken::Addressed { to, content } => addressed.push((to, content)),
            }
        }
        (thought, said, addressed)
    };
    let whole = once(false);
    assert_eq!(whole, once(true), "{marked}, letter by letter");
    whole
}

#[test]
fn messages_are_parted_by_their_channels_and_whom_they_are_for() {
    let call = |to: &str, content: &str| vec![(to.to_owned(), content.to_owned())];
    let none = Vec::new;
    for (answer, thought, said, addressed) in [
        ("⟦<|channel|>⟧final⟦<|message|>⟧Hello\nthere", "", "Hello\nthere", none()),
        ("⟦<|channel|>⟧commentary⟦<|message|>⟧Hello", "", "Hello", none()),
        (
            "⟦<|channel|>⟧analysis⟦<|message|>⟧Hm.⟦<|end|>⟧⟦<|start|>⟧assistant⟦<|channel|>⟧final⟦<|message|>⟧Yes.⟦<|return|>⟧",
            "Hm.",
            "Yes.",
            none(),
        ),
        ("⟦<|channel|>⟧analysis⟦<|message|>⟧Hm", "Hm", "", none()),
        (
            "⟦<|channel|>⟧commentary to=functions.f ⟦<|constrain|>⟧json⟦<|message|>⟧{\"x\": 1}⟦<|call|>⟧",
            "",
            "",
            call("functions.f", "{\"x\": 1}"),
        ),
        (
            "⟦<|channel|>⟧analysis⟦<|message|>⟧A⟦<|end|>⟧⟦<|start|>⟧assistant to=functions.f⟦<|channel|>⟧commentary json⟦<|message|>⟧{}",
            "A",
            "",
            call("functions.f", "{}"),
        ),
        (
            "⟦<|channel|>⟧analysis⟦<|message|>⟧A⟦<|end|>⟧⟦<|start|>⟧assistant⟦<|channel|>⟧analysis⟦<|message|>⟧B⟦<|end|>⟧\
             ⟦<|start|>⟧assistant⟦<|channel|>⟧commentary⟦<|message|>⟧C⟦<|end|>⟧⟦<|start|>⟧assistant⟦<|channel|>⟧final ⟦<|constrain|>⟧json⟦<|message|>⟧{}",
            "A\n\nB",
            "C\n\n{}",
            none(),
        ),
        ("to=python⟦<|channel|>⟧analysis⟦<|message|>⟧1 + 1", "", "", call("python", "1 + 1")),
        // gpt-oss-20b may write a header before the header.
        (
            "⟦<|channel|>⟧commentary to=assistant⟦<|channel|>⟧analysis⟦<|message|>⟧Hm⟦<|end|>⟧⟦<|start|>⟧assistant⟦<|channel|>⟧commentary⟦<|channel|>⟧final⟦<|message|>⟧Yes",
            "Hm",
            "Yes",
            none(),
        ),
        // What is no message is said all the same, and a name alone is nothing that was said.
        ("Hello⟦<|end|>⟧⟦<|start|>⟧assistant⟦<|channel|>⟧final⟦<|message|>⟧Hi", "", "Hello\n\nHi", none()),
        ("⟦<|start|>⟧assistant to=functions.g", "", "", none()),
        (" to=functions.get_w", "", "", none()),
        ("Hello there", "", "Hello there", none()),
        ("⟦<|channel|>⟧final⟦<|message|>⟧Hi⟦<|end|>⟧⟦<|start|>⟧assist", "", "Hi", none()),
        ("⟦<|channel|>⟧anal", "", "", none()),
        ("", "", "", none()),
    ] {
        let expected = (thought.to_owned(), said.to_owned(), addressed);
        assert_eq!(heard(HARMONY, Opening::Nothing, answer), expected, "{answer}");
    }
    let long = "word ".repeat(100);
    assert_eq!(heard(HARMONY, Opening::Nothing, &long).1, long);
    assert_eq!(heard(HARMONY, Opening::Nothing, &format!("⟦<|start|>⟧assistant {long}")).1, format!(" {long}"));
    assert_eq!(heard(HARMONY, Opening::Saying, "so").1, "so");
    assert_eq!(heard(HARMONY, Opening::Thinking, "so").0, "so");
}

#[test]
fn a_title_is_no_part_of_what_is_thought() {
    for (answer, thought, said) in [
        ("⟦<|channel>⟧thought\nHm.\n⟦<channel|>⟧Yes.", "Hm.", "Yes."),
        ("<|channel>thought\nHm.<channel|>Yes.", "Hm.", "Yes."),
        ("⟦<|channel>⟧thought\n⟦<channel|>⟧Yes.", "", "Yes."),
        ("⟦<|channel>⟧thoughts are\nfree⟦<channel|>⟧Yes.", "thoughts are\nfree", "Yes."),
        ("⟦<|channel>⟧thou⟦<channel|>⟧Yes.", "thou", "Yes."),
        ("⟦<|channel>⟧x<channel|>Yes.", "x", "Yes."),
        ("⟦<|channel>⟧thought\nHm", "Hm", ""),
        ("⟦<|channel>⟧thought", "", ""),
        ("⟦<|channel>⟧thought⟦<channel|>⟧Yes.", "", "Yes."),
        ("Yes.⟦<|channel>⟧thought\n⟦<channel|>⟧", "", "Yes."),
        ("⟦<|channel>⟧thought\nA⟦<channel|>⟧Yes⟦<|channel>⟧thought\nB⟦<channel|>⟧, no.", "A\n\nB", "Yes, no."),
        ("⟦<|channel>⟧thought\nA⟦<channel|>⟧⟦<|channel>⟧thought\nB⟦<channel|>⟧Yes.", "A\n\nB", "Yes."),
        ("Yes.", "", "Yes."),
    ] {
        let expected = (thought.to_owned(), said.to_owned(), Vec::new());
        assert_eq!(heard(TITLED, Opening::Nothing, answer), expected, "{answer}");
    }
    assert_eq!(heard(TITLED, Opening::Thinking, "Hm.⟦<channel|>⟧Yes."), ("Hm.".into(), "Yes.".into(), vec![]));
}

#[test]
fn a_prompts_end_tells_what_the_answer_begins_within() {
    for (form, end, opening) in [
        (TITLED, "<|turn>model\n<|channel>thought\n", Opening::Thinking),
        (TITLED, "<|turn>model\n<|channel>thought\n<channel|>", Opening::Nothing),
        (TITLED, "<|turn>model\n", Opening::Nothing),
        (HARMONY, "Hi<|end|><|start|>assistant", Opening::Nothing),
        (HARMONY, "<|start|>assistant<|channel|>analysis<|message|>Hm", Opening::Thinking),
        (HARMONY, "<|start|>assistant<|channel|>final<|message|>Ye", Opening::Saying),
        (HARMONY, "of a long answer", Opening::Saying),
        (SpeechForm::Plain, "<think>", Opening::Nothing),
    ] {
        assert_eq!(form.opening_after(end), opening, "{end}");
    }
}

#[test]
fn what_is_thought_is_spelled_between_tags() {
    for (form, answer, spelled) in [
        (
            HARMONY,
            "⟦<|channel|>⟧analysis⟦<|message|>⟧Hm.⟦<|end|>⟧⟦<|start|>⟧assistant⟦<|channel|>⟧final⟦<|message|>⟧Yes.",
            "<think>\nHm.\n</think>\n\nYes.",
        ),
        (HARMONY, "⟦<|channel|>⟧analysis⟦<|message|>⟧Hm", "<think>\nHm"),
        (HARMONY, "⟦<|channel|>⟧commentary to=python⟦<|message|>⟧1 + 1", "python: 1 + 1"),
        (TITLED, "⟦<|channel>⟧thought\nHm.⟦<channel|>⟧Yes.", "<think>\nHm.\n</think>\n\nYes."),
        (TITLED, "Yes.", "Yes."),
    ] {
        let mut speech = Speech::new(form, Opening::Nothing, false);
        let spoken = speech.parts(parts(answer, true));
        let mut shown = Spelled::new(speech);
        assert_eq!(shown.shown(spoken) + &shown.end(""), spelled, "{answer}");
    }
}
