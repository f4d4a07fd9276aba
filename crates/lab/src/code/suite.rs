//! The built-in suite of small tasks, made from a seed with no text of anybody else.

use std::collections::HashSet;

use serde::Serialize;

use super::Problem;
use super::kinds::{Draft, KINDS, Kind};
use crate::suite::{Rng, SuiteError, hash};

/// The suite's name.
pub const CODE: &str = "code";
/// Tasks of each kind unless asked otherwise.
pub const DEFAULT_CODE_ITEMS: usize = 5;
/// Draws in a row without a new task that tells after which a kind is taken to hold no more.
const PATIENCE: usize = 2_000;

/// A fixed list of tasks with the facts that make it reproducible.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CodeSuite {
    /// [`CODE`].
    pub name: &'static str,
    /// What the tasks were drawn with.
    pub seed: u64,
    /// Licence of the tasks.
    pub licence: &'static str,
    /// The tasks, kind by kind.
    pub problems: Vec<Problem>,
    /// A task whose solution must pass, and which a program that does nothing must not, before a run counts.
    pub canary: Problem,
}

impl CodeSuite {
    /// `per_kind` tasks of every kind, drawn with `seed`. A smaller suite is the beginning of a larger one, kind by kind.
    ///
    /// ```
    /// use plimsoll_lab::code::CodeSuite;
    /// let suite = CodeSuite::builtin(7, 2)?;
    /// assert!(suite.problems[0].prompt.starts_with("def "));
    /// assert_eq!(suite.id(), CodeSuite::builtin(7, 2)?.id());
    /// # Ok::<(), plimsoll_lab::suite::SuiteError>(())
    /// ```
    ///
    /// # Errors
    /// None are asked for, or more than a kind holds.
    pub fn builtin(seed: u64, per_kind: usize) -> Result<CodeSuite, SuiteError> {
        if per_kind == 0 {
            return Err(SuiteError::Empty);
        }
        let mut problems = Vec::new();
        for kind in &KINDS {
            problems.extend(drawn(kind, seed, per_kind)?);
        }
        Ok(CodeSuite { name: CODE, seed, licence: "Apache-2.0 OR MIT", problems, canary: canary() })
    }

    /// SHA-256, in hexadecimal, of the suite's canonical JSON.
    pub fn id(&self) -> String {
        hash::sha256_hex(hash::canonical_json(self).as_bytes())
    }
}

fn drawn(kind: &Kind, seed: u64, n: usize) -> Result<Vec<Problem>, SuiteError> {
    let mut rng = Rng::new(seed, hash::sha256_u64(format!("{CODE} {}", kind.name).as_bytes()));
    let (mut problems, mut seen, mut in_vain) = (Vec::new(), HashSet::new(), 0);
    while problems.len() < n {
        let draft = (kind.draft)(&mut rng);
        if draft.tells() && seen.insert(draft.description.clone()) {
            problems.push(problem(kind.name, &draft));
            in_vain = 0;
        } else if in_vain < PATIENCE {
            in_vain += 1;
        } else {
            return Err(SuiteError::Exhausted { category: kind.name, asked: n, found: problems.len() });
        }
    }
    Ok(problems)
}

/// The least that a function can do, and still not nothing.
fn canary() -> Problem {
    let draft = Draft {
        parameters: "a, b",
        description: "Return the sum of `a` and `b`.".to_owned(),
        solution: "return a + b".to_owned(),
        cases: vec![("2, 3".to_owned(), "5".to_owned()), ("-1, 1".to_owned(), "0".to_owned())],
    };
    problem("canary", &draft)
}

fn problem(name: &str, draft: &Draft) -> Problem {
    let Draft { parameters, description, solution, cases } = draft;
    let (arguments, result) = &cases[0];
    let prompt = format!(
        "def {name}({parameters}):\n    \"\"\"{description}\n\n    >>> {name}({arguments})\n    {result}\n    \"\"\"\n"
    );
    let asserted: String =
        cases.iter().map(|(given, result)| format!("    assert candidate({given}) == {result}\n")).collect();
    let digest = hash::sha256_hex(prompt.as_bytes());
    Problem {
        id: format!("{CODE}-{name}-{}", &digest[..12]),
        category: name.to_owned(),
        prompt,
        entry_point: name.to_owned(),
        solution: solution.lines().map(|line| format!("    {line}\n")).collect(),
        test: format!("def check(candidate):\n{asserted}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_suite_and_another_changes_it() {
        let suite = |seed| CodeSuite::builtin(seed, 2).unwrap();
        assert_eq!(suite(1), suite(1));
        assert_ne!(suite(1).id(), suite(2).id());
    }

    #[test]
    fn every_kind_holds_twenty_different_tasks() {
        let suite = CodeSuite::builtin(1, 20).unwrap();
        let ids: HashSet<&str> = suite.problems.iter().map(|problem| problem.id.as_str()).collect();
        assert_eq!(ids.len(), 20 * KINDS.len());
    }

    #[test]
    fn a_smaller_suite_begins_the_larger_one() {
        let (small, large) = (CodeSuite::builtin(1, 2).unwrap(), CodeSuite::builtin(1, 5).unwrap());
        assert!(small.problems.iter().all(|problem| large.problems.contains(problem)));
    }

    #[test]
    fn neither_one_answer_for_all_nor_the_argument_itself_is_right_in_more_than_half_of_the_cases() {
        for problem in CodeSuite::builtin(1, 20).unwrap().problems {
            let cases: Vec<(&str, &str)> = problem.test.lines().filter_map(|line| line.split_once(") == ")).collect();
            let same = |result: &str| cases.iter().filter(|(_, other)| *other == result).count();
            let unchanged = cases.iter().filter(|(given, result)| given.ends_with(&format!("({result}"))).count();
            let most = cases.iter().map(|(_, result)| same(result)).max().unwrap();
            assert!(2 * most.max(unchanged) <= cases.len(), "{}", problem.test);
        }
    }

    #[test]
    fn sizes_that_make_no_suite_are_refused() {
        assert_eq!(CodeSuite::builtin(1, 0), Err(SuiteError::Empty));
        assert!(matches!(CodeSuite::builtin(1, 1_000_000), Err(SuiteError::Exhausted { .. })));
    }
}
