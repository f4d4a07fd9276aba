//! `/save` and `/load`: a conversation as a file of JSON messages, a text as it stands.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use plimsoll_engine::Conversation;
use plimsoll_panel::shown_text;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{Chat, Talk};
use crate::args::ImageArgs;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::{answering, piped};

/// What a message has that the model thought before.
const THOUGHT: &str = "reasoning_content";

/// A message that was kept.
#[derive(Debug, Clone, Default, PartialEq)]
struct Message {
    role: String,
    /// What it shows: whether that is a video, and its file.
    shown: Vec<(bool, PathBuf)>,
    /// What the model thought before it.
    thought: String,
    text: String,
}

impl Chat<'_> {
    /// Keeps what was said.
    pub(super) fn save(&self, file: &Path, replace: bool) -> anyhow::Result<()> {
        let content = match &self.talk {
            Talk::Messages(conversation) => document(conversation.messages(), &self.shown),
            Talk::Text(text) => text.clone(),
        };
        write(file, &content, replace)?;
        say(format_args!("saved {}", shown_text(&file.display().to_string(), 400)));
        Ok(())
    }

    /// Goes on with what was kept, in place of what was said; where it cannot be read, what was said stays.
    pub(super) fn load(&mut self, file: &Path) -> anyhow::Result<()> {
        if let Talk::Text(said) = &mut self.talk {
            *said = text(file)?;
        } else {
            let variables = answering::variables(&self.command.model, self.settings.thinks, self.session)?;
            let mut messages = messages(file)?.into_iter().peekable();
            let system = messages.next_if(|message| message.role == "system");
            let mut conversation = Conversation::new(system.map(|system| system.text).as_deref(), variables);
            let mut all_shown = Vec::new();
            for Message { role, shown, thought, text } in messages {
                for (is_video, path) in shown {
                    let encode = if is_video { ImageArgs::encode_video } else { ImageArgs::encode_picture };
                    conversation.show(encode(&self.command.images, self.session, &path)?.image);
                    all_shown.push(path);
                }
                match role.as_str() {
                    "assistant" => conversation.reply_with(&thought, &text),
                    role => conversation.say(role, &text),
                }
            }
            (self.talk, self.shown) = (Talk::Messages(conversation), all_shown);
        }
        say(format_args!("loaded {}: {}", shown_text(&file.display().to_string(), 400), self.context_words()));
        Ok(())
    }
}

/// The file of a conversation: `messages` with the files of what they show, in order.
fn document(messages: &[Value], shown: &[PathBuf]) -> String {
    let mut shown = shown.iter();
    let mut messages = messages.to_vec();
    let parts = messages.iter_mut().filter_map(|message| message["content"].as_array_mut()).flatten();
    for (part, path) in parts.filter(|part| part["type"] != "text").zip(&mut shown) {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        part["path"] = absolute.to_string_lossy().into();
    }
    let mut text = serde_json::to_string_pretty(&json!({ "messages": messages })).expect("JSON can be written");
    text.push('\n');
    text
}

/// Writes a file whole or not at all; one that is there is replaced where `replace` says so.
///
/// # Errors
/// It is there, or cannot be written.
fn write(file: &Path, content: &str, replace: bool) -> anyhow::Result<()> {
    let shown = file.display();
    let failed = || format!("cannot write `{shown}`");
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = NamedTempFile::new_in(folder).with_context(failed)?;
    new.write_all(content.as_bytes()).and_then(|()| new.as_file().sync_all()).with_context(failed)?;
    let kept = if replace { new.persist(file) } else { new.persist_noclobber(file) };
    match kept {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Err(Mistake::error(
            format!("`{shown}` is there already"),
            format!("`/save! {shown}` replaces it, or give another name"),
        )),
        Err(error) => Err(error.error).with_context(failed),
    }
}

/// The text of a file.
///
/// # Errors
/// It cannot be read, or is no UTF-8.
fn text(file: &Path) -> anyhow::Result<String> {
    String::from_utf8(piped::file(file)?).with_context(|| format!("`{}` is no text", file.display()))
}

/// The messages of a file that `/save` wrote, or of one like it.
///
/// # Errors
/// It cannot be read, or has something that a chat here has not.
fn messages(file: &Path) -> anyhow::Result<Vec<Message>> {
    let document: Value =
        serde_json::from_str(&text(file)?).with_context(|| format!("`{}` is no JSON", file.display()))?;
    let messages = document.get("messages").unwrap_or(&document);
    let Some(messages) = messages.as_array() else {
        bail!("`{}` has no messages: expected {{\"messages\": [...]}}", file.display())
    };
    let read = |(at, message): (usize, &Value)| {
        message_of(message, at == 0).with_context(|| format!("`{}`, message {}", file.display(), at + 1))
    };
    messages.iter().enumerate().map(read).collect()
}

fn message_of(message: &Value, is_first: bool) -> anyhow::Result<Message> {
    let role = message["role"].as_str().unwrap_or_default();
    match role {
        "system" if !is_first => bail!("a system message stands first"),
        "system" | "user" | "assistant" => {}
        other => bail!("its role is `{other}`; expected system, user or assistant"),
    }
    let is_known = |key: &str| ["role", "content"].contains(&key) || (role == "assistant" && key == THOUGHT);
    if let Some(key) = message.as_object().and_then(|keys| keys.keys().find(|key| !is_known(key))) {
        bail!("`{key}` is nothing that a chat here has; expected role and content");
    }
    let thought = match message.get(THOUGHT) {
        None => String::new(),
        Some(Value::String(thought)) => thought.clone(),
        Some(_) => bail!("its `{THOUGHT}` is no text"),
    };
    let mut read = Message { role: role.to_owned(), shown: Vec::new(), thought, text: String::new() };
    match &message["content"] {
        Value::String(text) => read.text = text.clone(),
        Value::Array(parts) => {
            for (at, part) in parts.iter().enumerate() {
                let is_last = at + 1 == parts.len();
                match (part["type"].as_str(), part["path"].as_str(), part["text"].as_str()) {
                    (Some("text"), _, Some(text)) if is_last => read.text = text.to_owned(),
                    (Some(kind @ ("image" | "video")), Some(path), _) if role == "user" => {
                        read.shown.push((kind == "video", PathBuf::from(path)));
                    }
                    _ => bail!("part {}: expected what is shown, each with its `path`, and the text last", at + 1),
                }
            }
        }
        _ => bail!("its content is neither text nor parts"),
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_what_is_loaded_and_nothing_is_lost_by_saving() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chat.json");
        let said = [
            json!({ "role": "system", "content": "Be brief." }),
            json!({ "role": "user", "content": [{ "type": "image" }, { "type": "text", "text": "What?" }] }),
            json!({ "role": "assistant", "content": "A \"cat\"\n", "reasoning_content": "Ears." }),
        ];
        write(&file, &document(&said, &[PathBuf::from("/tmp/a.png")]), false).unwrap();
        let loaded = messages(&file).unwrap();
        let message =
            |role: &str, text: &str| Message { role: role.to_owned(), text: text.to_owned(), ..Message::default() };
        let shown = vec![(false, PathBuf::from("/tmp/a.png"))];
        let asked = Message { shown, ..message("user", "What?") };
        let answered = Message { thought: "Ears.".to_owned(), ..message("assistant", "A \"cat\"\n") };
        assert_eq!(loaded, [message("system", "Be brief."), asked, answered]);

        let refused = write(&file, "other", false).unwrap_err();
        assert!(refused.to_string().contains("there already"), "{refused}");
        assert_eq!(messages(&file).unwrap(), loaded, "what is there stays");
        write(&file, "[]", true).unwrap();
        assert_eq!(messages(&file).unwrap(), []);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        assert!(write(&folder.path().join("none/chat.json"), "", false).is_err());
    }

    #[test]
    fn a_file_that_a_chat_cannot_go_on_with_is_refused_with_its_message() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chat.json");
        for (document, told) in [
            ("{", "no JSON"),
            ("{\"message\": []}", "no messages"),
            (r#"[{"role": "tool", "content": "5"}]"#, "message 1: its role is `tool`"),
            (r#"[{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]"#, "stands first"),
            (r#"[{"role": "assistant", "content": "a", "tool_calls": []}]"#, "`tool_calls`"),
            (r#"[{"role": "user", "content": "a", "reasoning_content": "b"}]"#, "`reasoning_content`"),
            (r#"[{"role": "assistant", "content": "a", "reasoning_content": 5}]"#, "no text"),
            (r#"[{"role": "user", "content": 5}]"#, "neither text nor parts"),
            (r#"[{"role": "user", "content": [{"type": "image"}]}]"#, "part 1: expected"),
            (
                r#"[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image", "path": "b"}]}]"#,
                "last",
            ),
        ] {
            std::fs::write(&file, document).unwrap();
            let error = format!("{:#}", messages(&file).unwrap_err());
            assert!(error.contains(told), "{document}: {error}");
        }
    }
}
