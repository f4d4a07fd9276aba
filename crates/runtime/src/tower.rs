//! A vision tower with its weights, on this processor.

use std::num::NonZeroUsize;
use std::ops::Range;

use plimsoll_graph::{Network, ValueId, cost::Cost};
use plimsoll_kernels::{Cpu, Isa};
use plimsoll_models::{TileSizes, Vision};

use crate::arithmetic::Arithmetic;
use crate::bind::BoundWeights;
use crate::execute::Executor;
use crate::observed::InputSquares;
use crate::program::LoadError;
use crate::tile_step::{CHANNELS, TileStep};

/// Patches that pass through a tower together, unless one tile has more. More would reuse each unpacked weight more often
/// but outgrow the caches of small processors.
const BATCH_PATCHES: usize = 1024;

/// Tiles of normalised pixels, to be encoded together.
#[derive(Clone, Copy, Debug)]
pub struct TileBatch<'a> {
    /// `(3, height, width)` of each tile, one behind the other: red, green and blue, row by row.
    pub pixels: &'a [f32],
    /// Height and width of each tile, in pixels.
    pub sizes: &'a [(usize, usize)],
}

/// Tiles that a tower does not understand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileBatchError {
    /// The pixels are not those of the tiles.
    #[error("{values} values are not those of {tiles} tiles, which have {expected}")]
    NotWhole {
        /// Values handed in.
        values: usize,
        /// Tiles.
        tiles: usize,
        /// Values that they have.
        expected: usize,
    },
    /// The positions of the tower are for tiles of another size.
    #[error("tiles of {height} x {width} pixels for a tower that sees {expected}")]
    Size {
        /// Height of a tile, in pixels.
        height: usize,
        /// Width of a tile, in pixels.
        width: usize,
        /// What fits, in words.
        expected: String,
    },
    /// The patches of a tile do not fall into whole squares.
    #[error(
        "tiles of {height} x {width} pixels have {rows} x {cols} patches, which squares of {merge_side} x {merge_side} do not divide"
    )]
    Patches {
        /// Height of a tile, in pixels.
        height: usize,
        /// Width of a tile, in pixels.
        width: usize,
        /// Patches down.
        rows: usize,
        /// Patches across.
        cols: usize,
        /// Patches along the edge of a square that becomes one feature.
        merge_side: usize,
    },
}

/// A vision tower made executable: pixels in, embeddings for the text model out.
pub struct Tower {
    executor: Executor,
    patch_size: usize,
    tiles: TileSizes,
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
        let plimsoll_models::TowerNetwork { network, patch_size, tiles, merge_side } = plimsoll_models::tower(vision)?;
        let weights = BoundWeights::of_tower(&network, vision)?;
        let executor = Executor::new(network, weights, Cpu::new(isa, threads)?, arithmetic);
        Ok(Tower { executor, patch_size, tiles, merge_side })
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

    /// Edge of a patch, in pixels.
    pub fn patch_size(&self) -> usize {
        self.patch_size
    }

    /// Patches along the edge of the square that becomes one feature.
    pub fn merge_side(&self) -> usize {
        self.merge_side
    }

    /// Values of what stands for a feature in the text model: its embedding, and whatever else it is given.
    pub fn given_width(&self) -> usize {
        let network = &self.executor.network;
        network.nodes[network.outputs[0].0].width
    }

    /// Rows and columns of the embeddings that a tile of this height and width becomes.
    ///
    /// # Errors
    /// Tiles of this size are not understood.
    pub fn features(&self, (height, width): (usize, usize)) -> Result<(usize, usize), TileBatchError> {
        let (rows, cols, merge_side) = (height / self.patch_size, width / self.patch_size, self.merge_side);
        let expected = match self.tiles {
            TileSizes::Only { edge } if (height, width) != (edge, edge) => Some(format!("{edge} x {edge}")),
            TileSizes::UpTo { patches } if rows.max(cols) > patches => {
                Some(format!("at most {} along an edge", patches * self.patch_size))
            }
            _ => None,
        };
        if let Some(expected) = expected {
            return Err(TileBatchError::Size { height, width, expected });
        }
        if rows * cols == 0 || !rows.is_multiple_of(merge_side) || !cols.is_multiple_of(merge_side) {
            return Err(TileBatchError::Patches { height, width, rows, cols, merge_side });
        }
        Ok((rows / merge_side, cols / merge_side))
    }

    /// Patches of a tile of this height and width.
    pub fn patches(&self, (height, width): (usize, usize)) -> usize {
        (height / self.patch_size) * (width / self.patch_size)
    }

    /// Which of the tiles of these sizes pass through together.
    pub fn steps(&self, sizes: &[(usize, usize)]) -> Vec<Range<usize>> {
        let mut steps: Vec<Range<usize>> = Vec::new();
        let mut patches = 0;
        for (tile, size) in sizes.iter().enumerate() {
            patches += self.patches(*size);
            match steps.last_mut() {
                Some(step) if patches <= BATCH_PATCHES => step.end = tile + 1,
                _ => {
                    steps.push(tile..tile + 1);
                    patches = self.patches(*size);
                }
            }
        }
        steps
    }

    /// The embeddings of all tiles, one after the other: `(n_features, given_width)`. Those of a tile have the same bits
    /// whatever the others are.
    ///
    /// # Errors
    /// The tiles are not whole, or of a size that the tower does not understand.
    pub fn encode(&mut self, tiles: &TileBatch) -> Result<Vec<f32>, TileBatchError> {
        let mut embeddings = Vec::new();
        self.run(tiles, |outputs| embeddings.extend_from_slice(outputs[0]))?;
        Ok(embeddings)
    }

    /// As [`Tower::encode`], and what the reference implementation calls the features of the tiles, `(n_features, width)`: of
    /// some towers those before they are projected to the width of the text model.
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
        let TileBatch { pixels, sizes } = *tiles;
        sizes.iter().try_for_each(|size| self.features(*size).map(drop))?;
        let values = |sizes: &[(usize, usize)]| sizes.iter().map(|(height, width)| CHANNELS * height * width).sum();
        let expected: usize = values(sizes);
        if pixels.len() != expected {
            return Err(TileBatchError::NotWhole { values: pixels.len(), tiles: sizes.len(), expected });
        }
        let mut left = pixels;
        for step in self.steps(sizes) {
            let sizes = &sizes[step];
            let (pixels, after) = left.split_at(values(sizes));
            left = after;
            let mut step = TileStep::new(pixels, sizes, self.patch_size);
            self.executor.run(&mut step);
            let size = crate::execute::Step::size(&step);
            let outputs: &[ValueId] = &self.executor.network.outputs;
            let outputs: Vec<&[f32]> = outputs.iter().map(|value| self.executor.value(*value, size)).collect();
            each(&outputs);
        }
        Ok(())
    }
}
