//! How much a share of each tensor's products counts for what the model predicts, measured on questions of its own.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_engine::{Session, SessionOptions};
use plimsoll_kernels::Pool;
use plimsoll_lab::loss::{Passages, predictions};
use plimsoll_models::Checkpoint;
use plimsoll_quantise::Encoding;

use super::{Choice, Overlay, PROBED_WITH};
use crate::progress::Steps;

/// Values of the largest model of which each tensor is probed alone; of larger ones all of a role in a third of the layers
/// are probed together, which takes as many passes however many layers there are.
const ALONE: u64 = 50_000_000;

/// A base, and the questions that others are held beside it with.
pub struct Probe<'a> {
    pub base: &'a mut Session,
    pub checkpoint: &'a Checkpoint,
    pub options: &'a SessionOptions,
    pub folder: &'a Path,
    pub pool: &'a Pool,
    /// What tensors are stored as to see what counts: coarse enough to show, and in groups that divide almost every row.
    pub probed_as: Encoding,
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
        (folder, pool): (&'a Path, &'a Pool),
        probed_as: Encoding,
    ) -> anyhow::Result<Probe<'a>> {
        let sequences = Passages::for_calibration(PROBED_WITH).sequences(base)?;
        Ok(Probe { base, checkpoint, options, folder, pool, probed_as, sequences })
    }

    /// The mean divergence of the model with these ways from the base, in nats.
    ///
    /// # Errors
    /// A weight cannot be stored so.
    pub fn divergence(&mut self, choices: &[Choice], ways: &[usize]) -> anyhow::Result<f64> {
        self.diverges(&choices.iter().zip(ways.iter().copied()).collect::<Vec<_>>())
    }

    fn diverges(&mut self, chosen: &[(&Choice, usize)]) -> anyhow::Result<f64> {
        let overlay = Overlay::new(self.checkpoint, chosen, self.folder, self.pool)?;
        let mut other = Session::open(&overlay.checkpoint, self.options)?;
        Ok(predictions(self.base, &mut other, &self.sequences, |_| ())?.kl_mean())
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
                None => choices[i].way(self.probed_as),
            };
            let probed: Vec<(&Choice, usize)> = members.iter().filter_map(|i| Some((&choices[*i], way(*i)?))).collect();
            let lost: f64 = probed.iter().map(|(choice, way)| choice.ways[*way].share).sum();
            let measured = if lost > 0.0 { self.diverges(&probed)? / lost } else { 0.0 };
            for i in members {
                counts[*i] = if measured > 0.0 { measured } else { before.map_or(0.0, |(_, counts)| counts[*i]) };
            }
            shown.pass(1);
        }
        shown.done();
        // What could not be probed is not known to count less than the rest.
        let most = counts.iter().copied().fold(0.0, f64::max);
        let is_kept = |choice: &Choice| choice.weights.is_empty();
        let unknown = counts.iter_mut().zip(choices).filter(|(counts, choice)| **counts == 0.0 && !is_kept(choice));
        unknown.for_each(|(counts, _)| *counts = most);
        Ok(counts)
    }

    /// What a tensor is probed together with.
    fn group(&self, choice: &Choice, i: usize, choices: &[Choice]) -> (String, usize) {
        let first = &choice.weights[0];
        if self.checkpoint.n_params() <= ALONE {
            return (first.clone(), i);
        }
        let layers = choices.iter().filter_map(|choice| Some(in_layer(choice.weights.first()?)?.0)).max();
        match in_layer(first) {
            Some((layer, module)) => (module.to_owned(), 3 * layer / layers.map_or(1, |most| most + 1)),
            None => (first.clone(), 0),
        }
    }
}

/// The layer that a weight stands in, and what it is called there.
fn in_layer(name: &str) -> Option<(usize, &str)> {
    let (layer, module) = name.split_once("layers.")?.1.split_once('.')?;
    Some((layer.parse().ok()?, module))
}

#[cfg(test)]
mod tests {
    use super::in_layer;

    #[test]
    fn weights_are_of_a_layer_or_of_none() {
        assert_eq!(in_layer("model.layers.12.mlp.up_proj.weight"), Some((12, "mlp.up_proj.weight")));
        assert_eq!(in_layer("model.embed_tokens.weight"), None);
    }
}
