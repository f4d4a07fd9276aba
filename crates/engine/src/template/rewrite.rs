//! Small changes to a template's source before minijinja compiles it.
//!
//! - `{% generation %}` marks the assistant's words for training and prints its body; minijinja has no such block,
//!   so its tags become an unconditional `if`, whitespace control kept.
//! - `{% for x in y %}` over `none` is an error in Python and an empty loop in minijinja, so `y` passes through the
//!   filter [`EACH`], which refuses what Python cannot iterate.

/// The filter that loops pass their iterable through.
pub(super) const EACH: &str = "__each";

/// The source with both changes made, outside of comments, strings and raw blocks.
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
        if !tag.starts_with("{%") {
            out.push_str(tag);
            continue;
        }
        let inner = &tag[2..tag.len() - 2];
        out.push_str("{%");
        out.push_str(&statement(inner));
        out.push_str("%}");
        if keyword(inner) == "raw" {
            let end = rest.find("endraw").unwrap_or(rest.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out + rest
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
    Some(format!("{} ({})|{EACH} {}", &inner[..start], inner.get(start..stop)?, &inner[stop..]))
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

/// The length of the string literal that `code` starts with, quotes and all.
fn string_length(code: &str) -> Option<usize> {
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
    use super::*;

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
