//! What a call gives, read as the called takes it.

use std::sync::Arc;

use crate::template::python::{Outcome, Value, error};

/// Arguments of one call.
#[derive(Clone, Default)]
pub struct Arguments {
    /// In their order.
    pub positional: Vec<Value>,
    /// By name.
    pub keywords: Vec<(Arc<str>, Value)>,
}

impl Arguments {
    /// Only positional ones.
    pub fn of(positional: Vec<Value>) -> Arguments {
        Arguments { positional, keywords: Vec::new() }
    }

    /// Exactly `N`, by position alone.
    ///
    /// # Errors
    /// There are more or fewer, or one has a name.
    pub fn exactly<const N: usize>(self, of: &str) -> Outcome<[Value; N]> {
        self.no_keywords(of)?;
        let given = self.positional.len();
        <[Value; N]>::try_from(self.positional).or_else(|_| {
            let s = if N == 1 { "" } else { "s" };
            error(format!("{of}() takes exactly {N} argument{s} ({given} given)"))
        })
    }

    /// Between `least` and `N`, by position alone.
    ///
    /// # Errors
    /// There are more or fewer, or one has a name.
    pub fn up_to<const N: usize>(self, of: &str, least: usize) -> Outcome<[Option<Value>; N]> {
        self.no_keywords(of)?;
        let given = self.positional.len();
        if given < least || given > N {
            return error(format!("{of} expected {least} to {N} arguments, got {given}"));
        }
        let mut values = self.positional.into_iter();
        Ok(std::array::from_fn(|_| values.next()))
    }

    /// Up to `N` by position or by `names`, the first `least` of which have to be there.
    ///
    /// # Errors
    /// One is missing, unknown, given twice or too many.
    pub fn named<const N: usize>(self, of: &str, names: [&str; N], least: usize) -> Outcome<[Option<Value>; N]> {
        let given = self.positional.len();
        if given > N {
            return error(format!("{of}() takes {N} arguments but {given} were given"));
        }
        let mut positional = self.positional.into_iter();
        let mut found: [Option<Value>; N] = std::array::from_fn(|_| positional.next());
        for (name, value) in self.keywords {
            match names.iter().position(|known| **known == *name) {
                None => return error(format!("{of}() got an unexpected keyword argument '{name}'")),
                Some(at) if found[at].is_some() => {
                    return error(format!("{of}() got multiple values for argument '{name}'"));
                }
                Some(at) => found[at] = Some(value),
            }
        }
        match found.iter().take(least).position(Option::is_none) {
            Some(at) => error(format!("{of}() missing 1 required argument: '{}'", names[at])),
            None => Ok(found),
        }
    }

    fn no_keywords(&self, of: &str) -> Outcome<()> {
        if self.keywords.is_empty() { Ok(()) } else { error(format!("{of}() takes no keyword arguments")) }
    }
}
