//! Statements at work.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::arguments::Arguments;
use super::globals;
use super::objects::{Loop, Macro};
use super::tree::{Body, ForTree, MacroTree, Node, Statement, Target, Tree};
use crate::template::clock::Clock;
use crate::template::meter::Meter;
use crate::template::python::items::iterate;
use crate::template::python::repr::string;
use crate::template::python::{Callable, Outcome, Value, error};

/// Variables of one body, and those around it.
#[derive(Default)]
pub struct Scope {
    /// Without a value: undefined, whatever is around.
    names: RefCell<HashMap<Arc<str>, Option<Value>>>,
    around: Option<Rc<Scope>>,
}

impl Scope {
    /// The outermost, with the variables that a template is rendered with.
    pub fn outermost(names: Vec<(Arc<str>, Value)>) -> Rc<Scope> {
        let names = names.into_iter().map(|(name, value)| (name, Some(value))).collect();
        Rc::new(Scope { names: RefCell::new(names), around: None })
    }

    /// One within another.
    pub fn within(around: &Rc<Scope>) -> Rc<Scope> {
        Rc::new(Scope { names: RefCell::default(), around: Some(Rc::clone(around)) })
    }

    /// Gives a variable of this body a value.
    pub fn set(&self, name: &Arc<str>, value: Value) {
        self.names.borrow_mut().insert(Arc::clone(name), Some(value));
    }

    /// The value of a variable, here or around, else one of Jinja's own.
    fn get(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            if let Some(value) = scope.names.borrow().get(name) {
                return value.clone();
            }
            match scope.around.as_deref() {
                Some(around) => scope = around,
                None => return globals::named(name),
            }
        }
    }

    /// Takes from it the variables that a body assigns later.
    fn unset(&self, body: &Body) {
        if !body.unset.is_empty() {
            self.names.borrow_mut().extend(body.unset.iter().map(|name| (Arc::clone(name), None)));
        }
    }
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// At its end.
    Through,
    /// With `break`.
    Break,
    /// With `continue`.
    Continue,
}

/// One rendering.
pub struct Renderer<'r> {
    /// What may be used up.
    pub meter: &'r Meter,
    /// What `strftime_now` reads.
    pub clock: Clock,
    /// Characters that `tojson` lets through whatever it is asked.
    pub guards: &'r [char],
    /// The line of the statement at work.
    pub line: Cell<usize>,
    /// Whether a constant is printed: Jinja works that out beforehand, and takes what fails then for undefined.
    pub prints_constant: Cell<bool>,
}

impl Renderer<'_> {
    /// Renders a template with `variables`.
    ///
    /// # Errors
    /// As the template's, or more was used up than a rendering may.
    pub fn render(&self, tree: &Tree, variables: Vec<(Arc<str>, Value)>) -> Outcome<String> {
        let scope = Scope::outermost(variables);
        let mut out = String::new();
        self.body(&tree.body, &scope, &mut out)?;
        Ok(out)
    }

    /// The value of a variable; undefined where there is none.
    pub fn variable(&self, name: &str, scope: &Scope) -> Value {
        scope.get(name).unwrap_or_else(|| {
            Value::undefined(format!("{} is undefined", crate::template::python::repr::quoted_short(name)))
        })
    }

    fn write(&self, text: &str, out: &mut String) -> Outcome<()> {
        self.meter.grow(out.len(), text.len())?;
        out.push_str(text);
        Ok(())
    }

    /// Runs a body whose variables are those of `scope`.
    fn body(&self, body: &Body, scope: &Rc<Scope>, out: &mut String) -> Outcome<Flow> {
        self.meter.charge_names(body.unset.len())?;
        scope.unset(body);
        self.nodes(&body.nodes, scope, out)
    }

    fn nodes(&self, nodes: &[Node], scope: &Rc<Scope>, out: &mut String) -> Outcome<Flow> {
        self.meter.deeper(|| {
            for node in nodes {
                self.line.set(node.line);
                self.meter.step()?;
                match self.statement(&node.kind, scope, out)? {
                    Flow::Through => {}
                    flow => return Ok(flow),
                }
            }
            Ok(Flow::Through)
        })
    }

    fn statement(&self, statement: &Statement, scope: &Rc<Scope>, out: &mut String) -> Outcome<Flow> {
        match statement {
            Statement::Data(text) => self.write(text, out)?,
            Statement::Print(values) => {
                for value in values {
                    self.prints_constant.set(self.is_constant(value, scope));
                    let value = self.value(value, scope);
                    self.prints_constant.set(false);
                    let value = value?;
                    self.print(&value, out)?;
                }
            }
            Statement::If(branches, otherwise) => {
                for (test, body) in branches {
                    if self.value(test, scope)?.truth() {
                        return self.nodes(body, scope, out);
                    }
                }
                return self.nodes(otherwise, scope, out);
            }
            Statement::For(tree) => {
                let items = self.value(&tree.items, scope)?;
                self.for_loop(tree, &items, 0, scope, out)?;
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Set(target, value) => {
                let value = self.value(value, scope)?;
                self.assign(target, value, scope)?;
            }
            Statement::SetBlock(target, filter, body) => {
                let mut text = String::new();
                self.body(body, &Scope::within(scope), &mut text)?;
                let text = Value::text(text);
                let value = match filter {
                    Some(filter) => self.filtered(filter, text, scope)?,
                    None => text,
                };
                self.assign(target, value, scope)?;
            }
            Statement::With(values, body) => {
                let inner = Scope::within(scope);
                for (target, value) in values {
                    let value = self.value(value, scope)?;
                    self.assign(target, value, &inner)?;
                }
                return self.body(body, &inner, out);
            }
            Statement::Scope(body) => {
                self.body(body, &Scope::within(scope), out)?;
            }
            Statement::Macro(tree) => {
                let name = tree.name.clone().unwrap_or_else(|| Arc::from(""));
                scope.set(&name, self.macro_value(tree, scope));
            }
            Statement::Call(call, body) => {
                let printed = self.call_with(call, Some(self.macro_value(body, scope)), scope)?;
                self.print_text(&printed, out)?;
            }
            Statement::Filter(filter, body) => {
                let mut text = String::new();
                let inner = Scope::within(scope);
                self.body(body, &inner, &mut text)?;
                let value = self.filtered(filter, Value::text(text), &inner)?;
                self.print_text(&value, out)?;
            }
            Statement::NoLoader => return error("no loader for this environment specified"),
        }
        Ok(Flow::Through)
    }

    fn print(&self, value: &Value, out: &mut String) -> Outcome<()> {
        match value {
            Value::Text(text) => self.write(&text.text, out),
            value => {
                let text = string(value, self.meter)?;
                self.write(&text, out)
            }
        }
    }

    /// What blocks give has to be text already: Jinja joins it as it is.
    fn print_text(&self, value: &Value, out: &mut String) -> Outcome<()> {
        match value {
            Value::Text(text) => self.write(&text.text, out),
            other => error(format!("expected str instance, {} found", other.type_name())),
        }
    }

    fn macro_value(&self, tree: &Arc<MacroTree>, scope: &Rc<Scope>) -> Value {
        let made = Macro { tree: Arc::clone(tree), around: Rc::downgrade(scope) };
        Value::Callable(Callable::Macro(Rc::new(made)))
    }

    /// Assigns to a name, to a name of a namespace, or to each of several.
    ///
    /// # Errors
    /// There are more or fewer values than targets.
    fn assign(&self, target: &Target, value: Value, scope: &Rc<Scope>) -> Outcome<()> {
        match target {
            Target::Name(name) => scope.set(name, value),
            Target::Namespace(name, of) => match self.variable(name, scope) {
                Value::Namespace(space) => space.set(of, value, self.meter)?,
                _ => return error("cannot assign attribute on non-namespace object"),
            },
            Target::Tuple(targets) => {
                let values = iterate(&value, self.meter)?;
                if values.len() != targets.len() {
                    let (wanted, found) = (targets.len(), values.len());
                    let what = if found < wanted { "not enough" } else { "too many" };
                    return error(format!("{what} values to unpack (expected {wanted}, got {found})"));
                }
                for (target, value) in targets.iter().zip(values) {
                    self.assign(target, value, scope)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a loop over what `items` gives.
    fn for_loop(
        &self,
        tree: &Arc<ForTree>,
        items: &Value,
        depth0: usize,
        scope: &Rc<Scope>,
        out: &mut String,
    ) -> Outcome<()> {
        let mut items = iterate(items, self.meter)?;
        if let Some(test) = &tree.test {
            let mut kept = Vec::new();
            for item in items {
                let inner = Scope::within(scope);
                self.assign(&tree.target, item.clone(), &inner)?;
                if self.value(test, &inner)?.truth() {
                    kept.push(item);
                }
            }
            items = kept;
        }
        let recursive = tree.recursive.then(|| (Arc::clone(tree), Rc::downgrade(scope)));
        let this = Rc::new(Loop::new(items, depth0, recursive));
        let name: Arc<str> = Arc::from("loop");
        let mut reached_its_end = false;
        for index in 0..this.length() {
            this.index0.set(index);
            let inner = Scope::within(scope);
            inner.set(&name, Value::Loop(Rc::clone(&this)));
            self.assign(&tree.target, this.items[index].clone(), &inner)?;
            match self.body(&tree.body, &inner, out)? {
                Flow::Through => reached_its_end = true,
                Flow::Continue => {}
                Flow::Break => break,
            }
        }
        // Jinja notes at the end of the body that there was an item; `continue` and `break` pass that by.
        if !reached_its_end {
            self.body(&tree.otherwise, &Scope::within(scope), out)?;
        }
        Ok(())
    }

    /// `loop(items)` of a recursive loop: what its body prints of other items.
    ///
    /// # Errors
    /// The loop is not recursive.
    pub fn call_loop(&self, this: &Loop, arguments: Arguments) -> Outcome {
        let [items] = arguments.exactly("loop")?;
        let Some((tree, around)) = &this.recursive else {
            return error("The loop must have the 'recursive' marker to be called recursively.");
        };
        let Some(scope) = around.upgrade() else { return error("the loop is over") };
        let line = self.line.get();
        let mut out = String::new();
        self.for_loop(tree, &items, this.depth0 + 1, &scope, &mut out)?;
        self.line.set(line);
        Ok(Value::text(out))
    }

    /// Calls a macro: what its body prints.
    ///
    /// # Errors
    /// It takes other arguments.
    pub fn call_macro(&self, made: &Macro, arguments: Arguments) -> Outcome {
        let MacroTree { name, signature, body, reads } = &*made.tree;
        let shown = name.as_deref().unwrap_or("None");
        let Some(around) = made.around.upgrade() else { return error(format!("macro '{shown}' is over")) };
        let scope = Scope::within(&around);
        let [reads_varargs, reads_kwargs, reads_caller] = *reads;
        let Arguments { positional, mut keywords } = arguments;
        let given = positional.len();
        let mut values = positional.into_iter();
        let first_default = signature.names.len() - signature.defaults.len();
        // Every name is looked for among the keywords.
        self.meter.read(signature.names.len().saturating_mul(keywords.len()).saturating_mul(16))?;
        let mut takes_caller = false;
        let mut missing = Vec::new();
        for (index, name) in signature.names.iter().enumerate() {
            takes_caller |= &**name == "caller";
            let by_name = || keywords.iter().position(|(known, _)| known == name);
            match values.next() {
                Some(value) => scope.set(name, value),
                None => match by_name() {
                    Some(at) => scope.set(name, keywords.remove(at).1),
                    None => missing.push((index, name)),
                },
            }
        }
        if reads_caller && !takes_caller {
            let caller = keywords.iter().position(|(name, _)| &**name == "caller").map(|at| keywords.remove(at).1);
            let caller = caller.unwrap_or_else(|| Value::undefined("No caller defined"));
            scope.set(&Arc::from("caller"), caller);
        }
        if reads_kwargs {
            let pairs = keywords.drain(..).map(|(name, value)| (Value::text(name), value));
            scope.set(&Arc::from("kwargs"), Value::dict(pairs.collect::<Vec<_>>(), self.meter)?);
        } else if let Some((unknown, _)) = keywords.first() {
            return match &**unknown {
                "caller" => error(format!(
                    "macro '{shown}' was invoked with two values for the special caller argument. This is most likely a bug."
                )),
                unknown => error(format!("macro '{shown}' takes no keyword argument '{unknown}'")),
            };
        }
        let rest: Vec<Value> = values.collect();
        if reads_varargs {
            scope.set(&Arc::from("varargs"), Value::tuple(rest, self.meter)?);
        } else if !rest.is_empty() {
            let most = signature.names.len();
            return error(format!("macro '{shown}' takes not more than {most} argument(s), {given} given"));
        }
        for (index, name) in missing {
            let value = match index.checked_sub(first_default) {
                Some(default) => self.value(&signature.defaults[default], &scope)?,
                None => Value::undefined(format!("parameter '{name}' was not provided")),
            };
            scope.set(name, value);
        }
        let line = self.line.get();
        let mut out = String::new();
        self.body(body, &scope, &mut out)?;
        self.line.set(line);
        Ok(Value::text(out))
    }
}
