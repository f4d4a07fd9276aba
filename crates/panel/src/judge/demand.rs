//! What a model is wanted for: a use that the licence is held against, a kind of work, and the reader's own needs.

use std::fmt;

use plimsoll_catalog::DeclaredUse;
use serde::{Deserialize, Serialize};

use super::need::Need;
use crate::command::quoted;

/// The kind of work, against which speed and memory are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Workload {
    /// Somebody waits and reads along.
    #[default]
    Chat,
    /// Nobody waits; what counts is how much is done in an hour.
    Batch,
    /// Somebody waits, and the memory is a phone's.
    Phone,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Workload::Chat => "chat",
            Workload::Batch => "batch",
            Workload::Phone => "phone",
        })
    }
}

/// What a model is wanted for, declared before it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// What the licence is held against.
    pub usage: DeclaredUse,
    /// What speed and memory are judged against.
    #[serde(default)]
    pub workload: Workload,
    /// What must hold besides.
    #[serde(default)]
    pub needs: Vec<Need>,
}

impl Demand {
    /// The flags by which the command line is told the same, each after a space.
    pub fn flags(&self) -> String {
        let Demand { usage, workload, needs } = self;
        let mut flags = format!(" --use {}", usage.purpose);
        flags.extend(usage.users.map(|users| format!(" --users {users}")));
        flags.extend(usage.region.iter().map(|region| format!(" --region {}", quoted(region))));
        flags.extend(Some(workload).filter(|work| **work != Workload::Chat).map(|work| format!(" --workload {work}")));
        flags.extend(needs.iter().map(|need| format!(" --need {}", quoted(&need.written()))));
        flags
    }
}

impl From<DeclaredUse> for Demand {
    fn from(usage: DeclaredUse) -> Demand {
        Demand { usage, workload: Workload::default(), needs: Vec::new() }
    }
}
