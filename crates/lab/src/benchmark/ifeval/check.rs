//! One instruction and whether an answer follows it.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use whatlang::Lang;

use super::text::{capital_words, first_word, sentences, words};
use crate::benchmark::error::FieldFlaw;

/// How a count is held against its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// Fewer than the bound.
    #[serde(rename = "less than")]
    LessThan,
    /// The bound or more.
    #[serde(rename = "at least")]
    AtLeast,
}

impl Relation {
    fn holds(self, found: usize, bound: usize) -> bool {
        match self {
            Relation::LessThan => found < bound,
            Relation::AtLeast => found >= bound,
        }
    }
}

/// An instruction, by its published name, with its published arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "instruction")]
#[allow(missing_docs)] // The names and arguments are the benchmark's own.
pub enum Instruction {
    #[serde(rename = "keywords:existence")]
    Existence { keywords: Vec<String> },
    #[serde(rename = "keywords:frequency")]
    Frequency { keyword: String, frequency: usize, relation: Relation },
    #[serde(rename = "keywords:forbidden_words")]
    ForbiddenWords { forbidden_words: Vec<String> },
    #[serde(rename = "keywords:letter_frequency")]
    LetterFrequency { letter: char, let_frequency: usize, let_relation: Relation },
    #[serde(rename = "language:response_language")]
    Language { language: String },
    #[serde(rename = "length_constraints:number_sentences")]
    Sentences { num_sentences: usize, relation: Relation },
    #[serde(rename = "length_constraints:number_paragraphs")]
    Paragraphs { num_paragraphs: usize },
    #[serde(rename = "length_constraints:number_words")]
    Words { num_words: usize, relation: Relation },
    #[serde(rename = "length_constraints:nth_paragraph_first_word")]
    FirstWord { num_paragraphs: usize, nth_paragraph: usize, first_word: String },
    #[serde(rename = "detectable_content:number_placeholders")]
    Placeholders { num_placeholders: usize },
    #[serde(rename = "detectable_content:postscript")]
    Postscript { postscript_marker: String },
    #[serde(rename = "detectable_format:number_bullet_lists")]
    Bullets { num_bullets: usize },
    #[serde(rename = "detectable_format:constrained_response")]
    Constrained,
    #[serde(rename = "detectable_format:number_highlighted_sections")]
    Highlights { num_highlights: usize },
    #[serde(rename = "detectable_format:multiple_sections")]
    Sections { section_spliter: String, num_sections: usize },
    #[serde(rename = "detectable_format:json_format")]
    Json,
    #[serde(rename = "detectable_format:title")]
    Title,
    #[serde(rename = "combination:two_responses")]
    TwoResponses,
    #[serde(rename = "combination:repeat_prompt")]
    RepeatPrompt { prompt_to_repeat: String },
    #[serde(rename = "startend:end_checker")]
    End { end_phrase: String },
    #[serde(rename = "change_case:capital_word_frequency")]
    CapitalWords { capital_frequency: usize, capital_relation: Relation },
    #[serde(rename = "change_case:english_capital")]
    EnglishCapital,
    #[serde(rename = "change_case:english_lowercase")]
    EnglishLowercase,
    #[serde(rename = "punctuation:no_comma")]
    NoComma,
    #[serde(rename = "startend:quotation")]
    Quotation,
}

macro_rules! pattern {
    ($name:ident, $pattern:literal) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).expect("a pattern of the harness"));
    };
}

pattern!(PLACEHOLDER, r"\[.*?\]");
pattern!(STAR_BULLET, r"(?m)^\s*\*[^\*].*$");
pattern!(DASH_BULLET, r"(?m)^\s*-.*$");
pattern!(HIGHLIGHT, r"\*[^\n\*]*\*");
pattern!(DOUBLE_HIGHLIGHT, r"\*\*[^\n\*]*\*\*");
pattern!(DIVIDER, r"\s?\*\*\*\s?");
pattern!(PPS, r"(?m)\s*p\.\s?p\.\s?s.*$");
pattern!(PS, r"(?m)\s*p\.\s?s\..*$");
pattern!(TITLE, r"<<[^\n]+>>");

/// What a constrained response may be.
const CONSTRAINED: [&str; 3] = ["My answer is yes.", "My answer is no.", "My answer is maybe."];

impl Instruction {
    /// The instruction named `id`.
    pub(super) fn read(id: &str, kwargs: &Map<String, Value>) -> Result<Instruction, FieldFlaw> {
        let mut tagged = Map::from_iter([("instruction".to_owned(), Value::from(id))]);
        for (key, value) in kwargs {
            // Parquet's column for counts may be one of fractions.
            let whole = value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
            tagged.insert(key.clone(), whole.map_or_else(|| value.clone(), |number| (number as u64).into()));
        }
        serde_json::from_value(Value::Object(tagged))
            .map_err(|error| FieldFlaw::new("kwargs", format!("those of `{id}`"), error.to_string()))
    }

    /// Whether it asks for a language that is not told apart here.
    pub(super) fn is_beyond_telling(&self) -> bool {
        matches!(self, Instruction::Language { language } if language_of(language).is_none())
    }

    /// Whether `answer`, which is not empty, follows it.
    pub fn is_followed(&self, answer: &str) -> bool {
        match self {
            Instruction::Existence { keywords } => keywords.iter().all(|keyword| found(keyword, answer) > 0),
            Instruction::Frequency { keyword, frequency, relation } => {
                relation.holds(found(keyword.trim(), answer), *frequency)
            }
            Instruction::ForbiddenWords { forbidden_words } => {
                !forbidden_words.iter().any(|word| found(&format!(r"\b{word}\b"), answer) > 0)
            }
            Instruction::LetterFrequency { letter, let_frequency, let_relation } => {
                let letter = letter.to_lowercase().to_string();
                let_relation.holds(answer.to_lowercase().matches(&letter).count(), *let_frequency)
            }
            Instruction::Language { language } => is_in(answer, language_of(language)),
            Instruction::Sentences { num_sentences, relation } => relation.holds(sentences(answer), *num_sentences),
            Instruction::Paragraphs { num_paragraphs } => paragraphs(answer) == Some(*num_paragraphs),
            Instruction::Words { num_words, relation } => relation.holds(words(answer), *num_words),
            Instruction::FirstWord { num_paragraphs, nth_paragraph, first_word: wanted } => {
                begins(answer, *num_paragraphs, *nth_paragraph, &wanted.to_lowercase())
            }
            Instruction::Placeholders { num_placeholders } => {
                PLACEHOLDER.find_iter(answer).count() >= *num_placeholders
            }
            Instruction::Postscript { postscript_marker } => has_postscript(answer, postscript_marker.trim()),
            Instruction::Bullets { num_bullets } => {
                STAR_BULLET.find_iter(answer).count() + DASH_BULLET.find_iter(answer).count() == *num_bullets
            }
            Instruction::Constrained => CONSTRAINED.iter().any(|allowed| answer.contains(allowed)),
            Instruction::Highlights { num_highlights } => highlights(answer) >= *num_highlights,
            Instruction::Sections { section_spliter, num_sections } => {
                let pattern = format!(r"\s?{}\s?\d+\s?", section_spliter.trim());
                Regex::new(&pattern).is_ok_and(|split| split.find_iter(answer).count() >= *num_sections)
            }
            Instruction::Json => is_json(answer),
            Instruction::Title => {
                TITLE.find_iter(answer).any(|title| !title.as_str().trim_matches(['<', '>']).trim().is_empty())
            }
            Instruction::TwoResponses => two_responses(answer),
            Instruction::RepeatPrompt { prompt_to_repeat } => {
                answer.trim().to_lowercase().starts_with(&prompt_to_repeat.trim().to_lowercase())
            }
            Instruction::End { end_phrase } => {
                answer.trim().trim_matches('"').to_lowercase().ends_with(&end_phrase.trim().to_lowercase())
            }
            Instruction::CapitalWords { capital_frequency, capital_relation } => {
                capital_relation.holds(capital_words(answer), *capital_frequency)
            }
            // The harness's detector is shown the capitals too; letters alone tell the language.
            Instruction::EnglishCapital => {
                is_cased(answer, char::is_uppercase, char::is_lowercase)
                    && is_in(&answer.to_lowercase(), Some(Lang::Eng))
            }
            Instruction::EnglishLowercase => {
                is_cased(answer, char::is_lowercase, char::is_uppercase) && is_in(answer, Some(Lang::Eng))
            }
            Instruction::NoComma => !answer.contains(','),
            Instruction::Quotation => {
                let answer = answer.trim();
                answer.len() > 1 && answer.starts_with('"') && answer.ends_with('"')
            }
        }
    }
}

/// How often `keyword`, which the harness takes for a pattern, is found in any case; one that is none is taken as it is.
fn found(keyword: &str, answer: &str) -> usize {
    let regex = |pattern: &str| RegexBuilder::new(pattern).case_insensitive(true).size_limit(1 << 20).build();
    match regex(keyword).or_else(|_| regex(&regex::escape(keyword))) {
        Ok(keyword) => keyword.find_iter(answer).count(),
        Err(_) => 0,
    }
}

/// Paragraphs between `***`; none where one in the middle is empty.
fn paragraphs(answer: &str) -> Option<usize> {
    let all: Vec<&str> = DIVIDER.split(answer).collect();
    let last = all.len() - 1;
    let mut n = all.len();
    for (index, paragraph) in all.iter().enumerate() {
        if paragraph.trim().is_empty() {
            if index != 0 && index != last {
                return None;
            }
            n -= 1;
        }
    }
    Some(n)
}

fn begins(answer: &str, num_paragraphs: usize, nth: usize, wanted: &str) -> bool {
    let all: Vec<&str> = answer.split("\n\n").collect();
    let n = all.iter().filter(|paragraph| !paragraph.trim().is_empty()).count();
    if nth == 0 || nth > n {
        return false;
    }
    let paragraph = all[nth - 1].trim();
    !paragraph.is_empty() && n == num_paragraphs && first_word(paragraph) == wanted
}

fn has_postscript(answer: &str, marker: &str) -> bool {
    let answer = answer.to_lowercase();
    match marker {
        "P.P.S" => PPS.is_match(&answer),
        "P.S." => PS.is_match(&answer),
        other => found(other, &answer) > 0,
    }
}

fn highlights(answer: &str) -> usize {
    let single = HIGHLIGHT.find_iter(answer).filter(|one| !one.as_str().trim_matches('*').trim().is_empty());
    let inside = |one: &str| one.strip_prefix("**").and_then(|one| one.strip_suffix("**")).unwrap_or(one).trim().len();
    single.count() + DOUBLE_HIGHLIGHT.find_iter(answer).filter(|one| inside(one.as_str()) > 0).count()
}

fn is_json(answer: &str) -> bool {
    let mut text = answer.trim();
    for fence in ["```json", "```Json", "```JSON", "```"] {
        text = text.strip_prefix(fence).unwrap_or(text);
    }
    serde_json::from_str::<Value>(text.strip_suffix("```").unwrap_or(text).trim()).is_ok()
}

fn two_responses(answer: &str) -> bool {
    let all: Vec<&str> = answer.split("******").collect();
    let empty_within = all.iter().enumerate().any(|(i, text)| text.trim().is_empty() && i != 0 && i != all.len() - 1);
    let valid: Vec<&str> = all.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    !empty_within && matches!(valid[..], [first, second] if first != second)
}

/// Python's `isupper` and `islower`: some letter has the case and none the other.
fn is_cased(text: &str, has: fn(char) -> bool, has_not: fn(char) -> bool) -> bool {
    text.chars().any(has) && !text.chars().any(has_not)
}

/// Whether a text is in `language`; one whose language cannot be told counts as in it, as in the harness.
fn is_in(text: &str, language: Option<Lang>) -> bool {
    whatlang::detect_lang(text).is_none_or(|found| Some(found) == language)
}

/// The languages of the published prompts, by ISO 639-1.
fn language_of(code: &str) -> Option<Lang> {
    Some(match code {
        "en" => Lang::Eng,
        "es" => Lang::Spa,
        "pt" => Lang::Por,
        "ar" => Lang::Ara,
        "hi" => Lang::Hin,
        "fr" => Lang::Fra,
        "ru" => Lang::Rus,
        "de" => Lang::Deu,
        "ja" => Lang::Jpn,
        "it" => Lang::Ita,
        "bn" => Lang::Ben,
        "uk" => Lang::Ukr,
        "th" => Lang::Tha,
        "ur" => Lang::Urd,
        "ta" => Lang::Tam,
        "te" => Lang::Tel,
        "bg" => Lang::Bul,
        "ko" => Lang::Kor,
        "pl" => Lang::Pol,
        "he" => Lang::Heb,
        "fa" => Lang::Pes,
        "vi" => Lang::Vie,
        "ne" => Lang::Nep,
        "kn" => Lang::Kan,
        "gu" => Lang::Guj,
        "mr" => Lang::Mar,
        "pa" => Lang::Pan,
        "ml" => Lang::Mal,
        "fi" => Lang::Fin,
        _ => return None,
    })
}
