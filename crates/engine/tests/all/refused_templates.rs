//! Templates that cannot be used, and conversations that a template refuses, end in a message.

use plimsoll_engine::{ChatTemplate, TemplateError, TemplateRequest};
use serde_json::json;

fn render(source: &str) -> Result<String, TemplateError> {
    let request = json!({"messages": [{"role": "user", "content": "Hi"}], "n": 3});
    ChatTemplate::new(source, [("eos_token", "</s>")])?.render(&TemplateRequest::from_json(request)?)
}

#[test]
fn a_template_that_does_not_compile_says_where() {
    let error = render("one\n{% if x %}").unwrap_err();
    assert!(matches!(error, TemplateError::Syntax(_)), "{error}");
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn a_refusal_is_shown_in_the_templates_own_words() {
    let error = render("{{ raise_exception('Only ' ~ n ~ ' turns!') }}").unwrap_err();
    assert_eq!(error.to_string(), "the chat template refuses this conversation: Only 3 turns!");
}

#[test]
fn a_failing_expression_says_where() {
    for source in
        ["{{ messages[0].content.tool.name }}", "{{ 1 + 'a' }}", "{{ messages.append(1) }}", "{{ nothing() }}"]
    {
        let error = render(source).unwrap_err();
        assert!(matches!(error, TemplateError::Render(_)), "{error}");
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}

#[test]
fn a_template_without_end_is_stopped() {
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{% set c = a %}{% endfor %}{% endfor %}";
    assert!(matches!(render(nested), Err(TemplateError::TooMuch(_))));
    let recursive = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
    assert!(matches!(render(recursive), Err(TemplateError::TooMuch(_))));
}

#[test]
fn a_template_that_writes_without_end_is_stopped() {
    let source = "{% set x = 'a' * 1000000 %}{% for a in range(1000) %}{{ x }}{% endfor %}";
    assert!(matches!(render(source), Err(TemplateError::TooMuch(_))));
    let long = "a".repeat(2 << 20);
    assert!(matches!(render(&long), Err(TemplateError::TooMuch(_))));
}

#[test]
fn a_request_of_another_form_names_the_field() {
    for (request, field) in [
        (json!([]), "(the request)"),
        (json!({}), "messages"),
        (json!({"messages": "Hi"}), "messages"),
        (json!({"messages": [], "add_generation_prompt": "yes"}), "add_generation_prompt"),
    ] {
        let error = TemplateRequest::from_json(request).unwrap_err().to_string();
        assert!(error.contains(&format!("`{field}`")), "{error}");
    }
}

#[test]
fn a_template_that_builds_without_end_is_stopped() {
    let grow = |step: &str| {
        format!(
            "{{% set ns = namespace(x='aaaa', l=[1]) %}}{{% for i in range(60) %}}{step}{{% endfor %}}{{{{ ns.l|length }}}}"
        )
    };
    for step in [
        "{% set ns.x = ns.x ~ ns.x %}",
        "{% set ns.x = ns.x + ns.x %}",
        "{% set ns.x = ns.x * 10 %}",
        "{% set ns.x = [ns.x, ns.x]|join %}",
        "{% set ns.x = ns.x|replace('a', 'aa') %}",
        "{% set ns.x = ns.x.replace('', ns.x) %}",
        "{% set ns.x = ns.x.join([ns.x, ns.x]) %}",
        "{% set ns.x = ns.x|indent(1000000000000) %}",
        "{% set ns.x = '%1000000000d'|format(1) %}",
        "{% set ns.x = '{:1000000000}'.format('a') %}",
        "{% set ns.x = [ns.x, ns.x]|string %}",
        "{% set ns.x = [ns.x, ns.x]|tojson %}",
        "{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}",
        "{% set ns.x %}{% for i in range(9999) %}{% for i in range(9999) %}text{% endfor %}{% endfor %}{% endset %}",
        "{% set ns.l = ns.l + ns.l %}",
        "{% set ns.l = ns.l * 10 %}",
        "{% if i < 21 %}{% set ns.x = ns.x + ns.x %}{% else %}{% set ns.l = ns.l + [ns.x[0:], ns.x|upper, ns.x.strip('b')] %}{% endif %}",
    ] {
        let error = render(&grow(step)).map(|text| text.len()).unwrap_err();
        assert!(matches!(error, TemplateError::TooMuch(_)), "{step}: {error}");
    }
}
