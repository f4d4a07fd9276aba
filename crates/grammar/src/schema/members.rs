//! The members of an object that a schema describes one by one.

use serde_json::{Map, Value};

use super::Schema;

/// Keywords beside which an object's members still stand for themselves.
const PLAIN: [&str; 6] = ["type", "properties", "required", "additionalProperties", "$defs", "definitions"];

/// Keywords of schemas that references lead to.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

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
            schema: self.part(schema),
            is_required: required.contains(&name.as_str()),
        };
        Some(properties.iter().map(member).collect())
    }

    /// A schema that lies within this one, by itself: with what references lead to, which is at the top of this one.
    pub fn part(&self, part: &Value) -> Schema {
        let mut part = part.clone();
        if let (Some(part), Some(whole)) = (part.as_object_mut(), self.0.as_object()) {
            let definitions = whole.iter().filter(|(keyword, _)| DEFINITIONS.contains(&keyword.as_str()));
            part.extend(definitions.map(|(keyword, all)| (keyword.clone(), all.clone())));
        }
        Schema(part)
    }
}
