//! The methods of `str` and `Markup`.

use std::collections::HashSet;
use std::sync::Arc;

use super::braces::{Fields, braces};
use super::items::{is_iterable, iterate};
use super::repr::string;
use super::text as words;
use super::value::{Text, Value};
use super::{Outcome, error};
use crate::template::jinja::arguments::Arguments;
use crate::template::jinja::{access, html};
use crate::template::meter::Meter;

/// Calls a method of text.
///
/// # Errors
/// As Python's.
pub fn of_text(text: &Text, name: &str, arguments: Arguments, meter: &Meter) -> Outcome {
    let it = &*text.text;
    meter.read(it.len())?;
    let made = |made: String| -> Outcome {
        meter.build(made.len())?;
        Ok(Value::Text(Text { text: made.into(), markup: text.markup }))
    };
    match name {
        "isalnum" | "isalpha" | "isascii" | "isdecimal" | "isdigit" | "isidentifier" | "islower" | "isnumeric"
        | "isprintable" | "isspace" | "istitle" | "isupper" => {
            let [] = arguments.exactly(name)?;
            meter.scan(it.len())?;
            Ok(Value::Bool(is_of_kind(it, name)))
        }
        "capitalize" | "casefold" | "lower" | "upper" | "title" | "swapcase" => {
            let [] = arguments.exactly(name)?;
            meter.scan(it.len())?;
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
            made(stripped(it, name, characters.as_ref(), meter)?.to_owned())
        }
        "split" | "rsplit" => pieces(text, name, arguments, meter),
        "splitlines" => {
            let [keep] = arguments.named(name, ["keepends"], 0)?;
            let keep = keep.is_some_and(|keep| keep.truth());
            meter.scan(it.len())?;
            room_for(it.chars().filter(|c| words::ends_line(*c)).count() + 1, meter)?;
            list_of(text, &words::lines(it, keep), meter)
        }
        "partition" | "rpartition" => {
            let [separator] = arguments.exactly(name)?;
            let separator = searched_for(&separator, name, meter)?;
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
            let from = searched_for(&from, name, meter)?;
            let to = escaped_for(text, text_argument(&to, name)?, &to, meter)?;
            let most = most.map_or(Ok(-1), |most| int_argument(&most, name))?;
            let places = meter.places(it.matches(from), usize::try_from(most).ok())?;
            meter.build(places.saturating_mul(to.len()).saturating_add(it.len()))?;
            made(words::replace(it, from, &to, most))
        }
        "removeprefix" | "removesuffix" => {
            let [part] = arguments.exactly(name)?;
            let part = searched_for(&part, name, meter)?;
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
            let mut fields = EmbeddingOverride { counted: 0, arguments, meter };
            braces(it, text.markup, &mut fields, meter).and_then(made)
        }
        "format_map" => {
            let [mapping] = arguments.exactly(name)?;
            let Value::Dict(dict) = mapping else { return error("format_map() argument must be a mapping") };
            meter.charge_items(dict.entries().len())?;
            let keywords =
                dict.entries().iter().filter_map(|(key, value)| Some((Arc::from(key.as_text()?), value.clone())));
            let arguments = Arguments { positional: Vec::new(), keywords: keywords.collect() };
            braces(it, text.markup, &mut EmbeddingOverride { counted: 0, arguments, meter }, meter).and_then(made)
        }
        "maketrans" => maketrans(arguments, meter),
        "translate" => {
            let [table] = arguments.exactly(name)?;
            translated(it, &table, meter).and_then(made)
        }
        "striptags" | "unescape" => {
            let [] = arguments.exactly(name)?;
            meter.scan(it.len())?;
            meter.build(it.len())?;
            Ok(Value::text(if name == "striptags" { html::without_tags(it)? } else { html::unescape(it)? }))
        }
        "escape" => {
            let [value] = arguments.exactly(name)?;
            let shown = string(&value, meter)?;
            let markup = matches!(&value, Value::Text(text) if text.markup);
            let shown = if markup { shown } else { escaped(&shown, meter)? };
            Ok(Value::Text(Text { text: shown.into(), markup: true }))
        }
        other => error(format!("`{other}` of text gives bytes, which templates cannot print, and is not supported")),
    }
}

/// The methods that ask what a text is made of.
fn is_of_kind(text: &str, name: &str) -> bool {
    let all = |is: fn(char) -> bool| !text.is_empty() && text.chars().all(is);
    match name {
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
        _ => words::is_all(text, true),
    }
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

/// An argument that is looked for, which takes reading it.
fn searched_for<'v>(value: &'v Value, name: &str, meter: &Meter) -> Outcome<&'v str> {
    let text = text_argument(value, name)?;
    meter.read(text.len())?;
    Ok(text)
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
fn escaped_for(text: &Text, argument: &str, value: &Value, meter: &Meter) -> Outcome<String> {
    let markup = matches!(value, Value::Text(argument) if argument.markup);
    if text.markup && !markup { escaped(argument, meter) } else { Ok(argument.to_owned()) }
}

/// Text escaped for HTML, within the budget.
pub fn escaped(text: &str, meter: &Meter) -> Outcome<String> {
    meter.scan(text.len())?;
    meter.build(text.len().saturating_mul(5))?; // a quote becomes five bytes
    Ok(words::escape(text))
}

/// `strip` and its kind.
pub fn stripped<'t>(text: &'t str, name: &str, characters: Option<&Value>, meter: &Meter) -> Outcome<&'t str> {
    meter.read(text.len())?;
    let wanted: Option<HashSet<char>> = match characters {
        None | Some(Value::None) => None,
        Some(value) => {
            let characters = text_argument(value, name)?;
            meter.build(characters.len())?;
            meter.scan(characters.len() + text.len())?;
            Some(characters.chars().collect())
        }
    };
    let cut = |c: char| wanted.as_ref().map_or_else(|| words::is_space(c), |wanted| wanted.contains(&c));
    let text = if name == "rstrip" { text } else { text.trim_start_matches(cut) };
    Ok(if name == "lstrip" { text } else { text.trim_end_matches(cut) })
}

/// What a piece of a text takes before it is an item: where it lies, and the head of its own text.
const PIECE_BYTES: usize = 48;

/// Charges for pieces of a text before there are any: where each lies, and the text that it becomes.
fn room_for(pieces: usize, meter: &Meter) -> Outcome<()> {
    meter.build(pieces.saturating_mul(PIECE_BYTES))
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
        Some(value) => Some(searched_for(value, name, meter)?),
    };
    let most = most.map_or(Ok(-1), |most| int_argument(&most, name))?;
    if separator == Some("") {
        return error("empty separator");
    }
    let cuts = match separator {
        Some(separator) => meter.places(text.text.matches(separator), usize::try_from(most).ok())?,
        None => {
            meter.scan(text.text.len())?;
            let pieces = text.text.split(words::is_space).filter(|piece| !piece.is_empty());
            meter.places(pieces, usize::try_from(most).ok())?
        }
    };
    room_for(cuts + 1, meter)?;
    let pieces = if name == "split" { words::split } else { words::rsplit }(&text.text, separator, most);
    list_of(text, &pieces, meter)
}

fn padded(text: &Text, name: &str, arguments: Arguments, meter: &Meter) -> Outcome<String> {
    let it = &*text.text;
    if name == "expandtabs" {
        let [width] = arguments.named(name, ["tabsize"], 0)?;
        let width = width.map_or(Ok(8), |width| int_argument(&width, name))?.max(0) as usize;
        meter.scan(it.len())?;
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
            Value::Tuple(items) => &items.values[..],
            value => std::slice::from_ref(value),
        };
        for part in any {
            let part = searched_for(part, name, meter)?;
            let fits = within.is_some_and(|within| {
                if name == "startswith" { within.starts_with(part) } else { within.ends_with(part) }
            });
            if fits {
                return Ok(Value::Bool(true));
            }
        }
        return Ok(Value::Bool(false));
    }
    let wanted = searched_for(&wanted, name, meter)?;
    meter.read(text.len())?;
    if name == "count" {
        let found = match within {
            None => 0,
            Some(within) if wanted.is_empty() => within.chars().count() + 1,
            Some(within) => meter.places(within.matches(wanted), None)?,
        };
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
            Value::Text(piece) => escaped_for(text, &piece.text, item, meter)?,
            other if text.markup => escaped(&string(other, meter)?, meter)?,
            other => {
                return error(format!("sequence item {index}: expected str instance, {} found", other.type_name()));
            }
        };
        meter.grow(out.len(), piece.len() + text.text.len())?;
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
    let given = [&from, &to, &without].map(|text| text.as_ref().and_then(Value::as_text).map_or(0, str::len));
    meter.scan(given.iter().sum())?;
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
    meter.scan(text.len())?;
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
                meter.grow(out.len(), text.text.len())?;
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
struct EmbeddingOverride<'m> {
    counted: usize,
    arguments: Arguments,
    meter: &'m Meter,
}

impl Fields for EmbeddingOverride<'_> {
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
            None => {
                self.meter.read(self.arguments.keywords.len().saturating_mul(16))?;
                match self.arguments.keywords.iter().find(|(name, _)| &**name == first) {
                    Some((_, value)) => value.clone(),
                    None => return error(super::repr::quoted_short(first)),
                }
            }
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
