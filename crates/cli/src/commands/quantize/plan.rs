//! Which type each tensor is written in.

use plimsoll_kernels::DType;
use plimsoll_models::export::Exported;
use plimsoll_quantise::{Columns, Mix, Model, Place, Role, TYPES, fitting, layer_of};

use super::source::Source;
use crate::args::Quantize;
use crate::mistake::Mistake;
use crate::recipe::Recipe;
use crate::weighing::Weighing;

/// A tensor and its type in the new file.
pub struct Planned<'a> {
    /// It.
    pub tensor: &'a Exported,
    /// How it is written.
    pub to: DType,
    /// How it would be if blocks divided its rows; none of what is kept as it is.
    pub asked: Option<DType>,
    /// How much its columns count, if that is known and asked for.
    pub columns: Option<Columns>,
}

impl Planned<'_> {
    /// Bytes in the new file.
    pub fn bytes(&self) -> u64 {
        let row = self.to.row_bytes(self.tensor.cols()).unwrap_or(0);
        (row * self.tensor.rows()) as u64
    }

    /// Whether blocks of what was asked for do not divide its rows.
    pub fn has_fallen_back(&self) -> bool {
        self.asked.is_some_and(|asked| asked != self.to)
    }
}

/// Every tensor in the source's order.
///
/// # Errors
/// One was quantised before and is not to be again, or its type is none that is written.
pub fn plan<'a>(
    command: &Quantize,
    mix: Mix,
    source: &'a Source,
    weighing: Option<&Weighing>,
) -> anyhow::Result<Vec<Planned<'a>>> {
    source.tensors.iter().map(|tensor| planned(command, mix, source, weighing, tensor)).collect()
}

fn planned<'a>(
    command: &Quantize,
    mix: Mix,
    source: &Source,
    weighing: Option<&Weighing>,
    tensor: &'a Exported,
) -> anyhow::Result<Planned<'a>> {
    let role = Role::of(&tensor.name, tensor.shape.len());
    let (layer, is_stack) = (layer_of(&tensor.name).unwrap_or(0), tensor.shape.len() > 2);
    let model = Model { is_weighed: weighing.is_some(), ..source.model };
    // What the mix asks for shows on a row that every block divides.
    let place = |cols| Place { role, layer, is_stack, cols };
    let own = match role {
        Role::Embedding => command.embedding_type,
        Role::Output => command.output_type,
        _ => None,
    };
    let asked = own.or_else(|| mix.type_of(&model, &place(tensor.cols().next_multiple_of(256))));
    let to = match own {
        Some(own) => fitting(own, tensor.cols()),
        None => mix.type_of(&model, &place(tensor.cols())).unwrap_or_else(|| source.kept(tensor)),
    };
    let from = tensor.dtype();
    refuse_twice(command, tensor, to)?;
    debug_assert!(TYPES.contains(&to) || from == to);
    let columns = columns(tensor, to, weighing)?;
    if columns.is_none() && from != to && !command.dry_run && mix.needs_importance(role, to) {
        return Err(unweighed(mix, tensor, to, weighing.is_some()));
    }
    Ok(Planned { tensor, to, asked, columns })
}

/// The tensors with the types that a recipe has for them.
///
/// # Errors
/// One of the two knows a tensor that the other does not, or a type is none that is written.
pub fn of_recipe<'a>(
    recipe: &Recipe,
    command: &Quantize,
    source: &'a Source,
    weighing: Option<&Weighing>,
) -> anyhow::Result<Vec<Planned<'a>>> {
    recipe.knows_only(source.tensors.iter().map(|tensor| &*tensor.name))?;
    let planned = |tensor: &'a Exported| {
        let to = recipe.way(&tensor.name, TYPES)?;
        refuse_twice(command, tensor, to)?;
        Ok(Planned { tensor, to, asked: None, columns: columns(tensor, to, weighing)? })
    };
    source.tensors.iter().map(planned).collect()
}

/// How much the columns of a tensor that is to be `to` count: only blocks weigh their columns.
fn columns(tensor: &Exported, to: DType, weighing: Option<&Weighing>) -> anyhow::Result<Option<Columns>> {
    match weighing.filter(|_| !to.is_float() && tensor.dtype() != to) {
        Some(weighing) => weighing.columns(&tensor.name, &tensor.shape),
        None => Ok(None),
    }
}

/// What llama.cpp's tool refuses too: a type this coarse keeps little of a model where all columns count alike.
fn unweighed(mix: Mix, tensor: &Exported, to: DType, has_matrix: bool) -> anyhow::Error {
    let lacks = if has_matrix { "the importance matrix has nothing of it" } else { "there is no importance matrix" };
    let message = tensor.error(format!("would be {to} in {mix}, and {lacks}")).to_string();
    let hint = "`plimsoll imatrix` measures how much columns count; --imatrix FILE names what it wrote";
    Mistake::error(message, hint)
}

/// Refuses to quantise again what is quantised, unless that is asked for.
///
/// # Errors
/// The tensor is, and it is not.
pub fn refuse_twice(command: &Quantize, tensor: &Exported, to: DType) -> anyhow::Result<()> {
    let from = tensor.dtype();
    if from.is_float() || from == to || command.allow_requantize {
        return Ok(());
    }
    let message = tensor.error(format!("is {from} already, and would be {to}")).to_string();
    let hint = "take the model in the floats that its maker published, or accept a second loss: --allow-requantize";
    Err(Mistake::error(message, hint))
}
