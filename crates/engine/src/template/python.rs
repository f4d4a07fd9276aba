//! Where minijinja, even with its Python methods, differs from Jinja2 over Python objects.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

/// Methods of Python's `str`, `dict` and `list`. The sandbox that transformers renders in forbids those that
/// change their object (`append`, `pop`, `update`, …), so they are unknown here too.
pub(super) fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
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

/// String methods that the Python-compatibility set lacks.
fn string_method(text: &str, name: &str, args: &[Value]) -> Option<Value> {
    let argument = args.first().and_then(Value::as_str);
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

/// What a `for` loop may walk: everything that Python can iterate. Undefined is an empty loop in both.
pub(super) fn each(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::None | ValueKind::Bool | ValueKind::Number | ValueKind::Plain => {
            Err(Error::new(ErrorKind::InvalidOperation, format!("cannot loop over {}", value.kind())))
        }
        _ => Ok(value),
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
