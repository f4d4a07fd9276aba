//! The kinds of built-in tasks. Each draws a description with its parameters, a solution in Python, and cases whose
//! results are computed here, in another language: that the solution passes them says something of both.

mod lists;
mod numbers;
mod texts;

use std::fmt::Display;

use crate::suite::Rng;

/// A task before it has an id.
pub(crate) struct Draft {
    /// What the function takes, as it stands between the parentheses.
    pub parameters: &'static str,
    /// What it does.
    pub description: String,
    /// Its body.
    pub solution: String,
    /// Arguments and result, as Python writes them. The first is shown as an example.
    pub cases: Vec<(String, String)>,
}

impl Draft {
    /// Whether the cases tell a solution from a function that always returns the same, or what it was given.
    pub fn tells(&self) -> bool {
        let same = |result: &String| self.cases.iter().filter(|(_, other)| other == result).count();
        let most = self.cases.iter().map(|(_, result)| same(result)).max().unwrap_or(0);
        let unchanged = self.cases.iter().filter(|(given, result)| given == result).count();
        2 * most.max(unchanged) <= self.cases.len()
    }
}

/// A kind of task.
pub(crate) struct Kind {
    /// Stable name, which is also the function's.
    pub name: &'static str,
    pub draft: fn(&mut Rng) -> Draft,
}

/// Every kind, in the order of reports.
pub(crate) const KINDS: [Kind; 14] = [
    Kind { name: "sum_of_powers", draft: numbers::sum_of_powers },
    Kind { name: "to_roman", draft: numbers::to_roman },
    Kind { name: "digit_sum", draft: numbers::digit_sum },
    Kind { name: "count_multiples", draft: numbers::count_multiples },
    Kind { name: "clamp_all", draft: lists::clamp_all },
    Kind { name: "rotate", draft: lists::rotate },
    Kind { name: "chunks", draft: lists::chunks },
    Kind { name: "running", draft: lists::running },
    Kind { name: "without_repeats", draft: lists::without_repeats },
    Kind { name: "nth_largest", draft: lists::nth_largest },
    Kind { name: "reverse_words", draft: texts::reverse_words },
    Kind { name: "run_lengths", draft: texts::run_lengths },
    Kind { name: "count_letters", draft: texts::count_letters },
    Kind { name: "shift_letters", draft: texts::shift_letters },
];

/// A list as Python writes it.
fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    format!("[{}]", items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", "))
}

/// A text as Python writes it; for texts without quotation marks, backslashes and control characters.
fn text(text: impl Display) -> String {
    format!("'{text}'")
}

/// Lists of whole numbers to try a function on: one to show, some of random lengths, and those at which loops go wrong.
fn number_lists(rng: &mut Rng, low: i64, high: i64) -> Vec<Vec<i64>> {
    let mut numbers =
        |n: usize| -> Vec<i64> { (0..n).map(|_| low + rng.below((high - low + 1) as usize) as i64).collect() };
    let mut lists: Vec<Vec<i64>> = [6, 1, 2, 5, 8, 13].into_iter().map(&mut numbers).collect();
    lists.extend([Vec::new(), vec![high; 4]]);
    lists
}

/// The cases of a function of one list of numbers.
fn number_cases<T: Display>(lists: Vec<Vec<i64>>, result: impl Fn(&[i64]) -> T) -> Vec<(String, String)> {
    lists.iter().map(|numbers| (list(numbers), result(numbers).to_string())).collect()
}
