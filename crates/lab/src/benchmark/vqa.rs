//! Answers about pictures: how near a text comes to those that people gave.

use crate::benchmark::number::python_float;

/// The mean of this over questions is DocVQA's score: 1 less the edit distance for each letter of the longer text, 0 where
/// half or more differ; of all answers the best. Letters in any case. Source: Biten et al. 2019, equation 1.
pub(super) fn anls(found: &str, answers: &[String]) -> f64 {
    let found = found.trim().to_lowercase();
    let near = |answer: &String| {
        let answer = answer.trim().to_lowercase();
        let longest = found.chars().count().max(answer.chars().count());
        let distance = strsim::levenshtein(&found, &answer) as f64 / longest.max(1) as f64;
        if distance < 0.5 { 1.0 - distance } else { 0.0 }
    };
    answers.iter().map(near).fold(0.0, f64::max)
}

/// ChartQA's relaxed accuracy: a number may be off by one in twenty, a text in nothing but its capitals. Source:
/// `relaxed_correctness` of lmms-eval's tasks/chartqa, after Masry et al. 2022.
pub(super) fn is_relaxed(found: &str, right: &str) -> bool {
    let found = found.trim();
    match (python_float(found), python_float(right)) {
        (Some(found), Some(right)) if right != 0.0 => (found - right).abs() / right.abs() <= 0.05,
        _ => found.to_lowercase() == right.to_lowercase(),
    }
}

/// VQA accuracy: an answer that three of ten people gave is right, averaged over each person left out. Source: the
/// evaluation of Antol et al. 2015 as lmms-eval's tasks/textvqa runs it.
pub(super) fn vqa_accuracy(found: &str, answers: &[String]) -> f64 {
    if answers.is_empty() {
        return 0.0;
    }
    let found = normalised(found);
    let answers: Vec<String> = answers.iter().map(|answer| normalised(answer)).collect();
    let same = answers.iter().filter(|answer| **answer == found).count();
    let without = |answer: &String| same - usize::from(*answer == found);
    answers.iter().map(|answer| (without(answer) as f64 / 3.0).min(1.0)).sum::<f64>() / answers.len() as f64
}

const PUNCTUATION: [char; 20] =
    [';', '/', '[', ']', '"', '{', '}', '(', ')', '=', '+', '\\', '_', '-', '>', '<', '@', '`', '?', '!'];
const DIGITS: [(&str, &str); 12] = [
    ("none", "0"),
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
];

/// Small letters, without punctuation and articles, numbers as digits. The list of contractions (`dont` for `don't`) is
/// left out: it matters only where people and model place their apostrophes otherwise.
fn normalised(text: &str) -> String {
    let text = text.to_lowercase().replace([',', '?'], "").replace("'s", " 's");
    let text = text.trim().replace(['\n', '\t'], " ").trim().to_owned();
    let mut plain = text.clone();
    for mark in PUNCTUATION {
        let beside_space = text.contains(&format!("{mark} ")) || text.contains(&format!(" {mark}"));
        plain = plain.replace(mark, if beside_space { "" } else { " " });
    }
    // A full stop stays only before a digit.
    let letters: Vec<char> = plain.chars().collect();
    let stays = |i: usize| letters[i] != '.' || letters.get(i + 1).is_some_and(char::is_ascii_digit);
    let plain: String = (0..letters.len()).filter(|i| stays(*i)).map(|i| letters[i]).collect();
    let words = plain.split_whitespace().filter(|word| !["a", "an", "the"].contains(word));
    let digit = |word: &str| DIGITS.iter().find(|(name, _)| *name == word).map_or(word, |(_, digit)| digit).to_owned();
    words.map(digit).collect::<Vec<_>>().join(" ")
}

/// Whether a text of the picture stands in the answer. Source: the evaluation script of OCRBench (Liu et al. 2023), which
/// takes handwritten formulae without spaces and with their capitals.
pub(super) fn reads(found: &str, answers: &[String], is_formula: bool) -> bool {
    let plain = |text: &str| match is_formula {
        true => text.trim().replace('\n', " ").replace(' ', ""),
        false => text.to_lowercase().trim().replace('\n', " "),
    };
    let found = plain(found);
    answers.iter().any(|answer| found.contains(&plain(answer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn anls_is_that_of_the_paper() {
        assert_eq!(anls("Hello", &texts(&["hello"])), 1.0);
        assert!((anls("helo", &texts(&["hello", "x"])) - 0.8).abs() < 1e-12, "one letter of five");
        assert_eq!(anls("abcd", &texts(&["abxy"])), 0.0, "half of the letters differ");
        assert_eq!(anls("", &texts(&["a"])), 0.0);
    }

    #[test]
    fn a_number_of_a_chart_may_be_off_by_one_in_twenty() {
        assert!(is_relaxed("105", "100") && !is_relaxed("106", "100"));
        assert!(is_relaxed("5%", "0.05") && is_relaxed("Yes", "yes") && !is_relaxed("Yes.", "yes"));
        assert!(is_relaxed("0", "0") && !is_relaxed("0.0", "0"), "nothing is near zero");
    }

    #[test]
    fn three_of_ten_people_make_an_answer_right() {
        let people = |n: usize| {
            let mut all = texts(&["other"; 10]);
            all[..n].fill("two dogs".to_owned());
            all
        };
        assert_eq!(vqa_accuracy("The 2 dogs.", &people(4)), 1.0);
        // Left out in turn: three times 2/3, seven times 1.
        assert!((vqa_accuracy("2 dogs", &people(3)) - 0.9).abs() < 1e-12);
        assert_eq!(vqa_accuracy("2 cats", &people(3)), 0.0);
    }

    #[test]
    fn a_formula_is_read_without_its_spaces() {
        assert!(reads("it says STOP here", &texts(&["stop"]), false));
        assert!(reads(r"\frac {a} {b}", &texts(&[r"\frac { a } { b }"]), true));
        assert!(!reads(r"\FRAC{a}{b}", &texts(&[r"\frac{a}{b}"]), true));
    }
}
