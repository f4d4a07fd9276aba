//! Whether the command that a record says makes it again is one that would.

use crate::record::Comparison;
use crate::suite::{DEFAULT_ITEMS, DEFAULT_SEED, Suite};

/// Repetitions where the command names none.
const REPETITIONS: usize = 7;

/// What the command says otherwise than the record, as sentences without their ends.
pub(super) fn reproduces(comparison: &Comparison, suite: Option<&Suite>) -> Vec<String> {
    let Some(command) = Command::read(&comparison.reproduce) else {
        return vec!["the command that makes it again is none of this program".to_owned()];
    };
    let Comparison { settings, device, suite: asked, models, .. } = comparison;
    let is_drawn = asked.sources.is_empty();
    let filled = settings.filled.as_ref();
    let mut pairs = vec![
        ("--repeat", command.or("--repeat", REPETITIONS), settings.repetitions.to_string()),
        ("--threads", command.or("--threads", device.threads), device.threads.to_string()),
        ("--margin", command.or("--margin", "none"), shown(settings.margin)),
        ("--context", command.or("--context", "none"), shown(filled.map(|filled| filled.tokens))),
        ("PLIMSOLL_ISA", command.isa.clone().unwrap_or_else(|| device.isa.clone()), device.isa.clone()),
    ];
    if is_drawn {
        pairs.push(("--seed", command.or("--seed", DEFAULT_SEED), asked.seed.to_string()));
    }
    let mut faults: Vec<String> = pairs
        .into_iter()
        .filter(|(_, said, found)| said != found)
        .map(|(flag, said, found)| {
            format!("the command that makes it again says {flag} {said}, and the record {found}")
        })
        .collect();
    if !models.iter().all(|model| command.models.contains(&model.facts.path)) {
        faults.push("the command that makes it again names other models".to_owned());
    }
    let each = command.or("--items", DEFAULT_ITEMS);
    let draws = |suite: &Suite| {
        let drawn = each.parse().ok().and_then(|each| Suite::builtin(&suite.name, suite.seed, each).ok());
        drawn.is_some_and(|drawn| drawn.items.len() == suite.items.len())
    };
    if is_drawn && suite.is_some_and(|suite| !draws(suite)) {
        faults
            .push(format!("the command that makes it again asks {each} questions of each kind, and the record others"));
    }
    faults
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// Whether a shell takes all of a line for words: nothing that it would obey stands outside single quotes.
fn is_quoted(line: &str) -> bool {
    let (mut letters, mut is_inside) = (line.chars(), false);
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => is_inside = !is_inside,
            _ if is_inside => {}
            '\\' if letters.next() == Some('\'') => {}
            letter if letter.is_alphanumeric() || " /._-+:,=@%".contains(letter) => {}
            _ => return false,
        }
    }
    !is_inside
}

/// `plimsoll compare A B …` as a shell takes it.
struct Command {
    isa: Option<String>,
    /// What stands before the first flag.
    models: Vec<String>,
    /// Flags, each with its value.
    flags: Vec<(String, String)>,
}

impl Command {
    fn read(line: &str) -> Option<Command> {
        if !is_quoted(line) {
            return None;
        }
        let mut words = shlex::split(line)?.into_iter().peekable();
        let isa = words.next_if(|word| word.starts_with("PLIMSOLL_ISA="));
        let isa = isa.and_then(|word| word.split_once('=').map(|(_, isa)| isa.to_owned()));
        if words.next()? != "plimsoll" || words.next()? != "compare" {
            return None;
        }
        let mut models = Vec::new();
        while let Some(model) = words.next_if(|word| !word.starts_with("--")) {
            models.push(model);
        }
        let mut flags = Vec::new();
        while let Some(flag) = words.next() {
            flags.push((flag, words.next()?));
        }
        Some(Command { isa, models, flags })
    }

    /// The value of a flag, or what it is where it is not named. A flag that is named twice means the last.
    fn or(&self, flag: &str, default: impl ToString) -> String {
        let named = self.flags.iter().rev().find(|(name, _)| name == flag);
        named.map_or_else(|| default.to_string(), |(_, value)| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::is_quoted;

    #[test]
    fn a_line_that_a_shell_would_obey_is_none_that_makes_a_comparison_again() {
        assert!(is_quoted("PLIMSOLL_ISA=avx2 plimsoll compare 'it'\\''s.gguf' b.gguf --need 'memory<2GB'"));
        for line in [
            "compare $(true) b",
            "compare a;true",
            "compare a|true",
            "compare a --report $HOME",
            "compare `a`",
            "a 'b",
            "a\nb",
            "a>b",
        ] {
            assert!(!is_quoted(line), "{line}");
        }
    }
}
