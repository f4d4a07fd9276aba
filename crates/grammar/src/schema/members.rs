//! The members of an object that a schema describes one by one.

use serde_json::{Map, Value};

use super::Schema;

/// Keywords beside which an object's members still stand for themselves.
const PLAIN: [&str; 6] = ["type", "properties", "required", "additionalProperties", "$defs", "definitions"];

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What it may be.
    pub schema: Schema,
    /// Whether it has to be there.
    pub is_required: bool,
}

impl Schema {
    /// The members that it names, in order, if it says no more of an object than what each of them may be.
    pub fn members(&self) -> Option<Vec<Member>> {
        let object = self.0.as_object().filter(|object| object.get("type").is_none_or(|kind| kind == "object"))?;
        if object.keys().any(|keyword| !PLAIN.contains(&keyword.as_str())) {
            return None;
        }
        let none = Map::new();
        let properties = object.get("properties").map_or(Some(&none), Value::as_object)?;
        let required: Vec<&str> =
            object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if required.iter().any(|name| !properties.contains_key(*name)) {
            return None;
        }
        let member = |(name, schema): (&String, &Value)| Member {
            name: name.clone(),
            schema: Schema(with_definitions(schema, object)),
            is_required: required.contains(&name.as_str()),
        };
        Some(properties.iter().map(member).collect())
    }
}

/// What it refers to goes with it.
fn with_definitions(schema: &Value, whole: &Map<String, Value>) -> Value {
    let mut schema = schema.clone();
    if let Some(schema) = schema.as_object_mut() {
        for name in ["$defs", "definitions"] {
            if let Some(definitions) = whole.get(name) {
                schema.entry(name).or_insert_with(|| definitions.clone());
            }
        }
    }
    schema
}
