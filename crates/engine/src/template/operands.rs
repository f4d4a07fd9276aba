//! The operands that a template's memory grows by, passed through filters that count them.
//!
//! minijinja's operators build strings and lists of any size, and a loop of `x = x ~ x` doubles one in each round. So
//! what stands beside an arithmetic operator, and what a call or a slice gives, passes through [`COUNTED`], which
//! charges it to the [`super::budget`]. A filter binds tighter than every operator: no result changes. `a * b` may make
//! much of two small operands and becomes `a|__times(b)`, which knows both; where `/`, `%` or `**` stand before or in
//! the same tag, factors must be numbers.

/// The filter that charges an operand.
pub(super) const COUNTED: &str = "__counted";
/// The filter that charges what an operand of `~` prints.
pub(super) const PRINTED: &str = "__printed";
/// The filter that multiplies.
pub(super) const TIMES: &str = "__times";
/// The filter that only numbers pass.
pub(super) const NUMBER: &str = "__number";

const KEYWORDS: &[&str] = &["and", "or", "not", "if", "else", "elif", "in", "is"];

#[derive(Clone, Copy, PartialEq)]
enum Operator {
    None,
    /// `~`
    Text,
    /// `+`, `-`
    Sum,
    /// `*`
    Product,
    /// `/`, `//`, `%`, `**`
    Number,
}

/// One level of brackets and the operand being read in it.
struct Level {
    before: Operator,
    /// Where the operand ends so far.
    end: Option<usize>,
    /// A call or a slice is part of it.
    makes: bool,
    /// `|__times(` is open.
    multiplied: bool,
    /// `.` or `|` came last, so that a name goes on with the operand.
    joined: bool,
    /// The brackets go on with an operand.
    trailer: bool,
    colon: bool,
}

impl Level {
    fn new(trailer: bool) -> Self {
        let before = Operator::None;
        Self { before, end: None, makes: false, multiplied: false, joined: false, trailer, colon: false }
    }
}

/// The code between a tag's delimiters with its operands counted.
pub(super) fn count(code: &str, keyword: &str) -> String {
    // The name that these declare or call must stay one.
    let bare = matches!(keyword, "macro" | "call" | "do");
    let start = code.len() - code.trim_start_matches(['-', '+']).len();
    let stop = code.trim_end_matches(['-', '+']).len().max(start);
    let powers = code.contains("**");
    let mut scan = Scan { edits: Vec::new(), levels: vec![Level::new(false)], bare, powers };
    let mut at = start;
    while at < stop {
        at += scan.token(&code[..stop], at);
    }
    while !scan.levels.is_empty() {
        scan.finish(Operator::None);
        scan.levels.pop();
    }
    scan.apply(code)
}

struct Scan {
    /// Bytes replaced, by what, in order of the place.
    edits: Vec<(usize, usize, String)>,
    levels: Vec<Level>,
    bare: bool,
    powers: bool,
}

impl Scan {
    /// Reads the token at `at` and returns its length.
    fn token(&mut self, code: &str, at: usize) -> usize {
        let rest = &code[at..];
        let c = rest.chars().next().unwrap_or(' ');
        match c {
            '"' | '\'' => {
                let length = super::rewrite::string_length(rest).unwrap_or(rest.len());
                self.primary(at + length);
                length
            }
            c if c.is_alphanumeric() || c == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                self.word(&rest[..length], at + length);
                length
            }
            '(' | '[' | '{' => {
                let Some(level) = self.levels.last() else { return 1 };
                let trailer = level.end.is_some() && c != '{';
                if !trailer {
                    self.finish(Operator::None);
                }
                self.levels.push(Level::new(trailer));
                1
            }
            ')' | ']' | '}' => {
                self.close(c, at + 1);
                1
            }
            _ => self.sign(rest, c, at),
        }
    }

    fn word(&mut self, word: &str, end: usize) {
        let Some(level) = self.levels.last_mut() else { return };
        if level.joined {
            level.joined = false;
            level.end = Some(end);
        } else if KEYWORDS.contains(&word) {
            self.finish(Operator::None);
        } else {
            self.primary(end);
        }
    }

    fn primary(&mut self, end: usize) {
        if self.levels.last().is_some_and(|level| level.end.is_some()) {
            self.finish(Operator::None);
        }
        if let Some(level) = self.levels.last_mut() {
            level.end = Some(end);
            level.joined = false;
        }
    }

    fn close(&mut self, bracket: char, end: usize) {
        self.finish(Operator::None);
        let Some(inner) = self.levels.pop() else { return };
        if self.levels.is_empty() {
            self.levels.push(Level::new(false)); // the compiler's to report
        }
        let Some(level) = self.levels.last_mut() else { return };
        level.makes |= inner.trailer && (bracket == ')' || inner.colon);
        level.end = Some(end);
        level.joined = false;
    }

    fn sign(&mut self, rest: &str, c: char, at: usize) -> usize {
        let double = rest[c.len_utf8()..].starts_with(c);
        let Some(level) = self.levels.last_mut() else { return 1 };
        match c {
            c if c.is_whitespace() => {}
            '.' | '|' if level.end.is_some() => level.joined = true,
            '*' if !double => self.product(at),
            '~' => self.finish(Operator::Text),
            '+' | '-' => self.finish(Operator::Sum),
            '*' | '/' | '%' => {
                self.finish(Operator::Number);
                return if double { 2 } else { 1 };
            }
            c => {
                level.colon |= c == ':';
                self.finish(Operator::None);
            }
        }
        c.len_utf8()
    }

    /// `a *`: an operand must be there, otherwise it unpacks arguments.
    fn product(&mut self, at: usize) {
        let Some(level) = self.levels.last_mut() else { return };
        if level.end.is_none() {
            return;
        }
        if self.powers || level.before == Operator::Number {
            return self.finish(Operator::Number);
        }
        self.finish(Operator::Product);
        self.edits.push((at, 1, format!("|{TIMES}(")));
    }

    /// Ends the operand before `next`.
    fn finish(&mut self, next: Operator) {
        let outermost = self.levels.len() == 1;
        let Some(level) = self.levels.last_mut() else { return };
        let Some(end) = level.end.take() else {
            // A sign before an operand belongs to it.
            if next != Operator::Sum {
                level.before = next;
            }
            return;
        };
        let beside = level.before != Operator::None || next != Operator::None;
        let makes = level.makes && !(self.bare && outermost);
        if level.before == Operator::Number || next == Operator::Number {
            self.edits.push((end, 0, format!("|{NUMBER}")));
        } else if level.before == Operator::Text || next == Operator::Text {
            self.edits.push((end, 0, format!("|{PRINTED}")));
        } else if beside || makes {
            self.edits.push((end, 0, format!("|{COUNTED}")));
        }
        if level.multiplied {
            self.edits.push((end, 0, ")".into()));
        }
        level.multiplied = next == Operator::Product;
        level.before = next;
        level.makes = false;
        level.joined = false;
    }

    fn apply(self, code: &str) -> String {
        let mut out = String::with_capacity(code.len() + 16 * self.edits.len());
        let mut at = 0;
        for (place, length, text) in self.edits {
            out.push_str(&code[at..place]);
            out.push_str(&text);
            at = place + length;
        }
        out + &code[at..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(code: &str) -> String {
        count(code, "").replace(COUNTED, "c").replace(PRINTED, "p").replace(TIMES, "t").replace(NUMBER, "n")
    }

    #[test]
    fn operands_calls_and_slices_are_counted_where_they_end() {
        assert_eq!(short(" a ~ b.c['d'] "), " a|p ~ b.c['d']|p ");
        assert_eq!(short("- x[1:].y if f(a + 1) else z -"), "- x[1:].y|c if f(a|c + 1|c)|c else z -");
        assert_eq!(short("a|trim ~ -b is string"), "a|trim|p ~ -b|p is string");
        assert_eq!(short("x.y == [1, {'a': 'b' 'c'}]"), "x.y == [1, {'a': 'b' 'c'}]");
        assert_eq!(count("macro f(a, b='x' ~ y)", "macro"), "macro f(a, b='x'|__printed ~ y|__printed)");
    }

    #[test]
    fn products_become_calls_that_know_both_factors() {
        assert_eq!(short("a * b + c"), "a|c |t( b|c) + c|c");
        assert_eq!(short("a * -b * c"), "a|c |t( -b|c) |t( c|c)");
        assert_eq!(short("a / b * c"), "a|n / b|n * c|n");
        assert_eq!(short("a ** b * c"), "a|n ** b|n * c|n");
        assert_eq!(short("f(*args)"), "f(*args)|c");
    }
}
