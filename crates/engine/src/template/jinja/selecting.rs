//! Filters that choose and order items.

use super::access;
use super::arguments::Arguments;
use super::render::Renderer;
use crate::template::python::compare::{Key, equal, order, sort_by_keys};
use crate::template::python::items::iterate;
use crate::template::python::number::{Operator, binary};
use crate::template::python::value::{Text, Value};
use crate::template::python::{Fail, Outcome, error};

impl Renderer<'_> {
    /// One of these filters.
    ///
    /// # Errors
    /// As Jinja's.
    pub fn selecting(&self, name: &str, value: &Value, arguments: Arguments) -> Outcome {
        match name {
            "dictsort" => self.dict_sort(value, arguments),
            "sort" => {
                let names = ["reverse", "case_sensitive", "attribute"];
                let [reverse, case, attribute] = arguments.named(name, names, 0)?;
                let case = truth(case);
                let keyed = iterate(value, self.meter)?.into_iter().map(|item| {
                    let key = self.keys_of(&item, attribute.as_ref(), case)?;
                    Ok((key, item))
                });
                let sorted = sort_by_keys(keyed.collect::<Outcome<_>>()?, truth(reverse), self.meter)?;
                Value::list(sorted, self.meter)
            }
            "unique" => {
                let [case, attribute] = arguments.named(name, ["case_sensitive", "attribute"], 0)?;
                let (case, mut seen) = (truth(case), std::collections::HashSet::new());
                self.lazily(value, |item| {
                    let key = self.key_of(&item, attribute.as_ref(), None, case)?;
                    Ok(seen.insert(Key::of(&key, self.meter)?).then_some(item))
                })
            }
            "min" | "max" => self.extreme(name, value, arguments),
            "groupby" => self.group(value, arguments),
            "sum" => {
                let [attribute, start] = arguments.named(name, ["attribute", "start"], 0)?;
                let attribute = attribute.filter(|attribute| !matches!(attribute, Value::None));
                let mut sum = start.unwrap_or(Value::Int(0));
                if matches!(sum, Value::Text(_)) {
                    return error("sum() can't sum strings [use ''.join(seq) instead]");
                }
                for item in iterate(value, self.meter)? {
                    let item = match &attribute {
                        Some(attribute) => self.attribute_of(&item, attribute, None)?,
                        None => item,
                    };
                    sum = binary(Operator::Add, &sum, &item, self.meter)?;
                }
                Ok(sum)
            }
            "map" => self.map(value, arguments),
            _ => self.choose(name, value, arguments),
        }
    }

    /// What `attribute` names in an item: names and numbers between points. `default` stands for what is not there.
    ///
    /// # Errors
    /// Something on the way is undefined.
    pub fn attribute_of(&self, item: &Value, attribute: &Value, default: Option<&Value>) -> Outcome {
        self.meter.scan(attribute.as_text().map_or(0, str::len))?;
        let parts: Vec<Value> = match attribute {
            Value::None => Vec::new(),
            Value::Text(text) => text.text.split('.').map(part).collect(),
            other => vec![other.clone()],
        };
        let mut found = item.clone();
        for part in &parts {
            self.meter.charge_items(1)?;
            found = access::item(&found, part, self.meter)?;
            if let (Value::Undefined(_), Some(default)) = (&found, default) {
                found = default.clone();
            }
        }
        Ok(found)
    }

    /// The key that an item is told by: an attribute of it or itself, text in lower case unless `case` counts.
    fn key_of(&self, item: &Value, attribute: Option<&Value>, default: Option<&Value>, case: bool) -> Outcome {
        let key = self.attribute_of(item, attribute.unwrap_or(&Value::None), default)?;
        self.without_case(key, case)
    }

    fn without_case(&self, key: Value, case: bool) -> Outcome {
        match key {
            Value::Text(text) if !case => {
                self.meter.scan(text.text.len())?;
                self.meter.build(text.text.len())?;
                Ok(Value::Text(Text { text: text.text.to_lowercase().into(), markup: text.markup }))
            }
            key => Ok(key),
        }
    }

    /// The keys of an item by several attributes between commas, as a list.
    fn keys_of(&self, item: &Value, attribute: Option<&Value>, case: bool) -> Outcome {
        self.meter.scan(attribute.and_then(Value::as_text).map_or(0, str::len))?;
        let keys = match attribute {
            Some(Value::Text(text)) => text
                .text
                .split(',')
                .map(|attribute| self.key_of(item, Some(&Value::text(attribute)), None, case))
                .collect::<Outcome<_>>()?,
            other => vec![self.key_of(item, other, None, case)?],
        };
        Value::list(keys, self.meter)
    }

    fn dict_sort(&self, value: &Value, arguments: Arguments) -> Outcome {
        let [case, by, reverse] = arguments.named("dictsort", ["case_sensitive", "by", "reverse"], 0)?;
        let by_value = match by.as_ref().map(|by| by.as_text().unwrap_or("")) {
            None | Some("key") => false,
            Some("value") => true,
            _ => return error("You can only sort by either \"key\" or \"value\""),
        };
        let Value::Dict(dict) = value else {
            value.require()?;
            return error(format!("'{}' object has no attribute 'items'", value.type_name()));
        };
        let case = truth(case);
        let keyed = dict.entries().iter().map(|(key, value)| {
            let by = if by_value { value } else { key };
            Ok((self.without_case(by.clone(), case)?, Value::tuple(vec![key.clone(), value.clone()], self.meter)?))
        });
        let sorted = sort_by_keys(keyed.collect::<Outcome<_>>()?, truth(reverse), self.meter)?;
        Value::list(sorted, self.meter)
    }

    fn extreme(&self, name: &str, value: &Value, arguments: Arguments) -> Outcome {
        let [case, attribute] = arguments.named(name, ["case_sensitive", "attribute"], 0)?;
        let case = truth(case);
        let (sign, wanted) =
            if name == "min" { ("<", std::cmp::Ordering::Less) } else { (">", std::cmp::Ordering::Greater) };
        let mut best: Option<(Value, Value)> = None;
        for item in iterate(value, self.meter)? {
            let key = self.key_of(&item, attribute.as_ref(), None, case)?;
            let better = match &best {
                None => true,
                Some((leads, _)) => order(&key, leads, sign, self.meter)? == Some(wanted),
            };
            if better {
                best = Some((key, item));
            }
        }
        Ok(best.map_or_else(|| Value::undefined("No aggregated item, sequence was empty."), |(_, item)| item))
    }

    fn group(&self, value: &Value, arguments: Arguments) -> Outcome {
        let [attribute, default, case] = arguments.named("groupby", ["attribute", "default", "case_sensitive"], 1)?;
        let (default, case) = (default.filter(|default| !matches!(default, Value::None)), truth(case));
        let attribute = attribute.as_ref();
        let keyed = iterate(value, self.meter)?
            .into_iter()
            .map(|item| Ok((self.key_of(&item, attribute, default.as_ref(), case)?, item)));
        let sorted = sort_by_keys(keyed.collect::<Outcome<_>>()?, false, self.meter)?;
        let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
        for item in sorted {
            let key = self.key_of(&item, attribute, default.as_ref(), case)?;
            match groups.last_mut() {
                Some((last, items)) if equal(last, &key, self.meter)? => items.push(item),
                _ => groups.push((key, vec![item])),
            }
        }
        let group = |(_, items): (Value, Vec<Value>)| {
            // The name of a group is spelled as its first item spells it.
            let name = self.key_of(&items[0], attribute, default.as_ref(), true)?;
            Value::group(vec![name, Value::list(items, self.meter)?], self.meter)
        };
        Value::list(groups.into_iter().map(group).collect::<Outcome<_>>()?, self.meter)
    }

    fn map(&self, value: &Value, mut arguments: Arguments) -> Outcome {
        if !value.truth() {
            return Value::stream(Vec::new(), self.meter);
        }
        let attribute = arguments.keywords.iter().position(|(name, _)| &**name == "attribute");
        if let (true, Some(at)) = (arguments.positional.is_empty(), attribute) {
            let attribute = arguments.keywords.remove(at).1;
            let default = arguments.keywords.iter().position(|(name, _)| &**name == "default");
            let default = default.map(|at| arguments.keywords.remove(at).1).filter(|it| !matches!(it, Value::None));
            if let Some((unknown, _)) = arguments.keywords.first() {
                let what = format!("Unexpected keyword argument '{unknown}'");
                return Value::failing(Fail::Error(what), self.meter);
            }
            return self.lazily(value, |item| self.attribute_of(&item, &attribute, default.as_ref()).map(Some));
        }
        let filter = take_first(&mut arguments);
        let Some(filter) = filter.as_ref().and_then(Value::as_text) else {
            return Value::failing(Fail::Error("map requires a filter argument".to_owned()), self.meter);
        };
        self.lazily(value, |item| self.filter(filter, item, arguments.clone()).map(Some))
    }

    /// `select`, `reject`, `selectattr` and `rejectattr`.
    fn choose(&self, name: &str, value: &Value, mut arguments: Arguments) -> Outcome {
        if !value.truth() {
            return Value::stream(Vec::new(), self.meter);
        }
        let attribute = match name.ends_with("attr") {
            true => match take_first(&mut arguments) {
                Some(attribute) => Some(attribute),
                None => {
                    let what = "Missing parameter for attribute name".to_owned();
                    return Value::failing(Fail::Error(what), self.meter);
                }
            },
            false => None,
        };
        let test = take_first(&mut arguments);
        let wanted = name.starts_with("select");
        self.lazily(value, |item| {
            let asked = match &attribute {
                Some(attribute) => self.attribute_of(&item, attribute, None)?,
                None => item.clone(),
            };
            let passes = match &test {
                None => asked.truth(),
                Some(test) => match test.as_text() {
                    Some(test) => self.test(test, &asked, arguments.clone())?,
                    None => return error("a test is named by text"),
                },
            };
            Ok((passes == wanted).then_some(item))
        })
    }

    /// A generator over what `each` leaves of the items.
    fn lazily(&self, value: &Value, mut each: impl FnMut(Value) -> Outcome<Option<Value>>) -> Outcome {
        match iterate(value, self.meter) {
            Ok(items) => Value::generated(items.into_iter().filter_map(|item| each(item).transpose()), self.meter),
            Err(fail) => Value::failing(fail, self.meter),
        }
    }
}

fn take_first(arguments: &mut Arguments) -> Option<Value> {
    if arguments.positional.is_empty() { None } else { Some(arguments.positional.remove(0)) }
}

fn truth(value: Option<Value>) -> bool {
    value.is_some_and(|value| value.truth())
}

/// A part of a path: digits are a number.
fn part(text: &str) -> Value {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_number => Value::Int(number),
        _ => Value::text(text),
    }
}
