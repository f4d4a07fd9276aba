//! Two models laid side by side: predicted, measured in turn, asked the same questions, and told apart only where
//! the evidence does.

mod assemble;
mod conclusion;
mod device;
mod differences;
mod evidence;
mod facts;
mod fidelity;
mod ratio;
mod run;
mod stage;
mod steps;

pub use evidence::{Evidence, Prediction, Verified};
pub use facts::model_facts;
pub use run::{CompareError, Contestant, Options, compare};
pub use stage::{Progress, Stage};
pub use steps::FreshStart;

use crate::paired::PairError;
use crate::record::{
    CategoryFacts, Comparison, Device, MOST_CONTENT_BYTES, SCHEMA_VERSION, Settings, Side, SourceFacts, SuiteFacts,
};
use crate::suite::{Suite, categories};

/// What two models were compared under.
#[derive(Debug, Clone, PartialEq)]
pub struct Circumstances {
    /// The machine.
    pub device: Device,
    /// The questions.
    pub suite: SuiteFacts,
    /// How speed and memory were measured.
    pub settings: Settings,
    /// The program and its version.
    pub program: String,
    /// When, RFC 3339 in UTC.
    pub created: String,
    /// The command that makes the comparison again.
    pub reproduce: String,
}

/// Statistics, differences and the sentence that follow from what was seen of A and B, each by itself; how faithful one is
/// to the other is for who has both ([`compare`]).
///
/// # Errors
/// When the models did not answer the same items.
pub fn conclude(circumstances: Circumstances, evidence: [Evidence; 2]) -> Result<Comparison, PairError> {
    let [a, b] = evidence;
    let device = &circumstances.device;
    let models = [assemble::model_record(Side::A, a, device), assemble::model_record(Side::B, b, device)];
    let differences = differences::differences(&models, circumstances.settings.margin)?;
    let conclusion = conclusion::conclusion(&models, &differences);
    let Circumstances { device, suite, settings, program, created, reproduce } = circumstances;
    Ok(Comparison {
        schema: SCHEMA_VERSION,
        program,
        created,
        device,
        suite,
        settings,
        models,
        fidelity: None,
        differences,
        conclusion,
        reproduce,
    })
}

/// The facts of a suite that make it reproducible.
pub fn suite_facts(suite: &Suite) -> SuiteFacts {
    let in_it = |id: &str| suite.items.iter().filter(move |item| item.category == id).collect::<Vec<_>>();
    let category = |id: &str| {
        let items = in_it(id);
        let about =
            categories().find(|category| category.id == id).map_or_else(|| suite.about(id), |found| found.about);
        CategoryFacts {
            id: id.to_owned(),
            about: about.to_owned(),
            n: items.len(),
            chance: items.iter().map(|item| item.scoring.chance()).sum::<f64>() / items.len().max(1) as f64,
        }
    };
    let sources = suite.sources.iter().map(|source| SourceFacts {
        name: source.name.clone(),
        variant: source.variant.clone(),
        path: source.path.clone(),
        sha256: source.sha256.clone(),
    });
    // Drawn questions are made again from the seed.
    let content = (!suite.sources.is_empty()).then(|| serde_json::to_value(suite).ok()).flatten();
    SuiteFacts {
        id: suite.id(),
        name: suite.name.clone(),
        seed: suite.seed,
        n: suite.items.len(),
        scorer_version: suite.scorer_version,
        licence: suite.licence.clone(),
        categories: suite.categories().into_iter().map(category).collect(),
        sources: sources.collect(),
        content: content.filter(|content| content.to_string().len() <= MOST_CONTENT_BYTES),
    }
}
