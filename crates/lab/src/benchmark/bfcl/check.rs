//! Calls held against those that are right.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::call::{Call, calls};
use crate::benchmark::error::FieldFlaw;

/// The calls that answer a question, each with the values that its arguments may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    wanted: Vec<Wanted>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wanted {
    name: String,
    /// For each argument its type in the description, and the values that are right; an empty text among them says that it
    /// may be left out.
    arguments: Map<String, Value>,
    required: Vec<String>,
}

impl Calls {
    /// The calls of `right`, whose functions are described in `functions`.
    pub(super) fn new(functions: &[Value], right: &[Map<String, Value>]) -> Result<Calls, FieldFlaw> {
        let one = |call: &Map<String, Value>| {
            let (name, values) = call.iter().next()?;
            let described = functions.iter().find(|function| function["name"] == **name)?;
            let parameters = described.get("parameters")?;
            let mut arguments = Map::new();
            for (argument, allowed) in values.as_object()? {
                let kind = parameters.get("properties")?.get(argument)?.get("type")?.clone();
                arguments.insert(argument.clone(), Value::Array(vec![kind, Value::Array(allowed.as_array()?.clone())]));
            }
            let required = parameters.get("required").and_then(Value::as_array);
            let required = required.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect();
            Some(Wanted { name: name.clone(), arguments, required })
        };
        let wanted: Option<Vec<Wanted>> = right.iter().map(one).collect();
        let wanted = wanted.filter(|wanted| !wanted.is_empty());
        let wanted =
            wanted.ok_or_else(|| FieldFlaw::new("ground_truth", "calls of the described functions", "others"))?;
        Ok(Calls { wanted })
    }

    /// Whether `answer` makes these calls and no other, in any order.
    pub fn are_made(&self, answer: &str) -> bool {
        let Some(mut made) = calls(answer).filter(|made| made.len() == self.wanted.len()) else { return false };
        // As in the leaderboard's check, each right call takes the first that fits.
        self.wanted.iter().all(|wanted| {
            let found = made.iter().position(|call| wanted.is(call));
            found.map(|index| made.remove(index)).is_some()
        })
    }
}

impl Wanted {
    fn is(&self, call: &Call) -> bool {
        let known = |argument: &String| self.arguments.get(argument).and_then(Value::as_array);
        let fits = |(argument, value): (&String, &Value)| {
            known(argument).is_some_and(|known| {
                let (kind, allowed) = (known[0].as_str().unwrap_or_default(), known[1].as_array());
                allowed.is_some_and(|allowed| is_of(value, kind) && allowed.iter().any(|right| same(value, right)))
            })
        };
        let may_be_left_out = |(argument, known): (&String, &Value)| {
            call.arguments.contains_key(argument)
                || known[1].as_array().is_some_and(|allowed| allowed.iter().any(|value| value == ""))
        };
        // Names of functions are written with dots or, where those are not allowed, with underscores.
        (call.name == self.name || call.name == self.name.replace('.', "_"))
            && self.required.iter().all(|argument| call.arguments.contains_key(argument))
            && call.arguments.iter().all(fits)
            && self.arguments.iter().all(may_be_left_out)
    }
}

/// Whether a value is of a described type; a whole number may stand for one with a fraction, not the other way round.
fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "integer" => value.is_i64() || value.is_u64(),
        "float" | "number" | "double" => value.is_number(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" | "tuple" => value.is_array(),
        "dict" | "object" => value.is_object(),
        _ => true,
    }
}

/// Whether a value is a right one. Texts are compared in small letters without blanks and marks; what is within a list or
/// a dictionary of right values is a list of right ones again, or the value itself.
fn same(value: &Value, right: &Value) -> bool {
    match (value, right) {
        (Value::String(value), Value::String(right)) => plain(value) == plain(right),
        (Value::Number(value), Value::Number(right)) => value.as_f64() == right.as_f64(),
        (Value::Array(value), Value::Array(right)) => {
            value.len() == right.len() && value.iter().zip(right).all(|(value, right)| same(value, right))
        }
        (Value::Object(value), Value::Object(right)) => {
            let any = |value: &Value, right: &Value| match right {
                Value::Array(all) => all.iter().any(|right| same(value, right)) || same(value, right),
                one => same(value, one),
            };
            value.iter().all(|(key, value)| right.get(key).is_some_and(|right| any(value, right)))
                && right.iter().all(|(key, right)| {
                    value.contains_key(key) || right.as_array().is_some_and(|all| all.iter().any(|right| right == ""))
                })
        }
        _ => value == right,
    }
}

/// `standardize_string` of the leaderboard's checker.
fn plain(text: &str) -> String {
    let kept = text.chars().filter(|c| !" ,./-_*^".contains(*c)).flat_map(char::to_lowercase);
    kept.map(|c| if c == '\'' { '"' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted() -> Calls {
        let parameters = json!({
            "type": "dict", "required": ["base"],
            "properties": {
                "base": {"type": "integer"}, "unit": {"type": "string"}, "rate": {"type": "float"},
                "tags": {"type": "array"}, "place": {"type": "dict"},
            },
        });
        let functions = [json!({"name": "math.area", "parameters": parameters})];
        let right = json!({"math.area": {
            "base": [10], "unit": ["sq. cm", ""], "rate": [2.0, ""], "tags": [["A", "b"], ""], "place": [{"city": ["Kiel"]}, ""],
        }});
        Calls::new(&functions, &[right.as_object().unwrap().clone()]).unwrap()
    }

    #[test]
    fn a_right_call_may_leave_out_what_is_optional_and_spell_texts_otherwise() {
        for answer in [
            "[math.area(base=10)]",
            "math_area(base=10, unit='Sq cm')",
            "[math.area(base=10, rate=2, tags=['a', 'B'], place={'city': 'kiel'})]",
        ] {
            assert!(wanted().are_made(answer), "{answer}");
        }
    }

    #[test]
    fn a_wrong_call_is_one_of_another_name_value_type_or_number() {
        for answer in [
            "",
            "[math.area()]",
            "[area(base=10)]",
            "[math.area(base=11)]",
            "[math.area(base=10.0)]",
            "[math.area(base='10')]",
            "[math.area(base=10, height=3)]",
            "[math.area(base=10, tags=['b', 'a'])]",
            "[math.area(base=10, place={'city': 'Bonn'})]",
            "[math.area(base=10), math.area(base=10)]",
        ] {
            assert!(!wanted().are_made(answer), "{answer}");
        }
    }

    #[test]
    fn a_call_of_a_function_that_is_not_described_is_no_ground_truth() {
        let right = json!({"other": {"a": [1]}});
        assert!(Calls::new(&[json!({"name": "f"})], &[right.as_object().unwrap().clone()]).is_err());
    }
}
