//! Small changes to a template's source before minijinja compiles it.
//!
//! - `{% generation %}` marks the assistant's words for training and prints its body; minijinja has no such block,
//!   so its tags become an unconditional `if`, whitespace control kept.
//! - `{% for x in y %}` over `none` is an error in Python and an empty loop in minijinja, so `y` passes through the
//!   filter [`EACH`], which refuses what Python cannot iterate.
//! - `recursive` loops are made plain ones, which refuse to call themselves: no published template has one, and what
//!   they write would go uncounted.
//! - Operands are counted: [`super::operands`].
//! - `x[a:b:c]`, mostly `x[::-1]`, becomes `x.__slice(a, b, c)`: minijinja panics where `x` is empty, and counts other
//!   negative steps differently.

/// The filter that loops pass their iterable through.
pub(super) const EACH: &str = "__each";

/// The method that slices with a step become.
pub(super) const SLICE: &str = "__slice";

/// The source with these changes made, outside of comments, strings and raw blocks.
pub(super) fn rewrite(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 64);
    let mut rest = source;
    while let Some(start) = rest.find("{").filter(|start| start + 1 < rest.len()) {
        let (text, tail) = rest.split_at(start);
        out.push_str(text);
        let length = match tail.as_bytes()[1] {
            b'#' => tail.find("#}").map(|end| end + 2),
            b'{' => code_length(&tail[2..], "}}").map(|length| length + 4),
            b'%' => code_length(&tail[2..], "%}").map(|length| length + 4),
            _ => Some(1),
        };
        // An unterminated tag is the compiler's to report.
        let Some(length) = length else { return out + tail };
        let (tag, after) = tail.split_at(length);
        rest = after;
        if !tag.starts_with("{%") && !tag.starts_with("{{") {
            out.push_str(tag);
            continue;
        }
        let inner = &tag[2..tag.len() - 2];
        let code =
            super::operands::count(&stepped_slices(inner), if tag.starts_with("{%") { keyword(inner) } else { "" });
        out.push_str(&tag[..2]);
        out.push_str(&if tag.starts_with("{%") { statement(&code) } else { code });
        out.push_str(&tag[tag.len() - 2..]);
        if tag.starts_with("{{") {
            continue;
        }
        if keyword(inner) == "raw" {
            let end = rest.find("endraw").unwrap_or(rest.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out + rest
}

/// The bytes of the source outside of tags and comments, at most.
pub(super) fn text_bytes(source: &str) -> usize {
    if source.contains("endraw") {
        return source.len();
    }
    let (mut bytes, mut rest) = (0, source);
    while let Some(start) = rest.find("{") {
        bytes += start;
        rest = &rest[start..];
        let end = match rest.as_bytes().get(1) {
            Some(b'#') => rest.find("#}"),
            Some(b'{') => rest.find("}}"),
            Some(b'%') => rest.find("%}"),
            _ => None,
        };
        // A tag that ends early, in a string, only makes the count higher.
        let Some(end) = end else {
            bytes += 1;
            rest = &rest[1..];
            continue;
        };
        rest = &rest[end + 2..];
    }
    bytes + rest.len()
}

fn keyword(inner: &str) -> &str {
    let word = inner.trim_start_matches(['-', '+']).trim_start();
    &word[..word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len())]
}

fn statement(inner: &str) -> String {
    match keyword(inner) {
        "generation" => inner.replacen("generation", "if true", 1),
        "endgeneration" => inner.replacen("endgeneration", "endif", 1),
        "for" => wrap_iterable(inner).unwrap_or_else(|| inner.to_owned()),
        _ => inner.to_owned(),
    }
}

/// `for x in EXPR [if …] [recursive]` with `EXPR` piped through the filter.
fn wrap_iterable(inner: &str) -> Option<String> {
    let words = top_level_words(inner);
    let start = words.iter().find(|(_, word)| *word == "in").map(|(at, _)| at + 2)?;
    let stop = words.iter().find(|(at, word)| *at > start && matches!(*word, "if" | "recursive")).map(|(at, _)| *at);
    let stop = stop.unwrap_or_else(|| inner.trim_end_matches(['-', '+']).len());
    let tail = inner[stop..].replacen(
        "recursive",
        "",
        usize::from(words.last().is_some_and(|(at, word)| *at >= stop && *word == "recursive")),
    );
    Some(format!("{} ({})|{EACH} {tail}", &inner[..start], inner.get(start..stop)?))
}

/// Brackets deeper than minijinja's parser goes; such code is left for it to refuse.
const MAX_DEPTH: usize = 150;

fn bracket_depth(code: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for c in code.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Replaces `x[a:b:c]` by a call; slices without a step stay.
fn stepped_slices(code: &str) -> String {
    if bracket_depth(code) > MAX_DEPTH {
        return code.to_owned();
    }
    let mut out = String::with_capacity(code.len());
    let mut at = 0;
    let mut value_before = false;
    while let Some(c) = code[at..].chars().next() {
        let rest = &code[at..];
        let width = match c {
            '"' | '\'' => string_length(rest).unwrap_or(rest.len()),
            _ => c.len_utf8(),
        };
        if c == '['
            && value_before
            && let Some(length) = bracket_length(&rest[1..])
            && let Some([start, stop, step]) = slice_parts(&rest[1..1 + length])
        {
            let part = |part: &str| if part.trim().is_empty() { "none".to_owned() } else { stepped_slices(part) };
            out.push_str(&format!(".{SLICE}({}, {}, {})", part(start), part(stop), part(step)));
            at += length + 2;
            continue; // a call is a value too
        }
        if !c.is_whitespace() {
            value_before = c.is_alphanumeric() || "_)]}'\"".contains(c);
        }
        out.push_str(&rest[..width]);
        at += width;
    }
    out
}

/// The three parts of `a:b:c`, if there are three and the last is not empty.
fn slice_parts(code: &str) -> Option<[&str; 3]> {
    let first = code_length(code, ":")?;
    let second = first + 1 + code_length(&code[first + 1..], ":")?;
    let parts = [&code[..first], &code[first + 1..second], &code[second + 1..]];
    (!parts[2].trim().is_empty()).then_some(parts)
}

/// Words outside of strings and brackets, with their byte offsets.
fn top_level_words(code: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let (mut depth, mut at) = (0i32, 0);
    while let Some(c) = code[at..].chars().next() {
        let mut width = c.len_utf8();
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '"' | '\'' => width = string_length(&code[at..]).unwrap_or(code.len() - at),
            c if c.is_alphanumeric() || c == '_' => {
                let rest = &code[at..];
                width = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                if depth == 0 {
                    words.push((at, &rest[..width]));
                }
            }
            _ => {}
        }
        at += width;
    }
    words
}

/// How far code reaches before `end`, which counts neither in strings nor inside brackets opened in the code.
fn code_length(code: &str, end: &str) -> Option<usize> {
    let (mut depth, mut at) = (0i32, 0);
    loop {
        let rest = code.get(at..)?;
        if depth <= 0 && rest.starts_with(end) {
            return Some(at);
        }
        let c = rest.chars().next()?;
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        at += if matches!(c, '"' | '\'') { string_length(rest)? } else { c.len_utf8() };
    }
}

/// How far code reaches before the bracket that closes it, if that is a square one.
fn bracket_length(code: &str) -> Option<usize> {
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = &code[at..];
        let c = rest.chars().next()?;
        match c {
            '{' | '(' | '[' => depth += 1,
            // At a bracket that does not belong here the search ends: going on would take all that follows.
            '}' | ')' | ']' if depth == 0 => return (c == ']').then_some(at),
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        at += if matches!(c, '"' | '\'') { string_length(rest)? } else { c.len_utf8() };
    }
}

/// The length of the string literal that `code` starts with, quotes and all.
pub(super) fn string_length(code: &str) -> Option<usize> {
    let quote = code.chars().next()?;
    let mut escaped = false;
    for (at, c) in code.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::operands::COUNTED;

    /// The rewritten source without the counting, which has tests of its own.
    fn rewrite(source: &str) -> String {
        super::rewrite(source).replace(&format!("|{COUNTED}"), "")
    }

    #[test]
    fn generation_tags_keep_their_whitespace_control() {
        assert_eq!(rewrite("a{%- generation -%}b{%endgeneration%}c"), "a{%- if true -%}b{%endif%}c");
    }

    #[test]
    fn loops_wrap_their_iterable_and_keep_their_condition() {
        assert_eq!(
            rewrite("{%- for a, b in x.items() if b in 'if' -%}{% endfor %}"),
            "{%- for a, b in ( x.items() )|__each if b in 'if' -%}{% endfor %}"
        );
        assert_eq!(rewrite("{% for a in f(x if y else z)[1:] %}"), "{% for a in ( f(x if y else z)[1:] )|__each %}");
        assert_eq!(rewrite("{% for a in b -%}"), "{% for a in ( b )|__each -%}");
    }

    #[test]
    fn slices_with_a_step_become_calls_and_others_stay() {
        assert_eq!(rewrite("{{ a[::-1][0] }}{{ a[1:] }}"), "{{ a.__slice(none, none, -1)[0] }}{{ a[1:] }}");
        assert_eq!(
            rewrite("{% for m in f(x)[b[1:2]:-1:s['::']] %}"),
            "{% for m in ( f(x).__slice(b[1:2], -1, s['::']) )|__each %}"
        );
        for source in ["{{ [1, 2] }}", "{{ {'a': {'b': [::]}} }}", "{{ a['::-1'] }}", "{{ a[1:2:] }}", "[::-1]"] {
            assert_eq!(rewrite(source), source);
        }
    }

    #[test]
    fn brackets_and_spaces_without_end_cost_no_time() {
        let length = super::super::MAX_SOURCE_BYTES - 8;
        for unit in ["a[0:0:", "a[)", " ", "a [", "a[(])"] {
            let source = format!("{{{{ {} }}}}", unit.repeat(length / unit.len()));
            let rewritten = super::rewrite(&source);
            assert!(rewritten.starts_with("{{ ") && rewritten.len() >= source.len(), "{unit}");
        }
    }

    #[test]
    fn loops_do_not_call_themselves() {
        assert_eq!(rewrite("{% for a in b recursive %}"), "{% for a in ( b )|__each  %}");
    }

    #[test]
    fn strings_comments_raw_text_and_broken_tags_are_left_alone() {
        for source in [
            "{# {% generation %} #}{{ '{% for a in b %}' }}{{ {'a': {'b': 1}} }}",
            "{% set x = '%}{% generation %}' %}{",
            "{% raw %}{% generation %}{% endraw %}",
            "{% for a in b",
            "{{ 'é",
            "{",
        ] {
            assert_eq!(rewrite(source), source);
        }
    }
}
