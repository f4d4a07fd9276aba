//! What one rendering may make of strings and lists, counted as it makes them.
//!
//! minijinja bounds a template's steps but not what a step builds. Everything that builds is charged here before it
//! runs: operators through the filters that [`super::operands`] inserts, filters and methods by their operands, and
//! what `replace`, `join`, `indent` and `format` would write by their exact or highest length. What is alive at any
//! time was charged, so that memory stays within a small multiple of the budget.

use std::cell::Cell;
use std::fmt::{self, Write};

use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, filters};

use super::operands::{COUNTED, NUMBER, TIMES};

/// Bytes that one rendering may build. Every copy counts, and some published templates copy the prompt so far for each
/// of a thousand messages.
pub(super) const MAX_BYTES: usize = 512 << 20;
/// Bytes that a rendering of a few words may build.
pub(super) const PROBE_BYTES: usize = 16 << 20;
/// What an item of a list is charged at. [bytes]
const ITEM_BYTES: usize = 16;
/// A change of case makes at most three bytes of one.
const CASE_GROWTH: usize = 3;

thread_local! {
    // A rendering stays on its thread, and a template can neither read nor shadow this.
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// Marks the error of a rendering that built too much.
#[derive(Debug, thiserror::Error)]
#[error("the memory of a rendering is used up")]
pub(super) struct Exhausted;

/// Runs one rendering with a fresh budget of `bytes`.
pub(super) fn within<T>(bytes: usize, run: impl FnOnce() -> T) -> T {
    LEFT.set(bytes);
    run()
}

/// Charges `bytes`.
pub(super) fn charge(bytes: usize) -> Result<(), Error> {
    match LEFT.get().checked_sub(bytes) {
        Some(left) => {
            LEFT.set(left);
            Ok(())
        }
        None => Err(exhausted()),
    }
}

fn exhausted() -> Error {
    LEFT.set(0);
    Error::new(ErrorKind::InvalidOperation, Exhausted.to_string()).with_source(Exhausted)
}

/// Charges a value's own size: the text of a string, the items of a list but not what they hold.
fn charge_value(value: &Value) -> Result<(), Error> {
    charge(match (value.as_str(), value.kind()) {
        (Some(text), _) => text.len(),
        (None, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) => {
            value.len().unwrap_or(0).saturating_mul(ITEM_BYTES)
        }
        _ => 0,
    })
}

/// Counts what a value prints, up to a limit.
struct Counter {
    bytes: usize,
    limit: usize,
}

impl Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes += text.len();
        if self.bytes > self.limit { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The bytes that a value prints.
fn printed(value: &Value) -> Result<usize, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.len());
    }
    let mut counter = Counter { bytes: 0, limit: LEFT.get() };
    write!(counter, "{value}").map_err(|_| exhausted())?;
    Ok(counter.bytes)
}

/// Charges what a value prints.
pub(super) fn charge_printed(value: &Value) -> Result<(), Error> {
    charge(printed(value)?)
}

/// Charges a list of `items` items made of `text`.
fn charge_items(items: usize, text: usize) -> Result<(), Error> {
    charge(items.saturating_mul(ITEM_BYTES).saturating_add(text))
}

/// What `text.replace(from, to)` writes.
fn charge_replace(text: &str, from: &str, to: &str) -> Result<(), Error> {
    charge(text.matches(from).count().saturating_mul(to.len()).saturating_add(text.len()))
}

/// What joining `items` writes: each of them, and the joiner as often.
fn charge_join(items: &Value, joiner: usize) -> Result<(), Error> {
    for item in items.try_iter()?.checked() {
        charge(printed(&item?)?.saturating_add(joiner))?;
    }
    Ok(())
}

/// The most that a format writes: every argument at every place, and every width that it names or takes.
fn charge_format(format: &str, args: &[Value]) -> Result<(), Error> {
    let places = format.matches(['%', '{']).count();
    let takes_widths = format.contains('*') || format.contains(":{") || format.matches('{').count() > args.len();
    let mut each = 0usize;
    for arg in args {
        let width = arg.as_i64().filter(|_| takes_widths).map_or(0, i64::unsigned_abs) as usize;
        each = each.saturating_add(printed(arg)?).saturating_add(width);
    }
    let numbers = format.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let widths = numbers.map(|digits| digits.parse::<usize>().unwrap_or(usize::MAX)).fold(0, usize::saturating_add);
    charge(places.saturating_mul(each).saturating_add(widths).saturating_add(format.len()))
}

/// Charges a method of Python's before it runs.
pub(super) fn charge_method(value: &Value, name: &str, args: &[Value]) -> Result<(), Error> {
    let Some(text) = value.as_str() else {
        return if name == super::rewrite::SLICE { charge_value(value) } else { Ok(()) };
    };
    let argument = args.first().and_then(Value::as_str);
    match name {
        "replace" => {
            charge_replace(text, argument.unwrap_or_default(), args.get(1).and_then(Value::as_str).unwrap_or_default())
        }
        "join" => args.first().map_or(Ok(()), |items| charge_join(items, text.len())),
        "format" => charge_format(text, args),
        "split" | "rsplit" | "partition" => {
            let pieces = argument.map_or_else(|| text.split_whitespace().count(), |cut| text.matches(cut).count());
            charge_items(pieces + 1, text.len())
        }
        "splitlines" => charge_items(text.lines().count(), text.len()),
        super::rewrite::SLICE => charge_items(text.len(), text.len()),
        "upper" | "lower" | "title" | "capitalize" => charge(text.len().saturating_mul(CASE_GROWTH)),
        "strip" | "lstrip" | "rstrip" | "removeprefix" | "removesuffix" => charge(text.len()),
        _ => Ok(()),
    }
}

/// Registers the filters that count and the counted forms of minijinja's.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter(COUNTED, |value: &Value| charge_value(value).map(|()| value.clone()));
    environment.add_filter(super::operands::PRINTED, |value: &Value| charge_printed(value).map(|()| value.clone()));
    environment.add_filter(NUMBER, |value: &Value| match value.kind() {
        ValueKind::String | ValueKind::Seq | ValueKind::Iterable => {
            let what = format!("{} where only a number can be counted with", value.kind());
            Err(Error::new(ErrorKind::InvalidOperation, what))
        }
        _ => Ok(value.clone()),
    });
    environment.add_filter(TIMES, times);
    for name in ["lines", "chain", "zip", "pprint"] {
        environment.remove_filter(name); // Jinja2 has none, or none that a template would use
    }
    let of_text: [(&'static str, Value, usize); 6] = [
        ("upper", Value::from_function(filters::upper), CASE_GROWTH),
        ("lower", Value::from_function(filters::lower), CASE_GROWTH),
        ("title", Value::from_function(filters::title), CASE_GROWTH),
        ("capitalize", Value::from_function(filters::capitalize), CASE_GROWTH),
        ("escape", Value::from_function(filters::escape), 6), // `&quot;`
        ("safe", Value::from_function(filters::safe), 1),
    ];
    for (name, filter, growth) in of_text {
        counted(environment, name, filter, move |args| match args.first() {
            Some(value) => charge(printed(value)?.saturating_mul(growth)),
            None => Ok(()),
        });
    }
    counted(environment, "e", Value::from_function(filters::escape), |args| {
        args.first().map_or(Ok(()), |value| charge(printed(value)?.saturating_mul(6)))
    });
    let of_items: [(&'static str, Value); 12] = [
        ("list", Value::from_function(filters::list)),
        ("reverse", Value::from_function(filters::reverse)),
        ("sort", Value::from_function(filters::sort)),
        ("unique", Value::from_function(filters::unique)),
        ("batch", Value::from_function(filters::batch)),
        ("slice", Value::from_function(filters::slice)),
        ("groupby", Value::from_function(filters::groupby)),
        ("map", Value::from_function(filters::map)),
        ("select", Value::from_function(filters::select)),
        ("reject", Value::from_function(filters::reject)),
        ("selectattr", Value::from_function(filters::selectattr)),
        ("rejectattr", Value::from_function(filters::rejectattr)),
    ];
    for (name, filter) in of_items {
        let sizes = matches!(name, "batch" | "slice"); // how many lists, or how many items in one
        counted(environment, name, filter, move |args| {
            let size = args.get(1).filter(|_| sizes).and_then(Value::as_i64).unwrap_or(0).unsigned_abs() as usize;
            let Some(value) = args.first() else { return Ok(()) };
            charge_items(value.as_str().map(str::len).or(value.len()).unwrap_or(0).saturating_add(size), 0)
        });
    }
    install_writers(environment);
}

fn install_writers(environment: &mut Environment<'static>) {
    counted(environment, "replace", Value::from_function(filters::replace), |args| match args {
        [text, from, to, ..] => {
            let sizes = [text, from, to].map(printed);
            for size in sizes {
                charge(size?)?;
            }
            charge_replace(&text.to_string(), &from.to_string(), &to.to_string())
        }
        _ => Ok(()),
    });
    counted(environment, "join", Value::from_function(filters::join), |args| {
        let joiner = args.get(1).filter(|joiner| !joiner.is_kwargs()).map_or(Ok(0), printed)?;
        args.first().map_or(Ok(()), |items| charge_join(items, joiner))
    });
    counted(environment, "split", Value::from_function(filters::split), |args| {
        args.first().map_or(Ok(()), |value| charge_method(value, "split", &args[1..]))
    });
    counted(environment, "format", Value::from_function(filters::format), |args| match args {
        [format, rest @ ..] => charge_format(&format.to_string(), rest),
        [] => Ok(()),
    });
    counted(environment, "indent", Value::from_function(filters::indent), |args| {
        let Some(text) = args.first() else { return Ok(()) };
        let size = printed(text)?;
        let lines = text.as_str().map_or(size, |text| text.lines().count()) + 1;
        let width = args[1..].iter().map(indent_width).fold(4, usize::max);
        charge(lines.saturating_mul(width).saturating_add(size))
    });
    counted(environment, "sum", Value::from_function(filters::sum), |args| {
        let Some(items) = args.first() else { return Ok(()) };
        for item in items.try_iter()?.checked() {
            if matches!(item?.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable) {
                return Err(Error::new(ErrorKind::InvalidOperation, "sum adds numbers only"));
            }
        }
        Ok(())
    });
}

/// The width that an argument of `indent` asks for.
fn indent_width(argument: &Value) -> usize {
    argument.as_i64().map_or(0, |width| width.unsigned_abs() as usize)
}

/// `name` as minijinja has it, behind a charge.
fn counted(
    environment: &mut Environment<'static>,
    name: &'static str,
    filter: Value,
    charge: impl Fn(&[Value]) -> Result<(), Error> + Send + Sync + 'static,
) {
    environment.add_filter(name, move |state: &mut State, args: Rest<Value>| {
        charge(&args)?;
        filter.call(state, &args)
    });
}

/// `a * b`: a number, a text or list repeated.
fn times(a: &Value, b: &Value) -> Result<Value, Error> {
    let repeatable = |value: &Value| matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable);
    let unsupported = || {
        let what = format!("tried to use * operator on unsupported types {} and {}", a.kind(), b.kind());
        Error::new(ErrorKind::InvalidOperation, what)
    };
    if let Some((value, count)) = [(a, b), (b, a)].into_iter().find(|(value, _)| repeatable(value)) {
        let count = count.as_i64().filter(|_| count.is_integer()).ok_or_else(unsupported)?.max(0) as usize;
        if let Some(text) = value.as_str() {
            charge(text.len().saturating_mul(count))?;
            return Ok(Value::from(text.repeat(count)));
        }
        let items: Vec<Value> = value.try_iter()?.checked().collect::<Result<_, _>>()?;
        charge_items(items.len().saturating_mul(count), 0)?;
        return Ok(std::iter::repeat_n(items, count).flatten().collect());
    }
    let whole = |value: &Value| !value.is_number() || value.is_integer();
    if whole(a)
        && whole(b)
        && let (Ok(a), Ok(b)) = (i64::try_from(a.clone()), i64::try_from(b.clone()))
    {
        return a.checked_mul(b).map(Value::from).ok_or_else(unsupported);
    }
    match (f64::try_from(a.clone()), f64::try_from(b.clone())) {
        (Ok(a), Ok(b)) => Ok(Value::from(a * b)),
        _ => Err(unsupported()),
    }
}
