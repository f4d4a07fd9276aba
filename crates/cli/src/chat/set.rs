//! `/set` and `/unset` in a chat that is under way.

use std::io::{self, Write};

use plimsoll_engine::GenerateOptions;
use plimsoll_panel::broken;

use super::{Chat, Talk, line, setting};
use crate::answering;
use crate::notice::say;

/// Columns of a line, of the names of settings, and of their values with them.
const COLUMNS: usize = 80;
const NAMES: usize = 20;
const VALUES: usize = 32;

impl Chat<'_> {
    /// Sets what is written: a name and a value; without a value it tells the one that holds.
    pub(super) fn set(&mut self, written: &str) -> anyhow::Result<()> {
        let (name, value) = written.split_once(|c: char| c.is_whitespace() || c == '=').unwrap_or((written, ""));
        let (name, value) = (setting::named(name)?, line::unquoted(value.trim()));
        match value.as_str() {
            "" => Ok(self.list_settings(Some(&name))?),
            system if name == "system" => {
                self.conversation()?.set_system(Some(system));
                Ok(())
            }
            value => self.choose(&name, Some(value)),
        }
    }

    /// Has a setting be as it was when the chat began.
    pub(super) fn unset(&mut self, name: &str) -> anyhow::Result<()> {
        let name = setting::named(name)?;
        if name == "system" {
            let system = self.command.system.as_deref();
            self.conversation()?.set_system(system);
            return Ok(());
        }
        self.choose(&name, None)
    }

    /// Makes answers so from now on, if it can be done.
    fn choose(&mut self, name: &str, value: Option<&str>) -> anyhow::Result<()> {
        let settings = self.settings.with(name, value)?;
        if name == "think" {
            let variables = answering::variables(&self.command.model, settings.thinks, self.session)?;
            self.conversation()?.set_variables(variables);
        }
        let options =
            answering::options(&settings.sampling, self.session, self.command.template.as_ref(), settings.seed)?;
        self.options = GenerateOptions { interrupt: self.options.interrupt, ..options };
        self.settings = settings;
        if let Some((name, value)) = self.settings_in_effect().find(|(known, _)| known == name) {
            say(format_args!("{name} {value}"));
        }
        Ok(())
    }

    /// The settings that there are, or one: name, value, and what it does.
    pub(super) fn list_settings(&self, one: Option<&str>) -> io::Result<()> {
        let mut out = io::stderr().lock();
        let about = setting::about();
        let mut all: Vec<(String, String)> = self.settings_in_effect().collect();
        if let Talk::Messages(conversation) = &self.talk {
            let value = conversation.system().map_or("none", |_| "/show system");
            all.push(("system".to_owned(), value.to_owned()));
        }
        let wanted = |(name, _): &&(String, String)| one.is_none_or(|one| one == name);
        for (name, value) in all.iter().filter(wanted) {
            let help = about.iter().find(|(known, _)| known == name).map_or("", |(_, help)| help);
            list(&mut out, name, value, help)?;
        }
        match one {
            Some(_) => Ok(()),
            None => writeln!(out, "/set temperature 0.7 changes one, /unset temperature takes that back"),
        }
    }
}

/// A setting in its columns.
fn list(out: &mut impl Write, name: &str, value: &str, help: &str) -> io::Result<()> {
    let (names, values) = (NAMES - 1, VALUES - NAMES - 1);
    let beside = format!("{name:<names$} {value:<values$} ");
    let help = broken(help, COLUMNS - VALUES, 0);
    let mut lines = help.iter();
    // Where a value is wider than its column, what it does begins below.
    match beside.chars().count() > VALUES {
        true => broken(beside.trim_end(), COLUMNS, NAMES).iter().try_for_each(|line| writeln!(out, "{line}"))?,
        false => writeln!(out, "{beside}{}", lines.next().map_or("", String::as_str))?,
    }
    lines.try_for_each(|line| writeln!(out, "{:VALUES$}{line}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_stays_within_eighty_columns() {
        let mut out = Vec::new();
        let long = "word ".repeat(30);
        for value in ["0.7", "as the template has it", long.trim()] {
            list(&mut out, "repetition_penalty", value, &long).unwrap();
        }
        let out = String::from_utf8(out).unwrap();
        assert!(out.lines().all(|line| line.len() <= COLUMNS), "{out}");
        assert!(out.starts_with("repetition_penalty  0.7         word "), "{out}");
        assert_eq!(out.matches("word").count(), 120, "nothing is cut");
    }
}
