//! SPDX expressions as conditions.

use spdx::expression::{ExprNode, Operator};
use spdx::{Expression, LicenseItem, ParseMode};

use crate::catalog::Catalog;
use crate::conditions::Conditions;

/// Longer than any expression that somebody means.
const MAX_EXPRESSION: usize = 2000;

/// Ids are spelled as the catalogue has them before this applies; no id is taken for one that resembles it.
const MODE: ParseMode = ParseMode {
    allow_slash_as_or_operator: false,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: false,
};

/// A part of an expression: how it is written, and what it says.
struct Part {
    words: String,
    conditions: Conditions,
    is_choice: bool,
}

/// The expression in SPDX's spelling and what it says; `None` if `value` is no licence that is known.
pub(crate) fn read(catalog: &Catalog, value: &str) -> Option<(String, Conditions)> {
    if let Some(licence) = catalog.licence_called(value) {
        return Some((licence.id.clone(), licence.signed_conditions()));
    }
    if value.len() > MAX_EXPRESSION {
        return None;
    }
    let spelled = spelled(catalog, value);
    let expression = Expression::parse_mode(&spelled, MODE).ok()?;
    let mut stack: Vec<Part> = Vec::new();
    for node in expression.iter() {
        let part = match node {
            ExprNode::Req(requirement) => leaf(catalog, &requirement.req),
            ExprNode::Op(operator) => {
                let (right, left) = (stack.pop()?, stack.pop()?);
                join(*operator, left, right)
            }
        };
        stack.push(part);
    }
    stack.pop().map(|part| (part.words, part.conditions))
}

/// Tags and lower-case ids as SPDX writes them.
fn spelled(catalog: &Catalog, value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for piece in value.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '(' | ')')) {
        let word = piece.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
        match catalog.licence_called(word) {
            Some(licence) => out.push_str(&licence.id),
            None => out.push_str(word),
        }
        out.push_str(&piece[word.len()..]);
    }
    out
}

fn leaf(catalog: &Catalog, requirement: &spdx::LicenseReq) -> Part {
    let id = match &requirement.license {
        LicenseItem::Spdx { id, .. } => id.name.to_owned(),
        other @ LicenseItem::Other(_) => other.to_string(),
    };
    // An exception only ever adds to what its licence allows.
    let licence = catalog.licence_called(&id);
    let conditions = licence.map(|licence| licence.signed_conditions()).unwrap_or_default();
    let words = match (&licence, &requirement.addition) {
        (Some(licence), None) => licence.id.clone(),
        _ => requirement.to_string(),
    };
    Part { words, conditions, is_choice: false }
}

fn join(operator: Operator, left: Part, right: Part) -> Part {
    let bracketed = |part: &Part| if part.is_choice { format!("({})", part.words) } else { part.words.clone() };
    match operator {
        Operator::And => Part {
            words: format!("{} AND {}", bracketed(&left), bracketed(&right)),
            conditions: left.conditions.strictest(right.conditions),
            is_choice: false,
        },
        Operator::Or => Part {
            words: format!("{} OR {}", left.words, right.words),
            conditions: if right.conditions.strictness() < left.conditions.strictness() {
                right.conditions
            } else {
                left.conditions
            },
            is_choice: true,
        },
    }
}
