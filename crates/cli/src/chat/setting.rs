//! `/set` and `/unset`: how answers are made, under the names that the command line has for it.

use std::collections::BTreeMap;

use clap::ArgAction;
use plimsoll_catalog::nearest;
use plimsoll_engine::GenerateOptions;

use crate::args::{Run, SamplingArgs};
use crate::mistake::Mistake;

/// Settings that are no flags of sampling: the system message, and whether the model reasons.
const OTHERS: [&str; 2] = ["system", "think"];

/// What can be set: the flags of sampling with `_` for `-`, and two more.
pub fn names() -> Vec<String> {
    let flags = SamplingArgs::flags().into_iter().filter_map(|flag| flag.get_long().map(|name| name.replace('-', "_")));
    flags.chain(OTHERS.map(str::to_owned)).collect()
}

/// Each of them, with what it does.
pub fn about() -> Vec<(String, String)> {
    let flags = SamplingArgs::flags().into_iter().filter_map(|flag| {
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        flag.get_long().map(|name| (name.replace('-', "_"), help))
    });
    let others = ["Instructions that stand before the conversation", "on or off: whether the model reasons first"];
    flags.chain(OTHERS.iter().zip(others).map(|(name, help)| ((*name).to_owned(), help.to_owned()))).collect()
}

/// The setting that is meant by `written`: with the dashes of a flag too.
///
/// # Errors
/// There is none.
pub fn named(written: &str) -> anyhow::Result<String> {
    let name = written.trim_start_matches('-').replace('-', "_");
    let names = names();
    if names.contains(&name) {
        return Ok(name);
    }
    let near = nearest(&name, names.iter().map(String::as_str));
    let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
    Err(Mistake::error(format!("no setting is called `{written}`"), format!("{near}/set lists them")))
}

/// How answers are made in a chat: by the command line, and what was set since.
#[derive(Debug, Clone)]
pub struct Chosen<'a> {
    command: &'a Run,
    /// The values of flags that were set, as they were written.
    set: BTreeMap<String, Vec<String>>,
    /// Everything asked for.
    pub sampling: SamplingArgs,
    /// Whether the model reasons, where that was said.
    pub thinks: Option<bool>,
    /// Of answers for which none was asked.
    pub seed: u64,
}

impl<'a> Chosen<'a> {
    /// As the command line has it.
    pub fn new(command: &'a Run, seed: u64) -> Chosen<'a> {
        let (sampling, thinks) = (command.sampling.clone(), command.thinks());
        Chosen { command, set: BTreeMap::new(), sampling, thinks, seed }
    }

    /// The same with another value of a setting, which [`named`] found; none is as it was when the chat began. The system
    /// message is the conversation's.
    ///
    /// # Errors
    /// It takes no such value.
    pub fn with(&self, name: &str, value: Option<&str>) -> anyhow::Result<Chosen<'a>> {
        let mut with = self.clone();
        match (name, value) {
            ("think", None) => with.thinks = self.command.thinks(),
            ("think", Some("on")) => with.thinks = Some(true),
            ("think", Some("off")) => with.thinks = Some(false),
            ("think", Some(other)) => {
                return Err(Mistake::error(format!("`think` is on or off, not `{other}`"), "/set think on"));
            }
            (flag, None) => drop(with.set.remove(flag)),
            (flag, Some(value)) => {
                let values = with.set.entry(flag.to_owned()).or_default();
                if !is_repeated(flag) {
                    values.clear();
                }
                values.push(value.to_owned());
            }
        }
        let flag = |(name, values): (&String, &Vec<String>)| {
            let name = name.replace('_', "-");
            values.iter().map(move |value| format!("--{name}={value}")).collect::<Vec<_>>()
        };
        let flags: Vec<String> = with.set.iter().flat_map(flag).collect();
        with.sampling = self.command.sampling.with(&flags).map_err(|error| sentence(&error))?;
        Ok(with)
    }
}

/// Whether a flag may be given several times.
fn is_repeated(name: &str) -> bool {
    let flags = SamplingArgs::flags();
    let flag = flags.iter().find(|flag| flag.get_long().is_some_and(|long| long.replace('-', "_") == name));
    flag.is_some_and(|flag| matches!(flag.get_action(), ArgAction::Append))
}

/// What is wrong, without the lines on how a command is called.
fn sentence(error: &clap::Error) -> anyhow::Error {
    let words = error.to_string();
    let first = words.lines().next().unwrap_or_default();
    anyhow::anyhow!("{}", first.strip_prefix("error: ").unwrap_or(first))
}

/// The value of a flag of sampling as answers are made.
pub fn value(name: &str, options: &GenerateOptions<'_>) -> Option<String> {
    let sampling = &options.sampling;
    Some(match name {
        "temperature" => sampling.temperature.to_string(),
        "top_k" => sampling.top_k.to_string(),
        "top_p" => sampling.top_p.to_string(),
        "min_p" => sampling.min_p.to_string(),
        "repetition_penalty" => sampling.repetition_penalty.to_string(),
        "presence_penalty" => sampling.presence_penalty.to_string(),
        "frequency_penalty" => sampling.frequency_penalty.to_string(),
        "logit_bias" => listed(sampling.logit_bias.iter().map(|(id, bias)| format!("{id}={bias}"))),
        "seed" => sampling.seed.to_string(),
        "stop" => listed(options.stops.iter().map(|stop| format!("{stop:?}"))),
        "max_tokens" => options.max_tokens.map_or_else(|| "none".to_owned(), |most| most.to_string()),
        _ => return None,
    })
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { "none".to_owned() } else { values.join(" ") }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn run(words: &[&str]) -> Box<Run> {
        let words = ["plimsoll", "run", "m"].iter().chain(words);
        match Args::try_parse_from(words).unwrap().command {
            Some(Command::Run(run)) => run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_set_stands_above_the_command_line_and_what_is_unset_below() {
        let command = run(&["--temperature", "1", "--stop", "a"]);
        let chosen = Chosen::new(&command, 7);
        let set = chosen.with("temperature", Some("0.5")).unwrap().with("stop", Some("b")).unwrap();
        let set = set.with("stop", Some("c")).unwrap().with("top_k", Some("3")).unwrap();
        assert_eq!((set.sampling.temperature, set.sampling.top_k), (Some(0.5), Some(3)));
        assert_eq!(set.sampling.stop, ["a", "b", "c"]);
        let unset = set.with("temperature", None).unwrap().with("stop", None).unwrap();
        assert_eq!((unset.sampling.temperature, unset.sampling.top_k), (Some(1.0), Some(3)));
        assert_eq!(unset.sampling.stop, ["a"]);
        assert_eq!(chosen.with("think", Some("off")).unwrap().thinks, Some(false));
        assert_eq!(chosen.with("think", Some("off")).unwrap().with("think", None).unwrap().thinks, None);
    }

    #[test]
    fn a_wrong_value_is_told_in_the_words_of_the_flag() {
        let command = run(&[]);
        let chosen = Chosen::new(&command, 7);
        for (name, value) in [("temperature", "warm"), ("top_k", "-1"), ("logit_bias", "x"), ("seed", "1.5")] {
            let told = chosen.with(name, Some(value)).unwrap_err().to_string();
            let flag = format!("--{}={value}", name.replace('_', "-"));
            let of_flag = Args::try_parse_from(["plimsoll", "run", "m", &flag]).unwrap_err().to_string();
            assert_eq!(of_flag.lines().next(), Some(format!("error: {told}").as_str()));
        }
        assert!(chosen.with("think", Some("maybe")).unwrap_err().to_string().contains("on or off"));
    }

    #[test]
    fn every_setting_has_a_value_and_a_flag_is_known_by_its_own_spelling() {
        let without: Vec<String> =
            names().into_iter().filter(|name| value(name, &GenerateOptions::default()).is_none()).collect();
        assert_eq!(without, OTHERS);
        assert_eq!(named("--max-tokens").unwrap(), "max_tokens");
        assert_eq!(named("top_k").unwrap(), "top_k");
        assert!(named("temprature").is_err());
    }
}
