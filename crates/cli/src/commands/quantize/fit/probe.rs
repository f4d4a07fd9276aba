//! How much a share of each tensor's products counts for what the model predicts, measured on questions of its own.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_engine::{Session, SessionOptions};
use plimsoll_kernels::{DType, Pool};
use plimsoll_lab::loss::{Passages, predictions};
use plimsoll_models::Checkpoint;
use plimsoll_quantise::{Role, layer_of};

use super::overlay::{Change, Overlay};
use super::{Choice, PROBED_WITH};
use crate::progress::Steps;

/// Values of the largest model of which each tensor is probed alone; of larger ones all of a role in a third of the layers
/// are probed together, which takes as many passes however many layers there are.
const ALONE: u64 = 50_000_000;
/// What tensors are stored as to see what counts: coarse enough to show, and in blocks that divide almost every row.
const PROBED_AS: DType = DType::Q4_0;

/// A base, and the questions that others are held beside it with.
pub struct Probe<'a> {
    base: &'a mut Session,
    checkpoint: &'a Checkpoint,
    options: &'a SessionOptions,
    folder: &'a Path,
    pool: &'a Pool,
    sequences: Vec<Vec<u32>>,
}

impl<'a> Probe<'a> {
    /// Draws the questions.
    ///
    /// # Errors
    /// The model has no tokens for one.
    pub fn new(
        base: &'a mut Session,
        checkpoint: &'a Checkpoint,
        options: &'a SessionOptions,
        folder: &'a Path,
        pool: &'a Pool,
    ) -> anyhow::Result<Probe<'a>> {
        let sequences = Passages::for_calibration(PROBED_WITH).sequences(base)?;
        Ok(Probe { base, checkpoint, options, folder, pool, sequences })
    }

    /// The mean divergence of the model with these ways from the base, in nats.
    ///
    /// # Errors
    /// A weight cannot be stored so.
    pub fn divergence(&mut self, choices: &[Choice], ways: &[usize]) -> anyhow::Result<f64> {
        let changes = choices.iter().zip(ways).map(|(choice, way)| (choice, choice.ways[*way]));
        let changes: Vec<Change> = changes.filter_map(|(choice, to)| change(choice, to)).collect();
        self.diverges(&changes)
    }

    fn diverges(&mut self, changes: &[Change]) -> anyhow::Result<f64> {
        let mut other = Overlay::new(self.checkpoint, changes, self.options, self.folder, self.pool)?;
        Ok(predictions(self.base, &mut other.session, &self.sequences, |_| ())?.kl_mean())
    }

    /// The divergence that a whole share of each tensor would add, by tensor: what those probed together lost, over the
    /// shares that they lost. They are probed as they were settled before, where there is a before, else coarsely; of what
    /// loses nothing so, the count before stays.
    ///
    /// # Errors
    /// A weight cannot be stored so.
    pub fn counts(&mut self, choices: &[Choice], before: Option<(&[usize], &[f64])>) -> anyhow::Result<Vec<f64>> {
        let mut groups: BTreeMap<(String, usize), Vec<usize>> = BTreeMap::new();
        for (i, choice) in choices.iter().enumerate().filter(|(_, choice)| !choice.weights.is_empty()) {
            groups.entry(self.group(choice, i, choices)).or_default().push(i);
        }
        let mut counts = vec![0.0; choices.len()];
        let mut shown = Steps::new(groups.len() as u64, "probing what counts");
        for members in groups.values() {
            let way = |i: usize| match before {
                Some((ways, _)) => Some(ways[i]),
                None => choices[i].ways.iter().position(|way| *way == PROBED_AS),
            };
            let probed: Vec<(usize, usize)> = members.iter().filter_map(|i| Some((*i, way(*i)?))).collect();
            let lost: f64 = probed.iter().map(|(i, way)| choices[*i].shares[*way]).sum();
            let changes = probed.iter().filter_map(|(i, way)| change(&choices[*i], choices[*i].ways[*way]));
            let changes: Vec<Change> = changes.collect();
            let measured = if lost > 0.0 { self.diverges(&changes)? / lost } else { 0.0 };
            for i in members {
                counts[*i] = if measured > 0.0 { measured } else { before.map_or(0.0, |(_, counts)| counts[*i]) };
            }
            shown.pass(1);
        }
        shown.done();
        // What could not be probed is not known to count less than the rest.
        let most = counts.iter().copied().fold(0.0, f64::max);
        let probed = |choice: &Choice| choice.weights.is_empty();
        let unknown = counts.iter_mut().zip(choices).filter(|(counts, choice)| **counts == 0.0 && !probed(choice));
        unknown.for_each(|(counts, _)| *counts = most);
        Ok(counts)
    }

    /// What a tensor is probed together with.
    fn group(&self, choice: &Choice, i: usize, choices: &[Choice]) -> (String, usize) {
        if self.checkpoint.n_params() <= ALONE {
            return (choice.tensor.name.clone(), i);
        }
        let layers = choices.iter().filter_map(|choice| layer_of(&choice.tensor.name)).max().map_or(1, |most| most + 1);
        match layer_of(&choice.tensor.name) {
            Some(layer) => {
                let role = choice.tensor.name.splitn(3, '.').nth(2).unwrap_or_default();
                (role.to_owned(), 3 * layer / layers)
            }
            None => (format!("{:?}", Role::of(&choice.tensor.name, choice.tensor.shape.len())), 0),
        }
    }
}

fn change<'c>(choice: &'c Choice, to: DType) -> Option<Change<'c>> {
    let is_changed = !choice.weights.is_empty() && to != choice.tensor.dtype();
    is_changed.then_some(Change { weights: &choice.weights, to, columns: choice.columns.as_ref() })
}
