//! The two ways in which a text is put to a model: as a message of a chat, or to be continued as it stands.

use plimsoll_engine::Session;
use serde::{Deserialize, Serialize};

use crate::suite::Framing;

/// How a text is put to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompting {
    /// As the one message of a user, in the model's own chat template.
    Chat,
    /// As it stands, to be continued.
    Base,
}

impl Prompting {
    /// What suits a model: a chat where it has a template.
    pub fn of(session: &Session) -> Prompting {
        if session.template().is_some() { Prompting::Chat } else { Prompting::Base }
    }

    /// A question that is asked so, and nothing else around it.
    pub fn framing(self) -> Framing {
        Framing { continued: self == Prompting::Base, ..Framing::default() }
    }
}

impl std::fmt::Display for Prompting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Prompting::Chat => "chat",
            Prompting::Base => "base",
        })
    }
}
