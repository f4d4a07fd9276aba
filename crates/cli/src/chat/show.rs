//! `/show`: what the model is, what is set, and how much of the context is left.

use std::io;

use plimsoll_engine::TemplateRequest;
use plimsoll_panel::shown_text;

use super::{Chat, Talk, setting};
use crate::notice::say;
use crate::rows::Rows;
use crate::style::Style;
use crate::{identity, licence};

/// What `/show` shows by itself.
pub const PARTS: [&str; 2] = ["system", "template"];

impl Chat<'_> {
    /// Shows everything, or the part that is asked for.
    pub(super) fn show_about(&self, part: &str) -> anyhow::Result<()> {
        match part {
            "" => self.show_all(),
            "system" => {
                let system = self.system().map_or_else(|| "there is no system message".to_owned(), harmless);
                say(system);
                Ok(())
            }
            "template" => {
                let source = self.session.template().map(|template| harmless(template.source()));
                say(source.unwrap_or_else(|| "there is no chat template".to_owned()));
                Ok(())
            }
            other => {
                say(format_args!("/show shows all, or one of: {}; not `{}`", PARTS.join(", "), shown_text(other, 60)));
                Ok(())
            }
        }
    }

    fn show_all(&self) -> anyhow::Result<()> {
        let (licensing, _) = licence::of_checkpoint(&self.command.model, self.checkpoint, None)?;
        let style = Style::stderr();
        let mut rows = Rows::new(io::stderr().lock(), style);
        identity::print(&mut rows, style, self.checkpoint)?;
        rows.many("licence", &[format!("taken for {}", licensing.taken_for())])?;
        rows.many("template", &[self.template_words()])?;
        rows.many("context", &[self.context_words()])?;
        if let Some(system) = self.system() {
            rows.many("system", &[system.to_owned()])?;
        }
        let set = self.settings_in_effect().map(|(name, value)| format!("{name} {value}"));
        rows.many("answers with", &[set.collect::<Vec<_>>().join(", ")])?;
        Ok(())
    }

    fn system(&self) -> Option<&str> {
        match &self.talk {
            Talk::Messages(conversation) => conversation.system(),
            Talk::Text(_) => None,
        }
    }

    fn template_words(&self) -> String {
        match (self.session.template(), &self.talk) {
            (_, Talk::Text(_)) if self.command.raw => "not used: text is continued".to_owned(),
            (None, _) => "none: text is continued".to_owned(),
            (Some(template), _) if template.supports_thinking() => "chat, with a reasoning switch".to_owned(),
            (Some(_), _) => "chat".to_owned(),
        }
    }

    /// How much of the context what was said takes.
    pub(super) fn context_words(&self) -> String {
        let context = self.session.context();
        match self.tokens() {
            Some(used) => format!("{used} of {context} tokens used, {} left", context.saturating_sub(used)),
            None => format!("{context} tokens"),
        }
    }

    /// Tokens of what was said; none where the template cannot render it as it stands.
    fn tokens(&self) -> Option<usize> {
        match &self.talk {
            Talk::Messages(conversation) if conversation.messages().is_empty() => Some(0),
            Talk::Messages(conversation) => {
                let request = TemplateRequest { add_generation_prompt: false, ..conversation.request() };
                self.session.chat_ids_with_images(&request, conversation.images()).ok().map(|ids| ids.len())
            }
            Talk::Text(text) if text.is_empty() => Some(0),
            Talk::Text(text) => self.session.text_ids(text).ok().map(|ids| ids.len()),
        }
    }

    /// Each setting that the model takes, with its value.
    pub(super) fn settings_in_effect(&self) -> impl Iterator<Item = (String, String)> {
        setting::names().into_iter().filter_map(|name| {
            let value = setting::value(&name, &self.options).or_else(|| self.value_of_talk(&name))?;
            Some((name, shown_text(&value, 200)))
        })
    }

    /// The value of a setting of conversations, where this is one; the system message has a row of its own.
    fn value_of_talk(&self, name: &str) -> Option<String> {
        let has_switch = self.session.template().is_some_and(|template| template.supports_thinking());
        match (&self.talk, name, self.settings.thinks) {
            (Talk::Messages(_), "think", thinks) if has_switch => {
                Some(thinks.map_or("as the template has it", |thinks| if thinks { "on" } else { "off" }).to_owned())
            }
            _ => None,
        }
    }
}

/// Text with its lines, of which a terminal obeys nothing.
fn harmless(text: &str) -> String {
    text.split('\n').map(|line| shown_text(line, usize::MAX)).collect::<Vec<_>>().join("\n")
}
