//! Jinja's filters: `value|name`.

use std::sync::Arc;

use super::arguments::Arguments;
use super::render::Renderer;
use super::{access, html, urls, writing};
use crate::template::python::items::{iterate, length, reversed};
use crate::template::python::json::Writer;
use crate::template::python::number::{absolute, rounded, to_float, to_whole, whole_of_text};
use crate::template::python::percent::percent;
use crate::template::python::repr::string;
use crate::template::python::text as words;
use crate::template::python::text_methods::{self, stripped};
use crate::template::python::value::{Text, Value};
use crate::template::python::{Fail, Outcome, error};

/// Every filter that Jinja has; some are refused when they are reached.
const NAMES: [&str; 54] = [
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "random",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "urlize",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

/// Whether there is such a filter.
pub fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

impl Renderer<'_> {
    /// A value through a filter.
    ///
    /// # Errors
    /// There is no such filter, or it takes other arguments or values.
    pub fn filter(&self, name: &str, value: Value, arguments: Arguments) -> Outcome {
        let meter = self.meter;
        meter.step()?;
        match name {
            "upper" | "lower" | "capitalize" | "title" => {
                let [] = arguments.exactly(name)?;
                self.of_text(&value, |text| {
                    meter.scan(text.len())?;
                    meter.build(text.len().saturating_mul(3))?;
                    Ok(match name {
                        "upper" => text.to_uppercase(),
                        "lower" => words::lower(text),
                        "capitalize" => words::capitalize(text),
                        _ => writing::title(text),
                    })
                })
            }
            "trim" => {
                let [characters] = arguments.named(name, ["chars"], 0)?;
                self.of_text(&value, |text| Ok(stripped(text, "strip", characters.as_ref(), meter)?.to_owned()))
            }
            "string" => {
                let [] = arguments.exactly(name)?;
                Ok(Value::Text(self.soft_text(&value)?))
            }
            "safe" => Ok(Value::Text(Text { markup: true, ..self.soft_text(&value)? })),
            "escape" | "e" => Ok(Value::Text(self.escaped(&value)?)),
            "forceescape" => {
                let text = Text { markup: false, ..self.soft_text(&value)? };
                Ok(Value::Text(self.escaped(&Value::Text(text))?))
            }
            "default" | "d" => {
                let [default, boolean] = arguments.named(name, ["default_value", "boolean"], 0)?;
                let falls =
                    matches!(value, Value::Undefined(_)) || (boolean.is_some_and(|b| b.truth()) && !value.truth());
                Ok(if falls { default.unwrap_or_else(|| Value::text("")) } else { value })
            }
            "length" | "count" => Ok(Value::Int(length(&value, meter)? as i64)),
            "list" => Value::list(iterate(&value, meter)?, meter),
            "first" => match &value {
                Value::Stream(stream) => {
                    let first = stream.borrow_mut().next()?;
                    Ok(first.unwrap_or_else(|| Value::undefined("No first item, sequence was empty.")))
                }
                value => {
                    let first = iterate(value, meter)?.into_iter().next();
                    Ok(first.unwrap_or_else(|| Value::undefined("No first item, sequence was empty.")))
                }
            },
            "last" => match reversed(&value, meter)? {
                Some(items) => {
                    let last = items.into_iter().next();
                    Ok(last.unwrap_or_else(|| Value::undefined("No last item, sequence was empty.")))
                }
                None => error(format!("'{}' object is not reversible", value.type_name())),
            },
            "reverse" => self.reverse(&value),
            "items" => match &value {
                Value::Undefined(_) => Value::stream(Vec::new(), meter),
                Value::Dict(dict) => {
                    let pair = |(key, value): &(Value, Value)| Value::tuple(vec![key.clone(), value.clone()], meter);
                    Value::stream(dict.entries().iter().map(pair).collect::<Outcome<_>>()?, meter)
                }
                _ => Value::failing(Fail::Error("Can only get item pairs from a mapping.".to_owned()), meter),
            },
            "join" => self.join(&value, arguments),
            "replace" => self.replace(&value, arguments),
            "abs" => absolute(&value, meter),
            "int" => self.int(&value, arguments),
            "float" => {
                let [default] = arguments.named(name, ["default"], 0)?;
                value.require()?;
                meter.scan(value.as_text().map_or(0, str::len))?;
                match to_float(&value) {
                    Ok(number) => Ok(Value::Float(number)),
                    Err(Fail::Error(what)) if what.contains("too large") => error(what),
                    Err(Fail::Error(_)) => Ok(default.unwrap_or(Value::Float(0.0))),
                    Err(other) => Err(other),
                }
            }
            "round" => self.round(&value, arguments),
            "attr" => {
                let [wanted] = arguments.named(name, ["name"], 1)?;
                match wanted.as_ref().and_then(Value::as_text) {
                    Some(wanted) => access::only_attribute(&value, wanted),
                    None => error("attribute name must be string"),
                }
            }
            "format" => {
                let shown = self.soft_text(&value)?;
                let values = match (arguments.positional.is_empty(), arguments.keywords.is_empty()) {
                    (false, false) => return error("can't handle positional and keyword arguments at the same time"),
                    (_, true) => Value::tuple(arguments.positional, meter)?,
                    _ => {
                        let pairs = arguments.keywords.into_iter().map(|(name, value)| (Value::text(name), value));
                        Value::dict(pairs.collect::<Vec<_>>(), meter)?
                    }
                };
                percent(&shown, &values, meter)
            }
            "tojson" => self.tojson(&value, arguments),
            "batch" | "slice" => self.parts(name, &value, arguments),
            "dictsort" | "sort" | "unique" | "min" | "max" | "groupby" | "sum" | "map" | "select" | "reject"
            | "selectattr" | "rejectattr" => self.selecting(name, &value, arguments),
            "center" => {
                let [width] = arguments.named(name, ["width"], 0)?;
                let width = self.whole(width.as_ref(), 80, "width")?.max(0) as usize;
                meter.build(width)?;
                self.of_text(&value, |text| Ok(words::center(text, width, ' ')))
            }
            "indent" => writing::indent(self, &value, arguments),
            "truncate" => writing::truncate(self, &value, arguments),
            "wordwrap" => writing::wordwrap(self, &value, arguments),
            "wordcount" => {
                let text = self.soft_text(&value)?.text;
                meter.scan(text.len())?;
                Ok(Value::Int(writing::count_words(&text) as i64))
            }
            "filesizeformat" => {
                let [binary] = arguments.named(name, ["binary"], 0)?;
                Ok(Value::text(writing::file_size(to_float(&value)?, binary.is_some_and(|b| b.truth()))))
            }
            "striptags" => {
                let [] = arguments.exactly(name)?;
                let text = self.soft_text(&value)?.text;
                meter.scan(text.len())?;
                meter.build(text.len())?;
                Ok(Value::text(html::without_tags(&text)?))
            }
            "xmlattr" => self.xml_attributes(&value, arguments),
            "urlencode" => {
                let [] = arguments.exactly(name)?;
                urls::encoded(self, &value)
            }
            "pprint" | "urlize" => error(format!("the filter `{name}` is not supported: prompts have no use for it")),
            "random" => error("the filter `random` gives another value in every run, and is not supported"),
            other => error(format!("No filter named '{other}'.")),
        }
    }

    /// `str(value)`, Markup as it is.
    pub fn soft_text(&self, value: &Value) -> Outcome<Text> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            value => Ok(Text { text: string(value, self.meter)?.into(), markup: false }),
        }
    }

    /// The value as text through `change`; Markup stays Markup.
    fn of_text(&self, value: &Value, change: impl FnOnce(&str) -> Outcome<String>) -> Outcome {
        let text = self.soft_text(value)?;
        let changed = change(&text.text)?;
        self.meter.build(changed.len())?;
        Ok(Value::Text(Text { text: changed.into(), markup: text.markup }))
    }

    /// markupsafe's `escape`.
    pub fn escaped(&self, value: &Value) -> Outcome<Text> {
        let text = self.soft_text(value)?;
        if text.markup {
            return Ok(text);
        }
        Ok(Text { text: text_methods::escaped(&text.text, self.meter)?.into(), markup: true })
    }

    /// An argument that is a whole number.
    pub fn whole(&self, value: Option<&Value>, otherwise: i64, name: &str) -> Outcome<i64> {
        match value {
            None => Ok(otherwise),
            Some(value) => match value.as_int() {
                Some(number) => Ok(number),
                None => {
                    value.require()?;
                    error(format!("`{name}` should be a whole number, not '{}'", value.type_name()))
                }
            },
        }
    }

    fn reverse(&self, value: &Value) -> Outcome {
        if let Value::Text(text) = value {
            self.meter.scan(text.text.len())?;
            self.meter.build(text.text.len())?;
            let reversed: String = text.text.chars().rev().collect();
            return Ok(Value::Text(Text { text: reversed.into(), markup: text.markup }));
        }
        match reversed(value, self.meter)? {
            Some(items) => Value::stream(items, self.meter),
            None => {
                let mut items = iterate(value, self.meter)?;
                items.reverse();
                Value::list(items, self.meter)
            }
        }
    }

    fn join(&self, value: &Value, arguments: Arguments) -> Outcome {
        let [joiner, attribute] = arguments.named("join", ["d", "attribute"], 0)?;
        let joiner = joiner.map_or(Ok(String::new()), |joiner| string(&joiner, self.meter))?;
        let attribute = attribute.filter(|attribute| !matches!(attribute, Value::None));
        let mut out = String::new();
        for (index, item) in iterate(value, self.meter)?.into_iter().enumerate() {
            let item = match &attribute {
                Some(attribute) => self.attribute_of(&item, attribute, None)?,
                None => item,
            };
            let item = string(&item, self.meter)?;
            let between = if index > 0 { joiner.as_str() } else { "" };
            self.meter.grow(out.len(), between.len() + item.len())?;
            out.extend([between, &item]);
        }
        Ok(Value::text(out))
    }

    fn replace(&self, value: &Value, arguments: Arguments) -> Outcome {
        let [from, to, count] = arguments.named("replace", ["old", "new", "count"], 2)?;
        let text = |value: Option<Value>| string(&value.unwrap_or(Value::None), self.meter);
        let (subject, from, to) = (string(value, self.meter)?, text(from)?, text(to)?);
        let most = match count {
            None | Some(Value::None) => -1,
            Some(count) => self.whole(Some(&count), -1, "count")?,
        };
        self.meter.read(from.len())?;
        let places = self.meter.places(subject.matches(&*from), usize::try_from(most).ok())?;
        self.meter.build(places.saturating_mul(to.len()).saturating_add(subject.len()))?;
        Ok(Value::text(words::replace(&subject, &from, &to, most)))
    }

    fn int(&self, value: &Value, arguments: Arguments) -> Outcome {
        let [default, base] = arguments.named("int", ["default", "base"], 0)?;
        let base = self.whole(base.as_ref(), 10, "base")?;
        value.require()?;
        let first = match value {
            Value::Text(text) => whole_of_text(&text.text, base, self.meter),
            value => to_whole(value, self.meter),
        };
        match first {
            Err(Fail::Error(what)) if what.contains("infinity") => error(what),
            Err(Fail::Error(_)) => match to_float(value).and_then(|number| to_whole(&Value::Float(number), self.meter))
            {
                Err(Fail::Error(_)) => Ok(default.unwrap_or(Value::Int(0))),
                other => other,
            },
            other => other,
        }
    }

    fn round(&self, value: &Value, arguments: Arguments) -> Outcome {
        let [precision, method] = arguments.named("round", ["precision", "method"], 0)?;
        let precision = self.whole(precision.as_ref(), 0, "precision")?;
        let method = method.as_ref().map_or("common", |method| method.as_text().unwrap_or(""));
        if method == "common" {
            return rounded(value, precision, self.meter);
        }
        let number = to_float(value)?;
        let unit = 10f64.powi(precision.clamp(-400, 400) as i32);
        let scaled = match method {
            "ceil" => (number * unit).ceil(),
            "floor" => (number * unit).floor(),
            _ => return error("method must be common, ceil or floor"),
        };
        Ok(Value::Float(scaled / unit))
    }

    /// `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, which transformers defines over
    /// Jinja's: `json.dumps` without HTML escapes.
    fn tojson(&self, value: &Value, arguments: Arguments) -> Outcome {
        let names = ["ensure_ascii", "indent", "separators", "sort_keys"];
        let [ensure_ascii, indent, separators, sort_keys] = arguments.named("tojson", names, 0)?;
        let indent = match &indent {
            None | Some(Value::None) => None,
            Some(Value::Text(text)) => Some(text.text.to_string()),
            Some(number) => Some(" ".repeat(self.whole(Some(number), 0, "indent")?.clamp(0, 1000) as usize)),
        };
        let (item_separator, key_separator) = match &separators {
            None | Some(Value::None) => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
            Some(pair) => match &iterate(pair, self.meter)?[..] {
                [Value::Text(item), Value::Text(key)] => (item.text.to_string(), key.text.to_string()),
                _ => return error("separators must be a pair of strings"),
            },
        };
        let truth = |value: Option<Value>| value.is_some_and(|value| value.truth());
        let (ensure_ascii, sort_keys) = (truth(ensure_ascii), truth(sort_keys));
        let (guards, meter) = (self.guards, self.meter);
        let writer = Writer { ensure_ascii, sort_keys, indent, item_separator, key_separator, guards, meter };
        Ok(Value::text(writer.write(value)?))
    }

    /// `batch` and `slice`: lists of items.
    fn parts(&self, name: &str, value: &Value, arguments: Arguments) -> Outcome {
        let first = if name == "batch" { "linecount" } else { "slices" };
        let [size, fill] = arguments.named(name, [first, "fill_with"], 1)?;
        let size = self.whole(size.as_ref(), 0, first)?;
        let fill = fill.filter(|fill| !matches!(fill, Value::None));
        let items = match iterate(value, self.meter) {
            Ok(items) => items,
            Err(fail) => return Value::failing(fail, self.meter),
        };
        let mut parts: Vec<Vec<Value>> = Vec::new();
        if name == "slice" {
            if size == 0 {
                let what = "integer division or modulo by zero".to_owned();
                return Value::failing(Fail::Error(what), self.meter);
            }
            let size = usize::try_from(size).unwrap_or(0);
            self.meter.charge_items(size)?;
            let (each, longer) = (items.len() / size.max(1), items.len() % size.max(1));
            let mut rest = &items[..];
            for index in 0..size {
                let (part, behind) = rest.split_at(each + usize::from(index < longer));
                rest = behind;
                let filled = fill.iter().filter(|_| index >= longer).cloned();
                parts.push(part.iter().cloned().chain(filled).collect());
            }
        } else {
            let size_or_none = usize::try_from(size).ok().filter(|size| *size > 0);
            for item in items {
                match parts.last_mut() {
                    Some(part) if Some(part.len()) != size_or_none && !(size == 0 && part.is_empty()) => {
                        part.push(item)
                    }
                    _ => parts.push(vec![item]),
                }
            }
            if let (Some(fill), Some(part), Some(size)) = (fill, parts.last_mut(), size_or_none) {
                self.meter.charge_items(size)?;
                part.resize(size.max(part.len()), fill);
            }
        }
        let parts = parts.into_iter().map(|part| Value::list(part, self.meter)).collect::<Outcome<_>>()?;
        Value::stream(parts, self.meter)
    }

    fn xml_attributes(&self, value: &Value, arguments: Arguments) -> Outcome {
        let [space] = arguments.named("xmlattr", ["autospace"], 0)?;
        let Value::Dict(dict) = value else {
            value.require()?;
            return error(format!("'{}' object has no attribute 'items'", value.type_name()));
        };
        let mut parts = Vec::new();
        for (key, value) in dict.entries() {
            if matches!(value, Value::None | Value::Undefined(_)) {
                continue;
            }
            let Some(name) = key.as_text() else { return error("expected string or bytes-like object") };
            if name.contains(|c: char| c.is_ascii_whitespace() || matches!(c, '\u{b}' | '/' | '>' | '=')) {
                return error(format!("Invalid character in attribute name: '{name}'"));
            }
            let part = format!("{}=\"{}\"", self.escaped(key)?.text, self.escaped(value)?.text);
            self.meter.build(part.len())?;
            parts.push(part);
        }
        let joined = parts.join(" ");
        self.meter.build(joined.len())?;
        let space = space.is_none_or(|space| space.truth()) && !joined.is_empty();
        Ok(Value::Text(Text { text: Arc::from(if space { format!(" {joined}") } else { joined }), markup: false }))
    }
}
