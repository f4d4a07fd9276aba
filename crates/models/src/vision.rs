//! The vision encoder of a model, tower and projector, from the checkpoint itself or from an mmproj GGUF beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_formats::error::{MAX_NAME, one_line};
use plimsoll_formats::gguf::{GgufFile, is_mmproj};
use plimsoll_formats::{Folder, FormatError, parent};

use crate::arch::{TOWERS, TowerArch};
use crate::checkpoint::Checkpoint;
use crate::config::{self, VisionParams};
use crate::weights::Weights;

/// A vision tower with its connector, opened for one text model. Cloning copies no weights.
#[derive(Debug, Clone)]
pub struct Vision {
    /// What the network is like.
    pub params: VisionParams,
    /// Its tensors by canonical name: `vision_tower.*`, `connector.*`, `multi_modal_projector.*`.
    pub weights: Weights,
    /// The mmproj file that it comes from, if it is not the checkpoint itself.
    pub mmproj: Option<Mmproj>,
}

/// What an mmproj file says beside its network.
#[derive(Debug, Clone, PartialEq)]
pub struct Mmproj {
    /// The file, as messages show it.
    pub file: String,
    /// `clip.vision.preproc_image_size`: pixels of the longest edge before tiling; older files lack it.
    pub preproc_image_size: Option<usize>,
    /// `clip.vision.image_mean`, a value for each colour; empty where there is no such key.
    pub image_mean: Vec<f32>,
    /// `clip.vision.image_std`, likewise.
    pub image_std: Vec<f32>,
    /// Every other number of a key that begins with `clip.vision.`, by what follows.
    pub numbers: BTreeMap<String, f64>,
}

impl Mmproj {
    fn of(file: &GgufFile) -> Result<Mmproj, FormatError> {
        let preproc_image_size = file.uint("clip.vision.preproc_image_size")?;
        Ok(Mmproj {
            file: file.name().to_owned(),
            preproc_image_size: preproc_image_size.map(|edge| usize::try_from(edge).unwrap_or(usize::MAX)),
            image_mean: file.f32s("clip.vision.image_mean")?.unwrap_or_default(),
            image_std: file.f32s("clip.vision.image_std")?.unwrap_or_default(),
            numbers: file.numbers_of("clip.vision."),
        })
    }
}

impl Vision {
    /// The vision encoder of a checkpoint: the tower of `mmproj` if it is given, else its own, else that of the one mmproj GGUF
    /// beside it. `None` if there is none of these, a model that reads text only.
    ///
    /// # Errors
    /// A [`FormatError`] that names file and tensor or key, several mmproj files by name, or one of another model.
    pub fn of(checkpoint: &Checkpoint, mmproj: Option<&Path>) -> Result<Option<Vision>, FormatError> {
        if let Some(path) = mmproj {
            return from_mmproj(checkpoint, path).map(Some);
        }
        let own = checkpoint.weights().vision_part();
        if let Some(mut weights) = own
            && let Some(params) = VisionParams::of_wrapped(&checkpoint.hyperparams)?
        {
            weights.fit_tower(params.arch)?;
            return Ok(Some(Vision { params, weights, mmproj: None }));
        }
        match beside(checkpoint)? {
            Some(path) => from_mmproj(checkpoint, &path).map(Some),
            None => Ok(None),
        }
    }

    /// Whether the files of a checkpoint hold a tower of their own, known here or not.
    pub fn is_in(checkpoint: &Checkpoint) -> bool {
        checkpoint.weights().vision_part().is_some()
    }

    /// The vision encoder in an mmproj GGUF, for a text model of `family` (an [`crate::Arch::name`]) whose
    /// embeddings are `text_width` wide.
    ///
    /// # Errors
    /// As [`Vision::of`].
    pub fn from_gguf(file: &GgufFile, family: &str, text_width: usize) -> Result<Vision, FormatError> {
        let refuse = |what: String| FormatError::Vision { model: file.name().to_owned(), what };
        let architecture = file.text("general.architecture")?.unwrap_or_default();
        if architecture != "clip" || file.bool("clip.has_vision_encoder")? != Some(true) {
            return Err(refuse("is no vision tower (`clip` with clip.has_vision_encoder)".to_owned()));
        }
        let projector = match file.text("clip.vision.projector_type")? {
            Some(of_vision) => of_vision,
            None => file.text("clip.projector_type")?.unwrap_or_default(),
        };
        let Some(arch) = TowerArch::of_projector(projector) else {
            let known: Vec<&str> = TOWERS.iter().filter(|tower| tower.has_mmproj).map(|tower| tower.name).collect();
            let (projector, known) = (one_line(projector, MAX_NAME), known.join(", "));
            return Err(refuse(format!("has the projector type `{projector}`; known are {known}")));
        };
        if !arch.text_families().any(|text| text == family) {
            let (name, text) = (arch.name, arch.text_families().collect::<Vec<_>>().join("`, `"));
            return Err(refuse(format!(
                "has the projector type `{name}`, for `{text}` models; this one is `{family}`"
            )));
        }
        match file.uint("clip.vision.projection_dim")? {
            Some(width) if width != text_width as u64 => {
                let what = format!("makes features {width} wide, the model's embeddings are {text_width} wide");
                return Err(refuse(what));
            }
            _ => {}
        }
        let params = config::from_mmproj(file, arch, text_width)?;
        let weights = Weights::from_mmproj(file, &params)?;
        Ok(Vision { params, weights, mmproj: Some(Mmproj::of(file)?) })
    }
}

/// The one mmproj file in the folder of a GGUF checkpoint.
fn beside(checkpoint: &Checkpoint) -> Result<Option<PathBuf>, FormatError> {
    let Some(path) = &checkpoint.path else { return Ok(None) };
    let folder = if path.is_dir() { path.clone() } else { parent(path) };
    let mut names = Folder::Disk(folder.clone()).names()?;
    names.retain(|name| is_mmproj(name));
    match &names[..] {
        [] => Ok(None),
        [only] => Ok(Some(folder.join(only))),
        several => Err(cannot_see(checkpoint, format!("several towers lie beside it: {}", several.join(", ")))),
    }
}

fn from_mmproj(checkpoint: &Checkpoint, path: &Path) -> Result<Vision, FormatError> {
    let file = GgufFile::open(path)?;
    let hp = &checkpoint.hyperparams;
    Vision::from_gguf(&file, hp.arch.name, hp.d_model).map_err(|error| match error {
        FormatError::Vision { what, .. } => cannot_see(checkpoint, format!("`{}` {what}", file.name())),
        other => other,
    })
}

fn cannot_see(checkpoint: &Checkpoint, what: String) -> FormatError {
    FormatError::Vision { model: checkpoint.display(), what }
}
