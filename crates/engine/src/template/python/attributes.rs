//! Attributes and methods, as far as Jinja's immutable sandbox lets templates have them.

use std::rc::Rc;
use std::sync::Arc;

use super::compare::{contains, equal};
use super::format::{Fields, braces};
use super::items::{is_iterable, iterate};
use super::repr::string;
use super::text as words;
use super::value::{Callable, Dict, Method, Text, Value, View};
use super::{Outcome, error};
use crate::template::jinja::arguments::Arguments;
use crate::template::jinja::{access, html};
use crate::template::meter::Meter;

const TEXT: [&str; 45] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
];
const MORE_TEXT: [&str; 2] = ["zfill", "encode"];
const MARKUP: [&str; 3] = ["striptags", "unescape", "escape"];
const SEQUENCE: [&str; 2] = ["count", "index"];
const LIST: [&str; 1] = ["copy"];
const DICT: [&str; 6] = ["copy", "fromkeys", "get", "items", "keys", "values"];
const VIEW: [&str; 1] = ["isdisjoint"];
const WHOLE: [&str; 4] = ["bit_count", "bit_length", "conjugate", "as_integer_ratio"];
const FLOAT: [&str; 3] = ["is_integer", "conjugate", "as_integer_ratio"];
/// Methods that change what they belong to: the sandbox gives none of them.
const CHANGING_LIST: [&str; 8] = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];
const CHANGING_DICT: [&str; 5] = ["clear", "pop", "popitem", "setdefault", "update"];

/// What an attribute is.
pub enum Found {
    /// It is this.
    Value(Value),
    /// It is there, and the sandbox keeps it.
    Unsafe,
    /// There is none.
    None,
}

fn known(table: &[&'static str], name: &str) -> Option<&'static str> {
    table.iter().find(|known| **known == name).copied()
}

/// `getattr(value, name)`
///
/// # Errors
/// The value is undefined.
pub fn attribute(value: &Value, name: &str) -> Outcome<Found> {
    if let Value::Namespace(space) = value {
        return Ok(space.get(name).map_or(Found::None, Found::Value));
    }
    if name.starts_with("__") && name.ends_with("__") && name.len() > 4 {
        // Python has many of these on everything, and the sandbox keeps them all.
        let everywhere = ["__class__", "__doc__", "__init__", "__eq__", "__hash__", "__repr__", "__str__", "__dict__"];
        return Ok(if everywhere.contains(&name) { Found::Unsafe } else { Found::None });
    }
    value.require()?;
    if let Some(found) = property(value, name) {
        return Ok(Found::Value(found));
    }
    let changing: &[&str] = match value {
        Value::List(_) => &CHANGING_LIST,
        Value::Dict(_) => &CHANGING_DICT,
        _ => &[],
    };
    if changing.contains(&name) {
        return Ok(Found::Unsafe);
    }
    let method = match value {
        Value::Text(text) => {
            let markup = if text.markup { known(&MARKUP, name) } else { None };
            known(&TEXT, name).or_else(|| known(&MORE_TEXT, name)).or(markup)
        }
        Value::List(_) => known(&SEQUENCE, name).or_else(|| known(&LIST, name)),
        Value::Tuple(_) | Value::Range(_) => known(&SEQUENCE, name),
        Value::Dict(_) => known(&DICT, name),
        Value::View(View::Keys | View::Items, _) => known(&VIEW, name),
        Value::Bool(_) | Value::Int(_) | Value::Big(_) => known(&WHOLE, name),
        Value::Float(_) => known(&FLOAT, name),
        Value::Loop(_) => known(&["cycle", "changed"], name),
        Value::Cycler(_) => known(&["next", "reset"], name),
        Value::Callable(Callable::Global("dict")) => known(&["fromkeys"], name),
        _ => None,
    };
    Ok(match method {
        Some(name) => Found::Value(Value::Callable(Callable::Method(Rc::new(Method { of: value.clone(), name })))),
        None => Found::None,
    })
}

/// Attributes that are no methods.
fn property(value: &Value, name: &str) -> Option<Value> {
    Some(match (value, name) {
        (Value::Bool(truth), "real" | "numerator") => Value::Int(i64::from(*truth)),
        (Value::Int(_) | Value::Big(_), "real" | "numerator") | (Value::Float(_), "real") => value.clone(),
        (Value::Bool(_) | Value::Int(_) | Value::Big(_), "imag") => Value::Int(0),
        (Value::Bool(_) | Value::Int(_) | Value::Big(_), "denominator") => Value::Int(1),
        (Value::Float(_), "imag") => Value::Float(0.0),
        (Value::Range(range), "start") => Value::Int(range.start),
        (Value::Range(range), "stop") => Value::Int(range.stop),
        (Value::Range(range), "step") => Value::Int(range.step),
        (Value::View(_, dict), "mapping") => Value::Dict(Rc::clone(dict)),
        (Value::Tuple(items), "grouper") if items.grouped => items.values[0].clone(),
        (Value::Tuple(items), "list") if items.grouped => items.values[1].clone(),
        (Value::Loop(it), name) => return it.property(name),
        (Value::Cycler(it), "current") => it.current(),
        (Value::Cycler(it), "pos") => Value::Int(it.position.get() as i64),
        (Value::Joiner(it), "sep") => Value::text(&it.separator),
        (Value::Joiner(it), "used") => Value::Bool(it.used.get()),
        (Value::Callable(Callable::Macro(made)), name) => return made.property(name),
        _ => return None,
    })
}

/// Calls a method.
///
/// # Errors
/// As Python's.
pub fn call(method: &Method, mut arguments: Arguments, meter: &Meter) -> Outcome {
    match &method.of {
        Value::Text(text) => of_text(text, method.name, arguments, meter),
        Value::List(items) | Value::Tuple(items) if method.name != "copy" => {
            of_sequence(&items.values, method, arguments, meter)
        }
        Value::Range(_) => of_sequence(&iterate(&method.of, meter)?, method, arguments, meter),
        Value::Dict(dict) => of_dict(dict, method, arguments, meter),
        Value::View(..) => {
            let [other] = arguments.exactly(method.name)?;
            for item in iterate(&method.of, meter)? {
                if contains(&other, &item, meter)? {
                    return Ok(Value::Bool(false));
                }
            }
            Ok(Value::Bool(true))
        }
        Value::Loop(it) => it.call(method.name, arguments, meter),
        Value::Cycler(it) => {
            let [] = arguments.exactly(method.name)?;
            if method.name == "next" {
                Ok(it.next())
            } else {
                it.position.set(0);
                Ok(Value::None)
            }
        }
        Value::Callable(_) => {
            let [keys, value] = arguments.up_to(method.name, 1)?;
            fromkeys(&keys.unwrap_or(Value::None), value, meter)
        }
        Value::List(_) => {
            let [] = arguments.exactly("copy")?;
            Ok(method.of.clone())
        }
        of => of_number(of, method.name, &mut arguments),
    }
}

fn of_number(value: &Value, name: &str, arguments: &mut Arguments) -> Outcome {
    let [] = std::mem::take(arguments).exactly(name)?;
    match (name, value) {
        ("conjugate", value) => super::number::signed(value, false),
        ("is_integer", Value::Float(number)) => Ok(Value::Bool(number.is_finite() && number.fract() == 0.0)),
        ("bit_length" | "bit_count", value) => {
            let magnitude = match super::number::absolute(value)? {
                Value::Int(number) => num_bigint::BigInt::from(number),
                Value::Big(number) => (*number).clone(),
                _ => return error("only whole numbers have bits"),
            };
            let count = if name == "bit_length" {
                magnitude.bits()
            } else {
                magnitude.iter_u64_digits().map(|digit| u64::from(digit.count_ones())).sum()
            };
            Ok(Value::Int(count as i64))
        }
        _ => error(format!("`{name}` of a number is not supported")),
    }
}

fn of_sequence(items: &[Value], method: &Method, arguments: Arguments, meter: &Meter) -> Outcome {
    if method.name == "count" {
        let [wanted] = arguments.exactly("count")?;
        let mut found = 0;
        for item in items {
            found += i64::from(equal(item, &wanted, meter)?);
        }
        return Ok(Value::Int(found));
    }
    let [wanted, start, stop] = arguments.up_to("index", 1)?;
    let wanted = wanted.unwrap_or(Value::None);
    let at = |index: Option<Value>, otherwise: usize| {
        let index = index.as_ref().and_then(Value::as_int).unwrap_or(otherwise as i64);
        let index = if index < 0 { index + items.len() as i64 } else { index };
        index.clamp(0, items.len() as i64) as usize
    };
    let (start, stop) = (at(start, 0), at(stop, items.len()));
    for (index, item) in items.iter().enumerate().take(stop).skip(start) {
        if equal(item, &wanted, meter)? {
            return Ok(Value::Int(index as i64));
        }
    }
    error(format!("{} is not in {}", super::repr::repr(&wanted, meter)?, method.of.type_name()))
}

fn of_dict(dict: &Rc<Dict>, method: &Method, arguments: Arguments, meter: &Meter) -> Outcome {
    match method.name {
        "get" => {
            let [key, default] = arguments.up_to("get", 1)?;
            let found = dict.get(&key.unwrap_or(Value::None), meter)?.cloned();
            Ok(found.or(default).unwrap_or(Value::None))
        }
        "fromkeys" => {
            let [keys, value] = arguments.up_to("fromkeys", 1)?;
            fromkeys(&keys.unwrap_or(Value::None), value, meter)
        }
        name => {
            let [] = arguments.exactly(name)?;
            Ok(match name {
                "keys" => Value::View(View::Keys, Rc::clone(dict)),
                "values" => Value::View(View::Values, Rc::clone(dict)),
                "items" => Value::View(View::Items, Rc::clone(dict)),
                _ => method.of.clone(),
            })
        }
    }
}

fn fromkeys(keys: &Value, value: Option<Value>, meter: &Meter) -> Outcome {
    let value = value.unwrap_or(Value::None);
    Value::dict(iterate(keys, meter)?.into_iter().map(|key| (key, value.clone())), meter)
}

/// Methods of text.
fn of_text(text: &Text, name: &str, arguments: Arguments, meter: &Meter) -> Outcome {
    let it = &*text.text;
    meter.read(it.len())?;
    let made = |made: String| -> Outcome {
        meter.build(made.len())?;
        Ok(Value::Text(Text { text: made.into(), markup: text.markup }))
    };
    if let Some(truth) = kind_of_text(it, name) {
        let [] = arguments.exactly(name)?;
        return Ok(Value::Bool(truth));
    }
    match name {
        "capitalize" | "casefold" | "lower" | "upper" | "title" | "swapcase" => {
            let [] = arguments.exactly(name)?;
            meter.build(it.len().saturating_mul(3))?; // a change of case makes at most three bytes of one
            made(match name {
                "capitalize" => words::capitalize(it),
                "casefold" => words::casefold(it),
                "lower" => words::lower(it),
                "upper" => it.to_uppercase(),
                "title" => words::title(it),
                _ => words::swapcase(it),
            })
        }
        "strip" | "lstrip" | "rstrip" => {
            let [characters] = arguments.up_to(name, 0)?;
            made(stripped(it, name, characters.as_ref())?.to_owned())
        }
        "split" | "rsplit" => pieces(text, name, arguments, meter),
        "splitlines" => {
            let [keep] = arguments.named(name, ["keepends"], 0)?;
            let keep = keep.is_some_and(|keep| keep.truth());
            list_of(text, &words::lines(it, keep), meter)
        }
        "partition" | "rpartition" => {
            let [separator] = arguments.exactly(name)?;
            let separator = text_argument(&separator, name)?;
            if separator.is_empty() {
                return error("empty separator");
            }
            let found = if name == "partition" { it.split_once(separator) } else { it.rsplit_once(separator) };
            let parts = match found {
                Some((before, behind)) => [before, separator, behind],
                None if name == "partition" => [it, "", ""],
                None => ["", "", it],
            };
            let parts = parts.map(|part| Value::Text(Text { text: part.into(), markup: text.markup }));
            Value::tuple(parts.to_vec(), meter)
        }
        "replace" => {
            let [from, to, most] = arguments.up_to(name, 2)?;
            let (from, to) = (from.unwrap_or(Value::None), to.unwrap_or(Value::None));
            let from = text_argument(&from, name)?;
            let to = escaped_for(text, text_argument(&to, name)?, &to);
            let most = most.map_or(Ok(-1), |most| int_argument(&most, name))?;
            let places = it.matches(from).count();
            let places = usize::try_from(most).map_or(places, |most| places.min(most));
            meter.build(places.saturating_mul(to.len()).saturating_add(it.len()))?;
            made(words::replace(it, from, &to, most))
        }
        "removeprefix" | "removesuffix" => {
            let [part] = arguments.exactly(name)?;
            let part = text_argument(&part, name)?;
            let found = if name == "removeprefix" { it.strip_prefix(part) } else { it.strip_suffix(part) };
            made(found.unwrap_or(it).to_owned())
        }
        "center" | "ljust" | "rjust" | "zfill" | "expandtabs" => padded(text, name, arguments, meter).and_then(made),
        "count" | "find" | "rfind" | "index" | "rindex" | "startswith" | "endswith" => {
            searched(it, name, arguments, meter)
        }
        "join" => {
            let [items] = arguments.exactly(name)?;
            joined(text, &items, meter).and_then(made)
        }
        "format" => {
            let mut fields = Given { counted: 0, arguments, meter };
            braces(it, text.markup, &mut fields, meter).and_then(made)
        }
        "format_map" => {
            let [mapping] = arguments.exactly(name)?;
            let Value::Dict(dict) = mapping else { return error("format_map() argument must be a mapping") };
            let keywords =
                dict.entries().iter().filter_map(|(key, value)| Some((Arc::from(key.as_text()?), value.clone())));
            let arguments = Arguments { positional: Vec::new(), keywords: keywords.collect() };
            braces(it, text.markup, &mut Given { counted: 0, arguments, meter }, meter).and_then(made)
        }
        "maketrans" => maketrans(arguments, meter),
        "translate" => {
            let [table] = arguments.exactly(name)?;
            translated(it, &table, meter).and_then(made)
        }
        "striptags" | "unescape" => {
            let [] = arguments.exactly(name)?;
            Ok(Value::text(if name == "striptags" { html::without_tags(it)? } else { html::unescape(it)? }))
        }
        "escape" => {
            let [value] = arguments.exactly(name)?;
            let shown = string(&value, meter)?;
            let markup = matches!(&value, Value::Text(text) if text.markup);
            Ok(Value::Text(Text { text: if markup { shown } else { words::escape(&shown) }.into(), markup: true }))
        }
        other => error(format!("`{other}` of text gives bytes, which templates cannot print, and is not supported")),
    }
}

/// The methods that ask what a text is made of.
fn kind_of_text(text: &str, name: &str) -> Option<bool> {
    let all = |is: fn(char) -> bool| !text.is_empty() && text.chars().all(is);
    Some(match name {
        "isalnum" => all(|c| words::is_alpha(c) || words::is_numeric(c)),
        "isalpha" => all(words::is_alpha),
        "isascii" => text.is_ascii(),
        "isdecimal" => all(words::is_decimal),
        "isdigit" => all(words::is_digit),
        "isidentifier" => words::is_identifier(text),
        "islower" => words::is_all(text, false),
        "isnumeric" => all(words::is_numeric),
        "isprintable" => text.chars().all(super::repr::is_printable),
        "isspace" => all(words::is_space),
        "istitle" => words::is_title_case(text),
        "isupper" => words::is_all(text, true),
        _ => return None,
    })
}

fn text_argument<'v>(value: &'v Value, name: &str) -> Outcome<&'v str> {
    match value.as_text() {
        Some(text) => Ok(text),
        None => {
            value.require()?;
            error(format!("{name}() argument must be str, not {}", value.type_name()))
        }
    }
}

fn int_argument(value: &Value, name: &str) -> Outcome<i64> {
    match value.as_int() {
        Some(number) => Ok(number),
        None => {
            value.require()?;
            error(format!("{name}(): '{}' object cannot be interpreted as an integer", value.type_name()))
        }
    }
}

/// What Markup takes in is escaped, unless it is Markup.
fn escaped_for(text: &Text, argument: &str, value: &Value) -> String {
    let markup = matches!(value, Value::Text(argument) if argument.markup);
    if text.markup && !markup { words::escape(argument) } else { argument.to_owned() }
}

/// `strip` and its kind.
pub fn stripped<'t>(text: &'t str, name: &str, characters: Option<&Value>) -> Outcome<&'t str> {
    let wanted: Option<Vec<char>> = match characters {
        None | Some(Value::None) => None,
        Some(value) => Some(text_argument(value, name)?.chars().collect()),
    };
    let cut = |c: char| wanted.as_ref().map_or_else(|| words::is_space(c), |wanted| wanted.contains(&c));
    let text = if name == "rstrip" { text } else { text.trim_start_matches(cut) };
    Ok(if name == "lstrip" { text } else { text.trim_end_matches(cut) })
}

fn list_of(text: &Text, pieces: &[&str], meter: &Meter) -> Outcome {
    let bytes = pieces.iter().map(|piece| piece.len()).sum();
    meter.build(bytes)?;
    let piece = |piece: &&str| Value::Text(Text { text: Arc::from(*piece), markup: text.markup });
    Value::list(pieces.iter().map(piece).collect(), meter)
}

fn pieces(text: &Text, name: &str, arguments: Arguments, meter: &Meter) -> Outcome {
    let [separator, most] = arguments.named(name, ["sep", "maxsplit"], 0)?;
    let separator = match &separator {
        None | Some(Value::None) => None,
        Some(value) => Some(text_argument(value, name)?),
    };
    let most = most.map_or(Ok(-1), |most| int_argument(&most, name))?;
    if separator == Some("") {
        return error("empty separator");
    }
    let pieces = if name == "split" { words::split } else { words::rsplit }(&text.text, separator, most);
    list_of(text, &pieces, meter)
}

fn padded(text: &Text, name: &str, arguments: Arguments, meter: &Meter) -> Outcome<String> {
    let it = &*text.text;
    if name == "expandtabs" {
        let [width] = arguments.named(name, ["tabsize"], 0)?;
        let width = width.map_or(Ok(8), |width| int_argument(&width, name))?.max(0) as usize;
        meter.build(it.matches('\t').count().saturating_mul(width).saturating_add(it.len()))?;
        return Ok(words::expand_tabs(it, width));
    }
    let [width, fill] = arguments.up_to(name, 1)?;
    let width = int_argument(&width.unwrap_or(Value::None), name)?.max(0) as usize;
    let fill = match &fill {
        None => ' ',
        Some(value) => {
            let mut characters = text_argument(value, name)?.chars();
            match (characters.next(), characters.next()) {
                (Some(c), None) => c,
                _ => return error("The fill character must be exactly one character long"),
            }
        }
    };
    meter.build(width.saturating_mul(fill.len_utf8()).saturating_add(it.len()))?;
    let missing = width.saturating_sub(it.chars().count());
    let filled = fill.to_string().repeat(missing);
    Ok(match name {
        "ljust" => format!("{it}{filled}"),
        "rjust" => format!("{filled}{it}"),
        "zfill" => words::zero_fill(it, width),
        _ => words::center(it, width, fill),
    })
}

/// `find` and its kind, within `[start, stop)` of the characters.
fn searched(text: &str, name: &str, arguments: Arguments, meter: &Meter) -> Outcome {
    let [wanted, start, stop] = arguments.up_to(name, 1)?;
    let wanted = wanted.unwrap_or(Value::None);
    let length = text.chars().count() as i64;
    let at = |index: &Option<Value>, otherwise: i64| -> Outcome<i64> {
        let index = match index {
            None | Some(Value::None) => otherwise,
            Some(value) => int_argument(value, name)?,
        };
        Ok(if index < 0 { (index.saturating_add(length)).max(0) } else { index })
    };
    let (start, stop) = (at(&start, 0)?, at(&stop, length)?.min(length));
    let byte = |index: i64| {
        if text.is_ascii() {
            index as usize
        } else {
            text.char_indices().nth(index as usize).map_or(text.len(), |(at, _)| at)
        }
    };
    let within = (start <= stop).then(|| &text[byte(start)..byte(stop)]);
    if matches!(name, "startswith" | "endswith") {
        let any = match &wanted {
            Value::Tuple(items) => items.values.clone(),
            value => vec![value.clone()],
        };
        for part in &any {
            let part = text_argument(part, name)?;
            let fits = within.is_some_and(|within| {
                if name == "startswith" { within.starts_with(part) } else { within.ends_with(part) }
            });
            if fits {
                return Ok(Value::Bool(true));
            }
        }
        return Ok(Value::Bool(false));
    }
    let wanted = text_argument(&wanted, name)?;
    meter.read(text.len())?;
    if name == "count" {
        let found = within.map_or(0, |within| {
            if wanted.is_empty() { within.chars().count() + 1 } else { within.matches(wanted).count() }
        });
        return Ok(Value::Int(found as i64));
    }
    let found =
        within.and_then(|within| if name.starts_with('r') { within.rfind(wanted) } else { within.find(wanted) });
    match found.zip(within) {
        Some((at, within)) => Ok(Value::Int(start + within[..at].chars().count() as i64)),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => error("substring not found"),
    }
}

/// `str.join`: every item has to be text.
fn joined(text: &Text, items: &Value, meter: &Meter) -> Outcome<String> {
    if !is_iterable(items) {
        return error("can only join an iterable");
    }
    let mut out = String::new();
    for (index, item) in iterate(items, meter)?.iter().enumerate() {
        let piece = match item {
            Value::Text(piece) => escaped_for(text, &piece.text, item),
            other if text.markup => words::escape(&string(other, meter)?),
            other => {
                return error(format!("sequence item {index}: expected str instance, {} found", other.type_name()));
            }
        };
        meter.build(piece.len() + text.text.len())?;
        if index > 0 {
            out.push_str(&text.text);
        }
        out.push_str(&piece);
    }
    Ok(out)
}

fn maketrans(arguments: Arguments, meter: &Meter) -> Outcome {
    let [from, to, without] = arguments.up_to("maketrans", 1)?;
    let code = |c: char| Value::Int(i64::from(c as u32));
    let mut pairs = Vec::new();
    match (&from, &to) {
        (Some(Value::Dict(dict)), None) => {
            for (key, value) in dict.entries() {
                let key = match key.as_text().map(|text| text.chars().collect::<Vec<_>>()) {
                    Some(characters) if characters.len() == 1 => code(characters[0]),
                    Some(_) => return error("string keys in translate table must be of length 1"),
                    None => key.clone(),
                };
                pairs.push((key, value.clone()));
            }
        }
        (Some(from), Some(to)) => {
            let from: Vec<char> = text_argument(from, "maketrans")?.chars().collect();
            let to: Vec<char> = text_argument(to, "maketrans")?.chars().collect();
            if from.len() != to.len() {
                return error("the first two maketrans arguments must have equal length");
            }
            pairs.extend(from.iter().zip(&to).map(|(from, to)| (code(*from), code(*to))));
            if let Some(without) = &without {
                pairs.extend(text_argument(without, "maketrans")?.chars().map(|c| (code(c), Value::None)));
            }
        }
        _ => return error("if you give only one argument to maketrans it must be a dict"),
    }
    Value::dict(pairs, meter)
}

fn translated(text: &str, table: &Value, meter: &Meter) -> Outcome<String> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let found = match table {
            Value::Dict(dict) => dict.get(&Value::Int(i64::from(c as u32)), meter)?.cloned(),
            other => super::items::item(other, &Value::Int(i64::from(c as u32)), meter)?,
        };
        match found {
            None => out.push(c),
            Some(Value::None) => {}
            Some(Value::Text(text)) => {
                meter.build(text.text.len())?;
                out.push_str(&text.text);
            }
            Some(Value::Int(code)) => match u32::try_from(code).ok().and_then(char::from_u32) {
                Some(c) => out.push(c),
                None => return error("character mapping must be in range(0x110000)"),
            },
            Some(_) => return error("character mapping must return integer, None or str"),
        }
    }
    Ok(out)
}

/// The arguments of `str.format`.
struct Given<'m> {
    counted: usize,
    arguments: Arguments,
    meter: &'m Meter,
}

impl Fields for Given<'_> {
    fn value(&mut self, field: &str) -> Outcome {
        let end = field.find(['.', '[']).unwrap_or(field.len());
        let (first, mut rest) = field.split_at(end);
        let position = if first.is_empty() {
            self.counted += 1;
            Some(self.counted - 1)
        } else {
            first.parse::<usize>().ok()
        };
        let mut value = match position {
            Some(index) => match self.arguments.positional.get(index) {
                Some(value) => value.clone(),
                None => return error("Replacement index out of range for positional args tuple"),
            },
            None => match self.arguments.keywords.iter().find(|(name, _)| &**name == first) {
                Some((_, value)) => value.clone(),
                None => return error(super::repr::quoted(first)),
            },
        };
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                value = access::attribute(&value, &after[..end], self.meter)?;
                rest = &after[end..];
            } else {
                let Some((key, after)) = rest[1..].split_once(']') else {
                    return error("Missing ']' in format string");
                };
                let key = key.parse::<i64>().map_or_else(|_| Value::text(key), Value::Int);
                value = access::item(&value, &key, self.meter)?;
                rest = after;
            }
        }
        Ok(value)
    }
}
