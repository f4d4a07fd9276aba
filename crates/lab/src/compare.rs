//! Two models laid side by side: predicted, measured in turn, asked the same questions, and told apart only where
//! the evidence does.

mod assemble;
mod conclusion;
mod device;
mod differences;
mod disturbed;
mod evidence;
mod facts;
mod fidelity;
mod machine;
mod ratio;
mod recompute;
mod run;
mod stage;
mod steps;

pub use evidence::{Evidence, Prediction, Verified};
pub use facts::model_facts;
pub use recompute::recomputed;
pub use run::{CompareError, Contestant, Options, compare};
pub use stage::{Progress, Stage};
pub use steps::FreshStart;

use crate::canary::likelier_broken;
use crate::load::LoadLog;
use crate::paired::PairError;
use crate::record::{CategoryFacts, Comparison, Device, ModelRecord, SCHEMA_VERSION, Settings, Side, SuiteFacts};
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
    /// What else the machine did meanwhile, if that was noted.
    pub load: Option<LoadLog>,
}

/// Statistics, differences and the sentence that follow from what was seen of A and B, each by itself; how faithful one is
/// to the other is for who has both ([`compare`]).
///
/// # Errors
/// When the models did not answer the same items.
pub fn conclude(circumstances: Circumstances, evidence: [Evidence; 2]) -> Result<Comparison, PairError> {
    let [a, b] = evidence;
    let device = &circumstances.device;
    let mut models = [assemble::model_record(Side::A, a, device), assemble::model_record(Side::B, b, device)];
    blame(&mut models);
    let differences = differences::differences(&models, circumstances.settings.margin)?;
    let conclusion = conclusion::conclusion(&models, &differences);
    let mut disturbed = circumstances.load.as_ref().map_or(Vec::new(), LoadLog::disturbances);
    disturbed.extend(disturbed::disturbances(&models));
    let Circumstances { device, suite, settings, program, created, reproduce, load } = circumstances;
    Ok(Comparison {
        schema: SCHEMA_VERSION,
        program,
        created,
        device,
        suite,
        settings,
        models,
        load,
        disturbed,
        fidelity: None,
        differences,
        conclusion,
        reproduce,
    })
}

/// Says of every model whose canaries failed what is likelier broken.
fn blame(models: &mut [ModelRecord; 2]) {
    let passed = models.each_ref().map(|model| model.canaries.as_ref().is_some_and(|canaries| canaries.found.passed));
    for side in Side::BOTH {
        let model = &mut models[side.index()];
        let verified = model.verified.as_ref().map(|verified| verified.passed);
        if let Some(canaries) = model.canaries.as_mut().filter(|canaries| !canaries.found.passed) {
            canaries.likelier_broken = Some(likelier_broken(verified, passed[side.other().index()]));
        }
    }
}

/// The facts of a suite that make it reproducible.
pub fn suite_facts(suite: &Suite) -> SuiteFacts {
    let n_in = |id: &str| suite.items.iter().filter(|item| item.category == id).count();
    let known = |id: &str| categories().find(|category| category.id == id);
    let kinds = suite.categories().into_iter();
    SuiteFacts {
        id: suite.id(),
        name: suite.name.clone(),
        seed: suite.seed,
        n: suite.items.len(),
        scorer_version: suite.scorer_version,
        licence: suite.licence.clone(),
        categories: kinds
            .map(|id| CategoryFacts {
                id: id.to_owned(),
                about: known(id).map_or("", |category| category.about).to_owned(),
                n: n_in(id),
                chance: known(id).map_or(0.0, |category| category.chance),
            })
            .collect(),
    }
}
