//! Expressions at work.

use std::rc::Rc;
use std::sync::Arc;

use super::access;
use super::arguments::Arguments;
use super::render::{Renderer, Scope};
use super::tree::{self, Comparison, Expr};
use crate::template::python::attributes;
use crate::template::python::compare::{contains, equal, order};
use crate::template::python::items::{iterate, slice};
use crate::template::python::number::{Operator, binary, signed};
use crate::template::python::repr::string;
use crate::template::python::value::{Text, Value};
use crate::template::python::{Callable, Outcome, error};

impl Renderer<'_> {
    /// The value of an expression.
    ///
    /// # Errors
    /// As Python's and Jinja's.
    pub fn value(&self, expr: &Expr, scope: &Rc<Scope>) -> Outcome {
        self.meter.step()?;
        match expr {
            Expr::Text(text) => Ok(Value::Text(Text { text: Arc::clone(text), markup: false })),
            Expr::Whole(number) => {
                self.meter.build(number.bits() as usize / 8)?;
                Ok(Value::whole(number.clone()))
            }
            Expr::Float(number) => Ok(Value::Float(*number)),
            Expr::Bool(truth) => Ok(Value::Bool(*truth)),
            Expr::None => Ok(Value::None),
            Expr::Name(name) => Ok(self.variable(name, scope)),
            other => self.meter.deeper(|| self.compound(other, scope)),
        }
    }

    fn compound(&self, expr: &Expr, scope: &Rc<Scope>) -> Outcome {
        match expr {
            Expr::Tuple(items) => Value::tuple(self.values(items, scope)?, self.meter),
            Expr::List(items) => Value::list(self.values(items, scope)?, self.meter),
            Expr::Dict(pairs) => self.dict(pairs, scope),
            Expr::Conditional { test, yes, no } => self.conditional(test, yes, no.as_deref(), scope),
            Expr::Binary(operator, sides) => {
                let (a, b) = (self.value(&sides.0, scope)?, self.value(&sides.1, scope)?);
                // Jinja writes a constant base into Python's source without parentheses, where `-1 ** n` is `-(1 ** n)`.
                if *operator == Operator::Pow
                    && is_negative(&a)
                    && self.is_constant(&sides.0, scope)
                    && !self.is_constant(&sides.1, scope)
                {
                    let power = binary(*operator, &signed(&a, true, self.meter)?, &b, self.meter)?;
                    return signed(&power, true, self.meter);
                }
                binary(*operator, &a, &b, self.meter)
            }
            Expr::Signed { negative, of } => signed(&self.value(of, scope)?, *negative, self.meter),
            Expr::Not(of) => Ok(Value::Bool(!self.value(of, scope)?.truth())),
            Expr::And(sides) => {
                let first = self.value(&sides.0, scope)?;
                if first.truth() { self.value(&sides.1, scope) } else { Ok(first) }
            }
            Expr::Or(sides) => {
                let first = self.value(&sides.0, scope)?;
                if first.truth() { Ok(first) } else { self.value(&sides.1, scope) }
            }
            Expr::Compare(first, rest) => self.compare(first, rest, scope),
            Expr::Concat(parts) => self.concat(parts, scope),
            Expr::Attribute(of, name) => access::attribute(&self.value(of, scope)?, name, self.meter),
            Expr::Item(parts) => self.item(&parts.0, &parts.1, scope),
            Expr::Slice(_) => error("a slice stands alone between brackets"),
            Expr::Call(..) => self.call_with(expr, None, scope),
            Expr::Filter { of: Some(of), name, arguments } => {
                let of = self.value(of, scope)?;
                let arguments = self.arguments(arguments, scope)?;
                self.filter(name, of, arguments)
            }
            Expr::Filter { of: None, .. } => error("a filter without a value"),
            Expr::Test { of, name, arguments } => {
                let of = self.value(of, scope)?;
                let arguments = self.arguments(arguments, scope)?;
                self.test(name, &of, arguments).map(Value::Bool)
            }
            _ => unreachable!("literals and names have no parts"),
        }
    }

    fn values(&self, items: &[Expr], scope: &Rc<Scope>) -> Outcome<Vec<Value>> {
        items.iter().map(|item| self.value(item, scope)).collect()
    }

    fn dict(&self, pairs: &[(Expr, Expr)], scope: &Rc<Scope>) -> Outcome {
        let pair = |(key, value): &(Expr, Expr)| Ok((self.value(key, scope)?, self.value(value, scope)?));
        let pairs: Vec<(Value, Value)> = pairs.iter().map(pair).collect::<Outcome<_>>()?;
        Value::dict(pairs, self.meter)
    }

    fn conditional(&self, test: &Expr, yes: &Expr, no: Option<&Expr>, scope: &Rc<Scope>) -> Outcome {
        match (self.value(test, scope)?.truth(), no) {
            (true, _) => self.value(yes, scope),
            (false, Some(no)) => self.value(no, scope),
            (false, None) => {
                Ok(Value::undefined("the inline if-expression evaluated to false and no else section was defined."))
            }
        }
    }

    /// A chain of comparisons, as far as it holds.
    pub fn compare(&self, first: &Expr, rest: &[(Comparison, Expr)], scope: &Rc<Scope>) -> Outcome {
        let mut left = self.value(first, scope)?;
        for (comparison, right) in rest {
            let right = self.value(right, scope)?;
            if !self.holds(*comparison, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    /// Whether one comparison holds.
    pub fn holds(&self, comparison: Comparison, a: &Value, b: &Value) -> Outcome<bool> {
        let meter = self.meter;
        let ordered = |sign: &str| order(a, b, sign, meter);
        Ok(match comparison {
            Comparison::Equal => equal(a, b, meter)?,
            Comparison::NotEqual => !equal(a, b, meter)?,
            Comparison::Less => ordered("<")?.is_some_and(std::cmp::Ordering::is_lt),
            Comparison::LessOrEqual => ordered("<=")?.is_some_and(std::cmp::Ordering::is_le),
            Comparison::Greater => ordered(">")?.is_some_and(std::cmp::Ordering::is_gt),
            Comparison::GreaterOrEqual => ordered(">=")?.is_some_and(std::cmp::Ordering::is_ge),
            Comparison::In => contains(b, a, meter)?,
            Comparison::NotIn => !contains(b, a, meter)?,
        })
    }

    fn concat(&self, parts: &[Expr], scope: &Rc<Scope>) -> Outcome {
        let mut out = String::new();
        for part in parts {
            match self.value(part, scope)? {
                Value::Text(text) => {
                    self.meter.grow(out.len(), text.text.len())?;
                    out.push_str(&text.text);
                }
                value => {
                    let text = string(&value, self.meter)?;
                    self.meter.grow(out.len(), text.len())?;
                    out.push_str(&text);
                }
            }
        }
        Ok(Value::text(out))
    }

    fn item(&self, of: &Expr, key: &Expr, scope: &Rc<Scope>) -> Outcome {
        let of = self.value(of, scope)?;
        let Expr::Slice(parts) = key else {
            let key = self.value(key, scope)?;
            return access::item(&of, &key, self.meter);
        };
        let mut values = [Value::None, Value::None, Value::None];
        for (value, part) in values.iter_mut().zip(parts) {
            if let Some(part) = part {
                *value = self.value(part, scope)?;
            }
        }
        let [start, stop, step] = &values;
        match slice(&of, [start, stop, step], self.meter)? {
            Some(sliced) => Ok(sliced),
            None if self.prints_constant.get() => Ok(Value::undefined("a constant that cannot be sliced")),
            None => error(format!("'{}' object cannot be sliced so", of.type_name())),
        }
    }

    /// The values of a call's arguments.
    fn arguments(&self, arguments: &tree::Arguments, scope: &Rc<Scope>) -> Outcome<Arguments> {
        let tree::Arguments { positional, keywords, rest, rest_keywords } = arguments;
        let mut given = Arguments::of(self.values(positional, scope)?);
        for (name, value) in keywords {
            given.keywords.push((Arc::clone(name), self.value(value, scope)?));
        }
        if let Some(rest) = rest {
            given.positional.extend(iterate(&self.value(rest, scope)?, self.meter)?);
        }
        if let Some(rest) = rest_keywords {
            let Value::Dict(dict) = self.value(rest, scope)? else {
                return error("argument after ** must be a mapping");
            };
            for (key, value) in dict.entries() {
                let Some(name) = key.as_text() else { return error("keywords must be strings") };
                self.meter.read(given.keywords.len().saturating_mul(16))?;
                if given.keywords.iter().any(|(known, _)| &**known == name) {
                    return error(format!("got multiple values for keyword argument '{name}'"));
                }
                given.keywords.push((Arc::from(name), value.clone()));
            }
        }
        Ok(given)
    }

    /// A call, with the `caller` of a call block where there is one.
    ///
    /// # Errors
    /// As Python's and Jinja's.
    pub fn call_with(&self, call: &Expr, caller: Option<Value>, scope: &Rc<Scope>) -> Outcome {
        let Expr::Call(of, arguments) = call else { return error("expected call") };
        let called = self.value(of, scope)?;
        let mut arguments = self.arguments(arguments, scope)?;
        if let Some(caller) = caller {
            if arguments.keywords.iter().any(|(name, _)| &**name == "caller") {
                return error("got multiple values for keyword argument 'caller'");
            }
            arguments.keywords.push((Arc::from("caller"), caller));
        }
        self.call(&called, arguments)
    }

    fn call(&self, called: &Value, arguments: Arguments) -> Outcome {
        self.meter.deeper(|| match called {
            Value::Callable(Callable::Global(name)) => self.call_global(name, arguments),
            Value::Callable(Callable::Method(method)) => attributes::call(method, arguments, self.meter),
            Value::Callable(Callable::Macro(made)) => self.call_macro(made, arguments),
            Value::Loop(this) => self.call_loop(this, arguments),
            Value::Joiner(joiner) => {
                let [] = arguments.exactly("joiner")?;
                Ok(Value::text(if joiner.used.replace(true) { joiner.separator.as_str() } else { "" }))
            }
            other => {
                other.require()?;
                error(format!("'{}' object is not callable", other.type_name()))
            }
        })
    }

    /// A filter of a block, with the block's text as its innermost value.
    ///
    /// # Errors
    /// As the filter's.
    pub fn filtered(&self, filter: &Expr, text: Value, scope: &Rc<Scope>) -> Outcome {
        let Expr::Filter { of, name, arguments } = filter else { return error("expected a filter") };
        let value = match of {
            Some(inner) => self.filtered(inner, text, scope)?,
            None => text,
        };
        let arguments = self.arguments(arguments, scope)?;
        self.filter(name, value, arguments)
    }
}

fn is_negative(value: &Value) -> bool {
    match value {
        Value::Int(number) => *number < 0,
        Value::Big(number) => number.sign() == num_bigint::Sign::Minus,
        Value::Float(number) => number.is_sign_negative(),
        _ => false,
    }
}
