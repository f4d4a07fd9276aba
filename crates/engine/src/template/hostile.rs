//! Templates that repeat what takes long, or keep what takes room, are ended by what they use up.

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
