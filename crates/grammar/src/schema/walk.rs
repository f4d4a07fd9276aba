//! A schema gone through keyword by keyword.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value, json};
use strsim::damerau_levenshtein;

use super::SchemaError;
use super::formats::{self, FORMATS};
use super::keywords::{ANNOTATIONS, DRAFTS, ENFORCED, NOT_ENFORCED, Operand, TYPES};
use super::pattern::translated;

/// Subschemas that a schema may have, as OpenAI has it.
const MOST_SCHEMAS: usize = 5_000;
/// Subschemas that may lie within one another: JSON itself is read to a depth of 128.
const DEEPEST: usize = 40;
/// The largest count that is unrolled into a grammar.
const LARGEST_COUNT: u64 = 10_000;

/// The schema without annotations, if every keyword of it is enforced.
pub fn checked(schema: &Value) -> Result<Value, SchemaError> {
    let mut walk = Walk { ref_is_alone: is_ref_alone(schema)?, ..Walk::default() };
    let checked = walk.schema(schema, &Path::default())?;
    for (path, target) in &walk.references {
        if !walk.places.contains(target) {
            let message = format!("`$ref`: there is no schema at `{target}`");
            return Err(SchemaError { path: path.clone(), message });
        }
    }
    Ok(with_definitions(checked, &walk.formats))
}

/// A format's pattern is made once, however often it is asked for: some are long.
fn with_definitions(mut schema: Value, formats: &BTreeSet<String>) -> Value {
    if let Some(schema) = schema.as_object_mut().filter(|_| !formats.is_empty()) {
        let definitions = schema.entry("$defs").or_insert_with(|| json!({}));
        for format in formats {
            definitions[definition(format)] = json!({ "type": "string", "pattern": formats::pattern(format) });
        }
    }
    schema
}

fn definition(format: &str) -> String {
    format!("format {format}")
}

/// Whether `$ref` leaves what stands beside it out of account, by the draft that the schema names.
fn is_ref_alone(schema: &Value) -> Result<bool, SchemaError> {
    let Some(named) = schema.get("$schema") else { return Ok(false) };
    let plain = named.as_str().map(|name| name.trim_end_matches('#'));
    let draft = DRAFTS.iter().find(|(name, _)| Some(*name) == plain);
    draft.map(|(_, alone)| *alone).ok_or_else(|| SchemaError {
        path: "$schema".to_owned(),
        message: format!("`$schema` names {named}; known are the drafts 4 to 2020-12 of JSON Schema"),
    })
}

/// Where in the schema: as people write it, and as references do.
#[derive(Default, Clone)]
struct Path {
    shown: String,
    pointer: String,
    depth: usize,
}

impl Path {
    fn member(&self, name: &str) -> Path {
        let dot = if self.shown.is_empty() { "" } else { "." };
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let (shown, pointer) = (format!("{}{dot}{name}", self.shown), format!("{}/{escaped}", self.pointer));
        Path { shown, pointer, depth: self.depth }
    }

    fn index(&self, at: usize) -> Path {
        let (shown, pointer) = (format!("{}[{at}]", self.shown), format!("{}/{at}", self.pointer));
        Path { shown, pointer, depth: self.depth }
    }

    fn refuse<T>(&self, message: impl Into<String>) -> Result<T, SchemaError> {
        Err(SchemaError { path: self.shown.clone(), message: message.into() })
    }
}

#[derive(Default)]
struct Walk {
    /// Where schemas stand, as references name them.
    places: HashSet<String>,
    /// Where references stand, and what they name.
    references: Vec<(String, String)>,
    /// Formats that are asked for by themselves.
    formats: BTreeSet<String>,
    ref_is_alone: bool,
}

impl Walk {
    fn schema(&mut self, schema: &Value, at: &Path) -> Result<Value, SchemaError> {
        self.places.insert(format!("#{}", at.pointer));
        if self.places.len() > MOST_SCHEMAS {
            return at.refuse(format!("the schema has more than {MOST_SCHEMAS} parts"));
        }
        if at.depth > DEEPEST {
            return at.refuse(format!("more than {DEEPEST} schemas lie within one another"));
        }
        let object = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(object) => object,
            _ => return at.refuse("a schema has to be an object, `true` or `false`"),
        };
        let mut checked = Map::new();
        for (keyword, operand) in object {
            let place = Path { depth: at.depth + 1, ..at.member(keyword) };
            if ANNOTATIONS.contains(&keyword.as_str()) || is_vendors(keyword) {
                self.check_annotation(keyword, at)?;
                continue;
            }
            let Some((_, kind)) = ENFORCED.iter().find(|(name, _)| name == keyword) else {
                if is_harmless(keyword, operand) {
                    continue;
                }
                return place.refuse(refusal(keyword));
            };
            checked.insert(keyword.clone(), self.operand(keyword, operand, *kind, &place)?);
        }
        if self.ref_is_alone && checked.contains_key("$ref") && checked.len() > 1 {
            return at.member("$ref").refuse("this draft leaves what stands beside `$ref` out of account; use `allOf`");
        }
        self.put_pattern_of_format(&mut checked);
        self.with_null(checked, at)
    }

    /// A base for references other than the schema itself would change what they mean.
    fn check_annotation(&self, keyword: &str, at: &Path) -> Result<(), SchemaError> {
        match keyword {
            "$id" | "id" | "$schema" if !at.pointer.is_empty() => {
                at.member(keyword).refuse(format!("`{keyword}` can only stand at the top of a schema"))
            }
            _ => Ok(()),
        }
    }

    /// `nullable`, as OpenAPI 3.0 has it, becomes a choice.
    fn with_null(&self, mut checked: Map<String, Value>, at: &Path) -> Result<Value, SchemaError> {
        match checked.shift_remove("nullable") {
            None | Some(Value::Bool(false)) => Ok(Value::Object(checked)),
            Some(Value::Bool(true)) if !checked.contains_key("$defs") && !checked.contains_key("definitions") => {
                Ok(json!({ "anyOf": [checked, { "type": "null" }] }))
            }
            Some(Value::Bool(true)) => at.member("nullable").refuse("`nullable` cannot stand beside definitions"),
            Some(_) => at.member("nullable").refuse("`nullable` has to be `true` or `false`"),
        }
    }

    /// A format becomes its pattern, beside one that is there.
    fn put_pattern_of_format(&mut self, checked: &mut Map<String, Value>) {
        let Some(format) = checked.get("format").and_then(Value::as_str).map(str::to_owned) else { return };
        let Some(pattern) = formats::pattern(&format) else { return };
        if checked.len() == 2 && checked.get("type").is_some_and(|kind| kind == "string") {
            *checked = Map::from_iter([("$ref".to_owned(), format!("#/$defs/{}", definition(&format)).into())]);
            self.formats.insert(format);
            return;
        }
        checked.shift_remove("format");
        if !checked.contains_key("pattern") {
            checked.insert("pattern".to_owned(), pattern.into());
            return;
        }
        let also = checked.entry("allOf").or_insert_with(|| json!([]));
        also.as_array_mut().into_iter().for_each(|all| all.push(json!({ "pattern": pattern })));
    }

    fn operand(&mut self, keyword: &str, operand: &Value, kind: Operand, at: &Path) -> Result<Value, SchemaError> {
        let expected = |what: &str| at.refuse(format!("`{keyword}` has to be {what}"));
        match kind {
            Operand::Schema if keyword == "items" && operand.is_array() => {
                at.refuse("`items` is a list: newer drafts call it `prefixItems`")
            }
            Operand::Schema => self.schema(operand, at),
            Operand::Schemas => {
                let Some(parts) = operand.as_array().filter(|parts| !parts.is_empty()) else {
                    return expected("a list of schemas, not empty");
                };
                let parts = parts.iter().enumerate().map(|(index, part)| self.schema(part, &at.index(index)));
                parts.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Operand::NamedSchemas | Operand::PatternSchemas => {
                let Some(members) = operand.as_object() else { return expected("an object of schemas") };
                let mut checked = Map::new();
                for (name, part) in members {
                    let place = at.member(name);
                    let name = match kind {
                        Operand::PatternSchemas => in_our_words(name, &place)?,
                        _ => name.clone(),
                    };
                    checked.insert(name, self.schema(part, &place)?);
                }
                Ok(Value::Object(checked))
            }
            Operand::Reference => self.reference(operand, at),
            _ => scalar(keyword, operand, kind, at),
        }
    }

    fn reference(&mut self, operand: &Value, at: &Path) -> Result<Value, SchemaError> {
        let Some(target) = operand.as_str() else { return at.refuse("`$ref` has to be a text") };
        let is_plain = !target.contains(['~', '%']);
        if !is_plain || !(target == "#" || target.starts_with("#/")) {
            return at
                .refuse(format!("`$ref` is `{target}`: only places in the schema are followed, as `#/$defs/name`"));
        }
        self.references.push((at.shown.clone(), target.to_owned()));
        Ok(operand.clone())
    }
}

/// Operands that hold no schema.
fn scalar(keyword: &str, operand: &Value, kind: Operand, at: &Path) -> Result<Value, SchemaError> {
    let expected = |what: &str| at.refuse(format!("`{keyword}` has to be {what}"));
    match kind {
        Operand::Count => match count(operand) {
            Some(n) if n <= LARGEST_COUNT => return Ok(n.into()),
            Some(n) => return at.refuse(format!("`{keyword}` is {n}, enforced are at most {LARGEST_COUNT}")),
            None => return expected("a whole number, 0 or more"),
        },
        Operand::Number if !operand.is_number() => return expected("a number"),
        Operand::Positive if operand.as_f64().is_none_or(|number| number <= 0.0) => {
            return expected("a number above 0");
        }
        Operand::Pattern => match operand.as_str() {
            Some(pattern) => return in_our_words(pattern, at).map(Value::String),
            None => return expected("a regular expression"),
        },
        Operand::Format => match operand.as_str() {
            Some(format) if FORMATS.contains(&format) => {}
            Some(format) => {
                let known = FORMATS.join("`, `");
                return at.refuse(format!("the format `{format}` is not enforced here; `{known}` are"));
            }
            None => return expected("a text"),
        },
        Operand::Types => {
            let is_type = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
            let names = operand.as_array().map_or(std::slice::from_ref(operand), Vec::as_slice);
            if names.is_empty() || !names.iter().all(is_type) {
                return expected(&format!("one or several of `{}`", TYPES.join("`, `")));
            }
        }
        Operand::Names => {
            let names = operand.as_array().map(|names| names.iter().filter_map(Value::as_str).collect::<HashSet<_>>());
            if names.map(|names| names.len()) != operand.as_array().map(Vec::len) || !operand.is_array() {
                return expected("a list of different names");
            }
        }
        Operand::Values if operand.as_array().is_none_or(Vec::is_empty) => {
            return expected("a list of values, not empty");
        }
        _ => {}
    }
    Ok(operand.clone())
}

/// A count; `2.0` is 2.
fn count(operand: &Value) -> Option<u64> {
    let whole = |number: &f64| (0.0..9e15).contains(number) && number.fract() == 0.0;
    operand.as_u64().or_else(|| operand.as_f64().filter(whole).map(|number| number as u64))
}

fn in_our_words(pattern: &str, at: &Path) -> Result<String, SchemaError> {
    translated(pattern).or_else(|message| at.refuse(message))
}

/// Extensions of OpenAPI, which say nothing of validity by definition.
fn is_vendors(keyword: &str) -> bool {
    keyword.starts_with("x-") && keyword != "x-guidance"
}

/// Keywords that are not enforced, with operands that forbid nothing.
fn is_harmless(keyword: &str, operand: &Value) -> bool {
    match keyword {
        "uniqueItems" => *operand == json!(false),
        "unevaluatedProperties" | "unevaluatedItems" | "propertyNames" => *operand == json!(true),
        _ => false,
    }
}

fn refusal(keyword: &str) -> String {
    if NOT_ENFORCED.contains(&keyword) {
        return format!("`{keyword}` cannot be enforced while an answer is written");
    }
    let known = ENFORCED.iter().map(|(name, _)| *name).chain(ANNOTATIONS).chain(NOT_ENFORCED);
    let nearest = known.min_by_key(|name| damerau_levenshtein(name, keyword));
    match nearest.filter(|name| damerau_levenshtein(name, keyword) <= 2) {
        Some(name) => format!("`{keyword}` is no keyword of JSON Schema; `{name}` is"),
        None => format!("`{keyword}` is no keyword of JSON Schema, and would be left out of account"),
    }
}
