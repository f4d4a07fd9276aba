//! How each tensor of the folder is stored.

use std::collections::BTreeMap;

use plimsoll_formats::mlx::Affine;
use plimsoll_formats::safetensors::NewTensor;
use plimsoll_kernels::DType;
use plimsoll_models::export::mlx::{self, MlxTensor};
use plimsoll_models::{EMBEDDING, Vision};
use plimsoll_quantise::{AffineGroups, Columns, Encoding};

use super::{MlxError, Source, Weights, exact, own_floats};

/// How a tensor is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// Values of this type, one behind the other.
    Floats(DType),
    /// Codes in groups, fitted.
    Fitted(AffineGroups),
    /// The codes of the blocks that it is read from.
    Exact(AffineGroups),
}

impl Form {
    /// The grid of codes, if there are any.
    pub fn grid(self) -> Option<AffineGroups> {
        match self {
            Form::Floats(_) => None,
            Form::Fitted(grid) | Form::Exact(grid) => Some(grid),
        }
    }

    /// In what its values are.
    pub fn encoding(self) -> Encoding {
        match self {
            Form::Floats(dtype) => dtype.into(),
            Form::Fitted(grid) | Form::Exact(grid) => grid.into(),
        }
    }
}

/// A tensor of the folder, and how it is stored.
#[derive(Debug, Clone)]
pub struct Planned {
    /// It.
    pub source: MlxTensor,
    /// How.
    pub form: Form,
    /// How much its columns count, if that is known.
    pub columns: Option<Columns>,
}

impl Planned {
    /// The tensors of files that it becomes: itself, or codes, scales and biases.
    pub fn stored(&self) -> Vec<NewTensor> {
        let (tensor, form) = (&self.source.tensor, self.form);
        let Some(grid) = form.grid() else {
            let Form::Floats(dtype) = form else { unreachable!("what has no grid is floats") };
            return vec![NewTensor { name: tensor.name.clone(), dtype: dtype.name(), shape: tensor.shape.clone() }];
        };
        let named = |part: &str, dtype: &'static str, cols: usize| {
            let mut shape = tensor.shape.clone();
            *shape.last_mut().expect("a matrix") = cols;
            NewTensor { name: format!("{}.{part}", self.source.module()), dtype, shape }
        };
        let (cols, groups) = (tensor.cols(), tensor.cols() / grid.group());
        let floats = grid.stored().name();
        vec![
            named("weight", "U32", cols * grid.bits() as usize / 32),
            named("scales", floats, groups),
            named("biases", floats, groups),
        ]
    }

    /// Bytes in the files.
    pub fn bytes(&self) -> u64 {
        self.stored().iter().filter_map(NewTensor::bytes).sum()
    }
}

/// Every tensor of the folder.
#[derive(Debug, Clone)]
pub struct Plan {
    /// They, in the order of the network.
    pub tensors: Vec<Planned>,
    /// The type of what has no codes, and of scales.
    pub floats: DType,
    /// How most weights are quantised; none where all are floats.
    pub usual: Option<Affine>,
    /// What whoever asked should know.
    pub notes: Vec<String>,
}

impl Plan {
    /// Plans a folder: `floats` is the type of what has no codes, or the source's own.
    ///
    /// # Errors
    /// The model lacks weights, was quantised before and is not to be copied exactly, or cannot be.
    pub fn of(source: &Source, weights: Weights, floats: Option<DType>) -> Result<Plan, MlxError> {
        let tensors = mlx::tensors(source.checkpoint, source.vision)?;
        let mut notes = Vec::new();
        if source.vision.is_some_and(|vision: &Vision| !mlx::writes_tower(vision)) {
            notes.push("the text model alone is written: MLX's folders of it have no vision tower".to_owned());
        }
        if let Some(what) = mlx::lacks(&source.checkpoint.hyperparams) {
            notes.push(format!("mlx-lm leaves out {what}: it does not compute this model"));
        }
        let own = source.checkpoint.require(EMBEDDING)?.dtype();
        let floats = match (weights, floats) {
            (Weights::Exact, _) => exact::floats(&tensors, &mut notes)?,
            (_, Some(floats)) => floats,
            (_, None) => own_floats(own),
        };
        let planned = |source: MlxTensor| -> Result<Planned, MlxError> {
            Ok(Planned { form: form(&source, weights, floats)?, source, columns: None })
        };
        let tensors: Vec<Planned> = tensors.into_iter().map(planned).collect::<Result<_, _>>()?;
        let usual = match weights {
            Weights::Fitted { bits, group } => Some(Affine { bits, group }),
            Weights::Floats | Weights::Exact => most_usual(&tensors),
        };
        Ok(Plan { tensors, floats, usual, notes })
    }

    /// Stores the tensors at these places otherwise: fitted to groups, or as floats.
    ///
    /// # Panics
    /// There is no such tensor, or groups do not divide its rows.
    pub fn store(&mut self, forms: impl IntoIterator<Item = (usize, Encoding)>) {
        for (at, to) in forms {
            let planned = &mut self.tensors[at];
            assert!(
                to.row_bytes(planned.source.tensor.cols()).is_some(),
                "{to} divides `{}`",
                planned.source.tensor.name
            );
            planned.form = match to {
                Encoding::Type(dtype) => Form::Floats(dtype),
                Encoding::Groups(grid) => Form::Fitted(grid),
            };
        }
        self.usual = most_usual(&self.tensors);
    }

    /// Modules that are quantised in another way than most, with theirs.
    pub fn overrides(&self) -> BTreeMap<&str, Affine> {
        let grids = self.tensors.iter().filter_map(|planned| Some((planned.source.module(), affine(planned)?)));
        grids.filter(|(_, affine)| Some(*affine) != self.usual).collect()
    }

    /// Values of all tensors together.
    pub fn parameters(&self) -> u64 {
        self.tensors.iter().map(|planned| (planned.source.tensor.rows() * planned.source.tensor.cols()) as u64).sum()
    }

    /// Bytes of all tensors together.
    pub fn bytes(&self) -> u64 {
        self.tensors.iter().map(Planned::bytes).sum()
    }
}

fn form(source: &MlxTensor, weights: Weights, floats: DType) -> Result<Form, MlxError> {
    let tensor = &source.tensor;
    if weights == Weights::Exact {
        return exact::form(source, floats);
    }
    if !tensor.dtype().is_float() {
        let what = format!("is {} already, and would lose once more", tensor.dtype());
        return Err(MlxError::Quantised(tensor.error(what)));
    }
    let grid = match weights {
        Weights::Fitted { bits, group } if source.quantises && tensor.cols().is_multiple_of(group) => {
            AffineGroups::new(bits, group, floats)
        }
        _ => None,
    };
    Ok(grid.map_or(Form::Floats(floats), Form::Fitted))
}

fn affine(planned: &Planned) -> Option<Affine> {
    planned.form.grid().map(|grid| Affine { bits: grid.bits(), group: grid.group() })
}

/// How most values are stored that are codes.
fn most_usual(tensors: &[Planned]) -> Option<Affine> {
    let mut values: BTreeMap<(u32, usize), usize> = BTreeMap::new();
    for planned in tensors {
        if let Some(affine) = affine(planned) {
            let tensor = &planned.source.tensor;
            *values.entry((affine.bits, affine.group)).or_default() += tensor.rows() * tensor.cols();
        }
    }
    let most = values.into_iter().max_by_key(|(_, values)| *values);
    most.map(|((bits, group), _)| Affine { bits, group })
}
