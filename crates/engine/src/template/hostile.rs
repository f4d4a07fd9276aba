//! Templates that repeat what takes long, or keep what takes room, are ended by what they use up.

use std::time::Duration;

use super::{ChatTemplate, TemplateError, TemplateRequest, meter};

/// Renders `step` again and again behind a few variables, within the budget of a probe.
fn repeated(step: &str) -> Result<String, TemplateError> {
    let source = format!(
        "{{% set s = 'a' * 200000 %}}{{% set d = {{}} %}}{{% set n = namespace(l=[], x=1) %}}\
         {{% set f = (range(9999)|list * 5)|select('ge', 0) %}}\
         {{% for i in range(99999) %}}{{% for j in range(99999) %}}{step}{{% endfor %}}{{% endfor %}}"
    );
    let template = ChatTemplate::new(&source, Vec::<(String, String)>::new())?;
    template.render_within(meter::PROBE, &TemplateRequest::default(), &[])
}

#[test]
fn what_reads_long_text_again_and_again_is_too_much() {
    for expression in [
        "s.find('b')",
        "s.rfind('b')",
        "s|trim(s)",
        "s|wordcount",
        "s|striptags",
        "s|forceescape",
        "s|float",
        "s|int",
        "s|urlencode",
        "s|wordwrap(1)",
        "s.title()",
        "s[::-1]",
        "'a'.replace(s, 'b')",
        "'a'.startswith((s, s))",
        "s in 'a'",
        "'%s' % (s,)",
        "'{:{}}'.format(1, s)",
        "strftime_now(s)",
        "[1]|map(attribute=s)|list",
        "range(9999)|sort(reverse=true)",
        "range(9999)|unique|list",
        "range(9999)|groupby('real')",
        "-(s|int(base=16))",
        "(s|int(base=16))|round(-1000)",
        "'{:_x}'.format(s|int(base=16))",
        "[f]",
    ] {
        let result = repeated(&format!("{{% set x = {expression} %}}"));
        assert!(matches!(result, Err(TemplateError::TooMuch(_))), "{expression}: {result:?}");
    }
}

#[test]
fn what_is_kept_or_nested_without_end_is_too_much() {
    for step in [
        "{% set n.x = cycler(n.x) %}",
        "{% set n.x = cycler(n.x).next %}",
        "{% set n.x = [n.x]|map('default') %}",
        "{% set n.x = {1: n.x} %}",
        "{% set n.l = n.l + [d[s]] %}",
        "{% set n.l = n.l + [s|int(base=16)] %}",
        "{% set n.l = n.l + [{i: j}] %}",
        "{% set n.l = n.l + [namespace(a=1)] if false else n.l + [s|forceescape] %}",
    ] {
        let result = repeated(step);
        assert!(matches!(result, Err(TemplateError::TooMuch(_))), "{step}: {result:?}");
    }
}

/// Renders an expression once over a text of twelve million characters, without a look at the clock.
fn once(expression: &str) -> Result<String, TemplateError> {
    let source = format!("{{% set s = 'aB ' * 4300000 %}}{{% set x = {expression} %}}");
    let template = ChatTemplate::new(&source, Vec::<(String, String)>::new())?;
    let budget = meter::Budget { time: Duration::from_secs(3600), ..meter::RENDERING };
    template.render_within(budget, &TemplateRequest::default(), &[])
}

#[test]
fn one_step_over_a_very_long_text_is_too_much_where_every_character_takes_its_time() {
    for expression in [
        "s|urlencode",
        "s|striptags",
        "s|title",
        "s|upper",
        "s|wordcount",
        "s|wordwrap",
        "s|indent",
        "s|reverse",
        "s|forceescape",
        "s|replace('a', 'b')",
        "s|sort",
        "[s]|sort",
        "s.title()",
        "s.swapcase()",
        "s.translate({98: 'c'})",
        "s.translate(s)",
        "s.maketrans(s, s)",
        "s.replace('a', 'b')",
        "s.replace('', '-')",
        "s.count('a')",
        "s.split()",
        "s.split(' ')",
        "s.rsplit('a')",
        "s.splitlines()",
        "s.expandtabs()",
        "s.isprintable()",
        "s.strip('x')",
        "s[::2]",
        "s is upper",
        "[s]|string",
        "(''|escape) + s",
        "(''|escape).join([s])",
        "(''|escape).escape(s)",
        "('%s'|escape) % s",
        "('{}'|escape).format(s)",
        "(s|safe).striptags()",
        "(s|safe).unescape()",
        "{'a': s}|xmlattr",
        "('\u{1}' * 6000000)|tojson",
    ] {
        let result = once(expression);
        assert!(matches!(result, Err(TemplateError::TooMuch(_))), "{expression}: {:?}", result.map(|text| text.len()));
    }
}

#[test]
fn what_only_passes_a_very_long_text_on_is_no_step_too_much() {
    for expression in [
        "s ~ 'x'",
        "s|length",
        "s|trim",
        "s.strip()",
        "s[5:]",
        "('é' ~ s)[1:9]",
        "s|tojson",
        "s.split('</think>')[-1]",
        "s.replace('<think>', '')",
        "s.find('x')",
        "s.startswith('a')",
        "'x' in s",
        "s == s ~ ''",
        "s.partition('x')",
    ] {
        let result = once(expression);
        assert!(result.is_ok(), "{expression}: {result:?}");
    }
}
