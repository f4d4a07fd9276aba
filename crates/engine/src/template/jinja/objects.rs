//! Objects of Jinja's own: `loop`, macros, `cycler`, `joiner`.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::arguments::Arguments;
use super::render::Scope;
use super::tree::{ForTree, MacroTree};
use crate::template::meter::Meter;
use crate::template::python::compare::equal;
use crate::template::python::value::{Items, items};
use crate::template::python::{Outcome, Value, error};

/// `loop`
pub struct Loop {
    /// What is looped over.
    pub items: Vec<Value>,
    /// How many items came before.
    pub index0: Cell<usize>,
    /// Loops of the same body around it.
    pub depth0: usize,
    changed: RefCell<Option<Vec<Value>>>,
    /// The loop's body and the variables around it, where it is recursive.
    pub recursive: Option<(Arc<ForTree>, Weak<Scope>)>,
}

impl Loop {
    /// Before the first item.
    pub fn new(items: Vec<Value>, depth0: usize, recursive: Option<(Arc<ForTree>, Weak<Scope>)>) -> Loop {
        Loop { items, index0: Cell::new(0), depth0, changed: RefCell::new(None), recursive }
    }

    /// How many items there are.
    pub fn length(&self) -> usize {
        self.items.len()
    }

    /// The number of the item, from 1.
    pub fn index(&self) -> usize {
        self.index0.get() + 1
    }

    /// Its attributes that are no methods.
    pub fn property(&self, name: &str) -> Option<Value> {
        let at = self.index0.get();
        let number = |n: usize| Value::Int(n as i64);
        Some(match name {
            "index" => number(at + 1),
            "index0" => number(at),
            "length" => number(self.length()),
            "revindex" => number(self.length() - at),
            "revindex0" => number(self.length() - at - 1),
            "first" => Value::Bool(at == 0),
            "last" => Value::Bool(at + 1 == self.length()),
            "depth" => number(self.depth0 + 1),
            "depth0" => number(self.depth0),
            "previtem" => match at.checked_sub(1) {
                Some(before) => self.items[before].clone(),
                None => Value::undefined("there is no previous item"),
            },
            "nextitem" => self.items.get(at + 1).cloned().unwrap_or_else(|| Value::undefined("there is no next item")),
            _ => return None,
        })
    }

    /// `cycle` and `changed`.
    pub fn call(&self, name: &str, arguments: Arguments, meter: &Meter) -> Outcome {
        if !arguments.keywords.is_empty() {
            return error(format!("loop.{name}() takes no keyword arguments"));
        }
        let values = arguments.positional;
        if name == "cycle" {
            let Some(at) = self.index0.get().checked_rem(values.len()) else {
                return error("no items for cycling given");
            };
            return Ok(values[at].clone());
        }
        let mut last = self.changed.borrow_mut();
        if let Some(last) = last.as_ref().filter(|last| last.len() == values.len()) {
            let mut same = true;
            for (a, b) in last.iter().zip(&values) {
                same &= equal(a, b, meter)?;
            }
            if same {
                return Ok(Value::Bool(false));
            }
        }
        *last = Some(values);
        Ok(Value::Bool(true))
    }
}

/// A macro, with the variables around its definition.
pub struct Macro {
    /// Its definition.
    pub tree: Arc<MacroTree>,
    /// Its scope, which lives as long as the macro can be reached.
    pub around: Weak<Scope>,
}

impl Macro {
    /// Its name as `repr` shows it.
    pub fn shown_name(&self) -> String {
        match &self.tree.name {
            Some(name) if !self.is_caller() => format!("'{name}'"),
            _ => "anonymous".to_owned(),
        }
    }

    /// Whether it is the body of a call block.
    fn is_caller(&self) -> bool {
        self.tree.name.as_deref() == Some("caller")
    }

    /// Its attributes.
    pub fn property(&self, name: &str) -> Option<Value> {
        let [varargs, kwargs, caller] = self.tree.reads;
        Some(match name {
            "name" => match &self.tree.name {
                Some(name) if !self.is_caller() => Value::text(name),
                _ => Value::None,
            },
            "arguments" => {
                let names = self.tree.signature.names.iter().map(Value::text).collect();
                Value::tuple(names, &Meter::new(crate::template::meter::PROBE)).ok()?
            }
            "catch_kwargs" => Value::Bool(kwargs),
            "catch_varargs" => Value::Bool(varargs),
            "caller" => Value::Bool(caller),
            _ => return None,
        })
    }
}

/// `cycler`
pub struct Cycler {
    /// What it gives, again and again.
    pub items: Rc<Items>,
    /// Which comes next.
    pub position: Cell<usize>,
}

impl Cycler {
    /// The item that comes next.
    pub fn current(&self) -> Value {
        self.items.values[self.position.get()].clone()
    }

    /// The same, and goes on to the one after it.
    pub fn next(&self) -> Value {
        let item = self.current();
        self.position.set((self.position.get() + 1) % self.items.values.len());
        item
    }
}

/// `joiner`
pub struct Joiner {
    /// What it gives from the second time on.
    pub separator: String,
    /// Whether it gave something.
    pub used: Cell<bool>,
}

/// A `cycler` as a value.
///
/// # Errors
/// There is nothing to give, or it nests too deeply.
pub fn cycler(values: Vec<Value>, meter: &Meter) -> Outcome {
    if values.is_empty() {
        return error("at least one item has to be provided");
    }
    Ok(Value::Cycler(Rc::new(Cycler { items: items(values, false, meter)?, position: Cell::new(0) })))
}
