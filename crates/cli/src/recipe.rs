//! A quantisation as a file that makes the same bytes again, for whichever target.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context;
use plimsoll_formats::NewFile;
use plimsoll_kernels::Isa;
use plimsoll_lab::compare::weights_sha256;
use plimsoll_lab::loss::Stored;
use plimsoll_models::Checkpoint;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::mistake::Mistake;
use crate::piped;
use crate::weighing::Weighing;

/// What is made by a recipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A GGUF file.
    #[default]
    Gguf,
    /// A folder of MLX.
    Mlx,
    /// A folder of ONNX graphs.
    Onnx,
}

impl Target {
    /// The command that takes recipes for it.
    fn command(self) -> &'static str {
        match self {
            Target::Gguf => "plimsoll quantize",
            Target::Mlx => "plimsoll export mlx",
            Target::Onnx => "plimsoll export onnx",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Target::Gguf => "GGUF",
            Target::Mlx => "MLX",
            Target::Onnx => "ONNX",
        })
    }
}

/// How a model was quantised.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The version of this program.
    version: String,
    /// What comes of it.
    #[serde(default)]
    target: Target,
    /// The name of the model that it is made from.
    base: String,
    /// SHA-256 over the weights of that model.
    base_sha256: String,
    /// SHA-256 of the file that comes of it, of several one behind the other.
    file_sha256: String,
    /// `general.file_type` of a GGUF.
    pub file_type: Option<u32>,
    /// The type of floats beside what is quantised, where a target has a choice.
    pub floats: Option<String>,
    /// SHA-256 of the importance matrix that it goes by.
    calibration_sha256: Option<String>,
    /// The instruction-set level at which the importance matrix was measured on what this program brings; of one from a file
    /// none.
    calibration_level: Option<String>,
    /// How each tensor is stored.
    pub types: BTreeMap<String, String>,
    /// What was lost, if that was measured.
    pub loss: Option<Stored>,
}

/// What a recipe is written of.
pub struct Cooked<'a> {
    pub target: Target,
    pub base: &'a Checkpoint,
    /// What columns were weighed by, and the level at which that was measured if it was measured here.
    pub weighing: Option<&'a Weighing>,
    pub level: Isa,
    pub loss: Option<Stored>,
    /// The weight files that came of it.
    pub files: &'a [PathBuf],
}

impl Recipe {
    /// Reads one for a target.
    ///
    /// # Errors
    /// The file is none, or is for another target.
    pub fn read(path: &Path, target: Target) -> anyhow::Result<Recipe> {
        let text = String::from_utf8(piped::file(path)?).with_context(|| path.display().to_string())?;
        let recipe: Recipe = toml::from_str(&text).map_err(|error| {
            let message = format!("{}: {}", path.display(), error.to_string().trim_end());
            Mistake::error(
                message,
                format!("`{} MODEL --fit SIZE --save-recipe FILE` writes a recipe", target.command()),
            )
        })?;
        if recipe.target == target {
            return Ok(recipe);
        }
        let message = format!("{}: the recipe is for {}, not for {target}", path.display(), recipe.target);
        Err(Mistake::error(message, format!("`{} MODEL --recipe FILE` takes it", recipe.target.command())))
    }

    /// Of what was made; how its tensors are stored stands in `types`.
    ///
    /// # Errors
    /// A file cannot be read again.
    pub fn of(cooked: Cooked, types: BTreeMap<String, String>) -> anyhow::Result<Recipe> {
        let Cooked { target, base, weighing, level, loss, files } = cooked;
        let measured_here = weighing.is_some_and(Weighing::is_built_in);
        Ok(Recipe {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target,
            base: base.name.clone(),
            // Of what was measured that is known already.
            base_sha256: loss.as_ref().map_or_else(|| weights_sha256(base, |_| ()), |loss| loss.base_sha256.clone()),
            file_sha256: files_sha256(files)?,
            file_type: None,
            floats: None,
            calibration_sha256: weighing.map(|weighing| weighing.sha256.clone()),
            calibration_level: measured_here.then(|| level.to_string()),
            types,
            loss,
        })
    }

    /// Writes it.
    ///
    /// # Errors
    /// The system does not write.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut file = NewFile::create(path)?;
        file.write_all(toml::to_string(self)?.as_bytes())?;
        Ok(file.keep()?)
    }

    /// Whether it goes by an importance matrix that is measured on what this program brings.
    pub fn calibrates(&self) -> bool {
        self.calibration_level.is_some()
    }

    /// That it is for this model, and this importance matrix.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, base: &Checkpoint, weighing: Option<&Weighing>) -> anyhow::Result<()> {
        if weights_sha256(base, |_| ()) != self.base_sha256 {
            let message = format!("the recipe is for other weights than those of {}", base.display());
            return Err(Mistake::error(message, format!("it was written for `{}`", self.base)));
        }
        if weighing.map(|weighing| &weighing.sha256) == self.calibration_sha256.as_ref() {
            return Ok(());
        }
        let hint = match &self.calibration_level {
            Some(level) => {
                format!("it was measured at the level {level}, which PLIMSOLL_ISA={level} chooses where there is it")
            }
            None if self.calibration_sha256.is_none() => "the recipe goes by none: leave --imatrix out".to_owned(),
            None => "--imatrix FILE names the one that the recipe was written with".to_owned(),
        };
        Err(Mistake::error("the importance matrix is not the one that the recipe goes by", hint))
    }

    /// That it says of no tensor but these how it is stored.
    ///
    /// # Errors
    /// It says it of another.
    pub fn knows_only<'t>(&self, tensors: impl Iterator<Item = &'t str> + Clone) -> anyhow::Result<()> {
        match self.types.keys().find(|name| !tensors.clone().any(|tensor| tensor == **name)) {
            Some(name) => {
                Err(Mistake::error(format!("the recipe has a type for `{name}`, which the model lacks"), FOR_ANOTHER))
            }
            None => Ok(()),
        }
    }

    /// How a tensor is stored: one of `known`.
    ///
    /// # Errors
    /// It does not say, or says what is none of them.
    pub fn way<T: fmt::Display>(&self, tensor: &str, known: impl IntoIterator<Item = T>) -> anyhow::Result<T> {
        let missing = || Mistake::error(format!("the recipe has no type for `{tensor}`"), FOR_ANOTHER);
        let asked = self.types.get(tensor).ok_or_else(missing)?;
        let mut names = Vec::new();
        for way in known {
            let name = way.to_string();
            if name == *asked {
                return Ok(way);
            }
            names.push(name);
        }
        let message = format!("the recipe has the type `{asked}` for `{tensor}`");
        Err(Mistake::error(message, format!("types are {}", names.join(", "))))
    }

    /// That the bytes of the weight files at `files` are the recipe's; `made` is what was written.
    ///
    /// # Errors
    /// They are not.
    pub fn check_files(&self, made: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
        if files_sha256(files)? == self.file_sha256 {
            return Ok(());
        }
        let (own, version) = (env!("CARGO_PKG_VERSION"), &self.version);
        let message = format!("`{}` was written, but its bytes are not the recipe's", made.display());
        let beside = match self.target {
            Target::Gguf => "; the tokenizer, template or licence beside the weights may be others too",
            Target::Mlx | Target::Onnx => "",
        };
        Err(Mistake::error(message, format!("the recipe is of version {version}, this is {own}{beside}")))
    }
}

const FOR_ANOTHER: &str = "the recipe is for another model";

fn files_sha256(paths: &[PathBuf]) -> anyhow::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    for path in paths {
        let mut file = std::fs::File::open(path)?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => hash.update(&buffer[..n]),
            }
        }
    }
    Ok(plimsoll_lab::hash::hex(&hash.finalize()))
}
