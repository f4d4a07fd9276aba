//! The calls of a bracketed text that is complete.

use serde_json::Value;

use super::scan::{Notation, elements, split};
use super::{Call, literal};

/// The calls that `body` writes, after the name `head` where the notation puts it first. Nothing where it is none.
pub fn calls(head: &str, body: &str, notation: Notation) -> Option<Vec<Call>> {
    Some(match (named(head), notation) {
        (Some(name), _) => vec![Call { name: name.to_owned(), arguments: object(body)? }],
        (None, Notation::Python) => literal::calls(body)?,
        (None, Notation::Json) if body.starts_with('[') => {
            let all = serde_json::from_str::<Value>(body).ok().map(|_| elements(body, ('[', ']'), notation));
            all??.into_iter().map(written).collect::<Option<Vec<Call>>>()?
        }
        (None, Notation::Json) => vec![written(body)?],
    })
}

/// The name before `[CALL_ID]…` and `[ARGS]`.
fn named(head: &str) -> Option<&str> {
    let end = ["[CALL_ID]", "[ARGS]"].iter().filter_map(|marker| head.find(marker)).min().unwrap_or(head.len());
    Some(head[..end].trim()).filter(|name| !name.is_empty())
}

/// A call as an object with `name`, and `arguments` or `parameters`.
fn written(text: &str) -> Option<Call> {
    let Value::Object(fields) = serde_json::from_str::<Value>(text).ok()? else { return None };
    let name = fields.get("name")?.as_str()?.to_owned();
    let key = ["arguments", "parameters"].into_iter().find(|key| fields.contains_key(*key));
    let arguments = match key {
        None => "{}".to_owned(),
        Some(key) => object(member(text, key)?)?,
    };
    Some(Call { name, arguments })
}

/// The text of a member, for its numbers may be longer than a `Value` holds.
fn member<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    let members = elements(object, ('{', '}'), Notation::Json)?;
    // As parsers have it, the last of two with one name counts.
    members.into_iter().rev().find_map(|member| {
        let name = *split(member, ':', Notation::Json).first()?;
        let is_it = serde_json::from_str::<String>(name).is_ok_and(|name| name == key);
        is_it.then(|| member.get(name.len() + 1..))?
    })
}

/// An object as it is written; a string that holds one counts as it, and nothing as an empty one.
fn object(text: &str) -> Option<String> {
    let text = text.trim();
    match serde_json::from_str::<Value>(text).ok()? {
        Value::Object(_) => Some(text.to_owned()),
        Value::Null => Some("{}".to_owned()),
        Value::String(inner) => match serde_json::from_str::<Value>(&inner).ok()? {
            Value::Object(_) => Some(inner.trim().to_owned()),
            _ => None,
        },
        _ => None,
    }
}
