//! `call:f{key:<|"|>text<|"|>,n:3}` as a grammar.

use std::cell::Cell;

use plimsoll_engine::Tokenizer;
use plimsoll_grammar::{Grammar, Member, Schema, Spelling};
use serde_json::{Map, Value, json};

use super::arguments::{
    NOT_ONE_BY_ONE, Unwritable, enumerated, is_any_text, marker, members, not_as_text, separated, through,
};
use super::braced::QUOTE;
use super::grammar::Callable;
use super::kinds::{Kinds, referred};

/// Schemas within one another that are followed.
const DEEPEST: usize = 8;

/// Values that a call's grammar may have: those that references lead to are there once for each reference.
const MOST_VALUES: usize = 1024;

/// Writes calls for a vocabulary.
pub struct Braces {
    quote: Grammar,
    /// Values that the grammar of a call may still have.
    left: Cell<usize>,
}

impl Braces {
    /// With the vocabulary's quote.
    pub fn new(tokenizer: &Tokenizer) -> Braces {
        Braces { quote: marker(tokenizer, QUOTE), left: Cell::new(0) }
    }

    /// A call; its arguments are in the order of their names, as templates write them.
    pub fn call(&self, tool: &Callable) -> Result<Grammar, Unwritable> {
        self.left.set(MOST_VALUES);
        let value = |member: &Member| {
            let (schema, root) = (member.schema.as_json(), &member.schema);
            let value = self.value(schema, root, DEEPEST).or_else(|| (!tool.is_held).then(|| self.any(schema)));
            value.ok_or_else(|| not_as_text(&member.name))
        };
        let arguments = object(members(tool)?, value)?;
        Ok(Grammar::Sequence(vec![Grammar::text(format!("call:{}", tool.name)), arguments]))
    }

    /// A value of a schema; nothing where it cannot be held to it.
    fn value(&self, schema: &Value, root: &Schema, depth: usize) -> Option<Grammar> {
        let depth = depth.checked_sub(1)?;
        self.left.set(self.left.get().checked_sub(1)?);
        let none = Map::new();
        let keywords = schema.as_object().unwrap_or(&none);
        let is_only = |known: &[&str]| {
            keywords.keys().all(|keyword| known.contains(&keyword.as_str()) || is_definitions(keyword))
        };
        if let Some(target) = referred(keywords, root.as_json()).filter(|_| is_only(&["$ref"])) {
            return self.value(target, root, depth);
        }
        if let Some(Value::Array(parts)) = keywords.get("anyOf").filter(|_| is_only(&["anyOf"])) {
            let parts = parts.iter().map(|part| self.value(part, root, depth)).collect::<Option<_>>();
            return parts.map(Grammar::Choice);
        }
        if let Some(values) = enumerated(schema) {
            return values.iter().map(|value| self.one(value)).collect::<Option<_>>().map(Grammar::Choice);
        }
        let kinds = Kinds::of(schema, root.as_json());
        match keywords.get("type").and_then(Value::as_str) {
            _ if kinds.has_string() => is_any_text(schema).then(|| self.any(schema)),
            _ if kinds.is_flat() => Some(Grammar::Json(root.part(schema), Spelling::Usual)),
            Some("array") if is_only(&["type", "items", "minItems", "maxItems"]) => {
                let item = self.value(keywords.get("items").unwrap_or(&Value::Bool(true)), root, depth)?;
                list(&item, count(keywords, "minItems").unwrap_or(0), count(keywords, "maxItems"))
            }
            Some("object") if keywords.contains_key("properties") => {
                let members = root.part(schema).members()?;
                object(members, |member| {
                    self.value(member.schema.as_json(), root, depth).ok_or_else(|| not_as_text(&member.name))
                })
                .ok()
            }
            _ => None,
        }
    }

    /// Any text, or what else a schema lets a value be that is no list and no object.
    fn any(&self, schema: &Value) -> Grammar {
        let kinds = Kinds::of(schema, schema);
        let text = Grammar::Sequence(vec![self.quote.clone(), through(&self.quote, QUOTE)]);
        let names = kinds.scalars();
        let others = if names.is_empty() { None } else { scalar(json!({ "type": names })) };
        Grammar::Choice([text].into_iter().chain(others).collect())
    }

    /// This value.
    fn one(&self, value: &Value) -> Option<Grammar> {
        match value {
            Value::String(text) if text.contains(QUOTE) => None,
            Value::String(text) => {
                Some(Grammar::Sequence(vec![self.quote.clone(), Grammar::text(text), self.quote.clone()]))
            }
            Value::Array(_) | Value::Object(_) => None,
            scalar => Some(Grammar::text(scalar.to_string())),
        }
    }
}

fn is_definitions(keyword: &str) -> bool {
    ["$defs", "definitions"].contains(&keyword)
}

/// What is written as JSON writes it.
fn scalar(schema: Value) -> Option<Grammar> {
    Some(Grammar::Json(Schema::read(&schema).ok()?, Spelling::Usual))
}

fn count(keywords: &Map<String, Value>, name: &str) -> Option<usize> {
    keywords.get(name).and_then(Value::as_u64).map(|count| count as usize)
}

fn list(item: &Grammar, least: usize, most: Option<usize>) -> Option<Grammar> {
    let empty = Grammar::text("[]");
    if most == Some(0) {
        return (least == 0).then_some(empty);
    }
    let more = Grammar::Sequence(vec![Grammar::text(","), item.clone()]);
    let more = Grammar::Repeat(Box::new(more), least.saturating_sub(1), most.map(|most| most - 1));
    let some = Grammar::Sequence(vec![Grammar::text("["), item.clone(), more, Grammar::text("]")]);
    Some(if least == 0 { Grammar::Choice(vec![empty, some]) } else { some })
}

/// `{key:value,…}`.
fn object(
    mut members: Vec<Member>,
    value: impl Fn(&Member) -> Result<Grammar, Unwritable>,
) -> Result<Grammar, Unwritable> {
    members.sort_by_key(|member| member.name.to_lowercase());
    let argument = |member: &Member| {
        if member.name.is_empty()
            || member.name.contains(|letter: char| " :,{}[]<".contains(letter) || letter.is_control())
        {
            return Err(NOT_ONE_BY_ONE.to_owned());
        }
        let key = Grammar::text(format!("{}:", member.name));
        Ok((member.is_required, Grammar::Sequence(vec![key, value(member)?])))
    };
    let arguments = members.iter().map(argument).collect::<Result<Vec<_>, _>>()?;
    Ok(Grammar::Sequence(vec![Grammar::text("{"), separated(&arguments, ","), Grammar::text("}")]))
}

#[cfg(test)]
mod tests {
    use plimsoll_engine::grammars;

    use super::*;
    use crate::made_up::tokenizer;

    #[test]
    fn a_text_stands_between_tokens_where_the_vocabulary_has_them() {
        let tokenizer = tokenizer();
        let mut controls = (0..tokenizer.vocab_size() as u32).filter(|id| tokenizer.is_control(*id));
        let (eos, quote) = (controls.next().expect("there is one"), controls.next().expect("there is another"));
        let grammars = grammars(&tokenizer, tokenizer.vocab_size(), &[eos]).expect("a token ends answers");
        let maybe = json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] });
        let properties = json!({ "text": maybe, "word": { "enum": ["yes", 3] } });
        let schema = json!({ "type": "object", "properties": properties, "required": ["text", "word"] });
        let arguments = Schema::read(&schema).expect("it is enforced");
        let tool = Callable { name: "f".to_owned(), arguments, is_held: true };
        let call = Braces { quote: Grammar::Token(quote), left: Cell::new(0) }.call(&tool).expect("it is written");
        let constraint = grammars.compile(&call).expect("it compiles");
        // `"` is the token.
        let allows = |answer: &str| {
            let mut constraint = constraint.clone();
            let mut goes_on = |(at, text): (usize, &str)| {
                (at == 0 || constraint.accept(quote).is_ok()) && (text.is_empty() || constraint.accept_text(text))
            };
            answer.split('"').enumerate().all(&mut goes_on) && constraint.may_end()
        };
        for (answer, is_allowed) in [
            ("call:f{text:\"any, }\n\",word:\"yes\"}", true),
            ("call:f{text:\"\",word:3}", true),
            ("call:f{text:null,word:3}", true),
            ("call:f{text:any,word:3}", false),
            ("call:f{text:\"any\",word:\"no\"}", false),
            ("call:f{text:\"any\"}", false),
            ("call:g{text:\"any\",word:3}", false),
        ] {
            assert_eq!(allows(answer), is_allowed, "{answer}");
        }
    }

    /// `a` is written out a hundred times a hundred times.
    fn definitions() -> Value {
        let hundred = |name: &str| json!({ "anyOf": vec![json!({ "$ref": format!("#/$defs/{name}") }); 100] });
        json!({ "a": hundred("b"), "b": hundred("c"), "c": { "type": "integer" } })
    }

    #[test]
    fn what_has_no_word_is_refused_by_name() {
        let braces = Braces { quote: Grammar::text(QUOTE), left: Cell::new(0) };
        let call = |schema: Value, is_held: bool| {
            let schema = json!({ "type": "object", "properties": { "x": schema }, "$defs": definitions() });
            let arguments = Schema::read(&schema).expect("it is enforced");
            braces.call(&Callable { name: "f".to_owned(), arguments, is_held })
        };
        for schema in [
            json!({ "type": "string", "maxLength": 3 }),
            json!({ "type": "string", "format": "date" }),
            json!({ "type": "object" }),
            json!({ "type": "array", "items": { "type": "string", "pattern": "a" } }),
            json!({ "enum": [[1]] }),
            json!({ "$ref": "#/$defs/a" }),
        ] {
            let why = call(schema.clone(), true).expect_err("there is no word for it");
            assert!(why.contains("`x`"), "{schema}: {why}");
            assert!(call(schema, false).is_ok());
        }
        assert!(call(json!({ "type": "array", "items": { "type": ["string", "null"] }, "maxItems": 2 }), true).is_ok());
    }
}
