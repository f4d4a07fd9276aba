//! Templates by a grammar render as Jinja renders them. `tools/jinja_diff.py --cases` wrote `jinja.json`.

use plimsoll_engine::{ChatTemplate, Clock, TemplateError, TemplateRequest};
use serde_json::Value;

const CASES: &str = include_str!("jinja.json");

/// The request of the file as its text, so that whole numbers keep their digits.
fn request(now: &str) -> TemplateRequest {
    let line = CASES.lines().find_map(|line| line.strip_prefix("\"request\": ")).expect("a line with the request");
    let request = TemplateRequest::from_text(line.trim_end_matches(',')).unwrap();
    TemplateRequest { now: Some(Clock::parse(now).unwrap()), ..request }
}

fn rendered(source: &str, request: &TemplateRequest) -> Result<String, TemplateError> {
    ChatTemplate::new(source, Vec::<(String, String)>::new())?.render(request)
}

#[test]
fn generated_templates_render_as_jinja_renders_them_and_are_refused_where_it_refuses_them() {
    let file: Value = serde_json::from_str(CASES).unwrap();
    let request = request(file["now"].as_str().unwrap());
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 500);
    let mut wrong = Vec::new();
    for case in cases {
        let source = case["template"].as_str().unwrap();
        let found = rendered(source, &request);
        match (&found, case["rendered"].as_str()) {
            (Ok(found), Some(expected)) if found == expected => {}
            (Err(_), None) => {}
            (Err(error), Some(_)) if error.to_string().contains("not supported") => {}
            (_, expected) => wrong.push(format!("{source:?}\n found    {found:?}\n expected {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn templates_that_nest_or_run_without_end_are_refused_and_do_no_harm() {
    let chain = |begin: &str, link: &str, end: &str| format!("{begin}{}{end}", link.repeat(20_000));
    let sources = [
        "{% set n = namespace() %}{% set n.a = n %}{{ n }}".to_owned(),
        "{% set n = namespace() %}{% for i in range(9999) %}{% set n.a = [n.a] %}{% endfor %}{{ n.a }}".to_owned(),
        chain("{{ 1", "+1", " }}"),
        chain("{{ ", "not ", "1 }}"),
        chain("{{ ", "-", "1 }}"),
        chain("{{ a", ".b", " }}"),
        chain("{{ a", "|string", " }}"),
        chain("{{ 0", " or 0", " }}"),
        chain("{{ a", "[0]", " }}"),
        chain("{{ ", "[", " }}"),
        chain("", "{% if 1 %}", ""),
        "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(40) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}\
         {% endfor %}{{ n.x == n.y }}"
            .to_owned(),
        "{% set s = 'ab' * 4000000 %}{% for i in range(99999) %}{% set x = s.find('b' * 9) %}{% endfor %}".to_owned(),
        "{{ 9 ** (9 ** 9) }}".to_owned(),
        "{{ '%*d' % (999999999, 1) }}".to_owned(),
    ];
    let request = request("2026-11-29");
    for source in sources {
        let shown: String = source.chars().take(60).collect();
        assert!(rendered(&source, &request).is_err(), "{shown}");
    }
}

#[test]
fn what_only_looks_hard_is_rendered() {
    for (source, expected) in [
        ("{{ ('%.70000f' % 1.5)|length }} {{ '%.70000g' % 5 }} {{ ('%.70000d' % 5)|length }}", "70002 5 70000"),
        ("{{ '{:01000000,}'.format(1)|length }}", "1000001"),
        ("{{ ('-' * 50000)|wordwrap(10)|length }} {{ ('a' * 10000)|wordwrap(1)|length }}", "54999 19999"),
        ("{{ 5 in range(9223372036854775807, 9223372036854775800, -1) }}", "False"),
        ("{{ 9000000000000000000 in range(-9000000000000000000, 9000000000000000001, 9000000000000000000) }}", "True"),
        ("{{ (['nan'|float, 1.0, 0.5] * 100)|sort|length }}", "300"),
        ("{{ ('a<!-->b<!-- <i> -->c<b>' * 2)|striptags }}", "abcabc"),
    ] {
        assert_eq!(rendered(source, &request("2026-11-29")).unwrap(), expected, "{source}");
    }
    let mixed = "{{ ([1, 'a', none] * 100)|sort }}";
    assert!(matches!(rendered(mixed, &request("2026-11-29")), Err(TemplateError::Render(_))));
}

/// Each of these templates gives this, or an error where nothing stands.
fn all_rendered(cases: &[(&str, Option<&str>)]) {
    let request = request("2026-11-29");
    for (source, expected) in cases {
        assert_eq!(rendered(source, &request).ok().as_deref(), *expected, "{source}");
    }
}

/// Of a constant that cannot be sliced nothing is printed, and of a variable it is an error.
#[test]
fn what_its_first_part_decides_is_a_constant_to_jinja() {
    all_rendered(&[
        ("{{ ((4,)|batch(3) or w)[::1] }}|", Some("|")),
        ("{{ (0 and w)[::1] }}|", Some("|")),
        ("{{ (1 and w)[::1] }}|", Some("['b', 'A', 'c', 'a']|")),
        ("{{ (0 or w)[::-1] }}|", Some("['a', 'c', 'A', 'b']|")),
        ("{{ (2 < 1 < w)[::1] }}|", Some("|")),
        ("{{ (2 < 1 in 3)[::1] }}|", Some("|")),
        ("{{ (7 if true else w)[::1] }}|", Some("|")),
        ("{{ (w if false else 7)[::1] }}|", Some("|")),
        ("{{ (7 if false)[::1] }}|", None),
        ("{{ n[::1] }}|", None),
    ]);
}

#[test]
fn values_of_a_dict_have_a_hash_and_its_keys_and_items_have_none() {
    all_rendered(&[
        ("{{ x.values() in d }}", Some("False")),
        ("{{ x.values() not in nest[0] }}", Some("True")),
        ("{{ {x.values(): 1}|length }}", Some("1")),
        ("{{ d[d.values()] }}|", Some("|")),
        ("{{ [x.values()]|unique|list|length }}", Some("1")),
        ("{{ x.keys() in d }}", None),
        ("{{ x.items() in d }}", None),
    ]);
}

#[test]
fn an_unknown_filter_is_an_error_at_once_but_not_within_a_condition() {
    let request = request("2026-11-29");
    assert_eq!(rendered("{{ (1|nope) if false else 2 }}", &request).unwrap(), "2");
    assert_eq!(rendered("{% if false %}{{ 1|nope }}{% endif %}", &request).unwrap(), "");
    for source in [
        "{{ 1|nope }}",
        "{{ [1|nope, 1 if true else 2] }}",
        "{% if 0 %}{% for i in [] %}{{ i|nope }}{% endfor %}{% endif %}",
    ] {
        let error = rendered(source, &request).unwrap_err().to_string();
        assert!(error.contains("No filter named 'nope'. (line 1"), "{source}: {error}");
    }
}

#[test]
fn the_last_message_is_left_open_where_that_is_asked_for() {
    let source = "{% for m in messages %}<{{ m.role }}>{{ m.content|trim }}</>{% endfor %}";
    let text = r#"{"messages": [{"role": "user", "content": "A story."}, {"role": "assistant", "content": "Once upon "}],
                   "continue_final_message": true}"#;
    let open = rendered(source, &TemplateRequest::from_text(text).unwrap()).unwrap();
    assert_eq!(open, "<user>A story.</><assistant>Once upon");
    let deaf = rendered("{{ messages|length }}", &TemplateRequest::from_text(text).unwrap()).unwrap_err();
    assert!(deaf.to_string().contains("does not read `content`"), "{deaf}");
    let both = text.replace("true}", "true, \"add_generation_prompt\": true}");
    assert!(TemplateRequest::from_text(&both).unwrap_err().to_string().contains("add_generation_prompt"));
}
