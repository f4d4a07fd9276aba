//! A call's arguments as a grammar, in each of the ways in which models write them.

use plimsoll_engine::Tokenizer;
use plimsoll_grammar::{Grammar, Member, Spelling};
use serde_json::Value;

use super::grammar::Callable;
use super::kinds::{Kinds, typed};
use super::tags::Marks;

/// Arguments that are written one by one, at most.
const MOST_ARGUMENTS: usize = 64;

/// Why a language that writes arguments one by one cannot hold to a schema.
pub const NOT_ONE_BY_ONE: &str = "this model writes arguments one by one, so a tool's parameters have to be an object's \
                              `properties` and nothing else";

/// Why there is no grammar of a call.
pub type Unwritable = String;

/// A control token where the vocabulary has one of this name, else its text.
pub fn marker(tokenizer: &Tokenizer, text: &str) -> Grammar {
    tokenizer.control(text).map_or_else(|| Grammar::text(text), Grammar::Token)
}

/// Text up to a mark, and that.
pub fn through(mark: &Grammar, text: &str) -> Grammar {
    match mark {
        Grammar::Text(end) => Grammar::Through { end: end.clone(), not_beginning: None },
        token => {
            let rest = Grammar::Rest { without: vec![text.to_owned()], not_beginning: None };
            Grammar::Sequence(vec![rest, token.clone()])
        }
    }
}

/// The arguments of a tool, one by one.
pub fn members(tool: &Callable) -> Result<Vec<Member>, Unwritable> {
    let members = tool.arguments.members().filter(|members| members.len() <= MOST_ARGUMENTS);
    members.ok_or_else(|| NOT_ONE_BY_ONE.to_owned())
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Members with `between` two of them, those that have to be there and any of the others.
pub fn separated(members: &[(bool, Grammar)], between: &str) -> Grammar {
    let Some(((is_required, next), left)) = members.split_first() else { return Grammar::text("") };
    let further = |(is_required, member): &(bool, Grammar)| {
        let member = Grammar::Sequence(vec![Grammar::text(between), member.clone()]);
        if *is_required { member } else { member.optional() }
    };
    let here = Grammar::Sequence([next.clone()].into_iter().chain(left.iter().map(further)).collect());
    if *is_required { here } else { Grammar::Choice(vec![here, separated(left, between)]) }
}

/// `f(a=1, b="x")`.
pub fn as_python(tool: &Callable) -> Result<Grammar, Unwritable> {
    let members = members(tool)?;
    if !members.iter().all(|member| is_word(&member.name)) || !is_word(&tool.name) {
        return Err(NOT_ONE_BY_ONE.to_owned());
    }
    let argument = |member: &Member| {
        let value = Grammar::Json(member.schema.clone(), Spelling::AsPython);
        (member.is_required, Grammar::Sequence(vec![Grammar::text(format!("{}=", member.name)), value]))
    };
    let arguments: Vec<(bool, Grammar)> = members.iter().map(argument).collect();
    let head = Grammar::text(format!("{}(", tool.name));
    Ok(Grammar::Sequence(vec![head, separated(&arguments, ", "), Grammar::text(")")]))
}

/// What a form puts between a call's parts, as a vocabulary has it.
pub struct Written<'a> {
    marks: &'a Marks,
    key: (Grammar, Grammar),
    value: (Grammar, Grammar),
    end: Grammar,
}

impl Written<'_> {
    /// These marks in a vocabulary.
    pub fn new<'a>(marks: &'a Marks, tokenizer: &Tokenizer) -> Written<'a> {
        let both = |(open, close): (&str, &str)| (marker(tokenizer, open), marker(tokenizer, close));
        let value = if marks.value.0.is_empty() { ("", marks.value.1) } else { marks.value };
        Written { marks, key: both(marks.key), value: both(value), end: marker(tokenizer, marks.end) }
    }

    /// A call with its arguments between marks.
    pub fn call(&self, tool: &Callable) -> Result<Grammar, Unwritable> {
        let line = Grammar::text(if self.marks.has_lines { "\n" } else { "" });
        let (open, close) = self.marks.name;
        let mut parts = vec![line.clone(), Grammar::text(format!("{open}{}{close}", tool.name)), line.clone()];
        for member in members(tool)? {
            if member.name.contains(['<', '>']) || member.name.contains(char::is_control) {
                return Err(NOT_ONE_BY_ONE.to_owned());
            }
            let key = [self.key.0.clone(), Grammar::text(&member.name), self.key.1.clone(), self.value.0.clone()];
            let value = [line.clone(), self.value(&member, tool.is_held)?, line.clone()];
            let argument = Grammar::Sequence(key.into_iter().chain(value).collect());
            parts.push(if member.is_required { argument } else { argument.optional() });
        }
        parts.push(self.end.clone());
        Ok(Grammar::Sequence(parts))
    }

    /// A value and what closes it.
    fn value(&self, member: &Member, is_held: bool) -> Result<Grammar, Unwritable> {
        let (schema, close) = (member.schema.as_json(), &self.value.1);
        let line = if self.marks.has_lines { "\n" } else { "" };
        let closed = |value: Grammar| Grammar::Sequence(vec![value, Grammar::text(line), close.clone()]);
        if !Kinds::of(schema, schema).has_string() {
            return Ok(closed(Grammar::Json(member.schema.clone(), Spelling::Usual)));
        }
        if is_any_text(schema) || !is_held {
            return Ok(through(close, self.marks.value.1));
        }
        let choices = enumerated(schema).and_then(|values| {
            let value = |value: &Value| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                // It has to be read as what it is.
                let is_read =
                    serde_json::from_str::<Value>(&typed(&text, schema, schema)).is_ok_and(|read| read == *value);
                (is_read && !text.contains(self.marks.value.1)).then(|| closed(Grammar::text(text)))
            };
            values.iter().map(value).collect::<Option<Vec<Grammar>>>()
        });
        choices.map(Grammar::Choice).ok_or_else(|| not_as_text(&member.name))
    }
}

/// Why a form in which texts stand as they are cannot hold to a schema.
pub fn not_as_text(name: &str) -> Unwritable {
    format!(
        "this model writes values in a form of its own, in which `{name}` can be any text or one of an `enum`, but \
         cannot be held to more than that"
    )
}

/// Whether a value may be every text, and whatever else its types allow.
pub fn is_any_text(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else { return schema == &Value::Bool(true) };
    let is_free = |(keyword, operand): (&String, &Value)| match keyword.as_str() {
        "type" | "$defs" | "definitions" => true,
        "anyOf" => operand.as_array().is_some_and(|parts| parts.iter().all(is_any_of_type)),
        _ => false,
    };
    schema.iter().all(is_free) && !(schema.contains_key("type") && schema.contains_key("anyOf"))
}

/// Whether a schema says no more than what type a value has.
fn is_any_of_type(schema: &Value) -> bool {
    schema.as_object().is_some_and(|schema| schema.keys().all(|keyword| keyword == "type"))
}

/// The values that a schema names one by one, where it says nothing else but their type.
pub fn enumerated(schema: &Value) -> Option<Vec<Value>> {
    let keywords = schema.as_object()?;
    let is_plain = |keyword: &String| ["type", "enum", "const", "$defs", "definitions"].contains(&keyword.as_str());
    if !keywords.keys().all(is_plain) {
        return None;
    }
    let values = match (keywords.get("enum"), keywords.get("const")) {
        (Some(Value::Array(values)), None) => values.clone(),
        (None, Some(value)) => vec![value.clone()],
        _ => return None,
    };
    let kinds = Kinds::of(schema, schema);
    values.iter().all(|value| kinds.admits(value)).then_some(values)
}
