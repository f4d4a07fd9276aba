//! Iterating, counting, indexing and slicing.

use super::value::{Text, Value, View};
use super::{Outcome, error};
use crate::template::meter::Meter;

/// Whether Python's `iter` takes it.
pub fn is_iterable(value: &Value) -> bool {
    !matches!(
        value,
        Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Big(_)
            | Value::Float(_)
            | Value::Namespace(_)
            | Value::Callable(_)
            | Value::Cycler(_)
            | Value::Joiner(_)
    )
}

/// Everything that iterating gives. What a generator gives is gone from it.
///
/// # Errors
/// It cannot be iterated.
pub fn iterate(value: &Value, meter: &Meter) -> Outcome<Vec<Value>> {
    meter.charge_items(length_of(value).unwrap_or(0))?;
    Ok(match value {
        Value::Undefined(_) => Vec::new(),
        // Iterating Markup gives plain text, indexing it Markup.
        Value::Text(text) => text.text.chars().map(|c| character(c, false)).collect(),
        Value::List(items) | Value::Tuple(items) => items.values.clone(),
        Value::Dict(dict) | Value::View(View::Keys, dict) => {
            dict.entries().iter().map(|(key, _)| key.clone()).collect()
        }
        Value::View(View::Values, dict) => dict.entries().iter().map(|(_, value)| value.clone()).collect(),
        Value::View(View::Items, dict) => {
            let pair = |(key, value): &(Value, Value)| Value::tuple(vec![key.clone(), value.clone()], meter);
            dict.entries().iter().map(pair).collect::<Outcome<_>>()?
        }
        Value::Range(range) => (0..range.len()).map(|index| Value::Int(range.at(index))).collect(),
        Value::Stream(stream) => {
            let mut stream = stream.borrow_mut();
            if let Some(fail) = stream.fail.take() {
                return Err(fail);
            }
            stream.items.drain(..).collect()
        }
        _ => return error(format!("'{}' object is not iterable", value.type_name())),
    })
}

fn character(c: char, markup: bool) -> Value {
    Value::Text(Text { text: std::sync::Arc::from(&*c.encode_utf8(&mut [0; 4])), markup })
}

/// Python's `len`, where there is one.
fn length_of(value: &Value) -> Option<usize> {
    Some(match value {
        Value::Undefined(_) => 0,
        Value::Text(text) => text.text.chars().count(),
        Value::List(items) | Value::Tuple(items) => items.values.len(),
        Value::Dict(dict) | Value::View(_, dict) => dict.entries().len(),
        Value::Range(range) => range.len(),
        Value::Loop(it) => it.length(),
        _ => return None,
    })
}

/// Python's `len`.
///
/// # Errors
/// It has none.
pub fn length(value: &Value, meter: &Meter) -> Outcome<usize> {
    if let Value::Text(text) = value {
        meter.read(text.text.len())?;
    }
    match length_of(value) {
        Some(length) => Ok(length),
        None => error(format!("object of type '{}' has no len()", value.type_name())),
    }
}

/// Whether `[…]` is defined for it, as the test `sequence` asks of what has a length.
pub fn is_sequence(value: &Value) -> bool {
    matches!(
        value,
        Value::Text(_) | Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Range(_) | Value::Undefined(_)
    )
}

/// `value[key]`; none where Python raises a LookupError or TypeError, for which Jinja looks further.
///
/// # Errors
/// It is undefined, or a budget is used up.
pub fn item(value: &Value, key: &Value, meter: &Meter) -> Outcome<Option<Value>> {
    value.require()?;
    let at = |length: usize| -> Option<usize> {
        let index = key.as_int()?;
        let index = if index < 0 { index.checked_add(length as i64)? } else { index };
        usize::try_from(index).ok().filter(|index| *index < length)
    };
    Ok(match value {
        Value::Text(text) => {
            meter.read(text.text.len())?;
            let found = if text.text.is_ascii() {
                at(text.text.len()).map(|index| char::from(text.text.as_bytes()[index]))
            } else {
                at(text.text.chars().count()).and_then(|index| text.text.chars().nth(index))
            };
            found.map(|c| character(c, text.markup))
        }
        Value::List(items) | Value::Tuple(items) => at(items.values.len()).map(|index| items.values[index].clone()),
        Value::Range(range) => at(range.len()).map(|index| Value::Int(range.at(index))),
        // An unhashable key is a TypeError, which Jinja takes for a key that is not there.
        Value::Dict(dict) => match super::compare::Key::of(key, meter) {
            Ok(_) => dict.get(key, meter)?.cloned(),
            Err(super::Fail::Error(_)) => None,
            Err(other) => return Err(other),
        },
        _ => None,
    })
}

/// `value[start:stop:step]`; none where it cannot be sliced.
///
/// # Errors
/// The step is 0 or a part is no whole number.
pub fn slice(value: &Value, parts: [&Value; 3], meter: &Meter) -> Outcome<Option<Value>> {
    value.require()?;
    let length = match value {
        Value::Text(_) | Value::List(_) | Value::Tuple(_) | Value::Range(_) => length(value, meter)?,
        _ => return Ok(None),
    };
    let mut numbers = [None; 3];
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = match part {
            Value::None => None,
            part => match part.as_int() {
                Some(number) => Some(number),
                // Python's TypeError, for which Jinja looks further and finds nothing.
                None => return Ok(None),
            },
        };
    }
    let step = numbers[2].unwrap_or(1);
    if step == 0 {
        return error("slice step cannot be zero");
    }
    let (first, end, count) = bounds(numbers[0], numbers[1], step, length as i64);
    let indices = (0..count).map(|index| (first + index as i64 * step) as usize);
    Ok(Some(match value {
        Value::Text(text) => {
            meter.build(text.text.len())?;
            let sliced: String = if step == 1 && text.text.is_ascii() {
                text.text.get(first as usize..first as usize + count).unwrap_or_default().to_owned()
            } else if step == 1 {
                text.text.chars().skip(first as usize).take(count).collect()
            } else {
                meter.scan(text.text.len())?;
                let characters: Vec<char> = text.text.chars().collect();
                indices.map(|index| characters[index]).collect()
            };
            Value::Text(Text { text: sliced.into(), markup: text.markup })
        }
        Value::List(items) => Value::list(indices.map(|index| items.values[index].clone()).collect(), meter)?,
        Value::Tuple(items) => Value::tuple(indices.map(|index| items.values[index].clone()).collect(), meter)?,
        Value::Range(range) => {
            let element = |index: i64| range.start.saturating_add(index.saturating_mul(range.step));
            let step = range.step.saturating_mul(step);
            Value::Range(super::Range { start: element(first), stop: element(end), step })
        }
        _ => return Ok(None),
    }))
}

/// The first index of a slice, where it ends and how many there are, as CPython's `PySlice_AdjustIndices`.
fn bounds(start: Option<i64>, stop: Option<i64>, step: i64, length: i64) -> (i64, i64, usize) {
    let (lowest, highest) = if step < 0 { (-1, length - 1) } else { (0, length) };
    let clamp = |index: i64| {
        let index = if index < 0 { index.saturating_add(length) } else { index };
        index.clamp(lowest, highest)
    };
    let start = start.map_or(if step < 0 { highest } else { 0 }, clamp);
    let stop = stop.map_or(if step < 0 { -1 } else { highest }, clamp);
    let span = if step < 0 { start - stop } else { stop - start };
    if span <= 0 {
        return (start, stop, 0);
    }
    let stride = i64::try_from(step.unsigned_abs()).unwrap_or(i64::MAX);
    (start, stop, ((span - 1) / stride + 1) as usize)
}

/// Its items from the last to the first; none where Python's `reversed` does not take it.
pub fn reversed(value: &Value, meter: &Meter) -> Outcome<Option<Vec<Value>>> {
    Ok(match value {
        Value::Text(text) => {
            meter.charge_items(text.text.len())?;
            Some(text.text.chars().rev().map(|c| character(c, text.markup)).collect())
        }
        Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::View(..) | Value::Range(_) => {
            let mut items = iterate(value, meter)?;
            items.reverse();
            Some(items)
        }
        // It has a length of nothing, so that Python never comes to read an item.
        Value::Undefined(_) => Some(Vec::new()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::bounds;

    #[test]
    fn slices_reach_as_far_as_in_python() {
        for (start, stop, step, length, expected) in [
            (None, None, 1, 5, (0, 5, 5)),
            (None, None, -1, 5, (4, -1, 5)),
            (Some(1), None, 2, 5, (1, 5, 2)),
            (Some(-2), None, 1, 5, (3, 5, 2)),
            (Some(10), Some(-10), -3, 5, (4, -1, 2)),
            (Some(3), Some(1), 1, 5, (3, 1, 0)),
            (None, Some(i64::MIN), i64::MIN, 5, (4, -1, 1)),
            (None, None, -1, 0, (-1, -1, 0)),
        ] {
            assert_eq!(bounds(start, stop, step, length), expected, "{start:?}:{stop:?}:{step} of {length}");
        }
    }
}
