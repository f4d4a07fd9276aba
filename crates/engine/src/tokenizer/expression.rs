//! Regular expressions of tokenizers, in the engine that the reference has, within a budget over a whole text.
//!
//! Oniguruma limits how often it tries another way for one place where a match may begin; a text has as many places as
//! characters, and a search does not end between them. So foreign expressions are tried place by place, and the clock is
//! looked at between; published ones, which are known to read a text once or twice, are searched with.

use std::cell::RefCell;

use onig::{MatchParam, Regex, Region, SearchOptions};
use tokenizers::pattern::Pattern;
use tokenizers::{Offsets, Result as CrateResult};

use super::budget::Budget;
use super::{TokenizerError, pre_tokenizers};

/// Digits in groups of three from the right: looking ahead from each of them is quadratic in their number.
const THOUSANDS: &str = r"\d{1,3}(?=(?:\d{3})*\b)";
/// Blanks at the end, which are looked for from each of them; from the first of them is enough.
const BLANKS_AT_THE_END: &str = r"\s+$";

/// Ways that are tried for one place, where the text has not more characters.
const TRIES: u32 = 1 << 21;
/// Ways kept for going back to, a few dozen bytes each.
const MOST_KEPT: u32 = 1 << 23;

/// What is looked for in a text.
#[derive(Debug)]
pub(super) struct Expression {
    source: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Literal,
    /// Published with many models.
    Known(Regex),
    Foreign(Regex),
    /// Runs of digits, each to be cut in threes.
    Thousands(Regex),
}

impl Expression {
    /// A text that stands for itself.
    pub fn literal(text: &str) -> Self {
        Self { source: text.to_owned(), kind: Kind::Literal }
    }

    /// Compiles `source` in Oniguruma's own syntax.
    ///
    /// # Errors
    /// It is no expression, or hangs on where a search began.
    pub fn new(source: &str) -> Result<Self, TokenizerError> {
        if source.contains(r"\G") {
            let what = format!("the expression `{source}`, with `\\G`");
            return Err(TokenizerError::Unsupported {
                what,
                expected: "one that does not hang on where a search began",
            });
        }
        let compiled = |source: &str| {
            Regex::new(source).map_err(|error| TokenizerError::Backend { reason: format!("`{source}`: {error}") })
        };
        let kind = match source {
            THOUSANDS => Kind::Thousands(compiled(r"(?<!\d)\d++\b")?),
            BLANKS_AT_THE_END => Kind::Known(compiled(r"(?<!\s)\s+$")?),
            _ if pre_tokenizers::has(source) => Kind::Known(compiled(source)?),
            _ => Kind::Foreign(compiled(source)?),
        };
        Ok(Self { source: source.to_owned(), kind })
    }

    /// Calls `found` with where each match begins and ends, in order.
    pub fn for_each(
        &self,
        text: &str,
        budget: &Budget,
        mut found: impl FnMut(usize, usize),
    ) -> Result<(), TokenizerError> {
        match &self.kind {
            Kind::Literal => {
                text.match_indices(&self.source).for_each(|(start, part)| found(start, start + part.len()));
                Ok(())
            }
            // So short a text exhausts no limit of the engine's own.
            Kind::Known(regex) if text.len() < MOST_KEPT as usize => {
                regex.find_iter(text).for_each(|(start, end)| found(start, end));
                Ok(())
            }
            Kind::Known(regex) | Kind::Foreign(regex) => self.search(regex, text, budget, found),
            Kind::Thousands(regex) => self.search(regex, text, budget, |start, end| {
                let mut at = start;
                let digits: Vec<usize> = text[start..end].chars().map(char::len_utf8).collect();
                let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
                for group in std::iter::once(first).chain(rest.chunks(3)) {
                    let length: usize = group.iter().sum();
                    found(at, at + length);
                    at += length;
                }
            }),
        }
    }

    /// The text as stretches side by side, and whether each is a match.
    pub fn cut(&self, text: &str, budget: &Budget) -> Result<Cut, TokenizerError> {
        let (mut stretches, mut at) = (Vec::new(), 0);
        if !text.is_empty() {
            self.for_each(text, budget, |start, end| {
                if at != start {
                    stretches.push(((at, start), false));
                }
                stretches.push(((start, end), true));
                at = end;
            })?;
        }
        if at != text.len() || text.is_empty() {
            stretches.push(((at, text.len()), false));
        }
        Ok(Cut(RefCell::new(stretches)))
    }

    /// Matches as Oniguruma's own iterator gives them: no empty one right behind another.
    fn search(
        &self,
        regex: &Regex,
        text: &str,
        budget: &Budget,
        mut found: impl FnMut(usize, usize),
    ) -> Result<(), TokenizerError> {
        let (mut at, mut last_end) = (0, None);
        let mut region = Region::new();
        while at <= text.len() {
            let Some((start, end)) = self.next(regex, text, at, budget, &mut region)? else { break };
            if start == end && last_end == Some(end) {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            }
            (at, last_end) = (end, Some(end));
            found(start, end);
        }
        Ok(())
    }

    /// The next match from `at` on.
    fn next(
        &self,
        regex: &Regex,
        text: &str,
        mut at: usize,
        budget: &Budget,
        region: &mut Region,
    ) -> Result<Option<(usize, usize)>, TokenizerError> {
        let tries = u32::try_from(text.len()).unwrap_or(u32::MAX).saturating_mul(2).max(TRIES);
        let limits = || {
            let mut limits = MatchParam::default();
            limits.set_match_stack_limit(MOST_KEPT);
            limits.set_retry_limit_in_match(tries);
            limits
        };
        let none = SearchOptions::SEARCH_OPTION_NONE;
        loop {
            region.clear();
            let found = match self.kind {
                Kind::Foreign(_) => {
                    budget.call().map_err(|_| self.too_much(budget))?;
                    regex.match_with_param(text, at, none, Some(&mut *region), limits())
                }
                _ => regex.search_with_param(text, at, text.len(), none, Some(&mut *region), limits()),
            };
            match (found, text[at..].chars().next()) {
                (Ok(Some(_)), _) => return Ok(region.pos(0)),
                (Ok(None), Some(c)) if matches!(self.kind, Kind::Foreign(_)) => at += c.len_utf8(),
                (Ok(None), _) => return Ok(None),
                (Err(_), _) => return Err(self.too_much(budget)),
            }
        }
    }

    fn too_much(&self, budget: &Budget) -> TokenizerError {
        match budget.too_long() {
            TokenizerError::TooMuch { what } => {
                TokenizerError::TooMuch { what: format!("{what}, with the expression `{}`", self.source) }
            }
            other => other,
        }
    }
}

/// A text cut at matches, to be taken once by the tokenizers crate.
#[derive(Debug)]
pub(super) struct Cut(pub RefCell<Vec<(Offsets, bool)>>);

impl Pattern for &Cut {
    fn find_matches(&self, _: &str) -> CrateResult<Vec<(Offsets, bool)>> {
        Ok(self.0.take())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::utils::SysRegex;

    use super::*;

    fn matches(source: &str, text: &str) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let expression = Expression::new(source).unwrap();
        expression.for_each(text, &Budget::new(text.len()), |start, end| found.push((start, end))).unwrap();
        found
    }

    /// One expression of each kind, and some whose matches are empty, look around or reset where they begin.
    const EXPRESSIONS: [&str; 12] = [
        r"\s+(?!\S)|\s+",
        r"\p{N}",
        r"\p{N}{1,3}",
        THOUSANDS,
        BLANKS_AT_THE_END,
        r"a*",
        r"(?=1)|b?",
        r"(?<=a)b|a(?=1)",
        r"a\Kb|$",
        r"^.|\w+$",
        r"(?:[a-z]+\s?)+|[^a-z]+",
        r"\b|1+",
    ];

    proptest! {
        #[test]
        fn matches_are_those_of_the_reference(text in "[ab1٣é_ \n.]{0,40}") {
            for source in EXPRESSIONS {
                let right: Vec<_> = SysRegex::new(source).unwrap().find_iter(&text).collect();
                prop_assert_eq!(matches(source, &text), right, "{}", source);
            }
        }

        #[test]
        fn a_literal_is_found_as_an_expression_is(text in "[ab.]{0,20}", literal in "[ab]{0,2}") {
            let mut found = Vec::new();
            Expression::literal(&literal).for_each(&text, &Budget::new(0), |start, end| found.push((start, end))).unwrap();
            let right: Vec<_> = SysRegex::new(&literal).unwrap().find_iter(&text).collect();
            prop_assert_eq!(found, right);
        }
    }

    #[test]
    fn a_cut_covers_the_text() {
        let cut = Expression::literal("b").cut("abba", &Budget::new(4)).unwrap();
        assert_eq!(cut.0.into_inner(), [((0, 1), false), ((1, 2), true), ((2, 3), true), ((3, 4), false)]);
        assert_eq!(Expression::literal("b").cut("", &Budget::new(0)).unwrap().0.into_inner(), [((0, 0), false)]);
    }

    #[test]
    fn an_expression_that_hangs_on_the_search_is_named() {
        let error = Expression::new(r"\Ga").unwrap_err().to_string();
        assert!(error.contains(r"`\Ga`"), "{error}");
    }
}
