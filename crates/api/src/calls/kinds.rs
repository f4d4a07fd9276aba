//! What a schema lets a value be, for forms that do not tell a text from other values.

use std::cell::Cell;

use serde_json::{Map, Value};

/// Schemas within one another that are looked into; what is deeper may be anything.
const DEEPEST: usize = 16;

/// Schemas that are looked into in all: references that lead to themselves have no end otherwise.
const MOST_SCHEMAS: usize = 4096;

/// Types of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    const NAMES: [&str; 7] = ["null", "boolean", "integer", "number", "array", "object", "string"];
    const ALL: Kinds = Kinds(0x7F);
    const STRING: Kinds = Kinds(0x40);

    /// What `schema` allows; `root` is where its references lead.
    pub fn of(schema: &Value, root: &Value) -> Kinds {
        Kinds::within(schema, root, DEEPEST, &Cell::new(MOST_SCHEMAS))
    }

    fn within(schema: &Value, root: &Value, depth: usize, left: &Cell<usize>) -> Kinds {
        let is_seen = depth > 0 && left.get() > 0;
        let Some(schema) = schema.as_object().filter(|_| is_seen) else { return Kinds::ALL };
        left.set(left.get() - 1);
        let of = |schema: &Value| Kinds::within(schema, root, depth - 1, left);
        let listed = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
        let either = |parts: &Vec<Value>| parts.iter().map(of).fold(Kinds(0), |all, kinds| Kinds(all.0 | kinds.0));
        let values = |values: &[Value]| values.iter().fold(Kinds(0), |all, value| Kinds(all.0 | Kinds::one(value).0));
        let all_of = listed("allOf").map(|parts| parts.iter().map(of).fold(Kinds::ALL, Kinds::and));
        let limits = [
            Kinds::named(schema),
            schema.get("const").map(Kinds::one),
            listed("enum").map(|enumerated| values(enumerated)),
            listed("anyOf").map(either),
            listed("oneOf").map(either),
            all_of,
            referred(schema, root).map(of),
        ];
        limits.into_iter().flatten().fold(Kinds::ALL, Kinds::and)
    }

    /// What `type` and `nullable` say.
    fn named(schema: &Map<String, Value>) -> Option<Kinds> {
        let names = schema.get("type")?;
        let names = names.as_array().map_or(std::slice::from_ref(names), Vec::as_slice);
        let bit = |name: &Value| Kinds::NAMES.iter().position(|known| name == known).map_or(0, |at| 1 << at);
        let null = u8::from(schema.get("nullable") == Some(&Value::Bool(true)));
        Some(Kinds(names.iter().map(bit).fold(null, |all, bit| all | bit)))
    }

    fn one(value: &Value) -> Kinds {
        Kinds(match value {
            Value::Null => 1,
            Value::Bool(_) => 2,
            Value::Number(number) if number.is_f64() => 8,
            Value::Number(_) => 4,
            Value::Array(_) => 16,
            Value::Object(_) => 32,
            Value::String(_) => 64,
        })
    }

    fn and(self, other: Kinds) -> Kinds {
        let numbers = |kinds: Kinds| if kinds.0 & 8 == 8 { kinds.0 | 4 } else { kinds.0 };
        Kinds(numbers(self) & numbers(other))
    }

    /// Whether it may be a text.
    pub fn has_string(self) -> bool {
        self.0 & Kinds::STRING.0 != 0
    }

    /// Whether it can be no list and no object.
    pub fn is_flat(self) -> bool {
        self.0 & 48 == 0
    }

    /// The names of those that are neither texts nor lists nor objects.
    pub fn scalars(self) -> Vec<&'static str> {
        (0..4).filter(|at| self.0 & 1 << at != 0).map(|at| Kinds::NAMES[at]).collect()
    }

    /// Whether a value is one of these.
    pub fn admits(self, value: &Value) -> bool {
        let numbers = if self.0 & 8 == 8 { 4 } else { 0 };
        (self.0 | numbers) & Kinds::one(value).0 != 0
    }
}

/// The schema that a reference within `root` leads to.
pub fn referred<'a>(schema: &Map<String, Value>, root: &'a Value) -> Option<&'a Value> {
    root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// A value that is written without quotes, as JSON: a text where `schema` allows nothing else, or not what stands there.
pub fn typed(text: &str, schema: &Value, root: &Value) -> String {
    let kinds = Kinds::of(schema, root);
    let json = match text.trim() {
        "True" => "true",
        "False" => "false",
        "None" => "null",
        json => json,
    };
    let is_meant = |value: &Value| !kinds.has_string() || (kinds.admits(value) && !value.is_string());
    match serde_json::from_str::<Value>(json) {
        Ok(value) if is_meant(&value) => json.to_owned(),
        _ => Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_that_lead_to_themselves_many_times_end() {
        let loops = vec![json!({ "$ref": "#" }); 100];
        let root = json!({ "anyOf": loops, "type": "integer" });
        assert!(!Kinds::of(&root, &root).has_string());
    }

    #[test]
    fn a_text_stays_where_it_may_be_one_and_others_are_json() {
        let root =
            json!({ "$defs": { "day": { "type": "string", "pattern": "x" }, "loop": { "$ref": "#/$defs/loop" } } });
        for (schema, text, expected) in [
            (json!({ "type": "string" }), "42", "\"42\""),
            (json!({ "type": "string" }), " \"a\"\n", "\" \\\"a\\\"\\n\""),
            (json!({ "type": "integer" }), " 42 ", "42"),
            (json!({ "type": "number" }), "123456789012345678901234567890", "123456789012345678901234567890"),
            (json!({ "type": "integer" }), "many", "\"many\""),
            (json!({ "type": "boolean" }), "True", "true"),
            (json!({ "type": ["string", "null"] }), "None", "null"),
            (json!({ "type": ["string", "null"] }), "5", "\"5\""),
            (json!({ "type": "string", "nullable": true }), "null", "null"),
            (json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] }), "1.5", "\"1.5\""),
            (json!({ "anyOf": [{ "type": "string" }, { "type": "number" }] }), "1", "1"),
            (json!({ "type": "object" }), "{\"a\": [1]}", "{\"a\": [1]}"),
            (json!({ "enum": ["1", "2"] }), "1", "\"1\""),
            (json!({ "const": 1 }), "1", "1"),
            (json!({ "$ref": "#/$defs/day" }), "1", "\"1\""),
            (json!({ "$ref": "#/$defs/loop" }), "1", "1"),
            (json!({ "allOf": [{ "type": "string" }, {}] }), "1", "\"1\""),
            (json!({}), "{}", "{}"),
            (Value::Null, "\"quoted\"", "\"\\\"quoted\\\"\""),
        ] {
            assert_eq!(typed(text, &schema, &root), expected, "{schema} {text}");
        }
    }
}
