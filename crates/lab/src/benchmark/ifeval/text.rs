//! Words and sentences, as near to NLTK's as rules come.

use std::sync::LazyLock;

use regex::Regex;

static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\w+").expect("the harness's pattern"));

/// Abbreviations whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 22] = [
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "etc", "e.g", "i.e", "inc", "ltd", "co", "corp", "u.s",
    "a.m", "p.m", "no", "fig", "approx",
];
/// Endings that NLTK's tokenizer splits from their word.
const CONTRACTIONS: [&str; 7] = ["'S", "'M", "'D", "'LL", "'RE", "'VE", "N'T"];

/// Words, as NLTK's `RegexpTokenizer(r"\w+")` counts them.
pub(super) fn words(text: &str) -> usize {
    WORD.find_iter(text).count()
}

/// Sentences: each ends at `.`, `?` or `!` with what closes behind it, before white space and what may begin another.
pub(super) fn sentences(text: &str) -> usize {
    let mut tokens = text.split_whitespace().peekable();
    let (mut n, mut open) = (0, false);
    while let Some(token) = tokens.next() {
        open = true;
        let bare = token.trim_end_matches(['"', '\'', ')', ']', '}', '*', '”', '’']);
        let next =
            tokens.peek().and_then(|next| next.trim_start_matches(['"', '\'', '(', '[', '*', '“', '‘']).chars().next());
        let ends = match bare.chars().last() {
            Some('!' | '?') => true,
            Some('.') => ends_with_full_stop(bare, next),
            _ => false,
        };
        if ends {
            n += 1;
            open = false;
        }
    }
    n + usize::from(open)
}

fn ends_with_full_stop(token: &str, next: Option<char>) -> bool {
    let word = token.trim_end_matches('.').trim_start_matches(|c: char| !c.is_alphanumeric());
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic) && word != "I";
    let is_abbreviation = ABBREVIATIONS.contains(&word.to_lowercase().as_str());
    let goes_on = next.is_some_and(char::is_lowercase);
    !(is_initial || is_abbreviation || goes_on) || next.is_none()
}

/// Words with capitals and no small letters, hyphenated ones as one, contractions as two.
pub(super) fn capital_words(text: &str) -> usize {
    let is_capital = |word: &str| word.chars().any(char::is_uppercase) && !word.chars().any(char::is_lowercase);
    let parts = text.split(|c: char| c.is_whitespace() || ",;:()[]{}<>!?\"“”*#&$%@`".contains(c));
    let counted = parts.filter(|word| is_capital(word)).map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'');
        1 + usize::from(CONTRACTIONS.iter().any(|ending| bare.len() > ending.len() && bare.ends_with(ending)))
    });
    counted.sum()
}

/// The first word of a paragraph in small letters, up to a punctuation mark.
pub(super) fn first_word(paragraph: &str) -> String {
    let word = paragraph.split_whitespace().next().unwrap_or_default();
    let word = word.trim_start_matches('\'').trim_start_matches('"');
    word.chars().take_while(|c| !".,?!'\"".contains(*c)).flat_map(char::to_lowercase).collect()
}
