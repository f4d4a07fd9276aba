//! One line of a file of questions.

use std::fmt;
use std::path::Path;

use plimsoll_vision::{Picture, VisionError};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::check::{Check, compiled, validator};
use super::error::{Flaw, did_you_mean};
use super::number::whole;
use crate::paired::OVERALL;
use crate::score::Scoring;
use crate::suite::{Framing, Image, Item, Message, Role, hash};

/// What a line may hold.
pub const KEYS: [&str; 12] = [
    "id",
    "category",
    "prompt",
    "messages",
    "images",
    "expected",
    "check",
    "choices",
    "schema",
    "ignore_case",
    "tolerance",
    "max_tokens",
];
/// What a question is counted under where its line says nothing.
pub const DEFAULT_CATEGORY: &str = "questions";
/// Room for an answer where its line says nothing, in tokens.
pub const DEFAULT_MAX_TOKENS: usize = 256;
/// Most that a line may ask for, in tokens.
const MOST_TOKENS: u64 = 65_536;
/// Characters of an id or a category: they stand in tables.
const MOST_IN_NAME: usize = 64;
const MOST_CHOICES: usize = 64;
const MOST_IMAGES: usize = 16;
/// Bytes of one picture's file.
const MOST_IMAGE_BYTES: u64 = 64 << 20;

/// A question and whether it has an id of its own.
pub(super) struct Parsed {
    pub item: Item,
    pub has_id: bool,
}

/// The question of one line; its pictures' paths are those of `folder`.
pub(super) fn parsed(text: &str, folder: &Path) -> Result<Parsed, Flaw> {
    let fields = Fields::of(text)?;
    let (prompt, earlier) = words(&fields)?;
    let images = images(&fields, folder)?;
    let check = check(&fields)?;
    let category = fields.name("category")?.unwrap_or_else(|| DEFAULT_CATEGORY.to_owned());
    if category == OVERALL {
        return Err(Flaw::field("category", format!("another name than `{OVERALL}`, which stands for all"), "it"));
    }
    let id = fields.name("id")?;
    let mut item = Item {
        id: String::new(),
        category,
        prompt,
        scoring: Scoring::Check(check),
        max_tokens: fields.count("max_tokens", MOST_TOKENS)?.unwrap_or(DEFAULT_MAX_TOKENS),
        picture: None,
        framing: Framing { earlier, images, ..Framing::default() },
    };
    let has_id = id.is_some();
    item.id = id.unwrap_or_else(|| {
        let digest = hash::sha256_hex(hash::canonical_json(&item).as_bytes());
        format!("{}-{}", item.category, &digest[..12])
    });
    Ok(Parsed { item, has_id })
}

/// The keys of a line and what stands under each.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(text: &str) -> Result<Fields, Flaw> {
        let not_json = |reason: String| Flaw::NotJson { reason };
        let Pairs(pairs) = serde_json::from_str(text).map_err(|error| match serde_json::from_str::<Value>(text) {
            Ok(other) => not_json(format!("it is {}", kind(&other))),
            Err(_) => not_json(reason(&error)),
        })?;
        let mut object = Map::new();
        for (key, value) in pairs {
            if !KEYS.contains(&key.as_str()) {
                return Err(Flaw::UnknownKey { meant: did_you_mean(&key, &KEYS), key });
            }
            if object.insert(key.clone(), value).is_some() {
                return Err(Flaw::KeyTwice { key });
            }
        }
        Ok(Fields(object))
    }

    /// What stands under `key`; `null` is as nothing.
    fn get(&self, key: &'static str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &'static str) -> Result<Option<&str>, Flaw> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Err(Flaw::field(key, "a text", "an empty one")),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Flaw::field(key, "a text", kind(other))),
        }
    }

    /// A text that stands in tables and messages.
    fn name(&self, key: &'static str) -> Result<Option<String>, Flaw> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if text.chars().count() > MOST_IN_NAME || text.chars().any(char::is_control) {
            let expected = format!("a name of at most {MOST_IN_NAME} characters on one line");
            return Err(Flaw::field(key, expected, "another text"));
        }
        Ok(Some(text.trim().to_owned()))
    }

    fn truth(&self, key: &'static str) -> Result<bool, Flaw> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(truth)) => Ok(*truth),
            Some(other) => Err(Flaw::field(key, "true or false", kind(other))),
        }
    }

    fn count(&self, key: &'static str, most: u64) -> Result<Option<usize>, Flaw> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64() {
            Some(count) if (1..=most).contains(&count) => Ok(Some(count as usize)),
            _ => Err(Flaw::field(key, format!("a whole number from 1 to {most}"), value.to_string())),
        }
    }

    /// A text or a list of texts, none of them empty.
    fn texts(&self, key: &'static str) -> Result<Option<Vec<String>>, Flaw> {
        let one = |value: &Value, at: String| match value {
            Value::String(text) if text.trim().is_empty() => Err(Flaw::field(at, "a text", "an empty one")),
            Value::String(text) => Ok(text.clone()),
            other => Err(Flaw::field(at, "a text", kind(other))),
        };
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(list)) if list.is_empty() => Err(Flaw::field(key, "a list of texts", "an empty one")),
            Some(Value::Array(list)) => list
                .iter()
                .enumerate()
                .map(|(i, value)| one(value, format!("{key}[{i}]")))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(value) => one(value, key.to_owned()).map(|text| Some(vec![text])),
        }
    }
}

/// The question's words and the messages before them.
fn words(fields: &Fields) -> Result<(String, Vec<Message>), Flaw> {
    match (fields.text("prompt")?, fields.get("messages")) {
        (Some(prompt), None) => Ok((prompt.to_owned(), Vec::new())),
        (None, Some(Value::Array(list))) => conversation(list),
        (None, Some(other)) => Err(Flaw::field("messages", "a list of messages", kind(other))),
        (None, None) => Err(Flaw::Missing { field: "prompt", why: "a question has it, or `messages`" }),
        (Some(_), Some(_)) => Err(Flaw::field("messages", "left out beside `prompt`", "both")),
    }
}

fn conversation(list: &[Value]) -> Result<(String, Vec<Message>), Flaw> {
    let mut messages = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        messages.push(message(index, value)?);
    }
    match messages.pop() {
        Some(Message { role: Role::User, content }) => Ok((content, messages)),
        Some(_) => Err(Flaw::field("messages", "a list that ends with a message of the user", "another last one")),
        None => Err(Flaw::field("messages", "a list of messages", "an empty one")),
    }
}

fn message(index: usize, value: &Value) -> Result<Message, Flaw> {
    let at = |key: &str| format!("messages[{index}].{key}");
    let Value::Object(object) = value else {
        return Err(Flaw::field(format!("messages[{index}]"), "an object with `role` and `content`", kind(value)));
    };
    if let Some(key) = object.keys().find(|key| !["role", "content"].contains(&key.as_str())) {
        return Err(Flaw::field(format!("messages[{index}]"), "`role` and `content` and no more", format!("`{key}`")));
    }
    let role = match object.get("role").and_then(Value::as_str) {
        Some("system") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => {
            let found = object.get("role").map_or("nothing".to_owned(), Value::to_string);
            return Err(Flaw::field(at("role"), "`system`, `user` or `assistant`", found));
        }
    };
    match object.get("content") {
        Some(Value::String(content)) if !content.trim().is_empty() => Ok(Message { role, content: content.clone() }),
        Some(Value::String(_)) => Err(Flaw::field(at("content"), "a text", "an empty one")),
        Some(Value::Array(_)) => Err(Flaw::field(at("content"), "a text (pictures stand in `images`)", "a list")),
        Some(other) => Err(Flaw::field(at("content"), "a text", kind(other))),
        None => Err(Flaw::field(at("content"), "a text", "nothing")),
    }
}

fn images(fields: &Fields, folder: &Path) -> Result<Vec<Image>, Flaw> {
    let paths = fields.texts("images")?.unwrap_or_default();
    if paths.len() > MOST_IMAGES {
        return Err(Flaw::field("images", format!("at most {MOST_IMAGES} pictures"), paths.len().to_string()));
    }
    paths.iter().map(|path| image(&folder.join(path))).collect()
}

/// The picture at `path`, decoded once to know that it is one.
fn image(path: &Path) -> Result<Image, Flaw> {
    let unusable = |reason: String| Flaw::Picture { reason };
    let cannot = |error: std::io::Error| unusable(format!("`{}` cannot be read: {error}", path.display()));
    let facts = std::fs::metadata(path).map_err(cannot)?;
    if !facts.is_file() || facts.len() > MOST_IMAGE_BYTES {
        return Err(unusable(format!("`{}` is no file of at most {MOST_IMAGE_BYTES} bytes", path.display())));
    }
    let bytes = std::fs::read(path).map_err(cannot)?;
    let image = Image::new(&path.display().to_string(), bytes);
    let decoded: Result<Picture, VisionError> = image.picture();
    decoded.map_err(|error| unusable(error.to_string()))?;
    Ok(image)
}

/// How the answer is marked: as the line says, else as what it holds suggests.
fn check(fields: &Fields) -> Result<Check, Flaw> {
    let expects_number = matches!(fields.get("expected"), Some(Value::Number(_)));
    let name = match fields.text("check")? {
        Some(name) => *Check::NAMES.iter().find(|known| **known == name).ok_or_else(|| Flaw::UnknownCheck {
            found: name.to_owned(),
            meant: did_you_mean(name, &Check::NAMES),
            known: &Check::NAMES,
        })?,
        None if fields.get("schema").is_some() => "json-schema",
        None if fields.get("choices").is_some() => "choice",
        None if expects_number => "number",
        None => "exact",
    };
    let uses: &[&str] = match name {
        "exact" | "contains" => &["expected", "ignore_case"],
        "number" => &["expected", "tolerance"],
        "choice" => &["expected", "choices"],
        "json-schema" => &["schema"],
        _ => &["expected"],
    };
    for field in ["expected", "choices", "schema", "ignore_case", "tolerance"] {
        if fields.get(field).is_some() && !uses.contains(&field) {
            return Err(Flaw::Unused { field, check: name });
        }
    }
    let missing = |field, why| Flaw::Missing { field, why };
    let expected = || fields.texts("expected")?.ok_or_else(|| missing("expected", "it is what is right"));
    Ok(match name {
        "exact" => Check::Exact { expected: expected()?, ignore_case: fields.truth("ignore_case")? },
        "contains" => Check::Contains { expected: expected()?, ignore_case: fields.truth("ignore_case")? },
        "regex" => Check::Regex { expected: patterns(expected()?)? },
        "number" => number(fields)?,
        "choice" => {
            let choices = fields.texts("choices")?.ok_or_else(|| missing("choices", "a choice is between them"))?;
            choice(choices, expected()?)?
        }
        _ => {
            let schema = fields.get("schema").ok_or_else(|| missing("schema", "it is what JSON is held against"))?;
            validator(schema).map_err(|reason| Flaw::Schema { reason })?;
            Check::JsonSchema { schema: schema.clone() }
        }
    })
}

fn patterns(patterns: Vec<String>) -> Result<Vec<String>, Flaw> {
    for pattern in &patterns {
        let regex = compiled(pattern).map_err(|error| Flaw::Regex { reason: one_line(&error.to_string()) })?;
        if regex.is_match("") {
            let reason = format!("`{pattern}` matches an empty text, so that no answer at all would be right");
            return Err(Flaw::Regex { reason });
        }
    }
    Ok(patterns)
}

fn number(fields: &Fields) -> Result<Check, Flaw> {
    let one = |value: &Value, at: &str| match value {
        Value::Number(number) => number.as_f64().ok_or_else(|| Flaw::field(at, "a number", "a longer one")),
        Value::String(text) => whole(text).ok_or_else(|| Flaw::field(at, "a number", format!("{text:?}"))),
        other => Err(Flaw::field(at, "a number", kind(other))),
    };
    let expected = match fields.get("expected") {
        None => return Err(Flaw::Missing { field: "expected", why: "it is what is right" }),
        Some(Value::Array(list)) if list.is_empty() => {
            return Err(Flaw::field("expected", "a list of numbers", "an empty one"));
        }
        Some(Value::Array(list)) => {
            list.iter().enumerate().map(|(i, value)| one(value, &format!("expected[{i}]"))).collect::<Result<_, _>>()?
        }
        Some(value) => vec![one(value, "expected")?],
    };
    let tolerance = match fields.get("tolerance") {
        None => 0.0,
        Some(value) => match value.as_f64() {
            Some(tolerance) if tolerance >= 0.0 => tolerance,
            _ => return Err(Flaw::field("tolerance", "a number, 0 or more", value.to_string())),
        },
    };
    Ok(Check::Number { expected, tolerance })
}

fn choice(choices: Vec<String>, expected: Vec<String>) -> Result<Check, Flaw> {
    if !(2..=MOST_CHOICES).contains(&choices.len()) {
        return Err(Flaw::field("choices", format!("2 to {MOST_CHOICES} texts"), choices.len().to_string()));
    }
    if let Some(twice) = choices.iter().enumerate().find_map(|(i, text)| choices[..i].contains(text).then_some(text)) {
        return Err(Flaw::field("choices", "different texts", format!("`{twice}` twice")));
    }
    let [right] = &expected[..] else {
        return Err(Flaw::field("expected", "one of the choices", format!("{} texts", expected.len())));
    };
    let answer = choices.iter().position(|choice| choice == right);
    let answer = answer.ok_or_else(|| Flaw::field("expected", "one of the choices", format!("{right:?}")))?;
    Ok(Check::choice(choices, answer))
}

/// A message of the regular expressions' parser draws the pattern over several lines; its last says what is wrong.
fn one_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// What a line's JSON breaks off with; its line is that of the file and not of the text.
fn reason(error: &serde_json::Error) -> String {
    let (message, column) = (error.to_string(), error.column());
    let what = message.split(" at line ").next().unwrap_or_default();
    format!("{what} at column {column}")
}

pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Keys and values as they stand there, the same key twice too: a map would keep the last and say nothing.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Seen)
    }
}
