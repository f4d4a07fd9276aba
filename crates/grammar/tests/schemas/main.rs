//! What of a schema is read, where the rest is refused, and what its masks let through.

mod masks;
#[path = "../../../../tests/skipped.rs"]
mod skipped;
mod suite;

use plimsoll_grammar::Schema;
use serde_json::{Value, json};

use masks::{Masks, writes};

#[track_caller]
fn refused(schema: Value) -> String {
    let error = Schema::read(&schema).expect_err("it is refused");
    format!("{}: {error}", error.path)
}

fn allows(schema: &Value, text: &str) -> bool {
    let schema = Schema::read(schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
    writes(Masks::of_bytes().compile(&schema).unwrap(), text.as_bytes())
}

#[test]
fn what_is_not_enforced_is_refused_where_it_stands() {
    let within = |schema: Value| json!({"type": "object", "properties": {"x": {"items": schema}}});
    for (schema, begins) in [
        (json!({"minimun": 1}), "minimun: `minimun` is no keyword of JSON Schema; `minimum` is"),
        (within(json!({"not": {}})), "properties.x.items.not: `not` cannot be enforced"),
        (within(json!({"pattern": "(?=a)b"})), "properties.x.items.pattern: the pattern `(?=a)b` looks around"),
        (within(json!({"pattern": "(a"})), "properties.x.items.pattern: the pattern `(a` cannot be read"),
        (within(json!({"pattern": r"(a)\1"})), "properties.x.items.pattern: the pattern `(a)\\1` refers back"),
        (json!({"anyOf": [{}, {"uniqueItems": true}]}), "anyOf[1].uniqueItems: `uniqueItems` cannot"),
        (json!({"anyOf": []}), "anyOf: `anyOf` has to be a list of schemas"),
        (json!({"$ref": "#/$defs/a"}), "$ref: `$ref`: there is no schema at `#/$defs/a`"),
        (json!({"$ref": "https://example.org/a"}), "$ref: `$ref` is `https://example.org/a`: only places"),
        (json!({"format": "phone"}), "format: the format `phone` is not enforced here"),
        (json!({"x-guidance": {"lenient": true}}), "x-guidance: `x-guidance` cannot be enforced"),
        (json!({"type": "text"}), "type: `type` has to be one or several of"),
        (json!({"required": ["a", "a"]}), "required: `required` has to be a list of different names"),
        (json!({"minLength": -1}), "minLength: `minLength` has to be a whole number"),
        (json!({"maxItems": 1e9}), "maxItems: `maxItems` is 1000000000, enforced are at most"),
        (json!({"items": [{}]}), "items: `items` is a list: newer drafts"),
        (json!({"$schema": "https://example.org/other"}), "$schema: `$schema` names"),
        (json!([1]), ": a schema has to be an object"),
    ] {
        let said = refused(schema);
        assert!(said.starts_with(begins), "{said}");
    }
    let mut deep = json!({});
    for _ in 0..50 {
        deep = json!({"items": deep});
    }
    assert!(refused(deep).contains("within one another"));
    let many: Vec<Value> = (0..6000).map(|_| json!({})).collect();
    assert!(refused(json!({"anyOf": many})).contains("parts"));
}

#[test]
fn what_says_nothing_of_validity_is_left_out() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://example.org/a", "title": "T", "x-order": 1,
        "type": "object", "uniqueItems": false, "properties": {"title": {"type": "integer", "description": "d"}},
    });
    let read = json!({"type": "object", "properties": {"title": {"type": "integer"}}});
    assert_eq!(*Schema::read(&schema).unwrap().as_json(), read);
}

#[test]
fn a_nullable_is_a_choice_and_formats_are_dates_that_there_are() {
    let nullable = json!({"type": "object", "properties": {"a": {"type": "integer", "nullable": true}}});
    assert!(
        allows(&nullable, "{\"a\": null}") && allows(&nullable, "{\"a\": 3}") && !allows(&nullable, "{\"a\": \"\"}")
    );
    let day = json!({"type": "string", "format": "date"});
    for (text, is_day) in [("2024-02-29", true), ("2023-02-29", false), ("1900-02-29", false), ("2000-02-29", true)] {
        assert_eq!(allows(&day, &format!("\"{text}\"")), is_day, "{text}");
    }
    // Beside a pattern of its own, and within something that has definitions.
    let both = json!({"type": "string", "format": "date", "pattern": "^20"});
    assert!(allows(&both, "\"2024-02-29\"") && !allows(&both, "\"1999-01-01\"") && !allows(&both, "\"20\""));
    let second = json!({"$defs": {"d": {}}, "items": {"type": "string", "format": "time"}, "type": "array"});
    assert!(allows(&second, "[\"23:59:60Z\", \"22:59:60-01:00\"]") && !allows(&second, "[\"22:59:60Z\"]"));
}

#[test]
fn white_space_ends() {
    let any = json!({});
    assert!(allows(&any, "{\n  \"a\": [\n    1,\n    2\n  ]\n}") && allows(&any, "{\"a\":[1,2]}"));
    assert!(!allows(&any, "{ \n\n\n\"a\": 1}") && !allows(&any, &format!("[{}1]", " ".repeat(100))));
}

#[test]
fn a_part_of_a_schema_refers_to_what_is_at_its_top() {
    let inner = json!({ "$defs": { "x": { "type": "string" } }, "$ref": "#/$defs/x" });
    let whole = json!({
        "type": "object", "$defs": { "x": { "type": "integer" } }, "properties": { "p": inner },
    });
    let members = Schema::read(&whole).unwrap().members().unwrap();
    assert_eq!(members[0].schema.as_json()["$defs"]["x"], json!({ "type": "integer" }));
}

#[test]
fn members_are_told_one_by_one_with_what_they_refer_to() {
    let object = json!({
        "type": "object", "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"type": "string"}}, "required": ["a"],
        "$defs": {"n": {"type": "integer"}},
    });
    let members = Schema::read(&object).unwrap().members().unwrap();
    let told: Vec<(&str, bool)> = members.iter().map(|member| (member.name.as_str(), member.is_required)).collect();
    assert_eq!(told, [("a", true), ("b", false)]);
    assert!(writes(Masks::of_bytes().compile(&members[0].schema).unwrap(), b"12"));
    for more in [json!({"anyOf": [{}]}), json!({"type": "array"}), json!({"required": ["z"]})] {
        assert!(Schema::read(&more).unwrap().members().is_none(), "{more}");
    }
}

#[test]
fn what_nothing_is_valid_for_is_refused_when_it_is_compiled() {
    let masks = Masks::of_bytes();
    for schema in [json!(false), json!({"$ref": "#"}), json!({"oneOf": [{"type": "string"}, {"minLength": 1}]})] {
        let schema = Schema::read(&schema).unwrap();
        assert!(masks.compile(&schema).is_err(), "{:?}", schema.as_json());
    }
}
