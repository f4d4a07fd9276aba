//! A quantisation as a file that makes the same bytes again.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::Path;

use anyhow::Context;
use plimsoll_formats::NewFile;
use plimsoll_kernels::{DType, Isa};
use plimsoll_lab::compare::weights_sha256;
use plimsoll_lab::loss::Stored;
use plimsoll_models::Checkpoint;
use plimsoll_quantise::TYPES;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::plan::{Planned, refuse_twice};
use super::source::Source;
use super::weighing::{Columns, Weighing};
use super::write::Job;
use crate::args::Quantize;
use crate::mistake::Mistake;
use crate::piped;

/// How a model was quantised.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The version of this program.
    version: String,
    /// The name of the model that it is made from.
    base: String,
    /// SHA-256 over the weights of that model.
    base_sha256: String,
    /// SHA-256 of the file that comes of it.
    file_sha256: String,
    /// `general.file_type` of the file.
    pub file_type: u32,
    /// SHA-256 of the importance matrix that it goes by.
    calibration_sha256: Option<String>,
    /// The instruction-set level at which the importance matrix was measured on what this program brings; of one from a file
    /// none.
    calibration_level: Option<String>,
    /// The type of each tensor.
    types: BTreeMap<String, String>,
    /// What was lost, if that was measured.
    pub loss: Option<Stored>,
}

impl Recipe {
    /// Reads one.
    ///
    /// # Errors
    /// The file is none.
    pub fn read(path: &Path) -> anyhow::Result<Recipe> {
        let text = String::from_utf8(piped::file(path)?).with_context(|| path.display().to_string())?;
        toml::from_str(&text).map_err(|error| {
            let message = format!("{}: {}", path.display(), error.to_string().trim_end());
            Mistake::error(message, "`plimsoll quantize MODEL --fit SIZE --save-recipe FILE` writes a recipe")
        })
    }

    /// What came of a job, whose file lies at `file`.
    ///
    /// # Errors
    /// The file cannot be read again.
    pub fn of(job: &Job, base: &Checkpoint, level: Isa, loss: Option<Stored>, file: &Path) -> anyhow::Result<Recipe> {
        let measured_here = job.weighing.is_some_and(Weighing::is_built_in);
        let types = job.plan.iter().map(|planned| (planned.tensor.name.clone(), planned.to.name().to_owned()));
        Ok(Recipe {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            base: base.name.clone(),
            // Of what was measured that is known already.
            base_sha256: loss.as_ref().map_or_else(|| weights_sha256(base, |_| ()), |loss| loss.base_sha256.clone()),
            file_sha256: file_sha256(file)?,
            file_type: job.file_type,
            calibration_sha256: job.weighing.map(|weighing| weighing.sha256.clone()),
            calibration_level: measured_here.then(|| level.to_string()),
            types: types.collect(),
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

    /// The tensors with their types.
    ///
    /// # Errors
    /// One of the two knows a tensor that the other does not, or a type is none that is written.
    pub fn plan<'a>(
        &self,
        command: &Quantize,
        source: &'a Source,
        weighing: Option<&Weighing>,
    ) -> anyhow::Result<Vec<Planned<'a>>> {
        if let Some(name) = self.types.keys().find(|name| !source.tensors.iter().any(|tensor| tensor.name == **name)) {
            return Err(Mistake::error(
                format!("the recipe has a type for `{name}`, which the model lacks"),
                FOR_ANOTHER,
            ));
        }
        let planned = |tensor: &'a plimsoll_models::export::Exported| {
            let missing = || Mistake::error(format!("the recipe has no type for `{}`", tensor.name), FOR_ANOTHER);
            let to = dtype(self.types.get(&tensor.name).ok_or_else(missing)?)?;
            refuse_twice(command, tensor, to)?;
            let columns = Columns::of_blocks(tensor, to, weighing)?;
            Ok(Planned { tensor, to, asked: None, columns })
        };
        source.tensors.iter().map(planned).collect()
    }

    /// That the bytes at `file` are the recipe's.
    ///
    /// # Errors
    /// They are not.
    pub fn check_file(&self, file: &Path) -> anyhow::Result<()> {
        if file_sha256(file)? == self.file_sha256 {
            return Ok(());
        }
        let (own, version) = (env!("CARGO_PKG_VERSION"), &self.version);
        let message = format!("`{}` was written, but its bytes are not the recipe's", file.display());
        Err(Mistake::error(
            message,
            format!(
                "the recipe is of version {version}, this is {own}; the tokenizer, template or licence beside the weights may be others too"
            ),
        ))
    }
}

const FOR_ANOTHER: &str = "the recipe is for another model";

fn dtype(name: &str) -> anyhow::Result<DType> {
    TYPES.into_iter().find(|dtype| dtype.name() == name).ok_or_else(|| {
        let known = TYPES.map(DType::name).join(", ");
        Mistake::error(format!("the recipe has the type `{name}`"), format!("types are {known}"))
    })
}

fn file_sha256(path: &Path) -> anyhow::Result<String> {
    let (mut file, mut hash, mut buffer) = (std::fs::File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(plimsoll_lab::hash::hex(&hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}
