//! Values of Python, as far as templates can make them. All but namespaces are immutable, as in Jinja's immutable sandbox.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::compare::Key;
use super::{Fail, Outcome, error};
use crate::template::jinja::objects::{Cycler, Joiner, Loop, Macro};
use crate::template::meter::Meter;

/// Containers within containers; Python's own `repr` ends at a thousand.
pub const MAX_DEPTH: u32 = 300;

/// A value.
#[derive(Clone)]
pub enum Value {
    /// Nothing was there; Jinja's `Undefined`.
    Undefined(Rc<Undefined>),
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// A longer one.
    Big(Rc<BigInt>),
    /// A float.
    Float(f64),
    /// A string.
    Text(Text),
    /// A list.
    List(Rc<Items>),
    /// A tuple.
    Tuple(Rc<Items>),
    /// A dict.
    Dict(Rc<Dict>),
    /// `keys()`, `values()` or `items()` of a dict.
    View(View, Rc<Dict>),
    /// A range.
    Range(Range),
    /// A generator or iterator: what is read of it is gone.
    Stream(Rc<RefCell<Stream>>),
    /// Jinja's `namespace`.
    Namespace(Rc<Namespace>),
    /// Something to call.
    Callable(Callable),
    /// Jinja's `loop`.
    Loop(Rc<Loop>),
    /// Jinja's `cycler`.
    Cycler(Rc<Cycler>),
    /// Jinja's `joiner`.
    Joiner(Rc<Joiner>),
}

/// What a generator will give. It is made at once, but an error on the way is one only for who reads so far.
#[derive(Default)]
pub struct Stream {
    /// What was not read yet.
    pub items: VecDeque<Value>,
    /// What comes behind the items.
    pub fail: Option<Fail>,
    /// Containers within one another, this one included, before anything was read.
    depth: u32,
    stateful: bool,
}

impl Stream {
    /// The next item; none at the end.
    ///
    /// # Errors
    /// What making the item failed with.
    pub fn next(&mut self) -> Outcome<Option<Value>> {
        match (self.items.pop_front(), self.fail.take()) {
            (None, Some(fail)) => Err(fail),
            (item, fail) => {
                self.fail = fail;
                Ok(item)
            }
        }
    }
}

/// What is not there, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Undefined {
    /// What an operation on it is refused with.
    pub message: String,
}

/// A string, and whether it is Markup: text that is HTML already.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text {
    /// Its characters.
    pub text: Arc<str>,
    /// Whether it is Markup.
    pub markup: bool,
}

/// Items of a list or tuple.
#[derive(Clone)]
pub struct Items {
    /// In their order.
    pub values: Vec<Value>,
    /// Containers within one another, this one included.
    pub depth: u32,
    /// Whether it is what `groupby` gives, whose items have names.
    pub grouped: bool,
    /// Whether something in it can hold a namespace in turn: told when it is made, for lists that share lists are without
    /// end to look through.
    stateful: bool,
}

/// A dict in the order of its insertions.
#[derive(Clone, Default)]
pub struct Dict {
    entries: Vec<(Value, Value)>,
    index: HashMap<Key, usize>,
    stateful: bool,
    /// Containers within one another, this one included.
    pub depth: u32,
}

/// Which view of a dict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// `keys()`
    Keys,
    /// `values()`
    Values,
    /// `items()`
    Items,
}

/// `range(start, stop, step)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first number.
    pub start: i64,
    /// Where it ends, exclusively.
    pub stop: i64,
    /// From one to the next.
    pub step: i64,
}

/// Names that `{% set ns.name = … %}` changes.
#[derive(Default)]
pub struct Namespace {
    /// In the order of their first assignment.
    pub names: RefCell<Vec<(Arc<str>, Value)>>,
    index: RefCell<HashMap<Arc<str>, usize>>,
}

/// Something to call.
#[derive(Clone)]
pub enum Callable {
    /// A global function.
    Global(&'static str),
    /// A method of a value.
    Method(Rc<Method>),
    /// A macro, or what `caller` is.
    Macro(Rc<Macro>),
}

/// A method bound to its value.
pub struct Method {
    /// Whose.
    pub of: Value,
    /// Which.
    pub name: &'static str,
}

impl Text {
    /// Plain text.
    pub fn plain(text: &str) -> Text {
        Text { text: Arc::from(text), markup: false }
    }
}

impl Range {
    /// How many numbers it gives.
    pub fn len(&self) -> usize {
        let (low, high, step) = match self.step > 0 {
            true => (self.start, self.stop, self.step.unsigned_abs()),
            false => (self.stop, self.start, self.step.unsigned_abs()),
        };
        if low >= high { 0 } else { ((high.wrapping_sub(low) as u64 - 1) / step + 1) as usize }
    }

    /// The number at `index`, which lies within.
    pub fn at(&self, index: usize) -> i64 {
        self.start.wrapping_add((index as i64).wrapping_mul(self.step))
    }
}

impl Dict {
    /// A dict of what `pairs` gives; a later key replaces the value of an equal one.
    pub fn of(pairs: impl IntoIterator<Item = (Value, Value)>, meter: &Meter) -> Outcome<Dict> {
        let mut dict = Dict { depth: 1, ..Dict::default() };
        for (key, value) in pairs {
            dict.insert(key, value, meter)?;
        }
        if dict.depth > MAX_DEPTH { Err(too_deep()) } else { Ok(dict) }
    }

    fn insert(&mut self, key: Value, value: Value, meter: &Meter) -> Outcome<()> {
        meter.charge_entry()?;
        self.depth = self.depth.max(1 + key.depth().max(value.depth()));
        self.stateful |= key.holds_state() || value.holds_state();
        let hash = Key::of(&key, meter)?;
        match self.index.get(&hash) {
            Some(at) => self.entries[*at].1 = value,
            None => {
                self.index.insert(hash, self.entries.len());
                self.entries.push((key, value));
            }
        }
        Ok(())
    }

    /// The value of a key.
    pub fn get(&self, key: &Value, meter: &Meter) -> Outcome<Option<&Value>> {
        Ok(self.index.get(&Key::of(key, meter)?).map(|at| &self.entries[*at].1))
    }

    /// The value of a key that is text.
    pub fn get_text(&self, key: &str) -> Option<&Value> {
        self.index.get(&Key::text(key)).map(|at| &self.entries[*at].1)
    }

    /// Keys and values in their order.
    pub fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }
}

impl Namespace {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.index.borrow().get(name).map(|at| self.names.borrow()[*at].1.clone())
    }

    /// Gives a name a value. Nothing that could hold this very namespace is taken: it would hold itself.
    pub fn set(&self, name: &str, value: Value, meter: &Meter) -> Outcome<()> {
        if name.starts_with('_') {
            return error(format!("a namespace stores no underscore-prefixed names, but got '{name}'"));
        }
        if value.holds_state() {
            return error("a namespace within a namespace, and a macro or loop within one, are not supported");
        }
        let mut names = self.names.borrow_mut();
        let mut index = self.index.borrow_mut();
        match index.get(name) {
            Some(at) => names[*at].1 = value,
            None => {
                meter.charge_entry()?;
                let name: Arc<str> = Arc::from(name);
                index.insert(Arc::clone(&name), names.len());
                names.push((name, value));
            }
        }
        Ok(())
    }
}

fn too_deep() -> Fail {
    Fail::TooMuch("nests values deeper than any honest one")
}

impl Value {
    /// Plain text.
    pub fn text(text: impl AsRef<str>) -> Value {
        Value::Text(Text::plain(text.as_ref()))
    }

    /// What is not there, with what is said of it.
    pub fn undefined(message: impl Into<String>) -> Value {
        Value::Undefined(Rc::new(Undefined { message: message.into() }))
    }

    /// A list.
    pub fn list(values: Vec<Value>, meter: &Meter) -> Outcome {
        Ok(Value::List(items(values, false, meter)?))
    }

    /// A tuple.
    pub fn tuple(values: Vec<Value>, meter: &Meter) -> Outcome {
        Ok(Value::Tuple(items(values, false, meter)?))
    }

    /// What `groupby` gives: a tuple whose items are `grouper` and `list`.
    pub fn group(values: Vec<Value>, meter: &Meter) -> Outcome {
        Ok(Value::Tuple(items(values, true, meter)?))
    }

    /// A dict.
    pub fn dict(pairs: impl IntoIterator<Item = (Value, Value)>, meter: &Meter) -> Outcome {
        Ok(Value::Dict(Rc::new(Dict::of(pairs, meter)?)))
    }

    /// A generator over `values`.
    pub fn stream(values: Vec<Value>, meter: &Meter) -> Outcome {
        Value::generated(values.into_iter().map(Ok), meter)
    }

    /// A generator over what `values` gives up to its first error.
    ///
    /// # Errors
    /// The template refuses, or a budget is used up: that is not put off.
    pub fn generated(values: impl IntoIterator<Item = Outcome>, meter: &Meter) -> Outcome {
        let mut stream = Stream { depth: 1, ..Stream::default() };
        for value in values {
            match value {
                Ok(value) => {
                    meter.charge_items(1)?;
                    stream.depth = stream.depth.max(1 + value.depth());
                    stream.stateful |= value.holds_state();
                    stream.items.push_back(value);
                }
                Err(fail @ Fail::Error(_)) => {
                    stream.fail = Some(fail);
                    break;
                }
                Err(fail) => return Err(fail),
            }
        }
        if stream.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        Ok(Value::Stream(Rc::new(RefCell::new(stream))))
    }

    /// A generator whose making fails when it is first read.
    pub fn failing(fail: Fail, meter: &Meter) -> Outcome {
        Value::generated([Err(fail)], meter)
    }

    /// A whole number, in the shorter form where it has one.
    pub fn whole(number: BigInt) -> Value {
        match number.to_i64() {
            Some(short) => Value::Int(short),
            None => Value::Big(Rc::new(number)),
        }
    }

    /// Python's truth.
    pub fn truth(&self) -> bool {
        match self {
            Value::Undefined(_) | Value::None => false,
            Value::Bool(truth) => *truth,
            Value::Int(number) => *number != 0,
            Value::Big(_) => true,
            Value::Float(number) => *number != 0.0,
            Value::Text(text) => !text.text.is_empty(),
            Value::List(items) | Value::Tuple(items) => !items.values.is_empty(),
            Value::Dict(dict) | Value::View(_, dict) => !dict.entries.is_empty(),
            Value::Range(range) => range.len() > 0,
            Value::Loop(it) => it.length() > 0,
            Value::Stream(_) | Value::Namespace(_) | Value::Callable(_) | Value::Cycler(_) | Value::Joiner(_) => true,
        }
    }

    /// Its text, if it is a string.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(&text.text),
            _ => None,
        }
    }

    /// The whole number that it is, as an index: True is 1.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Bool(truth) => Some(i64::from(*truth)),
            Value::Int(number) => Some(*number),
            // An index beyond 64 bits is beyond everything.
            Value::Big(number) => Some(if number.sign() == num_bigint::Sign::Minus { i64::MIN } else { i64::MAX }),
            _ => None,
        }
    }

    /// The name of its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Undefined(_) => "Undefined",
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::Big(_) => "int",
            Value::Float(_) => "float",
            Value::Text(text) if text.markup => "Markup",
            Value::Text(_) => "str",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Dict(_) => "dict",
            Value::View(View::Keys, _) => "dict_keys",
            Value::View(View::Values, _) => "dict_values",
            Value::View(View::Items, _) => "dict_items",
            Value::Range(_) => "range",
            Value::Stream(_) => "generator",
            Value::Namespace(_) => "TemplateNamespace",
            Value::Callable(Callable::Global(_)) => "function",
            Value::Callable(Callable::Method(_)) => "builtin_function_or_method",
            Value::Callable(Callable::Macro(_)) => "Macro",
            Value::Loop(_) => "LoopContext",
            Value::Cycler(_) => "Cycler",
            Value::Joiner(_) => "Joiner",
        }
    }

    /// Containers within one another that it is made of.
    pub fn depth(&self) -> u32 {
        match self {
            Value::List(items) | Value::Tuple(items) => items.depth,
            Value::Dict(dict) | Value::View(_, dict) => dict.depth,
            Value::Stream(stream) => stream.borrow().depth,
            Value::Callable(Callable::Method(method)) => 1 + method.of.depth(),
            Value::Cycler(cycler) => cycler.items.depth,
            _ => 0,
        }
    }

    /// Whether it holds something that can hold a namespace in turn.
    fn holds_state(&self) -> bool {
        match self {
            Value::Namespace(_) | Value::Loop(_) | Value::Callable(Callable::Macro(_)) => true,
            Value::Callable(Callable::Method(method)) => method.of.holds_state(),
            Value::List(items) | Value::Tuple(items) => items.stateful,
            Value::Dict(dict) | Value::View(_, dict) => dict.stateful,
            Value::Stream(stream) => stream.borrow().stateful,
            Value::Cycler(cycler) => cycler.items.stateful,
            _ => false,
        }
    }

    /// Fails where it is not there: with what was said of it.
    pub fn require(&self) -> Outcome<()> {
        match self {
            Value::Undefined(undefined) => error(undefined.message.clone()),
            _ => Ok(()),
        }
    }
}

/// What lists and tuples hold.
///
/// # Errors
/// It nests too deeply, or a budget is used up.
pub fn items(values: Vec<Value>, grouped: bool, meter: &Meter) -> Outcome<Rc<Items>> {
    meter.charge_items(1 + values.len())?;
    let depth = 1 + values.iter().map(Value::depth).max().unwrap_or(0);
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let stateful = values.iter().any(Value::holds_state);
    Ok(Rc::new(Items { values, depth, grouped, stateful }))
}
