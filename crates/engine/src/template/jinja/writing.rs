//! Filters that lay text out.

use super::arguments::Arguments;
use super::render::Renderer;
use crate::template::meter::BYTES_A_STEP;
use crate::template::python::number::{Operator, binary};
use crate::template::python::text::{is_alpha, is_numeric, is_space, lines, rsplit};
use crate::template::python::value::{Text, Value};
use crate::template::python::{Outcome, error};

/// The filter `title`: upper case where a word begins, lower elsewhere.
pub fn title(text: &str) -> String {
    let begins = |c: char| is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let is_gap = rest.starts_with(begins);
        let end = rest.find(|c| begins(c) != is_gap).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let mut characters = word.chars();
        if let Some(first) = characters.next() {
            out.extend(first.to_uppercase());
            out.push_str(&characters.as_str().to_lowercase());
        }
        rest = behind;
    }
    out
}

/// The filter `wordcount`.
pub fn count_words(text: &str) -> usize {
    let is_word = |c: char| c == '_' || is_alpha(c) || is_numeric(c);
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty()).count()
}

/// The filter `filesizeformat`.
pub fn file_size(bytes: f64, binary: bool) -> String {
    let (base, units) = if binary {
        (1024f64, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"])
    } else {
        (1000f64, ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"])
    };
    if bytes == 1.0 {
        return "1 Byte".to_owned();
    }
    if bytes < base {
        return format!("{} Bytes", bytes.trunc());
    }
    let mut limit = base;
    for (index, unit) in units.iter().enumerate() {
        limit *= base;
        if bytes < limit || index + 1 == units.len() {
            return format!("{:.1} {unit}", base * bytes / limit).replace("NaN", "nan");
        }
    }
    unreachable!("the last unit takes every size")
}

/// The filter `indent`.
///
/// # Errors
/// The value is no text.
pub fn indent(renderer: &Renderer<'_>, value: &Value, arguments: Arguments) -> Outcome {
    let [width, first, blank] = arguments.named("indent", ["width", "first", "blank"], 0)?;
    let indention = match &width {
        Some(Value::Text(text)) => text.text.to_string(),
        width => {
            let width = renderer.whole(width.as_ref(), 4, "width")?.max(0) as usize;
            renderer.meter.build(width)?;
            " ".repeat(width)
        }
    };
    let truth = |value: Option<Value>| value.is_some_and(|value| value.truth());
    let (first, blank) = (truth(first), truth(blank));
    let Value::Text(text) = binary(Operator::Add, value, &Value::text("\n"), renderer.meter)? else {
        return error("only text is indented");
    };
    renderer.meter.scan(text.text.len())?;
    let pieces = lines(&text.text, false);
    renderer.meter.build(pieces.len().saturating_mul(indention.len()).saturating_add(text.text.len()))?;
    let mut out = String::new();
    for (index, line) in pieces.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let indented = if index == 0 { first } else { blank || !line.is_empty() };
        if indented {
            out.push_str(&indention);
        }
        out.push_str(line);
    }
    Ok(Value::Text(Text { text: out.into(), markup: text.markup }))
}

/// The filter `truncate`.
///
/// # Errors
/// The value is no text, or there is no room for the end.
pub fn truncate(renderer: &Renderer<'_>, value: &Value, arguments: Arguments) -> Outcome {
    let names = ["length", "killwords", "end", "leeway"];
    let [length, kill, end, leeway] = arguments.named("truncate", names, 0)?;
    let length = renderer.whole(length.as_ref(), 255, "length")?;
    let leeway = match leeway {
        None | Some(Value::None) => 5,
        Some(leeway) => renderer.whole(Some(&leeway), 5, "leeway")?,
    };
    let end = match &end {
        None => "...",
        Some(end) => match end.as_text() {
            Some(end) => end,
            None => return error("the end of a truncated text should be text"),
        },
    };
    let end_length = end.chars().count() as i64;
    if length < end_length {
        return error(format!("expected length >= {end_length}, got {length}"));
    }
    if leeway < 0 {
        return error(format!("expected leeway >= 0, got {leeway}"));
    }
    let size = crate::template::python::items::length(value, renderer.meter)? as i64;
    if size <= length.saturating_add(leeway) {
        return Ok(value.clone());
    }
    let Value::Text(text) = value else { return error("only text is truncated") };
    let cut: String = text.text.chars().take((length - end_length) as usize).collect();
    let kept = if kill.is_some_and(|kill| kill.truth()) {
        cut
    } else {
        rsplit(&cut, Some(" "), 1).first().map_or_else(String::new, |kept| (*kept).to_owned())
    };
    let kept = Value::Text(Text { text: kept.into(), markup: text.markup });
    binary(Operator::Add, &kept, &Value::text(end), renderer.meter)
}

/// The filter `wordwrap`, as Python's `textwrap` has it.
///
/// # Errors
/// The value is no text, or the width is none.
pub fn wordwrap(renderer: &Renderer<'_>, value: &Value, arguments: Arguments) -> Outcome {
    let names = ["width", "break_long_words", "wrapstring", "break_on_hyphens"];
    let [width, long, string, hyphens] = arguments.named("wordwrap", names, 0)?;
    let width = renderer.whole(width.as_ref(), 79, "width")?;
    let joiner = match &string {
        None | Some(Value::None) => "\n",
        Some(string) => string.as_text().unwrap_or("\n"),
    };
    value.require()?;
    let Some(text) = value.as_text() else { return error("only text is wrapped") };
    let Ok(width @ 1..) = usize::try_from(width) else { return error(format!("invalid width {width} (must be > 0)")) };
    let truth = |value: Option<Value>| value.is_none_or(|value| value.truth());
    let wrap = Wrap { width, breaks: truth(long), hyphens: truth(hyphens) };
    // Each character may be a piece of its own, and a line.
    // Where a piece ends is asked of every character and its neighbours, which takes eight steps.
    renderer.meter.scan(text.len())?;
    renderer.meter.read(text.len().saturating_mul(8 * BYTES_A_STEP))?;
    renderer.meter.build(text.len().saturating_mul(PIECE_BYTES + joiner.len()))?;
    let wrapped: Vec<String> = lines(text, false).iter().map(|line| wrap.lines(line).join(joiner)).collect();
    Ok(Value::text(wrapped.join(joiner)))
}

/// What a piece of text takes that is wrapped, in bytes.
const PIECE_BYTES: usize = 64;

struct Wrap {
    width: usize,
    breaks: bool,
    hyphens: bool,
}

fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

impl Wrap {
    fn lines(&self, text: &str) -> Vec<String> {
        let characters: Vec<char> = text.chars().collect();
        let mut chunks = self.chunks(&characters);
        chunks.reverse();
        let blank = |chunk: &[char]| chunk.iter().all(|c| is_space(*c));
        let mut found: Vec<String> = Vec::new();
        while !chunks.is_empty() {
            let (mut line, mut length) = (Vec::new(), 0);
            if !found.is_empty() && chunks.last().is_some_and(|chunk| blank(chunk)) {
                chunks.pop();
            }
            while let Some(chunk) = chunks.pop_if(|chunk| length + chunk.len() <= self.width) {
                length += chunk.len();
                line.push(chunk);
            }
            if chunks.last().is_some_and(|chunk| chunk.len() > self.width) {
                self.long_word(&mut chunks, &mut line, length);
            }
            if line.last().is_some_and(|chunk| blank(chunk)) {
                line.pop();
            }
            if !line.is_empty() {
                found.push(line.concat().into_iter().collect());
            }
        }
        found
    }

    fn long_word<'t>(&self, chunks: &mut Vec<&'t [char]>, line: &mut Vec<&'t [char]>, length: usize) {
        let room = self.width.saturating_sub(length);
        let Some(chunk) = chunks.last_mut() else { return };
        if !self.breaks {
            if line.is_empty() {
                line.extend(chunks.pop());
            }
            return;
        }
        let mut end = room;
        if self.hyphens && chunk.len() > room {
            let hyphen = chunk[..room].iter().rposition(|c| *c == '-');
            if let Some(at) = hyphen.filter(|at| *at > 0 && chunk[..*at].iter().any(|c| *c != '-')) {
                end = at + 1;
            }
        }
        let (part, behind) = chunk.split_at(end);
        line.push(part);
        *chunk = behind;
    }

    /// Words, blanks between them, and parts of hyphenated words: `TextWrapper.wordsep_re`.
    fn chunks<'t>(&self, text: &'t [char]) -> Vec<&'t [char]> {
        let (mut found, mut at) = (Vec::new(), 0);
        while at < text.len() {
            let end = self.chunk_end(text, at);
            found.push(&text[at..end]);
            at = end;
        }
        found
    }

    fn chunk_end(&self, text: &[char], at: usize) -> usize {
        let run = |from: usize, is: fn(char) -> bool| from + text[from..].iter().take_while(|c| is(**c)).count();
        if is_blank(text[at]) {
            return run(at, is_blank);
        }
        if !self.hyphens {
            return run(at, |c| !is_blank(c));
        }
        let is_word = |c: &char| *c == '_' || is_alpha(*c) || is_numeric(*c);
        let punctuates = |c: &char| is_word(c) || matches!(c, '!' | '"' | '\'' | '&' | '.' | ',' | '?');
        let is_letter = |c: Option<&char>| c.is_some_and(|c| is_word(c) && !c.is_numeric());
        let before = |at: usize, back: usize| at.checked_sub(back).and_then(|at| text.get(at));
        let dash_at = |at: usize| {
            // Only where a run of dashes begins is it worth going along it.
            before(at, 1).filter(|c| punctuates(c))?;
            let end = run(at, |c| c == '-');
            (end >= at + 2 && text.get(end).is_some_and(is_word)).then_some(end)
        };
        if let Some(end) = dash_at(at) {
            return end;
        }
        for end in at + 1..=text.len() {
            let hyphen = end >= at + 2 && text[end - 1] == '-';
            let hyphenated = (is_letter(before(end, 2)) && is_letter(before(end, 3)))
                || (before(end, 2).is_some_and(punctuates)
                    && before(end, 3) == Some(&'-')
                    && is_letter(before(end, 4)));
            let behind = is_letter(text.get(end))
                && (is_letter(text.get(end + 1)) || (text.get(end + 1) == Some(&'-') && is_letter(text.get(end + 2))));
            let ends = text.get(end).is_none_or(|c| is_blank(*c));
            if (hyphen && hyphenated && behind) || ends || dash_at(end).is_some() {
                return end;
            }
        }
        text.len()
    }
}
