//! Tokens to a tree, as Jinja's parser. How deep the tree gets is bounded while it grows.

mod expressions;

use std::sync::Arc;

use super::lexer::{Kind, Token, normalised, tokens};
use super::symbols::settle;
use super::tree::{Body, Expr, ForTree, MacroTree, Node, Signature, Statement, Target, Tree};

/// Levels of the tree; beyond about two hundred Python refuses what Jinja makes of a template.
const MAX_DEPTH: u32 = 200;
/// Names that one call gives or one macro takes; each is looked for among the others.
const MAX_NAMES: usize = 1000;

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
        unknown: Vec::new(),
        loops: 0,
        reads: [false; 3],
        literals: Vec::new(),
    };
    let nodes = parser.nodes(&[])?;
    if let Some(unknown) = parser.unknown.into_iter().next() {
        return Err(unknown);
    }
    let mut body = Body { nodes, unset: Vec::new() };
    settle(&mut body);
    Ok(Tree { body, literals: parser.literals })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    /// Whether an unknown filter or test is an error only where it is reached, as within `if`.
    soft: bool,
    /// Filters and tests that there are none of, where that is an error at once.
    unknown: Vec<String>,
    loops: u32,
    /// Which of `varargs`, `kwargs` and `caller` were read since a macro began.
    reads: [bool; 3],
    literals: Vec<Arc<str>>,
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

    /// A body with variables of its own, in which an unknown filter is an error whether or not it is reached.
    fn hard_body(&mut self, ends: &[&str]) -> Parsed<(Body, String)> {
        let soft = std::mem::replace(&mut self.soft, false);
        let body = self.body(ends);
        self.soft = soft;
        body.map(|(nodes, end)| (Body { nodes, unset: Vec::new() }, end))
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
        let otherwise = if end == "else" { self.hard_body(&["endfor"])?.0 } else { Body::default() };
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
            if signature.names.len() > MAX_NAMES {
                return self.fail("a macro with more parameters than any honest one");
            }
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
