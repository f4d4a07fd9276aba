//! The weights of a vision tower by canonical name, each as the matrix that it is, however files hold it.

use std::collections::BTreeMap;

use plimsoll_formats::gguf::{Element, GgufFile};
use plimsoll_formats::{FormatError, Meaning, Tensor};

use super::Weights;
use crate::arch::{StoredAs, TowerArch};
use crate::config::VisionParams;
use crate::names::{is_beside_tower, is_vision, mmproj_name};

/// Colours of a pixel, and frames that a picture fills.
const CHANNELS: usize = 3;
const FRAMES: usize = 2;

impl Weights {
    /// The tower and the connector among the tensors of safetensors files, if there are any, as they are stored.
    pub(crate) fn vision_part(&self) -> Option<Weights> {
        let tensors: BTreeMap<String, Tensor> = self
            .tensors
            .iter()
            .filter(|(name, _)| is_vision(name))
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        let unusable: BTreeMap<String, (String, String)> =
            self.unusable.iter().filter(|(name, _)| is_vision(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
        if tensors.is_empty() && unusable.is_empty() {
            return None;
        }
        let mut weights = Weights { source: self.source.clone(), tensors, unusable, ..Weights::default() };
        weights.count();
        Some(weights)
    }

    /// Shows the weights of a tower as the matrices that they are.
    pub(crate) fn fit_tower(&mut self, tower: &TowerArch) -> Result<(), FormatError> {
        for (end, stored) in tower.stored {
            if let StoredAs::Rows(parts) = stored {
                self.split_rows(end, parts)?;
            }
        }
        for (name, tensor) in &mut self.tensors {
            let fitted = match tower.stored_as(name) {
                Some(StoredAs::Frames) => tensor.frames_summed()?,
                Some(StoredAs::FlatFrames) => tensor.flat_frames_summed(CHANNELS, FRAMES)?,
                Some(StoredAs::Turned) => tensor.turned_as(name)?,
                Some(StoredAs::Tables(_)) => tensor.clone().tables_joined(),
                Some(
                    StoredAs::Kernel
                    | StoredAs::Depthwise
                    | StoredAs::Shifted(_)
                    | StoredAs::Spare
                    | StoredAs::RotaryPairs
                    | StoredAs::Rows(_),
                )
                | None => tensor.clone().without_patch_shape(),
            };
            *tensor = fitted;
        }
        Ok(())
    }

    /// Shows tensors whose names end in `end` as those of `parts`, which have as many rows each.
    fn split_rows(&mut self, end: &str, parts: &[&str]) -> Result<(), FormatError> {
        let kind = end.rsplit_once('.').map_or("", |(_, kind)| kind);
        for (before, stored) in self.take_where(|name| name.strip_suffix(end)) {
            let rows = stored.shape().first().copied().unwrap_or(0);
            if !rows.is_multiple_of(parts.len()) {
                return Err(stored.error(format!("has {rows} rows, expected as many for each of {}", parts.join(", "))));
            }
            let each = rows / parts.len();
            for (i, part) in parts.iter().enumerate() {
                self.add(stored.rows_as(&format!("{before}{part}.{kind}"), i * each..(i + 1) * each)?)?;
            }
        }
        Ok(())
    }

    /// Names and fits the tensors of an mmproj GGUF.
    pub(crate) fn from_mmproj(file: &GgufFile, params: &VisionParams) -> Result<Weights, FormatError> {
        let tower = params.arch;
        let source = file.name().to_owned();
        let mut weights = Weights { source, file_bytes: file.bytes().len() as u64, ..Weights::default() };
        let swapped = feed_forward_is_swapped(file, params.d_model);
        let behind = match &tower.behind_layers {
            Some(behind) => Some((behind, params.usizes(behind.key)?)),
            None => None,
        };
        for tensor in file.tensors().iter().filter(|tensor| !is_beside_tower(&tensor.name)) {
            let stored_as = match swapped {
                true => swap_feed_forward(&tensor.name),
                false => tensor.name.clone(),
            };
            let behind_layer = behind.as_ref().and_then(|(behind, layers)| behind.name(&stored_as, layers));
            let Some(name) = behind_layer.or_else(|| mmproj_name(tower, &stored_as)) else {
                let what =
                    format!("is not part of the tower `{}`, so leaving it out would change the model", tower.name);
                return Err(FormatError::tensor(file.name(), &tensor.name, what));
            };
            match tensor.element {
                Element::Weight(dtype) => {
                    let (bytes, range) = (file.bytes().clone(), tensor.range.clone());
                    let view = Tensor::new(&name, bytes, range, dtype, tensor.shape.clone());
                    weights.add(view)?;
                }
                Element::Other(_) => weights.add_unusable(name, file.name(), tensor.element.name()),
            }
        }
        weights.join_frames(tower)?;
        weights.fit_tower(tower)?;
        weights.undo_conversion(params)?;
        weights.count();
        Ok(weights)
    }

    /// Shows kernels over two frames that an mmproj stores one by one, the second behind `.1`, as their sum.
    fn join_frames(&mut self, tower: &TowerArch) -> Result<(), FormatError> {
        let over_frames = |name: &&String| tower.stored_as(name) == Some(StoredAs::Frames);
        let names: Vec<String> = self.tensors.keys().filter(over_frames).cloned().collect();
        for name in names {
            let of_second = format!("{name}.1");
            let Some(second) = self.tensors.remove(&of_second) else {
                return Err(FormatError::MissingTensor { file: self.source.clone(), tensor: of_second });
            };
            if let Some(first) = self.tensors.get_mut(&name) {
                *first = first.plus(&second)?;
            }
        }
        Ok(())
    }

    /// Shows what the converter of an mmproj changes as it was before.
    fn undo_conversion(&mut self, params: &VisionParams) -> Result<(), FormatError> {
        for (name, tensor) in &mut self.tensors {
            *tensor = match params.arch.stored_as(name) {
                Some(StoredAs::Shifted(by)) => tensor.clone().with_meaning(Meaning::Shifted(by)),
                Some(StoredAs::RotaryPairs) => tensor.clone().with_rotary_pairs(params.head_dim)?,
                _ => continue,
            };
        }
        Ok(())
    }
}

/// Whether the two matrices of each MLP have each other's names, as early converters wrote them: llama.cpp tells it, too, by
/// a `ffn_down` that takes rows as wide as the tower.
fn feed_forward_is_swapped(file: &GgufFile, d_model: usize) -> bool {
    let down = file.tensors().iter().find(|tensor| tensor.name == "v.blk.0.ffn_down.weight");
    down.is_some_and(|down| matches!(down.shape[..], [out, input] if input == d_model && out != d_model))
}

fn swap_feed_forward(name: &str) -> String {
    if name.contains(".ffn_down.") {
        name.replace(".ffn_down.", ".ffn_up.")
    } else {
        name.replace(".ffn_up.", ".ffn_down.")
    }
}
