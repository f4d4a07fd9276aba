//! What a licence says, by its id.

use serde::{Deserialize, Serialize};

use crate::conditions::Conditions;

/// A licence as the catalogue reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// An SPDX identifier, or `LicenseRef-…` where SPDX has none.
    pub id: String,
    /// As it calls itself.
    pub name: String,
    /// Other ids under which files and hubs declare it, such as `llama4`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How its text begins, normalised as `plimsoll_formats::normalised_text` does.
    #[serde(default)]
    pub titles: Vec<String>,
    /// SHA-256 of its normalised text, of each edition known here.
    #[serde(default)]
    pub text_sha256: Vec<String>,
    /// What the conditions were read from.
    pub source: String,
    /// What it says.
    pub conditions: Conditions,
}

impl Licence {
    /// Its conditions, each under its name.
    pub(crate) fn signed_conditions(&self) -> Conditions {
        let mut conditions = self.conditions.clone();
        for topic in crate::Topic::ALL {
            conditions.get_mut(topic).licence = Some(self.id.clone());
        }
        conditions
    }
}
