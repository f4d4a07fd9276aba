//! How a question is put, where that takes more than one message of its words.

use std::sync::Arc;

use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture, VisionError};
use serde::{Deserialize, Serialize};

use super::hash::sha256_hex;
use crate::stress::Wear;

/// What stands around a question's words. The built-in suites need none of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Framing {
    /// Messages before the question: instructions, or turns of a conversation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Message>,
    /// Pictures from files, shown before the question's words in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
    /// Whether the words are a text to be continued as it stands, without the model's chat template.
    #[serde(default, skip_serializing_if = "is_false")]
    pub continued: bool,
    /// Texts that end a generated answer and are no part of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<String>,
}

/// The framing of a question that is one message.
pub(crate) static PLAIN: Framing =
    Framing { earlier: Vec::new(), images: Vec::new(), continued: false, stops: Vec::new() };

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Who speaks in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Who gives instructions.
    System,
    /// Who asks.
    User,
    /// The model.
    Assistant,
}

/// A picture from a file. Its identity is that of the file's bytes and of what was done to it; the bytes themselves
/// stay out of every record.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    /// How it was worn before it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wear: Option<Wear>,
    /// What to call it in messages.
    #[serde(skip)]
    name: String,
    /// The file; empty where the picture was read from a record.
    #[serde(skip)]
    bytes: Arc<[u8]>,
}

impl Image {
    /// The picture in `bytes`, a file of a format that [`Picture::decode`] knows; `name` is theirs in messages.
    pub fn new(name: &str, bytes: Vec<u8>) -> Image {
        Image { sha256: sha256_hex(&bytes), wear: None, name: name.to_owned(), bytes: bytes.into() }
    }

    /// The same picture, worn.
    #[must_use]
    pub fn worn(&self, wear: Wear) -> Image {
        Image { wear: Some(wear), ..self.clone() }
    }

    /// Its pixels, as they are shown.
    ///
    /// # Errors
    /// The bytes are no picture, or it has more than [`DEFAULT_MAX_PIXELS`] pixels.
    pub fn picture(&self) -> Result<Picture, VisionError> {
        let picture = Picture::decode(&self.name, &self.bytes, DEFAULT_MAX_PIXELS)?;
        Ok(match self.wear {
            Some(wear) => wear.applied(&picture),
            None => picture,
        })
    }

    /// Bytes of the file.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("name", &self.name)
            .field("sha256", &self.sha256)
            .field("wear", &self.wear)
            .finish()
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
