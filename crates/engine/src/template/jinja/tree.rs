//! What a template is made of.

use std::sync::Arc;

use num_bigint::BigInt;

use crate::template::python::number::Operator;

/// An expression.
#[derive(Debug, PartialEq)]
pub enum Expr {
    /// Text.
    Text(Arc<str>),
    /// A whole number.
    Whole(BigInt),
    /// A float.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `none`
    None,
    /// A variable.
    Name(Arc<str>),
    /// `(a, b)`
    Tuple(Vec<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{a: b}`
    Dict(Vec<(Expr, Expr)>),
    /// `a if test else b`; without the `else`, undefined.
    Conditional { test: Box<Expr>, yes: Box<Expr>, no: Option<Box<Expr>> },
    /// `a + b` and its kind.
    Binary(Operator, Box<(Expr, Expr)>),
    /// `-a`, or `+a`.
    Signed { negative: bool, of: Box<Expr> },
    /// `not a`
    Not(Box<Expr>),
    /// `a and b`
    And(Box<(Expr, Expr)>),
    /// `a or b`
    Or(Box<(Expr, Expr)>),
    /// `a < b < c`
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    /// `a ~ b ~ c`
    Concat(Vec<Expr>),
    /// `a.name`
    Attribute(Box<Expr>, Arc<str>),
    /// `a[b]`
    Item(Box<(Expr, Expr)>),
    /// `start:stop:step`, within brackets.
    Slice([Option<Box<Expr>>; 3]),
    /// `a(…)`
    Call(Box<Expr>, Arguments),
    /// `a|name(…)`; without a value, that of a block.
    Filter { of: Option<Box<Expr>>, name: Arc<str>, arguments: Arguments },
    /// `a is name(…)`
    Test { of: Box<Expr>, name: Arc<str>, arguments: Arguments },
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
}

/// What stands between the parentheses of a call.
#[derive(Debug, Default, PartialEq)]
pub struct Arguments {
    /// In their order.
    pub positional: Vec<Expr>,
    /// `name=value`
    pub keywords: Vec<(Arc<str>, Expr)>,
    /// `*rest`
    pub rest: Option<Box<Expr>>,
    /// `**keywords`
    pub rest_keywords: Option<Box<Expr>>,
}

/// What is assigned to.
#[derive(Debug, PartialEq)]
pub enum Target {
    /// A variable.
    Name(Arc<str>),
    /// A name of a namespace.
    Namespace(Arc<str>, Arc<str>),
    /// Several, for the items of what is assigned.
    Tuple(Vec<Target>),
}

/// A statement, and the line that it stands in.
#[derive(Debug, PartialEq)]
pub struct Node {
    /// From 1.
    pub line: usize,
    /// What it does.
    pub kind: Statement,
}

/// Statements with variables of their own.
#[derive(Debug, Default, PartialEq)]
pub struct Body {
    /// In their order.
    pub nodes: Vec<Node>,
    /// Variables that are undefined until the body assigns them, whatever is around.
    pub unset: Vec<Arc<str>>,
}

/// Parameters of a macro, or of a call block.
#[derive(Debug, Default, PartialEq)]
pub struct Signature {
    /// Their names.
    pub names: Vec<Arc<str>>,
    /// What the last of them are where nothing is given.
    pub defaults: Vec<Expr>,
}

/// A macro's definition.
#[derive(Debug, PartialEq)]
pub struct MacroTree {
    /// Its name; that of a call block's body is `caller`.
    pub name: Option<Arc<str>>,
    /// What it takes.
    pub signature: Signature,
    /// What it prints.
    pub body: Body,
    /// Which of `varargs`, `kwargs` and `caller` the body reads.
    pub reads: [bool; 3],
}

/// A loop.
#[derive(Debug, PartialEq)]
pub struct ForTree {
    /// What each item is assigned to.
    pub target: Target,
    /// What is looped over.
    pub items: Expr,
    /// Which items are left in.
    pub test: Option<Expr>,
    /// Whether `loop(…)` runs the body again.
    pub recursive: bool,
    /// For each item.
    pub body: Body,
    /// Where there is none.
    pub otherwise: Body,
}

/// What a statement does.
#[derive(Debug, PartialEq)]
pub enum Statement {
    /// Prints text.
    Data(Arc<str>),
    /// Prints values.
    Print(Vec<Expr>),
    /// `{% if %}` and each `elif`, and `else`.
    If(Vec<(Expr, Vec<Node>)>, Vec<Node>),
    /// `{% for %}`
    For(Arc<ForTree>),
    /// `{% break %}`
    Break,
    /// `{% continue %}`
    Continue,
    /// `{% set a = b %}`
    Set(Target, Expr),
    /// `{% set a %}…{% endset %}`, through filters.
    SetBlock(Target, Option<Expr>, Body),
    /// `{% with %}`
    With(Vec<(Target, Expr)>, Body),
    /// A body with variables of its own: `{% generation %}`, `{% block %}`.
    Scope(Body),
    /// `{% macro %}`
    Macro(Arc<MacroTree>),
    /// `{% call %}`: the call, and what its `caller` prints.
    Call(Expr, Arc<MacroTree>),
    /// `{% filter %}`
    Filter(Expr, Body),
    /// A tag that needs other templates, which there are none of.
    NoLoader,
}

/// A template.
#[derive(Debug, PartialEq)]
pub struct Tree {
    /// Its statements.
    pub body: Body,
    /// Its text and the strings of its expressions, each for itself.
    pub literals: Vec<Arc<str>>,
}
