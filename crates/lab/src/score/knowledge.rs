//! Whether an answer holds what was asked for, in whatever form: with an explanation behind it, in other letters, as `May 7`
//! for `7 May`.
//!
//! What an answer says is what it opens with, or what it ends on, or the only thing of its kind in it. One that names
//! several and commits to none says nothing.

use super::Scoring;
use super::extract;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// What people and models set around an answer.
const MARKS: [char; 8] = ['*', '_', '`', '"', '“', '”', '\'', '('];

/// Whether `raw` holds the right answer though it is not marked right as it stands.
pub(super) fn holds(scoring: &Scoring, raw: &str) -> bool {
    let answer = extract::after_thinking(raw);
    match scoring {
        Scoring::Text { answer: right } => match (&dates(right)[..], &chains(right)[..]) {
            ([Mention { says, .. }], _) => says_so(&dates(answer), says),
            (_, [Mention { says, .. }]) => says_so(&chains(answer), says),
            _ => answer.lines().any(|line| stands_in(line, right)),
        },
        Scoring::List { answer: right } => answer.split("\n\n").chain(answer.lines()).any(|part| lists(part, right)),
        Scoring::Named { names, answer: right } => opening_word(answer).is_some_and(|word| {
            names.iter().any(|name| name.eq_ignore_ascii_case(word)) && right.eq_ignore_ascii_case(word)
        }),
        Scoring::Number { answer: right } => opening_number(answer) == Some(*right),
        Scoring::Choice { .. }
        | Scoring::Json { .. }
        | Scoring::Check(_)
        | Scoring::Benchmark(_)
        | Scoring::Program(_) => false,
    }
}

/// One thing of the kind that was asked for.
struct Mention<T> {
    says: T,
    /// Whether the answer opens with it and stops there for a moment.
    opens: bool,
}

fn says_so<T: PartialEq>(mentions: &[Mention<T>], right: &T) -> bool {
    let opens = mentions.first().is_some_and(|first| first.opens && first.says == *right);
    opens || mentions.last().is_some_and(|last| last.says == *right)
}

/// Whether nothing but marks stands before `start`, and what ends a clause behind `end`.
fn opens(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().all(|c| c.is_whitespace() || MARKS.contains(&c));
    let mut behind = text[end..].chars().skip_while(|c| MARKS[..7].contains(c));
    before && ends_a_clause(behind.next(), behind.next())
}

/// Whether a clause ends at `next`, with `after` behind it: a comma or a point between figures ends none.
fn ends_a_clause(next: Option<char>, after: Option<char>) -> bool {
    match next {
        None | Some('\n' | ';' | ':' | '!') => true,
        Some(',' | '.') => after.is_none_or(char::is_whitespace),
        Some(' ') => after.is_some_and(|after| "(–—-".contains(after)),
        _ => false,
    }
}

/// Words with their places.
fn words(text: &str) -> Vec<(usize, &str)> {
    let start = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(|word| (start(word), word)).collect()
}

/// Days of months, in whatever order and with whatever ending: `7 May`, `May 7th`, `the 7th of May`.
fn dates(text: &str) -> Vec<Mention<(u32, usize)>> {
    let words = words(text);
    let month = |at: usize| {
        let word = words.get(at)?.1.to_lowercase();
        MONTHS.iter().position(|month| *month == word)
    };
    let day = |at: usize| {
        let word = words.get(at)?.1;
        let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
        digits.parse::<u32>().ok().filter(|day| (1..=31).contains(day))
    };
    let is = |at: usize, what: &str| words.get(at).is_some_and(|(_, word)| word.eq_ignore_ascii_case(what));
    let mut found = Vec::new();
    let mut free = 0; // words before it belong to another date
    for at in 0..words.len() {
        let Some(month) = month(at) else { continue };
        let before = if at > free + 1 && is(at - 1, "of") { at.checked_sub(2) } else { at.checked_sub(1) };
        let behind = if is(at + 1, "the") { at + 2 } else { at + 1 };
        let before = before.filter(|before| *before >= free);
        let (day, first, last) = match (before.and_then(|at| Some((at, day(at)?))), day(behind)) {
            (Some((before, day)), _) => (day, before, at),
            (None, Some(day)) => (day, at, behind),
            (None, None) => continue,
        };
        free = last + 1;
        let (start, (end, word)) = (words[first].0, words[last]);
        found.push(Mention { says: (day, month), opens: opens(text, start, end + word.len()) });
    }
    found
}

/// Letters joined by hyphens, in small letters and without the blanks between them: `T - A - K` is `t-a-k`.
fn chains(text: &str) -> Vec<Mention<String>> {
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    let is_alone = |at: usize| {
        let alone = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_none_or(|(_, c)| !c.is_alphanumeric());
        letters[at].1.is_alphabetic() && alone(at.checked_sub(1)) && alone(Some(at + 1))
    };
    let after_blanks = |mut at: usize| {
        while letters.get(at).is_some_and(|(_, c)| *c == ' ') {
            at += 1;
        }
        at
    };
    let (mut found, mut at) = (Vec::new(), 0);
    while at < letters.len() {
        if !is_alone(at) {
            at += 1;
            continue;
        }
        let (first, mut last, mut says) = (at, at, letters[at].1.to_lowercase().to_string());
        loop {
            let hyphen = after_blanks(last + 1);
            let next = after_blanks(hyphen + 1);
            if !letters.get(hyphen).is_some_and(|(_, c)| "-‐‑–".contains(*c))
                || next >= letters.len()
                || !is_alone(next)
            {
                break;
            }
            says = format!("{says}-{}", letters[next].1.to_lowercase());
            last = next;
        }
        if last > first {
            let end = letters[last].0 + letters[last].1.len_utf8();
            found.push(Mention { says, opens: opens(text, letters[first].0, end) });
        }
        at = last + 1;
    }
    found
}

/// Whether a line is the text, behind a number, a bullet or a sentence that ends in a colon.
fn stands_in(line: &str, right: &str) -> bool {
    let bare = extract::without_numbering(line);
    let behind_colon = bare.split_once(": ").map(|(_, behind)| behind);
    // As it stands too: what looks like a bullet may be the beginning of bold.
    [Some(line), Some(bare), behind_colon].into_iter().flatten().any(|part| extract::text(part) == right)
}

/// Whether a part of an answer is the list, or a sentence that ends on it.
fn lists(part: &str, right: &[String]) -> bool {
    let found = extract::list(part);
    let same = |found: &[String]| {
        found.len() == right.len() && found.iter().zip(right).all(|(found, right)| found.eq_ignore_ascii_case(right))
    };
    let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    if right.iter().all(is_number) {
        return same(&found.into_iter().filter(is_number).collect::<Vec<_>>());
    }
    same(&found[found.len().saturating_sub(right.len())..])
}

fn opening_word(answer: &str) -> Option<&str> {
    let (start, word) = *words(answer).first()?;
    opens(answer, start, start + word.len()).then_some(word)
}

fn opening_number(answer: &str) -> Option<i64> {
    let start = answer.find(|c: char| c.is_ascii_digit())?;
    let digits = &answer[start..];
    let end = start + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    // Several numbers in a row are no answer.
    let behind = answer[end..].trim_start_matches(|c: char| !c.is_alphanumeric());
    let is_alone = !behind.starts_with(|c: char| c.is_ascii_digit());
    (is_alone && opens(answer, start, end)).then(|| answer[start..end].parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::Scoring;

    fn text(answer: &str) -> Scoring {
        Scoring::Text { answer: answer.into() }
    }

    fn list(answer: &[&str]) -> Scoring {
        Scoring::List { answer: answer.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn a_date_is_known_in_every_order_and_ending() {
        for raw in [
            "May 7",
            "7th May",
            "The 7th of May.",
            "**May 7th**",
            "7 May, because April has 30 days.",
            "It is May 7",
            "The day after 6 May is 7 May",
            "May 7\n\n6 May is followed by it, and then comes 8 May",
        ] {
            assert!(text("7 May").knows(raw), "{raw:?}");
        }
        for raw in ["May 8", "7 June", "17 May", "7", "7 May or 8 May", "8 May, the day after 7 May, is next to 9 May"]
        {
            assert!(!text("7 May").knows(raw), "{raw:?}");
        }
    }

    #[test]
    fn a_spelling_is_known_in_capitals_and_within_a_sentence() {
        for raw in
            ["T-A-K-O", "t - a - k - o", "The word tako is spelled t-a-k-o.", "t-a-k-o\n\nEach letter stands alone."]
        {
            assert!(text("t-a-k-o").knows(raw), "{raw:?}");
        }
        for raw in ["o-k-a-t", "t-a-k-o-o", "t-a-k", "tako", "ta-ko", "t-a-k-o or o-k-a-t"] {
            assert!(!text("t-a-k-o").knows(raw), "{raw:?}");
        }
    }

    #[test]
    fn a_copied_text_is_known_on_a_line_of_its_own_and_to_the_letter() {
        for raw in [
            "kite 4 fox\n\nI repeated the text exactly.",
            "1. kite 4 fox",
            "Here it is: kite 4 fox",
            "Sure!\n\n**kite 4 fox**\n\nAnything else?",
        ] {
            assert!(text("kite 4 fox").knows(raw), "{raw:?}");
        }
        for raw in ["Kite 4 fox", "kite 4 fox fox", "kite 4", "KITE 4 FOX"] {
            assert!(!text("kite 4 fox").knows(raw), "{raw:?}");
        }
    }

    #[test]
    fn a_list_is_known_with_an_explanation_behind_it() {
        let numbers = list(&["7", "19", "42"]);
        for raw in [
            "7, 19, 42\n\nI sorted them from the smallest.",
            "The numbers in order are 7, 19 and 42.",
            "1. 7\n2. 19\n3. 42\n\nThat is all.",
        ] {
            assert!(numbers.knows(raw) && !(raw.contains("I sorted") && numbers.mark(raw)), "{raw:?}");
        }
        assert!(list(&["ant", "bear"]).knows("In the alphabet the words are ant, bear."));
        for raw in ["42, 19, 7\nsorted", "7, 19", "7, 19, 42, 50"] {
            assert!(!numbers.knows(raw), "{raw:?}");
        }
    }

    #[test]
    fn a_name_or_number_is_known_where_the_answer_opens_with_it() {
        let days = || ["Monday", "Tuesday", "Sunday"].map(str::to_owned).into();
        let tuesday = Scoring::Named { names: days(), answer: "Tuesday".into() };
        for raw in
            ["Tuesday, because Monday was yesterday.", "**Tuesday** (after Monday)", "After Monday comes Tuesday"]
        {
            assert!(tuesday.knows(raw), "{raw:?}");
        }
        assert!(!tuesday.knows("Tuesday or Monday") && !tuesday.knows("Monday, because Tuesday is not Sunday"));
        let twelve = Scoring::Number { answer: 12 };
        assert!(twelve.knows("12, because 24 is 2 times as much"));
        for raw in ["12, 13", "12.5", "12 or 13", "12 is not it: 13", "12 + 1 = 13"] {
            assert!(!twelve.knows(raw), "{raw:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn looking_for_knowledge_survives_any_text(raw in "(?s)([-‐–=.,:*\"() 0-9a-z\n]|May|7th|of|the|a-b|\\PC){0,40}") {
            for scoring in [text("7 May"), text("a-b"), text("x y"), list(&["1", "2"]), Scoring::Number { answer: 3 },
                Scoring::Named { names: vec!["x".into()], answer: "x".into() }]
            {
                scoring.knows(&raw);
            }
        }
    }
}
