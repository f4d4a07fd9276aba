//! Arguments as they are where nobody says otherwise.

use clap::Args as ClapArgs;

/// What `words` alone make of arguments: those that are required, or none.
pub fn with_defaults<A: ClapArgs>(words: &[&str]) -> A {
    let words = std::iter::once("plimsoll").chain(words.iter().copied());
    let matches = A::augment_args(clap::Command::new("plimsoll")).get_matches_from(words);
    A::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}
