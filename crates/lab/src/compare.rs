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
mod field;
mod impossible;
mod machine;
mod overstated;
mod ratio;
mod recompute;
mod reproduce;
mod run;
mod schedule;
mod stage;
mod steps;

pub use device::processor;
pub use evidence::{Evidence, Prediction, Verified};
pub use facts::{model_facts, weights_sha256};
pub use field::{Field, field};
pub use overstated::{overstated, questions};
pub use recompute::{field_again, recomputed};
pub use run::{CompareError, ModelUnderTest, Options, compare, compare_field};
pub use stage::{Progress, Stage};
pub use steps::FreshStart;

use std::collections::BTreeMap;

use crate::canary::likelier_broken;
use crate::load::LoadLog;
use crate::paired::PairError;
use crate::record::{
    Among, CategoryFacts, Comparison, Device, MOST_CONTENT_BYTES, ModelRecord, SCHEMA_VERSION, Settings, Side,
    SourceFacts, SuiteFacts,
};
use crate::score::Scoring;
use crate::suite::{Item, Suite, categories};

/// What two models were compared under: machine, questions, settings, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonSetup {
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
    /// What else is said together with it, if they are two of more models.
    pub among: Option<Among>,
}

/// Statistics, differences and the sentence that follow from what was seen of A and B, each by itself; how faithful one is
/// to the other is for who has both ([`compare`]).
///
/// # Errors
/// When the models did not answer the same items.
pub fn conclude(setup: ComparisonSetup, evidence: [Evidence; 2]) -> Result<Comparison, PairError> {
    let [a, b] = evidence;
    let (device, filled) = (&setup.device, setup.settings.filled.as_ref());
    let record = |side, evidence| assemble::model_record(side, evidence, device, filled);
    let mut models = [record(Side::A, a), record(Side::B, b)];
    blame(&mut models);
    let differences = differences::differences(&models, &setup.settings, setup.among.as_ref())?;
    let conclusion = conclusion::conclusion(&models, &differences);
    let mut disturbed = setup.load.as_ref().map_or(Vec::new(), LoadLog::disturbances);
    disturbed.extend(disturbed::disturbances(&models));
    let ComparisonSetup { device, suite, settings, program, created, reproduce, load, among } = setup;
    Ok(Comparison {
        schema: SCHEMA_VERSION,
        program,
        created,
        device,
        suite,
        settings,
        among,
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

/// What is right of the other answers who always gives the commonest; below all, so that a share above it has a scale.
fn always_the_same(items: &[&Item]) -> f64 {
    const MOST: f64 = 0.99;
    let answer = |item: &Item| match &item.scoring {
        Scoring::Choice { options, answer } => options.get(*answer).cloned().unwrap_or_default(),
        other => serde_json::to_string(other).unwrap_or_default(),
    };
    let mut counts = BTreeMap::new();
    items.iter().for_each(|item| *counts.entry(answer(item)).or_insert(0_usize) += 1);
    let commonest = counts.into_values().max().unwrap_or_default();
    // One's own answer does not tell that it is common.
    let others = items.len().saturating_sub(1).max(1);
    (commonest.saturating_sub(1) as f64 / others as f64).min(MOST)
}

/// The facts of a suite that make it reproducible.
pub fn suite_facts(suite: &Suite) -> SuiteFacts {
    let in_it = |id: &str| suite.items.iter().filter(move |item| item.category == id).collect::<Vec<_>>();
    let category = |id: &str| {
        let items = in_it(id);
        let drawn = categories().find(|category| category.id == id).filter(|_| suite.sources.is_empty());
        let mean = items.iter().map(|item| item.scoring.chance()).sum::<f64>() / items.len().max(1) as f64;
        CategoryFacts {
            id: id.to_owned(),
            about: drawn.as_ref().map_or_else(|| suite.about(id), |drawn| drawn.about).to_owned(),
            n: items.len(),
            chance: drawn.as_ref().map_or(mean.max(always_the_same(&items)), |drawn| drawn.chance),
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
