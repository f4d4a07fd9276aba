//! Expressions, from the loosest operator to what stands alone.

use std::sync::Arc;

use super::{MAX_DEPTH, MAX_NAMES, Parsed, Parser, shown};
use crate::template::jinja::lexer::Kind;
use crate::template::jinja::tree::{Arguments, Comparison, Expr};
use crate::template::jinja::{filters, tests};
use crate::template::python::number::Operator;

/// An expression with the height of its tree.
pub(super) struct Tall(pub(super) Expr, u32);

impl Tall {
    fn over(expr: Expr, below: u32) -> Tall {
        Tall(expr, below + 1)
    }
}

impl Parser {
    fn tall(&self, expr: Expr, below: u32) -> Parsed<Tall> {
        let tall = Tall::over(expr, below);
        if tall.1 > MAX_DEPTH { self.fail("an expression longer than any honest one") } else { Ok(tall) }
    }

    /// One expression, or several between commas as a tuple.
    pub(super) fn tuple(&mut self, with_conditional: bool, ends: &[&str], in_parentheses: bool) -> Parsed<Tall> {
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

    pub(super) fn expression(&mut self, with_conditional: bool) -> Parsed<Tall> {
        self.deeper(|parser| if with_conditional { parser.condition() } else { parser.or() })
    }

    fn condition(&mut self) -> Parsed<Tall> {
        let (unknown, soft) = (self.unknown.len(), self.soft);
        let Tall(mut value, mut height) = self.or()?;
        while self.take_name("if") {
            // Within a condition an unknown filter is an error only where it is reached, in front of the `if` too.
            self.unknown.truncate(unknown);
            self.soft = true;
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
        self.soft = soft;
        Ok(Tall(value, height))
    }

    fn or(&mut self) -> Parsed<Tall> {
        self.spelled("or", Self::and, Expr::Or)
    }

    fn and(&mut self) -> Parsed<Tall> {
        self.spelled("and", Self::not, Expr::And)
    }

    /// Operands with the word `name` between them, from the left.
    fn spelled(
        &mut self,
        name: &str,
        operand: fn(&mut Self) -> Parsed<Tall>,
        of: fn(Box<(Expr, Expr)>) -> Expr,
    ) -> Parsed<Tall> {
        let mut left = operand(self)?;
        while self.take_name(name) {
            let right = operand(self)?;
            let below = left.1.max(right.1);
            left = self.tall(of(Box::new((left.0, right.0))), below)?;
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
                if keywords.len() > MAX_NAMES {
                    return self.fail("a call with more names than any honest one");
                }
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
            name = name + "." + &self.name()?;
        }
        Ok(Arc::from(name))
    }

    /// Filters behind a value, or behind nothing; `inline` without the bar before the first.
    pub(super) fn filters(&mut self, of: Option<Tall>, inline: bool) -> Parsed<Option<Tall>> {
        let (mut of, mut inline) = (of, inline);
        while inline || self.is_sign("|") {
            if !inline {
                self.at += 1;
            }
            inline = false;
            let name = self.dotted_name()?;
            if !filters::is_known(&name) {
                self.note_unknown("filter", &name);
            }
            let (arguments, below) = if self.is_sign("(") { self.arguments()? } else { Default::default() };
            let height = of.as_ref().map_or(0, |of| of.1).max(below);
            let value = of.map(|of| Box::new(of.0));
            of = Some(self.tall(Expr::Filter { of: value, name, arguments }, height)?);
        }
        Ok(of)
    }

    fn note_unknown(&mut self, what: &str, name: &str) {
        if !self.soft {
            self.unknown.push(format!("No {what} named '{name}'. (line {} of the template)", self.line()));
        }
    }

    fn test(&mut self, Tall(of, height): Tall) -> Parsed<Tall> {
        self.at += 1;
        let negated = self.take_name("not");
        let name = self.dotted_name()?;
        if !tests::is_known(&name) {
            self.note_unknown("test", &name);
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
