//! What Jinja knows of an expression before it has variables. Source: `as_const` of jinja2's nodes.

use std::rc::Rc;

use super::render::{Renderer, Scope};
use super::tree::{Arguments, Expr};

/// Filters that read the variables, so that Jinja leaves them for later.
const LATE: [&str; 6] = ["random", "map", "select", "reject", "selectattr", "rejectattr"];

impl Renderer<'_> {
    /// Whether an expression is the same whatever the variables are. Of what is decided by its first part the rest is not
    /// looked at: `1 or x` is constant.
    pub fn is_constant(&self, expr: &Expr, scope: &Rc<Scope>) -> bool {
        let all = |items: &[Expr]| items.iter().all(|item| self.is_constant(item, scope));
        let is = |one: &Expr| self.is_constant(one, scope);
        match expr {
            Expr::Text(_) | Expr::Whole(_) | Expr::Float(_) | Expr::Bool(_) | Expr::None => true,
            Expr::Tuple(items) | Expr::List(items) | Expr::Concat(items) => all(items),
            Expr::Dict(pairs) => pairs.iter().all(|(key, value)| is(key) && is(value)),
            Expr::Signed { of, .. } | Expr::Not(of) | Expr::Attribute(of, _) => is(of),
            Expr::Binary(_, sides) => is(&sides.0) && is(&sides.1),
            Expr::And(sides) => is(&sides.0) && (is(&sides.1) || self.truth(&sides.0, scope) == Some(false)),
            Expr::Or(sides) => is(&sides.0) && (is(&sides.1) || self.truth(&sides.0, scope) == Some(true)),
            Expr::Compare(first, rest) => {
                let late = rest.iter().position(|(_, other)| !is(other));
                let fails = |at: usize| self.compare(first, &rest[..at], scope).is_ok_and(|holds| !holds.truth());
                is(first) && late.is_none_or(fails)
            }
            Expr::Item(parts) => is(&parts.0) && is(&parts.1),
            Expr::Slice(parts) => parts.iter().flatten().all(|part| is(part)),
            Expr::Conditional { test, yes, no } => {
                is(test)
                    && match self.truth(test, scope) {
                        Some(true) => is(yes),
                        Some(false) => no.as_deref().is_some_and(is),
                        None => false,
                    }
            }
            Expr::Test { of, arguments, .. } => is(of) && self.are_constant(arguments, scope),
            Expr::Filter { of: Some(of), name, arguments } => {
                !LATE.contains(&&**name) && is(of) && self.are_constant(arguments, scope)
            }
            Expr::Name(_) | Expr::Call(..) | Expr::Filter { of: None, .. } => false,
        }
    }

    fn are_constant(&self, arguments: &Arguments, scope: &Rc<Scope>) -> bool {
        let Arguments { positional, keywords, rest, rest_keywords } = arguments;
        let rest = rest.iter().chain(rest_keywords).map(|rest| &**rest);
        let mut all = positional.iter().chain(keywords.iter().map(|(_, value)| value)).chain(rest);
        all.all(|argument| self.is_constant(argument, scope))
    }

    /// Whether it is true; nothing of what fails, which Jinja leaves for later.
    fn truth(&self, expr: &Expr, scope: &Rc<Scope>) -> Option<bool> {
        self.value(expr, scope).ok().map(|value| value.truth())
    }
}
