//! Values written through masks.

use plimsoll_grammar::{Constraint, ConstraintError, Grammar, Grammars, Schema, Spelling, Token};
use serde_json::{Map, Value};

/// Orders of members that are tried of one value.
const MOST_ORDERS: usize = 5000;

/// Masks over a vocabulary of bytes.
pub struct Masks(Grammars);

impl Masks {
    /// Each byte is a token, and one more ends an answer.
    pub fn of_bytes() -> Masks {
        let bytes: Vec<[u8; 1]> = (0..=255u8).map(|byte| [byte]).collect();
        let texts = bytes.iter().map(|byte| Token { bytes: byte, is_control: false });
        let end = Token { bytes: b"<end>", is_control: true };
        Masks(Grammars::new(texts.chain([end]), &[256]).unwrap())
    }

    pub fn compile(&self, schema: &Schema) -> Result<Constraint, ConstraintError> {
        self.0.compile(&Grammar::Json(schema.clone(), Spelling::Usual))
    }

    /// Whether a value can be written in some order of its members.
    pub fn allows(&self, constraint: &Constraint, value: &Value) -> bool {
        orders(value).iter().any(|value| writes(constraint.clone(), spelled(value).as_bytes()))
    }
}

/// Whether the masks let all of it through, and the answer may end then.
pub fn writes(mut constraint: Constraint, text: &[u8]) -> bool {
    for &byte in text {
        let token = u32::from(byte);
        if !constraint.mask().unwrap().allows(token) || constraint.accept(token).is_err() {
            return false;
        }
    }
    constraint.mask().unwrap().allows(256)
}

/// The value as JSON, with numbers spelled as whole where they are.
fn spelled(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(",");
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{float:.0}"),
            _ => value.to_string(),
        },
        Value::Array(items) => format!("[{}]", joined(items.iter().map(spelled).collect())),
        Value::Object(members) => {
            let member =
                |(name, member): (&String, &Value)| format!("{}:{}", Value::from(name.as_str()), spelled(member));
            format!("{{{}}}", joined(members.iter().map(member).collect()))
        }
        other => other.to_string(),
    }
}

/// The value with its members in every order.
fn orders(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => {
            let mut all = vec![Vec::new()];
            for item in items {
                let variants = orders(item);
                let longer = all.iter().flat_map(|before| {
                    variants.iter().map(|item| before.iter().cloned().chain([item.clone()]).collect::<Vec<Value>>())
                });
                all = longer.take(MOST_ORDERS).collect();
            }
            all.into_iter().map(Value::Array).collect()
        }
        Value::Object(members) => {
            let members: Vec<(&String, Vec<Value>)> =
                members.iter().map(|(name, member)| (name, orders(member))).collect();
            let mut found = Vec::new();
            permute(&members, &mut Vec::new(), &Map::new(), &mut found);
            found
        }
        other => vec![other.clone()],
    }
}

fn permute(
    members: &[(&String, Vec<Value>)],
    used: &mut Vec<usize>,
    before: &Map<String, Value>,
    found: &mut Vec<Value>,
) {
    if used.len() == members.len() {
        found.push(Value::Object(before.clone()));
        return;
    }
    for (at, (name, variants)) in members.iter().enumerate() {
        if used.contains(&at) || found.len() >= MOST_ORDERS {
            continue;
        }
        used.push(at);
        for variant in variants {
            let mut longer = before.clone();
            longer.insert((*name).clone(), variant.clone());
            permute(members, used, &longer, found);
        }
        used.pop();
    }
}
