//! Conversations in a file, one a line.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use plimsoll_engine::{ImageInput, TemplateRequest};
use plimsoll_lab::calibration::Calibration;
use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture};
use serde_json::{Value, json};

use crate::mistake::Mistake;
use crate::piped;

/// A conversation and the pictures that it shows.
pub struct Chat {
    /// `FILE:LINE`.
    place: String,
    request: TemplateRequest,
    pictures: Vec<PathBuf>,
}

/// Reads a file of conversations; empty lines count for nothing. Pictures lie where their paths say, from the file on.
///
/// # Errors
/// A line is no conversation, or there is none.
pub fn read(path: &Path) -> anyhow::Result<Vec<Chat>> {
    let text = String::from_utf8(piped::file(path)?).with_context(|| format!("`{}` is no UTF-8", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let chats: Vec<Chat> = lines.map(|(n, line)| chat(path, n + 1, line)).collect::<anyhow::Result<_>>()?;
    if chats.is_empty() {
        return Err(mistake(format!("`{}` has no conversation", path.display())));
    }
    Ok(chats)
}

fn mistake(message: String) -> anyhow::Error {
    Mistake::error(
        message,
        r#"a line is such as {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}"#,
    )
}

fn chat(path: &Path, line: usize, text: &str) -> anyhow::Result<Chat> {
    let place = format!("{}:{line}", path.display());
    let mut request = TemplateRequest::from_text(text).map_err(|error| mistake(format!("{place}: {error}")))?;
    let spoken_last = request.messages.as_array().and_then(|all| all.last()).and_then(|last| last["role"].as_str());
    // What the assistant said is there already: nobody speaks next.
    request.add_generation_prompt = spoken_last != Some("assistant");
    let (folder, mut pictures) = (plimsoll_formats::parent(path), Vec::new());
    let parts =
        request.messages.as_array_mut().into_iter().flatten().filter_map(|message| message["content"].as_array_mut());
    for part in parts.flatten() {
        if let Some(shown) = picture(part) {
            pictures.push(folder.join(shown.map_err(|problem| mistake(format!("{place}: {problem}")))?));
            *part = json!({ "type": "image" });
        }
    }
    Ok(Chat { place, request, pictures })
}

/// The path of the picture that a part of a content shows, in the words of transformers and of OpenAI.
fn picture(part: &Value) -> Option<Result<String, String>> {
    let kind = part["type"].as_str()?;
    let path = match kind {
        "image" => part["path"].as_str().or(part["image"].as_str()),
        "image_url" => part["image_url"]["url"].as_str().or(part["image_url"].as_str()),
        _ => return None,
    };
    let Some(path) = path else { return Some(Err(format!("a part of type `{kind}` has no `path`"))) };
    let path = path.strip_prefix("file://").unwrap_or(path);
    match path.split_once(':') {
        Some((scheme, _)) if scheme.len() > 1 => {
            Some(Err(format!("a picture at `{scheme}:` is not read, only files are")))
        }
        _ => Some(Ok(path.to_owned())),
    }
}

impl Chat {
    /// Passes it.
    ///
    /// # Errors
    /// A picture cannot be read or shown, the template refuses the conversation, or it does not fit the context.
    pub fn pass(&self, calibration: &mut Calibration) -> anyhow::Result<()> {
        let mut images = Vec::new();
        for path in &self.pictures {
            let picture = Picture::open(path, DEFAULT_MAX_PIXELS).with_context(|| self.place.clone())?;
            images.push(calibration.image(&ImageInput::Picture(picture)).with_context(|| self.place.clone())?);
        }
        calibration.chat(&self.request, &images).with_context(|| self.place.clone())
    }
}
