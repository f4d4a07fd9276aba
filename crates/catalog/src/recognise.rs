//! From what somebody wrote to a licence of the catalogue.

use crate::catalog::Catalog;
use crate::conditions::Conditions;
use crate::expression;
use crate::licence::Licence;
use crate::terms::{Reading, Recognition, Statement, Text, is_placeholder};

/// Characters of foreign text that a reading quotes.
const MAX_QUOTE: usize = 120;

/// A reading with what it entails.
pub(crate) struct Found {
    pub(crate) reading: Reading,
    pub(crate) conditions: Conditions,
    /// It says no more than that no id fits.
    pub(crate) is_placeholder: bool,
    /// It is a licence's text, not a declaration.
    pub(crate) is_text: bool,
}

/// A declared id, name or SPDX expression.
pub(crate) fn read_statement(catalog: &Catalog, statement: &Statement) -> Found {
    let read = expression::read(catalog, &statement.value);
    let how = if read.is_some() { Recognition::Identifier } else { Recognition::Unrecognised };
    let (read_as, conditions) = read.map_or((None, Conditions::default()), |(id, conditions)| (Some(id), conditions));
    Found {
        reading: Reading { source: statement.source.clone(), said: quote(&statement.value), read_as, how },
        conditions,
        is_placeholder: is_placeholder(&statement.value),
        is_text: false,
    }
}

/// A licence's text. Policies and notices lie beside licences and are none.
pub(crate) fn read_text(catalog: &Catalog, text: &Text) -> Option<Found> {
    let name = text.file.to_ascii_uppercase();
    if !["LICENSE", "LICENCE", "COPYING"].iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    let by_hash = catalog.licences().find(|licence| licence.text_sha256.contains(&text.sha256));
    let by_title = || {
        let head = text.head.trim_start_matches(|c: char| !c.is_alphanumeric());
        let begins = |title: &String| {
            head.strip_prefix(title.as_str()).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        let longest = |licence: &&Licence| licence.titles.iter().filter(|title| begins(title)).map(String::len).max();
        catalog.licences().filter(|licence| longest(licence).is_some()).max_by_key(longest)
    };
    let (how, licence) = match by_hash {
        Some(licence) => (Recognition::TextHash, Some(licence)),
        None => by_title().map_or((Recognition::Unrecognised, None), |found| (Recognition::TextTitle, Some(found))),
    };
    Some(Found {
        reading: Reading {
            source: text.file.clone(),
            said: quote(&text.head),
            read_as: licence.map(|licence| licence.id.clone()),
            how,
        },
        conditions: licence.map(|licence| licence.signed_conditions()).unwrap_or_default(),
        is_placeholder: false,
        is_text: true,
    })
}

fn quote(text: &str) -> String {
    let mut quoted: String = text.trim().chars().take(MAX_QUOTE).collect();
    if text.trim().chars().nth(MAX_QUOTE).is_some() {
        quoted.push('…');
    }
    quoted
}
