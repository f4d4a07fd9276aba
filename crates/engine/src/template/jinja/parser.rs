//! Tokens to a tree, as Jinja's parser. How deep the tree gets is bounded while it grows.

use std::sync::Arc;

use super::lexer::{Kind, Token, normalised, tokens};
use super::tree::{Arguments, Comparison, Expr, ForTree, MacroTree, Node, Signature, Statement, Target, Tree};
use super::{filters, tests};
use crate::template::python::number::Operator;

/// Levels of the tree; beyond about two hundred Python refuses what Jinja makes of a template.
const MAX_DEPTH: u32 = 200;

type Parsed<T> = Result<T, String>;

/// Parses a template.
///
/// # Errors
/// What is wrong, with its line.
pub fn parse(source: &str) -> Parsed<Tree> {
    let source = normalised(source);
    let mut parser = Parser {
        tokens: tokens(&source)?,
        at: 0,
        depth: 0,
        soft: false,
        loops: 0,
        reads: [false; 3],
        literals: Vec::new(),
    };
    let body = parser.nodes(&[])?;
    Ok(Tree { body, literals: parser.literals })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    /// Whether an unknown filter or test is an error only where it is reached, as within `if`.
    soft: bool,
    loops: u32,
    /// Which of `varargs`, `kwargs` and `caller` were read since a macro began.
    reads: [bool; 3],
    literals: Vec<Arc<str>>,
}

/// An expression with the height of its tree.
struct Tall(Expr, u32);

impl Tall {
    fn over(expr: Expr, below: u32) -> Tall {
        Tall(expr, below + 1)
    }
}

impl Parser {
    fn kind(&self) -> &Kind {
        &self.tokens[self.at.min(self.tokens.len() - 1)].kind
    }

    fn look(&self) -> &Kind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    fn line(&self) -> usize {
        self.tokens[self.at.min(self.tokens.len() - 1)].line
    }

    fn next(&mut self) -> Kind {
        let kind = self.kind().clone();
        self.at += 1;
        kind
    }

    fn fail<T>(&self, what: impl std::fmt::Display) -> Parsed<T> {
        Err(format!("{what} (line {} of the template)", self.line()))
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.kind(), Kind::Sign(found) if *found == sign)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.kind(), Kind::Name(found) if found == name)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.at += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: &'static str) -> Parsed<()> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            self.fail(format!("expected token '{sign}', got {}", shown(self.kind())))
        }
    }

    fn expect(&mut self, kind: &Kind) -> Parsed<()> {
        if self.kind() == kind {
            self.at += 1;
            return Ok(());
        }
        self.fail(format!("expected token {}, got {}", shown(kind), shown(self.kind())))
    }

    fn name(&mut self) -> Parsed<Arc<str>> {
        match self.next() {
            Kind::Name(name) => Ok(Arc::from(name)),
            other => {
                self.at -= 1;
                self.fail(format!("expected token 'name', got {}", shown(&other)))
            }
        }
    }

    /// Parses one level deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("nested deeper than any honest template");
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn tall(&self, expr: Expr, below: u32) -> Parsed<Tall> {
        let tall = Tall::over(expr, below);
        if tall.1 > MAX_DEPTH { self.fail("an expression longer than any honest one") } else { Ok(tall) }
    }

    /// Statements up to a tag of `ends`, which stays to be read.
    fn nodes(&mut self, ends: &[&str]) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        loop {
            let line = self.line();
            let kind = match self.next() {
                Kind::Data(text) => {
                    let text: Arc<str> = Arc::from(text);
                    self.literals.push(Arc::clone(&text));
                    Statement::Data(text)
                }
                Kind::PrintBegin => {
                    let value = self.tuple(true, &[], false)?.0;
                    self.expect(&Kind::PrintEnd)?;
                    Statement::Print(vec![value])
                }
                Kind::BlockBegin => {
                    if let Kind::Name(name) = self.kind()
                        && ends.contains(&name.as_str())
                    {
                        return Ok(nodes);
                    }
                    let statement = self.deeper(|parser| parser.statement(ends))?;
                    self.expect(&Kind::BlockEnd)?;
                    statement
                }
                Kind::End if ends.is_empty() => return Ok(nodes),
                Kind::End => {
                    let ends = ends.iter().map(|end| format!("'{end}'")).collect::<Vec<_>>().join(" or ");
                    return self.fail(format!(
                        "Unexpected end of template. Jinja was looking for the following tags: {ends}."
                    ));
                }
                other => return self.fail(format!("unexpected {}", shown(&other))),
            };
            nodes.push(Node { line, kind });
        }
    }

    /// The body of a statement: up to one of `ends`, whose name is read and given.
    fn body(&mut self, ends: &[&str]) -> Parsed<(Vec<Node>, String)> {
        self.take_sign(":");
        self.expect(&Kind::BlockEnd)?;
        let nodes = self.nodes(ends)?;
        match self.next() {
            Kind::Name(end) => Ok((nodes, end)),
            other => self.fail(format!("unexpected {}", shown(&other))),
        }
    }

    /// A body in which an unknown filter is an error whether or not it is reached.
    fn hard_body(&mut self, ends: &[&str]) -> Parsed<(Vec<Node>, String)> {
        let soft = std::mem::replace(&mut self.soft, false);
        let body = self.body(ends);
        self.soft = soft;
        body
    }

    fn statement(&mut self, ends: &[&str]) -> Parsed<Statement> {
        let Kind::Name(tag) = self.kind().clone() else { return self.fail("tag name expected") };
        self.at += 1;
        match tag.as_str() {
            "if" => self.conditional(),
            "for" => self.for_loop(),
            "set" => self.set(),
            "with" => self.with(),
            "macro" => {
                let name = self.assigned_name()?;
                let (signature, reads) = self.signature_within()?;
                self.macro_body(Some(name), signature, reads, "endmacro").map(|made| Statement::Macro(Arc::new(made)))
            }
            "call" => self.call_block(),
            "filter" => {
                let Some(filter) = self.filters(None, true)? else { return self.fail("expected a filter") };
                let (body, _) = self.hard_body(&["endfilter"])?;
                Ok(Statement::Filter(filter.0, body))
            }
            "generation" => Ok(Statement::Scope(self.outside_loops(|parser| parser.hard_body(&["endgeneration"]))?.0)),
            "block" => self.block(),
            "print" => self.print(),
            "break" | "continue" if self.loops == 0 => self.fail(format!("'{tag}' outside loop")),
            "break" => Ok(Statement::Break),
            "continue" => Ok(Statement::Continue),
            "include" | "import" | "from" | "extends" => {
                while !matches!(self.kind(), Kind::BlockEnd | Kind::End) {
                    self.at += 1;
                }
                Ok(Statement::NoLoader)
            }
            "autoescape" => self.fail("`autoescape` is not supported: prompts are no HTML"),
            other if ends.is_empty() => self.fail(format!("Encountered unknown tag '{other}'.")),
            other => {
                let ends = ends.iter().map(|end| format!("'{end}'")).collect::<Vec<_>>().join(" or ");
                self.fail(format!(
                    "Encountered unknown tag '{other}'. Jinja was looking for the following tags: {ends}."
                ))
            }
        }
    }

    fn conditional(&mut self) -> Parsed<Statement> {
        let soft = std::mem::replace(&mut self.soft, true);
        let mut branches = Vec::new();
        let otherwise = loop {
            let test = self.tuple(false, &[], false)?.0;
            let (body, end) = self.body(&["elif", "else", "endif"])?;
            branches.push((test, body));
            match end.as_str() {
                "elif" => {}
                "else" => break self.body(&["endif"])?.0,
                _ => break Vec::new(),
            }
        };
        self.soft = soft;
        Ok(Statement::If(branches, otherwise))
    }

    fn for_loop(&mut self) -> Parsed<Statement> {
        let target = self.target(true, &["in"])?;
        if !self.take_name("in") {
            return self.fail(format!("expected token 'in', got {}", shown(self.kind())));
        }
        let items = self.tuple(false, &["recursive"], false)?.0;
        let test = if self.take_name("if") { Some(self.expression(true)?.0) } else { None };
        let recursive = self.take_name("recursive");
        self.loops += 1;
        let (body, end) = self.hard_body(&["endfor", "else"])?;
        self.loops -= 1;
        let otherwise = if end == "else" { self.hard_body(&["endfor"])?.0 } else { Vec::new() };
        Ok(Statement::For(Arc::new(ForTree { target, items, test, recursive, body, otherwise })))
    }

    fn set(&mut self) -> Parsed<Statement> {
        let target = self.target(true, &[])?;
        if self.take_sign("=") {
            return Ok(Statement::Set(target, self.tuple(true, &[], false)?.0));
        }
        let filter = self.filters(None, false)?.map(|filter| filter.0);
        let (body, _) = self.hard_body(&["endset"])?;
        Ok(Statement::SetBlock(target, filter, body))
    }

    fn with(&mut self) -> Parsed<Statement> {
        let mut values = Vec::new();
        while *self.kind() != Kind::BlockEnd {
            if !values.is_empty() {
                self.expect_sign(",")?;
            }
            let target = self.target(false, &[])?;
            self.expect_sign("=")?;
            values.push((target, self.expression(true)?.0));
        }
        let (body, _) = self.hard_body(&["endwith"])?;
        Ok(Statement::With(values, body))
    }

    fn block(&mut self) -> Parsed<Statement> {
        let name = self.name()?;
        self.take_name("scoped");
        self.take_name("required");
        let (body, _) = self.outside_loops(|parser| parser.hard_body(&["endblock"]))?;
        self.take_name(&name);
        Ok(Statement::Scope(body))
    }

    fn print(&mut self) -> Parsed<Statement> {
        let mut values = Vec::new();
        while *self.kind() != Kind::BlockEnd {
            if !values.is_empty() {
                self.expect_sign(",")?;
            }
            values.push(self.expression(true)?.0);
        }
        Ok(Statement::Print(values))
    }

    fn call_block(&mut self) -> Parsed<Statement> {
        let (signature, reads) = if self.is_sign("(") { self.signature_within()? } else { Default::default() };
        let call = self.expression(true)?.0;
        if !matches!(call, Expr::Call(..)) {
            return self.fail("expected call");
        }
        let body = self.macro_body(Some(Arc::from("caller")), signature, reads, "endcall")?;
        Ok(Statement::Call(call, Arc::new(body)))
    }

    /// What is parsed where no loop can be broken off from.
    fn outside_loops<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let loops = std::mem::take(&mut self.loops);
        let parsed = parse(self);
        self.loops = loops;
        parsed
    }

    fn macro_body(
        &mut self,
        name: Option<Arc<str>>,
        signature: Signature,
        reads: [bool; 3],
        end: &str,
    ) -> Parsed<MacroTree> {
        let before = std::mem::replace(&mut self.reads, reads);
        let body = self.outside_loops(|parser| parser.hard_body(&[end]));
        let reads = self.reads;
        // What a macro within reads, the one around it reads.
        self.reads.iter_mut().zip(before).for_each(|(read, before)| *read |= before);
        Ok(MacroTree { name, signature, body: body?.0, reads })
    }

    /// A signature, and which special names its defaults read.
    fn signature_within(&mut self) -> Parsed<(Signature, [bool; 3])> {
        let mut signature = Signature::default();
        self.expect_sign("(")?;
        while !self.is_sign(")") {
            if !signature.names.is_empty() {
                self.expect_sign(",")?;
            }
            signature.names.push(self.assigned_name()?);
            if self.take_sign("=") {
                signature.defaults.push(self.expression(true)?.0);
            } else if !signature.defaults.is_empty() {
                return self.fail("non-default argument follows default argument");
            }
        }
        self.expect_sign(")")?;
        Ok((signature, [false; 3]))
    }

    fn assigned_name(&mut self) -> Parsed<Arc<str>> {
        let name = self.name()?;
        if ["true", "false", "none", "True", "False", "None"].contains(&&*name) {
            return self.fail(format!("can't assign to '{name}'"));
        }
        Ok(name)
    }

    /// What is assigned to, up to a name of `ends`.
    fn target(&mut self, with_namespace: bool, ends: &[&str]) -> Parsed<Target> {
        let (mut targets, mut is_tuple) = (Vec::new(), false);
        loop {
            let ended = matches!(self.kind(), Kind::PrintEnd | Kind::BlockEnd | Kind::Sign(")" | "="))
                || ends.iter().any(|end| self.is_name(end));
            if !targets.is_empty() && ended {
                break;
            }
            targets.push(self.one_target(with_namespace)?);
            if !self.take_sign(",") {
                break;
            }
            is_tuple = true;
        }
        match targets.pop() {
            Some(only) if !is_tuple => Ok(only),
            last => {
                targets.extend(last);
                Ok(Target::Tuple(targets))
            }
        }
    }

    fn one_target(&mut self, with_namespace: bool) -> Parsed<Target> {
        if self.take_sign("(") {
            let inner = self.deeper(|parser| parser.target(with_namespace, &[]))?;
            self.expect_sign(")")?;
            return Ok(inner);
        }
        let name = self.assigned_name()?;
        if with_namespace && self.take_sign(".") {
            return Ok(Target::Namespace(name, self.name()?));
        }
        Ok(Target::Name(name))
    }

    /// One expression, or several between commas as a tuple.
    fn tuple(&mut self, with_conditional: bool, ends: &[&str], in_parentheses: bool) -> Parsed<Tall> {
        let (mut items, mut is_tuple, mut below) = (Vec::new(), false, 0);
        loop {
            let ended = matches!(self.kind(), Kind::PrintEnd | Kind::BlockEnd | Kind::Sign(")"))
                || ends.iter().any(|end| self.is_name(end));
            if ended {
                break;
            }
            let Tall(item, height) = self.expression(with_conditional)?;
            below = below.max(height);
            items.push(item);
            if !self.take_sign(",") {
                break;
            }
            is_tuple = true;
        }
        if !is_tuple {
            if let Some(only) = items.pop() {
                return Ok(Tall(only, below));
            }
            if !in_parentheses {
                return self.fail(format!("Expected an expression, got {}", shown(self.kind())));
            }
        }
        self.tall(Expr::Tuple(items), below)
    }

    fn expression(&mut self, with_conditional: bool) -> Parsed<Tall> {
        self.deeper(|parser| if with_conditional { parser.condition() } else { parser.or() })
    }

    fn condition(&mut self) -> Parsed<Tall> {
        let start = self.at;
        let Tall(mut value, mut height) = self.or()?;
        let mut chain = 0;
        while self.take_name("if") {
            chain += 1;
            if chain == 1 && !self.soft {
                // Within a condition an unknown filter is an error only where it is reached: read it again so.
                self.at = start;
                self.soft = true;
                let parsed = self.condition();
                self.soft = false;
                return parsed;
            }
            let Tall(test, test_height) = self.or()?;
            let (no, no_height) = match self.take_name("else") {
                true => {
                    let Tall(no, height) = self.deeper(Self::condition)?;
                    (Some(Box::new(no)), height)
                }
                false => (None, 0),
            };
            let below = height.max(test_height).max(no_height);
            let conditional = Expr::Conditional { test: Box::new(test), yes: Box::new(value), no };
            Tall(value, height) = self.tall(conditional, below)?;
        }
        Ok(Tall(value, height))
    }

    fn or(&mut self) -> Parsed<Tall> {
        let mut left = self.and()?;
        while self.take_name("or") {
            let right = self.and()?;
            let below = left.1.max(right.1);
            left = self.tall(Expr::Or(Box::new((left.0, right.0))), below)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Tall> {
        let mut left = self.not()?;
        while self.take_name("and") {
            let right = self.not()?;
            let below = left.1.max(right.1);
            left = self.tall(Expr::And(Box::new((left.0, right.0))), below)?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed<Tall> {
        if self.take_name("not") {
            let Tall(of, height) = self.deeper(Self::not)?;
            return self.tall(Expr::Not(Box::new(of)), height);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed<Tall> {
        let Tall(first, mut below) = self.sum()?;
        let mut rest = Vec::new();
        loop {
            let comparison = match self.kind() {
                Kind::Sign("==") => Comparison::Equal,
                Kind::Sign("!=") => Comparison::NotEqual,
                Kind::Sign("<") => Comparison::Less,
                Kind::Sign("<=") => Comparison::LessOrEqual,
                Kind::Sign(">") => Comparison::Greater,
                Kind::Sign(">=") => Comparison::GreaterOrEqual,
                Kind::Name(name) if name == "in" => Comparison::In,
                Kind::Name(name) if name == "not" && matches!(self.look(), Kind::Name(next) if next == "in") => {
                    self.at += 1;
                    Comparison::NotIn
                }
                _ => break,
            };
            self.at += 1;
            let Tall(other, height) = self.sum()?;
            below = below.max(height);
            rest.push((comparison, other));
        }
        if rest.is_empty() { Ok(Tall(first, below)) } else { self.tall(Expr::Compare(Box::new(first), rest), below) }
    }

    fn sum(&mut self) -> Parsed<Tall> {
        let signs = [("+", Operator::Add), ("-", Operator::Sub)];
        self.chain(&signs, Self::concat)
    }

    /// `a ∘ b ∘ c`, from the left.
    fn chain(&mut self, signs: &[(&str, Operator)], parse: fn(&mut Self) -> Parsed<Tall>) -> Parsed<Tall> {
        let mut left = parse(self)?;
        while let Some((sign, operator)) = signs.iter().find(|(sign, _)| self.is_sign(sign)) {
            self.take_sign(sign);
            let right = parse(self)?;
            let below = left.1.max(right.1);
            left = self.tall(Expr::Binary(*operator, Box::new((left.0, right.0))), below)?;
        }
        Ok(left)
    }

    fn concat(&mut self) -> Parsed<Tall> {
        let Tall(first, mut below) = self.product()?;
        let mut parts = vec![first];
        while self.take_sign("~") {
            let Tall(part, height) = self.product()?;
            below = below.max(height);
            parts.push(part);
        }
        match parts.pop() {
            Some(only) if parts.is_empty() => Ok(Tall(only, below)),
            last => {
                parts.extend(last);
                self.tall(Expr::Concat(parts), below)
            }
        }
    }

    fn product(&mut self) -> Parsed<Tall> {
        let signs = [("*", Operator::Mul), ("/", Operator::Div), ("//", Operator::FloorDiv), ("%", Operator::Mod)];
        self.chain(&signs, Self::power)
    }

    fn power(&mut self) -> Parsed<Tall> {
        let signs = [("**", Operator::Pow)];
        self.chain(&signs, |parser| parser.unary(true))
    }

    fn unary(&mut self, with_filter: bool) -> Parsed<Tall> {
        let value = match self.kind() {
            Kind::Sign(sign @ ("-" | "+")) => {
                let negative = *sign == "-";
                self.at += 1;
                let Tall(of, height) = self.deeper(|parser| parser.unary(false))?;
                self.tall(Expr::Signed { negative, of: Box::new(of) }, height)?
            }
            _ => self.primary()?,
        };
        let value = self.postfix(value)?;
        if with_filter { self.filtered(value) } else { Ok(value) }
    }

    fn primary(&mut self) -> Parsed<Tall> {
        let literal = |expr| Ok(Tall(expr, 1));
        match self.next() {
            Kind::Name(name) => match name.as_str() {
                "true" | "True" => literal(Expr::Bool(true)),
                "false" | "False" => literal(Expr::Bool(false)),
                "none" | "None" => literal(Expr::None),
                name => {
                    for (read, special) in self.reads.iter_mut().zip(["varargs", "kwargs", "caller"]) {
                        *read |= name == special;
                    }
                    literal(Expr::Name(Arc::from(name)))
                }
            },
            Kind::Text(mut text) => {
                while let Kind::Text(more) = self.kind() {
                    text.push_str(more);
                    self.at += 1;
                }
                let text: Arc<str> = Arc::from(text);
                self.literals.push(Arc::clone(&text));
                literal(Expr::Text(text))
            }
            Kind::Whole(number) => literal(Expr::Whole(number)),
            Kind::Float(number) => literal(Expr::Float(number)),
            Kind::Sign("(") => {
                let inner = self.deeper(|parser| parser.tuple(true, &[], true))?;
                self.expect_sign(")")?;
                Ok(inner)
            }
            Kind::Sign("[") => {
                let (items, below) = self.items("]")?;
                self.tall(Expr::List(items), below)
            }
            Kind::Sign("{") => self.dict(),
            other => {
                self.at -= 1;
                self.fail(format!("unexpected {}", shown(&other)))
            }
        }
    }

    /// Expressions between commas up to `end`.
    fn items(&mut self, end: &'static str) -> Parsed<(Vec<Expr>, u32)> {
        let (mut items, mut below) = (Vec::new(), 0);
        while !self.is_sign(end) {
            if !items.is_empty() {
                self.expect_sign(",")?;
            }
            if self.is_sign(end) {
                break;
            }
            let Tall(item, height) = self.expression(true)?;
            below = below.max(height);
            items.push(item);
        }
        self.expect_sign(end)?;
        Ok((items, below))
    }

    fn dict(&mut self) -> Parsed<Tall> {
        let (mut pairs, mut below) = (Vec::new(), 0);
        while !self.is_sign("}") {
            if !pairs.is_empty() {
                self.expect_sign(",")?;
            }
            if self.is_sign("}") {
                break;
            }
            let Tall(key, key_height) = self.expression(true)?;
            self.expect_sign(":")?;
            let Tall(value, height) = self.expression(true)?;
            below = below.max(height).max(key_height);
            pairs.push((key, value));
        }
        self.expect_sign("}")?;
        self.tall(Expr::Dict(pairs), below)
    }

    fn postfix(&mut self, mut value: Tall) -> Parsed<Tall> {
        loop {
            value = match self.kind() {
                Kind::Sign("." | "[") => self.subscript(value)?,
                Kind::Sign("(") => self.call(value)?,
                _ => return Ok(value),
            };
        }
    }

    fn filtered(&mut self, mut value: Tall) -> Parsed<Tall> {
        loop {
            value = match self.kind() {
                Kind::Sign("|") => match self.filters(Some(value), false)? {
                    Some(filtered) => filtered,
                    None => return self.fail("expected a filter"),
                },
                Kind::Name(name) if name == "is" => self.test(value)?,
                Kind::Sign("(") => self.call(value)?,
                _ => return Ok(value),
            };
        }
    }

    fn subscript(&mut self, Tall(of, height): Tall) -> Parsed<Tall> {
        if self.take_sign(".") {
            return match self.next() {
                Kind::Name(name) => self.tall(Expr::Attribute(Box::new(of), Arc::from(name)), height),
                Kind::Whole(number) => self.tall(Expr::Item(Box::new((of, Expr::Whole(number)))), height),
                _ => {
                    self.at -= 1;
                    self.fail("expected name or number")
                }
            };
        }
        self.expect_sign("[")?;
        let (mut parts, mut below) = (Vec::new(), height);
        while !self.is_sign("]") {
            if !parts.is_empty() {
                self.expect_sign(",")?;
            }
            let Tall(part, part_height) = self.subscribed()?;
            below = below.max(part_height);
            parts.push(part);
        }
        self.expect_sign("]")?;
        let part = match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => {
                parts.extend(last);
                Expr::Tuple(parts)
            }
        };
        self.tall(Expr::Item(Box::new((of, part))), below)
    }

    /// An index, or `start:stop:step`.
    fn subscribed(&mut self) -> Parsed<Tall> {
        let mut below = 0;
        let mut parts = [None, None, None];
        for (index, slot) in parts.iter_mut().enumerate() {
            if index > 0 && !self.take_sign(":") {
                break;
            }
            if !matches!(self.kind(), Kind::Sign(":" | "]" | ",")) {
                let Tall(part, height) = self.expression(true)?;
                if index == 0 && !self.is_sign(":") {
                    return Ok(Tall(part, height));
                }
                below = below.max(height);
                *slot = Some(Box::new(part));
            }
        }
        self.tall(Expr::Slice(parts), below)
    }

    fn call(&mut self, Tall(of, height): Tall) -> Parsed<Tall> {
        let (arguments, below) = self.arguments()?;
        self.tall(Expr::Call(Box::new(of), arguments), below.max(height))
    }

    fn arguments(&mut self) -> Parsed<(Arguments, u32)> {
        let (mut arguments, mut below, mut needs_comma) = (Arguments::default(), 0, false);
        let invalid = "invalid syntax for function call expression";
        self.expect_sign("(")?;
        while !self.is_sign(")") {
            if needs_comma {
                self.expect_sign(",")?;
                if self.is_sign(")") {
                    break;
                }
            }
            needs_comma = true;
            let Arguments { positional, keywords, rest, rest_keywords } = &mut arguments;
            let is_keyword = matches!((self.kind(), self.look()), (Kind::Name(_), Kind::Sign("=")));
            if self.take_sign("*") {
                if rest.is_some() || rest_keywords.is_some() {
                    return self.fail(invalid);
                }
                let Tall(value, height) = self.expression(true)?;
                below = below.max(height);
                *rest = Some(Box::new(value));
            } else if self.take_sign("**") {
                if rest_keywords.is_some() {
                    return self.fail(invalid);
                }
                let Tall(value, height) = self.expression(true)?;
                below = below.max(height);
                *rest_keywords = Some(Box::new(value));
            } else if is_keyword {
                if rest_keywords.is_some() {
                    return self.fail(invalid);
                }
                let name = self.name()?;
                self.at += 1;
                let Tall(value, height) = self.expression(true)?;
                below = below.max(height);
                if keywords.iter().any(|(known, _)| *known == name) {
                    return self.fail(format!("keyword argument repeated: {name}"));
                }
                keywords.push((name, value));
            } else {
                if rest.is_some() || rest_keywords.is_some() || !keywords.is_empty() {
                    return self.fail(invalid);
                }
                let Tall(value, height) = self.expression(true)?;
                below = below.max(height);
                positional.push(value);
            }
        }
        self.expect_sign(")")?;
        Ok((arguments, below))
    }

    /// A name with points in it.
    fn dotted_name(&mut self) -> Parsed<Arc<str>> {
        let mut name = self.name()?.to_string();
        while self.take_sign(".") {
            name = format!("{name}.{}", self.name()?);
        }
        Ok(Arc::from(name))
    }

    /// Filters behind a value, or behind nothing; `inline` without the bar before the first.
    fn filters(&mut self, of: Option<Tall>, inline: bool) -> Parsed<Option<Tall>> {
        let (mut of, mut inline) = (of, inline);
        while inline || self.is_sign("|") {
            if !inline {
                self.at += 1;
            }
            inline = false;
            let name = self.dotted_name()?;
            if !self.soft && !filters::is_known(&name) {
                return self.fail(format!("No filter named '{name}'."));
            }
            let (arguments, below) = if self.is_sign("(") { self.arguments()? } else { Default::default() };
            let height = of.as_ref().map_or(0, |of| of.1).max(below);
            let value = of.map(|of| Box::new(of.0));
            of = Some(self.tall(Expr::Filter { of: value, name, arguments }, height)?);
        }
        Ok(of)
    }

    fn test(&mut self, Tall(of, height): Tall) -> Parsed<Tall> {
        self.at += 1;
        let negated = self.take_name("not");
        let name = self.dotted_name()?;
        if !self.soft && !tests::is_known(&name) {
            return self.fail(format!("No test named '{name}'."));
        }
        let begins_argument = match self.kind() {
            Kind::Name(word) if ["else", "or", "and"].contains(&word.as_str()) => false,
            Kind::Name(word) if word == "is" => return self.fail("You cannot chain multiple tests with is"),
            Kind::Name(_) | Kind::Text(_) | Kind::Whole(_) | Kind::Float(_) | Kind::Sign("[" | "{") => true,
            _ => false,
        };
        let (arguments, below) = if self.is_sign("(") {
            self.arguments()?
        } else if begins_argument {
            let argument = self.primary()?;
            let Tall(argument, height) = self.postfix(argument)?;
            (Arguments { positional: vec![argument], ..Arguments::default() }, height)
        } else {
            Default::default()
        };
        let test = self.tall(Expr::Test { of: Box::new(of), name, arguments }, below.max(height))?;
        if negated { self.tall(Expr::Not(Box::new(test.0)), test.1) } else { Ok(test) }
    }
}

fn shown(kind: &Kind) -> String {
    match kind {
        Kind::Data(_) => "'template data / text'".to_owned(),
        Kind::PrintBegin => "'begin of print statement'".to_owned(),
        Kind::PrintEnd => "'end of print statement'".to_owned(),
        Kind::BlockBegin => "'begin of statement block'".to_owned(),
        Kind::BlockEnd => "'end of statement block'".to_owned(),
        Kind::Name(name) => format!("'{name}'"),
        Kind::Text(_) => "'string'".to_owned(),
        Kind::Whole(_) => "'integer'".to_owned(),
        Kind::Float(_) => "'float'".to_owned(),
        Kind::Sign(sign) => format!("'{sign}'"),
        Kind::End => "end of template".to_owned(),
    }
}
