//! Where minijinja, even with its Python methods, differs from Jinja2 over Python objects.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

use super::budget;

/// Methods of Python's `str`, `dict` and `list`. The sandbox that transformers renders in forbids those that
/// change their object (`append`, `pop`, `update`, …), so they are unknown here too.
pub(super) fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    budget::charge_method(value, name, args)?;
    if name == super::rewrite::SLICE {
        return slice(value, args);
    }
    if let (ValueKind::String, Some(text)) = (value.kind(), value.as_str())
        && let Some(result) = string_method(text, name, args)
    {
        return Ok(result);
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args).map_err(|error| {
        if error.kind() != ErrorKind::UnknownMethod {
            return error;
        }
        Error::new(ErrorKind::UnknownMethod, format!("{} has no method `{name}` that may be called", value.kind()))
    })
}

/// What Python's `str.strip` removes: Unicode's white space and the four separators of ASCII.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// The filter `trim`.
pub(super) fn trim(text: &Value, chars: Option<String>) -> Result<Value, Error> {
    budget::charge_printed(text)?;
    let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
    Ok(match chars {
        Some(chars) => Value::from(text.trim_matches(|c| chars.contains(c))),
        None => Value::from(text.trim_matches(is_python_space)),
    })
}

/// The filter `string`.
pub(super) fn string(value: &Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::String {
        return Ok(value.clone());
    }
    budget::charge_printed(value)?;
    Ok(Value::from(to_string(value)))
}

/// What the filter `string` and a template print of a value: Python's `str`.
pub(super) fn to_string(value: &Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(number) if value.is_number() && !value.is_integer() => match number {
            number if number.is_nan() => "nan".into(),
            number if number.is_infinite() => if number > 0.0 { "inf" } else { "-inf" }.into(),
            number => super::json::python_float(number),
        },
        _ => value.to_string(),
    }
}

/// String methods that the Python-compatibility set lacks, or has with another idea of white space.
fn string_method(text: &str, name: &str, args: &[Value]) -> Option<Value> {
    let argument = args.first().and_then(Value::as_str);
    if args.iter().all(Value::is_none) {
        match name {
            "strip" => return Some(Value::from(text.trim_matches(is_python_space))),
            "lstrip" => return Some(Value::from(text.trim_start_matches(is_python_space))),
            "rstrip" => return Some(Value::from(text.trim_end_matches(is_python_space))),
            _ => {}
        }
    }
    match (name, argument) {
        ("removeprefix", Some(prefix)) => Some(Value::from(text.strip_prefix(prefix).unwrap_or(text))),
        ("removesuffix", Some(suffix)) => Some(Value::from(text.strip_suffix(suffix).unwrap_or(text))),
        ("rsplit", Some(separator)) if !separator.is_empty() => {
            let limit = args.get(1).and_then(Value::as_i64).filter(|limit| *limit >= 0);
            let pieces: Vec<&str> = match limit {
                Some(limit) => text.rsplitn(limit as usize + 1, separator).collect(),
                None => text.rsplit(separator).collect(),
            };
            Some(pieces.into_iter().rev().map(Value::from).collect())
        }
        ("partition", Some(separator)) if !separator.is_empty() => {
            let parts = text.split_once(separator).map_or([text, "", ""], |(left, right)| [left, separator, right]);
            Some(parts.into_iter().map(Value::from).collect())
        }
        _ => None,
    }
}

/// `value[start:stop:step]` as Python counts it.
fn slice(value: &Value, args: &[Value]) -> Result<Value, Error> {
    let bound = |index: usize| -> Result<Option<i64>, Error> {
        args.get(index).filter(|bound| !bound.is_none()).map(|bound| i64::try_from(bound.clone())).transpose()
    };
    if !matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable) {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("{} cannot be sliced", value.kind())));
    }
    let items: Vec<Value> = value.try_iter()?.checked().collect::<Result<_, _>>()?;
    let (length, step) = (items.len() as i64, bound(2)?.unwrap_or(1));
    if step == 0 {
        return Err(Error::new(ErrorKind::InvalidOperation, "slice step cannot be zero"));
    }
    // Bounds count from the end where negative and are clamped to just outside of the items.
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |at: i64| (if at < 0 { at.saturating_add(length) } else { at }).clamp(lowest, highest);
    let start = bound(0)?.map_or(if step > 0 { lowest } else { highest }, clamp);
    let stop = bound(1)?.map_or(if step > 0 { highest } else { lowest }, clamp);
    let walk = std::iter::successors(Some(start), |at| at.checked_add(step));
    let picked =
        walk.take_while(|&at| if step > 0 { at < stop } else { at > stop }).map(|at| items[at as usize].clone());
    Ok(match value.kind() {
        ValueKind::String => Value::from(picked.map(|c| c.to_string()).collect::<String>()),
        _ => picked.collect(),
    })
}

/// What a `for` loop may walk: everything that Python can iterate. Undefined is an empty loop in both.
/// A round may write all the template's own text, which is `written` bytes, to a block that is kept.
pub(super) fn each(value: Value, written: usize) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::None | ValueKind::Bool | ValueKind::Number | ValueKind::Plain => {
            Err(Error::new(ErrorKind::InvalidOperation, format!("cannot loop over {}", value.kind())))
        }
        ValueKind::Undefined => Ok(value),
        _ => {
            let value = match value.len() {
                Some(_) => value,
                None => value.try_iter()?.checked().collect::<Result<_, _>>()?,
            };
            budget::charge(value.len().unwrap_or(0).saturating_mul(written))?;
            Ok(value)
        }
    }
}

/// The test `is iterable`, under which minijinja counts `none`.
pub(super) fn is_iterable(value: &Value) -> bool {
    !value.is_none() && value.try_iter().is_ok()
}

#[cfg(test)]
mod tests {

    fn eval(expression: &str) -> String {
        let template = super::super::ChatTemplate::new(expression, Vec::<(String, String)>::new()).unwrap();
        template.render(&Default::default()).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn python_string_methods_answer_as_in_python() {
        assert_eq!(eval("{{ 'a.b.c'.rsplit('.', 1) }}"), "['a.b', 'c']");
        assert_eq!(eval("{{ 'unhappy'.removeprefix('un') }}"), "happy");
        assert_eq!(eval("{{ 'k=v=w'.partition('=')[2] }}"), "v=w");
        assert_eq!(
            eval("{{ none }} {{ true }} {{ 1.0 }} {{ {'a': ['b', none]} }}"),
            "None True 1.0 {'a': ['b', None]}"
        );
    }

    #[test]
    fn slices_with_a_step_count_as_in_python() {
        assert_eq!(eval("{{ [][::-1] }}{{ 'abc'[::-1] }}{{ [1, 2, 3, 4][-1:0:-2] }}"), "[]cba[4, 2]");
        assert_eq!(eval("{{ [1, 2, 3, 4][::2] }}{{ [1, 2][5:1:-1] }}{{ [1, 2][1:5:-1] }}"), "[1, 3][][]");
        assert!(eval("{{ 'a'[::0] }}").contains("cannot be zero"));
    }

    #[test]
    fn what_python_cannot_iterate_is_an_error() {
        assert!(eval("{% for x in tools %}{% endfor %}").contains("cannot loop over none"));
        assert_eq!(
            eval("{{ tools is iterable }} {{ 'ab' is iterable }}{% for x in 'ab' %}{{ x }}{% endfor %}"),
            "False Trueab"
        );
    }

    #[test]
    fn the_sandbox_changes_no_list() {
        assert!(eval("{% set x = [] %}{{ x.append(1) }}").contains("`append`"));
    }
}
