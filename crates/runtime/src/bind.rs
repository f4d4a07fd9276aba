//! Finding the weights that a network declares, and checking every one of them, before anything runs.

use plimsoll_formats::{Checkpoint, FormatError, Tensor};
use plimsoll_graph::{Network, WeightDecl, WeightId, WeightKind};
use plimsoll_kernels::Matrix;

/// A weight ready for use.
#[derive(Debug)]
enum Bound {
    /// A view into the file.
    Matrix(Tensor),
    /// One view for each expert.
    Experts(Vec<Tensor>),
    /// A short vector in f32.
    Vector(Vec<f32>),
}

/// All weights of a network, by id. Every access below was checked by [`Weights::bind`].
#[derive(Debug)]
pub(crate) struct Weights(Vec<Bound>);

impl Weights {
    pub(crate) fn bind(network: &Network, checkpoint: &Checkpoint) -> Result<Weights, FormatError> {
        network.weights.iter().map(|decl| bind_one(decl, checkpoint)).collect::<Result<_, _>>().map(Weights)
    }

    pub(crate) fn matrix(&self, id: WeightId) -> Matrix<'_> {
        match &self.0[id.0] {
            Bound::Matrix(tensor) => checked(tensor),
            other => unreachable!("weight {} is no matrix: {other:?}", id.0),
        }
    }

    pub(crate) fn expert(&self, id: WeightId, expert: usize) -> Matrix<'_> {
        match &self.0[id.0] {
            Bound::Experts(tensors) => checked(&tensors[expert]),
            other => unreachable!("weight {} holds no experts: {other:?}", id.0),
        }
    }

    pub(crate) fn vector(&self, id: WeightId) -> &[f32] {
        match &self.0[id.0] {
            Bound::Vector(values) => values,
            other => unreachable!("weight {} is no vector: {other:?}", id.0),
        }
    }
}

fn checked(tensor: &Tensor) -> Matrix<'_> {
    tensor.matrix().expect("checked when it was bound")
}

fn bind_one(decl: &WeightDecl, checkpoint: &Checkpoint) -> Result<Bound, FormatError> {
    let found = checkpoint.require_shape(&decl.name, &decl.shape)?;
    Ok(match decl.kind {
        WeightKind::Vector { offset } => Bound::Vector(found.to_f32().into_iter().map(|x| x + offset).collect()),
        WeightKind::Matrix => {
            found.matrix()?;
            Bound::Matrix(found.clone())
        }
        WeightKind::Experts => {
            let experts: Vec<Tensor> = (0..decl.shape[0]).map(|i| found.expert(i)).collect::<Result<_, _>>()?;
            experts.iter().try_for_each(|tensor| tensor.matrix().map(drop))?;
            Bound::Experts(experts)
        }
    })
}
