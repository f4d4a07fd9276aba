//! A vision tower with its weights, on this processor.

use std::num::NonZeroUsize;

use plimsoll_graph::{Network, ValueId, cost::Cost};
use plimsoll_kernels::{Cpu, Isa};
use plimsoll_models::Vision;

use crate::arithmetic::Arithmetic;
use crate::bind::BoundWeights;
use crate::execute::Executor;
use crate::observed::InputSquares;
use crate::program::LoadError;
use crate::tile_step::TileStep;

/// Patches that pass through a tower together, unless one tile has more. More would reuse each unpacked weight more often
/// but outgrow the caches of small processors.
const BATCH_PATCHES: usize = 1024;

/// Colours of a pixel.
const CHANNELS: usize = 3;

/// Square tiles of normalised pixels, all of one size, to be encoded together.
#[derive(Clone, Copy, Debug)]
pub struct TileBatch<'a> {
    /// `(n_tiles, 3, edge, edge)`: red, green and blue, row by row.
    pub pixels: &'a [f32],
    /// Edge of a tile, in pixels.
    pub edge: usize,
}

impl TileBatch<'_> {
    fn tile_len(&self) -> usize {
        CHANNELS * self.edge * self.edge
    }
}

/// Tiles that a tower does not understand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileBatchError {
    /// The pixels are not whole tiles.
    #[error("{values} values are no whole tiles of 3 x {edge} x {edge}")]
    NotWhole {
        /// Values handed in.
        values: usize,
        /// Edge of a tile, in pixels.
        edge: usize,
    },
    /// The positions of the tower are for tiles of another size.
    #[error("tiles of {edge} x {edge} pixels for a tower that sees {expected} x {expected}")]
    Size {
        /// Edge of a tile, in pixels.
        edge: usize,
        /// The only edge that fits, in pixels.
        expected: usize,
    },
    /// The patches of a tile do not fall into whole squares.
    #[error(
        "tiles of {edge} x {edge} pixels have {side} x {side} patches, which squares of {merge_side} x {merge_side} do not divide"
    )]
    Patches {
        /// Edge of a tile, in pixels.
        edge: usize,
        /// Patches along an edge.
        side: usize,
        /// Patches along the edge of a square that becomes one feature.
        merge_side: usize,
    },
}

/// A vision tower made executable: pixels in, embeddings for the text model out.
pub struct Tower {
    executor: Executor,
    patch_size: usize,
    tile_size: usize,
    any_tile_size: bool,
    merge_side: usize,
}

impl std::fmt::Debug for Tower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tower({:?})", self.executor)
    }
}

impl Tower {
    /// Loads the vision encoder of a model; nothing of the weights is copied but short vectors.
    ///
    /// # Errors
    /// The first thing that does not fit, by file and tensor or key.
    pub fn load(vision: &Vision, isa: Isa, threads: NonZeroUsize, arithmetic: Arithmetic) -> Result<Tower, LoadError> {
        let plimsoll_models::TowerNetwork { network, patch_size, tile_size, any_tile_size, merge_side } =
            plimsoll_models::tower(vision)?;
        let weights = BoundWeights::of_tower(&network, vision)?;
        let executor = Executor::new(network, weights, Cpu::new(isa, threads)?, arithmetic);
        Ok(Tower { executor, patch_size, tile_size, any_tile_size, merge_side })
    }

    /// The cost of the tower with the weights as they are stored.
    ///
    /// # Errors
    /// The first weight that is missing or does not fit: no figure is made of half a tower.
    pub fn cost(vision: &Vision) -> Result<Cost, LoadError> {
        let network = plimsoll_models::tower(vision)?.network;
        for decl in &network.weights {
            vision.weights.require_shape(&decl.name, &decl.shape)?;
        }
        let stored = |name: &str| vision.weights.get(name).map(|t| (t.dtype(), t.stored_bytes() as u64));
        Ok(Cost::new(&network, |decl| stored(&decl.name)))
    }

    /// The description that the tower runs.
    pub fn network(&self) -> &Network {
        &self.executor.network
    }

    /// The device that it runs on.
    pub fn cpu(&self) -> &Cpu {
        &self.executor.cpu
    }

    /// Edge of the tiles it was trained on, in pixels.
    pub fn tile_size(&self) -> usize {
        self.tile_size
    }

    /// Edge of a patch, in pixels.
    pub fn patch_size(&self) -> usize {
        self.patch_size
    }

    /// Embeddings that a tile of this edge becomes.
    ///
    /// # Errors
    /// Tiles of this size are not understood.
    pub fn features_per_tile(&self, edge: usize) -> Result<usize, TileBatchError> {
        if !self.any_tile_size && edge != self.tile_size {
            return Err(TileBatchError::Size { edge, expected: self.tile_size });
        }
        let (side, merge_side) = (edge / self.patch_size, self.merge_side);
        if side == 0 || !side.is_multiple_of(merge_side) {
            return Err(TileBatchError::Patches { edge, side, merge_side });
        }
        Ok((side / merge_side).pow(2))
    }

    /// Tiles of this edge that pass through together.
    pub fn tiles_at_once(&self, edge: usize) -> usize {
        (BATCH_PATCHES / (edge / self.patch_size).pow(2).max(1)).max(1)
    }

    /// The embeddings of all tiles, one after the other: `(n_tiles * features_per_tile, d_model)`. Those of a tile have the
    /// same bits whatever the others are.
    ///
    /// # Errors
    /// The tiles are not whole, or of a size that the tower does not understand.
    pub fn encode(&mut self, tiles: &TileBatch) -> Result<Vec<f32>, TileBatchError> {
        let mut embeddings = Vec::new();
        self.run(tiles, |outputs| embeddings.extend_from_slice(outputs[0]))?;
        Ok(embeddings)
    }

    /// As [`Tower::encode`], and what the reference implementation calls the features of the tiles, `(n_tiles *
    /// features_per_tile, width)`: of some towers those before they are projected to the width of the text model.
    ///
    /// # Errors
    /// As [`Tower::encode`].
    pub fn encode_with_features(&mut self, tiles: &TileBatch) -> Result<(Vec<f32>, Vec<f32>), TileBatchError> {
        let (mut embeddings, mut features) = (Vec::new(), Vec::new());
        self.run(tiles, |outputs| {
            embeddings.extend_from_slice(outputs[0]);
            features.extend_from_slice(outputs[1]);
        })?;
        Ok((embeddings, features))
    }

    /// Forgets what weights were multiplied with, and sums it up from now on.
    pub fn observe(&mut self) {
        self.executor.observe();
    }

    /// What every weight was multiplied with since [`Tower::observe`], by its canonical name; nothing of those that were
    /// multiplied with nothing.
    pub fn observed(&self) -> impl Iterator<Item = (&str, &InputSquares)> {
        self.executor.observed()
    }

    /// `each` gets the network's outputs for the next tiles.
    fn run(&mut self, tiles: &TileBatch, mut each: impl FnMut(&[&[f32]])) -> Result<(), TileBatchError> {
        let TileBatch { pixels, edge } = *tiles;
        self.features_per_tile(edge)?;
        let tile_len = tiles.tile_len();
        if !pixels.len().is_multiple_of(tile_len) {
            return Err(TileBatchError::NotWhole { values: pixels.len(), edge });
        }
        for pixels in pixels.chunks(self.tiles_at_once(edge) * tile_len) {
            let mut step = TileStep { pixels, edge, patch: self.patch_size, n_tiles: pixels.len() / tile_len };
            self.executor.run(&mut step);
            let size = crate::execute::Step::size(&step);
            let outputs: &[ValueId] = &self.executor.network.outputs;
            let outputs: Vec<&[f32]> = outputs.iter().map(|value| self.executor.value(*value, size)).collect();
            each(&outputs);
        }
        Ok(())
    }
}
