//! Which variables a body has from its beginning on, before it assigns them. Source: Jinja's `idtracking`.
//!
//! Jinja makes a Python function of a template, in which a body's variables are local ones. One that a body assigns, without
//! a condition and before it reads it itself, is undefined until then, also for bodies within that are run earlier; what the
//! template is rendered with under that name does not show through.

use std::collections::HashMap;
use std::sync::Arc;

use super::tree::{Arguments, Body, Expr, Node, Signature, Statement, Target};

/// Finds them for a template's body and all within.
pub fn settle(body: &mut Body) {
    frame(body, &[], &[], None);
}

/// The names of one body. The value says whether one is undefined at first.
struct Symbols<'p> {
    names: HashMap<Arc<str>, bool>,
    around: Option<&'p Symbols<'p>>,
}

/// `given` are the names that a body begins with; `read` is read after them.
fn frame(body: &mut Body, given: &[&Target], read: &[Expr], around: Option<&Symbols<'_>>) {
    let mut symbols = Symbols { names: HashMap::new(), around };
    given.iter().for_each(|target| symbols.give(target));
    read.iter().for_each(|value| symbols.read(value));
    symbols.nodes(&body.nodes, false);
    body.unset = symbols.names.iter().filter(|(_, unset)| **unset).map(|(name, _)| Arc::clone(name)).collect();
    body.unset.sort_unstable();
    body.nodes.iter_mut().for_each(|node| bodies(&mut node.kind, &symbols));
}

/// The bodies within a statement that have names of their own.
fn bodies(statement: &mut Statement, around: &Symbols<'_>) {
    match statement {
        Statement::If(branches, otherwise) => {
            let nodes = branches.iter_mut().flat_map(|(_, body)| body).chain(otherwise);
            nodes.for_each(|node| bodies(&mut node.kind, around));
        }
        Statement::For(tree) => {
            if let Some(tree) = Arc::get_mut(tree) {
                frame(&mut tree.body, &[&tree.target], &[], Some(around));
                frame(&mut tree.otherwise, &[], &[], Some(around));
            }
        }
        Statement::SetBlock(_, _, body) | Statement::Scope(body) | Statement::Filter(_, body) => {
            frame(body, &[], &[], Some(around));
        }
        Statement::With(values, body) => {
            let given: Vec<&Target> = values.iter().map(|(target, _)| target).collect();
            frame(body, &given, &[], Some(around));
        }
        Statement::Macro(tree) | Statement::Call(_, tree) => {
            if let Some(tree) = Arc::get_mut(tree) {
                let Signature { names, defaults } = &tree.signature;
                let given = Target::Tuple(names.iter().cloned().map(Target::Name).collect());
                frame(&mut tree.body, &[&given], defaults, Some(around));
            }
        }
        Statement::Data(_)
        | Statement::Print(_)
        | Statement::Break
        | Statement::Continue
        | Statement::Set(..)
        | Statement::NoLoader => {}
    }
}

impl Symbols<'_> {
    fn knows(&self, name: &str) -> bool {
        self.names.contains_key(name) || self.around.is_some_and(|around| around.knows(name))
    }

    fn load(&mut self, name: &Arc<str>) {
        if !self.knows(name) {
            self.names.insert(Arc::clone(name), false);
        }
    }

    fn store(&mut self, name: &Arc<str>, conditional: bool) {
        if !self.names.contains_key(name) {
            let unset = !conditional && !self.knows(name);
            self.names.insert(Arc::clone(name), unset);
        }
    }

    fn give(&mut self, target: &Target) {
        match target {
            Target::Name(name) => {
                self.names.insert(Arc::clone(name), false);
            }
            Target::Namespace(name, _) => self.load(name),
            Target::Tuple(targets) => targets.iter().for_each(|target| self.give(target)),
        }
    }

    fn assign(&mut self, target: &Target, conditional: bool) {
        match target {
            Target::Name(name) => self.store(name, conditional),
            Target::Namespace(name, _) => self.load(name),
            Target::Tuple(targets) => targets.iter().for_each(|target| self.assign(target, conditional)),
        }
    }

    fn nodes(&mut self, nodes: &[Node], conditional: bool) {
        for node in nodes {
            match &node.kind {
                Statement::Print(values) => values.iter().for_each(|value| self.read(value)),
                Statement::If(branches, otherwise) => {
                    for (test, body) in branches {
                        self.read(test);
                        self.nodes(body, true);
                    }
                    self.nodes(otherwise, true);
                }
                Statement::For(tree) => self.read(&tree.items),
                Statement::Set(target, value) => {
                    self.read(value);
                    self.assign(target, conditional);
                }
                Statement::SetBlock(target, ..) => self.assign(target, conditional),
                Statement::With(values, _) => values.iter().for_each(|(_, value)| self.read(value)),
                Statement::Macro(tree) => tree.name.iter().for_each(|name| self.store(name, conditional)),
                Statement::Call(value, _) | Statement::Filter(value, _) => self.read(value),
                Statement::Data(_)
                | Statement::Break
                | Statement::Continue
                | Statement::Scope(_)
                | Statement::NoLoader => {}
            }
        }
    }

    fn read(&mut self, value: &Expr) {
        match value {
            Expr::Text(_) | Expr::Whole(_) | Expr::Float(_) | Expr::Bool(_) | Expr::None => {}
            Expr::Name(name) => self.load(name),
            Expr::Tuple(items) | Expr::List(items) | Expr::Concat(items) => {
                items.iter().for_each(|item| self.read(item));
            }
            Expr::Dict(pairs) => pairs.iter().for_each(|(key, value)| {
                self.read(key);
                self.read(value);
            }),
            Expr::Conditional { test, yes, no } => {
                self.read(test);
                self.read(yes);
                no.iter().for_each(|no| self.read(no));
            }
            Expr::Binary(_, sides) | Expr::And(sides) | Expr::Or(sides) | Expr::Item(sides) => {
                self.read(&sides.0);
                self.read(&sides.1);
            }
            Expr::Signed { of, .. } | Expr::Not(of) | Expr::Attribute(of, _) => self.read(of),
            Expr::Compare(first, rest) => {
                self.read(first);
                rest.iter().for_each(|(_, value)| self.read(value));
            }
            Expr::Slice(parts) => parts.iter().flatten().for_each(|part| self.read(part)),
            Expr::Call(of, arguments) => {
                self.read(of);
                self.arguments(arguments);
            }
            Expr::Filter { of, arguments, .. } => {
                of.iter().for_each(|of| self.read(of));
                self.arguments(arguments);
            }
            Expr::Test { of, arguments, .. } => {
                self.read(of);
                self.arguments(arguments);
            }
        }
    }

    fn arguments(&mut self, Arguments { positional, keywords, rest, rest_keywords }: &Arguments) {
        let keywords = keywords.iter().map(|(_, value)| value);
        let rest = rest.iter().chain(rest_keywords).map(|value| &**value);
        positional.iter().chain(keywords).chain(rest).for_each(|value| self.read(value));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::template::{ChatTemplate, TemplateRequest};

    /// Right texts are those of Jinja 3.1.6, rendered with `x="X"`.
    #[test]
    fn a_variable_that_a_body_assigns_later_is_undefined_until_then() {
        for (source, right) in [
            ("{% for i in [1, 2] %}{{ x }}{% endfor %}{% set x = 3 %}{{ x }}", "3"),
            ("{{ x }}{% for i in [1, 2] %}{{ x }}{% endfor %}{% set x = 3 %}{{ x }}", "XXX3"),
            ("{% if x %}{% endif %}{% for i in [1, 2] %}{{ x }}{% endfor %}{% set x = 3 %}", "XX"),
            ("{% for i in [1, 2] %}{{ x }}{% endfor %}{% if true %}{% set x = 3 %}{% endif %}{{ x }}", "XX3"),
            ("{% macro f() %}{{ x }}{% endmacro %}{{ f() }}{% set x = 3 %}{{ f() }}", "3"),
            ("{% for i in [1] %}{% for j in [1] %}{{ x }}{% endfor %}{% set x = 3 %}{{ x }}{% endfor %}{{ x }}", "X3X"),
            ("{% for i in [1] %}{% for j in [1] %}{{ x }}{% endfor %}{% set x = 3 %}{{ x }}{% endfor %}", "3"),
            ("{% with %}{{ range }}{% endwith %}{% set range = 3 %}{{ range }}", "3"),
            (
                "{% macro f(a=x) %}{{ a }}{% for i in [1] %}{{ x }}{% endfor %}{% set x = 5 %}{{ x }}{% endmacro %}{{ f() }}",
                "XX5",
            ),
            ("{% filter upper %}{{ x }}{% endfilter %}{% macro x() %}m{% endmacro %}{{ x() }}", "m"),
            ("{% for i in [1, 2] %}{% if loop.last %}{{ x }}{% endif %}{% set x = i %}{{ x }}{% endfor %}", "1X2"),
        ] {
            let template = ChatTemplate::new(source, [("x", "X")]).unwrap();
            let request = TemplateRequest { messages: json!([]), ..TemplateRequest::default() };
            assert_eq!(template.render(&request).unwrap(), right, "{source}");
        }
    }
}
