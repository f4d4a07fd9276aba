//! What is to be written of a model, from a GGUF or from safetensors.

use std::path::{Path, PathBuf};

use anyhow::Context;
use plimsoll_engine::gguf_vocabulary;
use plimsoll_formats::gguf::{GgufFile, NewValue};
use plimsoll_formats::{HyperparamError, ModelFiles, WeightFiles};
use plimsoll_kernels::DType;
use plimsoll_models::export::{self, Exported};
use plimsoll_models::{Arch, Checkpoint, Vision};
use plimsoll_quantise::Model;

use crate::{demo, model};

/// A model as a GGUF has it.
pub struct Source {
    /// The model's name.
    pub name: String,
    /// Metadata but for what tells how weights are stored.
    pub metadata: Vec<(String, NewValue)>,
    /// Divisors of rotary frequencies, which are written as they are.
    pub factors: Vec<(&'static str, Vec<f32>)>,
    /// Every other tensor.
    pub tensors: Vec<Exported>,
    /// What bears on the types of tensors.
    pub model: Model,
    /// Whether tensors that are no matrices are written as singles rather than as the files have them.
    pub widens: bool,
    /// What whoever asked should know.
    pub notes: Vec<String>,
    /// The files that weights come from, with their lengths and times: others than these are another model.
    pub files: Vec<String>,
}

/// Keys of a GGUF that are about the file itself.
const OF_THE_FILE: [&str; 6] = [
    "general.alignment",
    "general.file_type",
    "general.quantization_version",
    "split.",
    "quantize.imatrix.",
    "plimsoll.loss.",
];

impl Source {
    /// Opens a model; `pre` is the tag of its pre-tokenizer where its files do not tell.
    ///
    /// # Errors
    /// It is not here, cannot be read, or a GGUF cannot say what it asks for.
    pub fn open(model: &str, pre: Option<&str>) -> anyhow::Result<Source> {
        let located = model::locate(model)?;
        if demo::files(&located).is_none()
            && let ModelFiles { name, weights: WeightFiles::Gguf(parts), .. } = ModelFiles::open(Path::new(&located))?
        {
            return Ok(Source { files: files(&located), ..of_gguf(name, &parts)? });
        }
        let checkpoint = model::open_weights(model)?;
        Ok(Source { files: files(&located), ..of_safetensors(&checkpoint, pre)? })
    }
}

/// Weight files at a path, or beside it; of an embedded model the program that it is embedded in.
pub fn files(located: &str) -> Vec<String> {
    let path = Path::new(located);
    let folder = if path.is_dir() { path.to_owned() } else { plimsoll_formats::parent(path) };
    if demo::files(located).is_some() {
        return vec![format!("{located} of {}", env!("CARGO_PKG_VERSION"))];
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_weights = |path: &PathBuf| path.extension().is_some_and(|end| end == "safetensors" || end == "gguf");
    let told = |path: PathBuf| {
        let found = std::fs::metadata(&path).ok()?;
        Some(format!("{} {} {:?}", path.display(), found.len(), found.modified().ok()?))
    };
    let mut files: Vec<String> = if path.is_dir() {
        entries.filter(is_weights).filter_map(told).collect()
    } else {
        told(path.to_owned()).into_iter().collect()
    };
    files.sort();
    files
}

/// Of an architecture that is known here or not: nothing is converted.
fn of_gguf(name: String, parts: &[GgufFile]) -> Result<Source, plimsoll_formats::FormatError> {
    let first = &parts[0];
    let arch = first.architecture()?;
    let whole = |key: &str| -> Result<Option<usize>, HyperparamError> {
        Ok(first.uint(&format!("{arch}.{key}")).unwrap_or(None).and_then(|v| usize::try_from(v).ok()))
    };
    let tensors = export::of_gguf(parts)?;
    let heads = whole("attention.head_count")?.unwrap_or(1).max(1);
    let group = heads / whole("attention.head_count_kv")?.unwrap_or(heads).max(1);
    let n_layers = whole("block_count")?.unwrap_or(0);
    let model = Model {
        n_layers,
        tied: !tensors.iter().any(|tensor| tensor.name == "output.weight"),
        group,
        is_70b: Arch::named(arch).is_some_and(|arch| arch.is_70b(n_layers, group)),
        n_experts: whole("expert_count")?.unwrap_or(0),
        is_weighed: false,
    };
    let mut metadata = first.copied_metadata();
    metadata.retain(|(key, _)| !OF_THE_FILE.iter().any(|own| key.starts_with(own)));
    Ok(Source {
        name,
        metadata,
        factors: Vec::new(),
        tensors,
        model,
        widens: false,
        notes: Vec::new(),
        files: Vec::new(),
    })
}

fn of_safetensors(checkpoint: &Checkpoint, pre: Option<&str>) -> anyhow::Result<Source> {
    let hp = &checkpoint.hyperparams;
    let keys = export::hyperparameter_keys(hp)?;
    let (tensors, factors) = (export::of_checkpoint(checkpoint)?, export::rope_factors(hp));
    export::check(hp, &keys, &factors, &tensors)?;
    let vocabulary = gguf_vocabulary(checkpoint, pre).context("the tokenizer cannot be written as GGUF has them")?;
    let mut notes = Vec::new();
    if vocabulary.leaves_class {
        let what = "which puts no second blank before a text that begins with one";
        notes.push(format!(
            "transformers reads this tokenizer by a class of its own, {what}: the steps of tokenizer.json are written"
        ));
    }
    let mut metadata: Vec<(String, NewValue)> = keys;
    metadata.push(("general.type".to_owned(), "model".into()));
    metadata.push(("general.name".to_owned(), checkpoint.name.as_str().into()));
    metadata.extend(checkpoint.licence.metadata());
    metadata.extend(checkpoint.generation.metadata());
    metadata.extend(vocabulary.vocab.metadata());
    if let Some(template) = &checkpoint.chat_template {
        if let Some(text) = &template.default {
            metadata.push(("tokenizer.chat_template".to_owned(), text.as_str().into()));
        }
        if let Some(text) = &template.tool_use {
            metadata.push(("tokenizer.chat_template.tool_use".to_owned(), text.as_str().into()));
        }
        notes.extend(template.unusable.as_ref().map(|why| format!("no chat template is written: {why}")));
    }
    if hp.wrapper.is_some()
        && let Some(vision) = Vision::of(checkpoint, None)?
    {
        notes.push(match vision.params.arch.unwritten() {
            None => "the text model alone is written; --tower writes its vision tower".to_owned(),
            Some(what) => format!("the text model alone is written, nothing of its vision tower: {what}"),
        });
    }
    let n_experts = hp.usize("num_local_experts")?.unwrap_or(0);
    let group = hp.n_heads / hp.n_kv_heads.max(1);
    let model = Model {
        n_layers: hp.n_layers,
        tied: !tensors.iter().any(|tensor| tensor.name == "output.weight"),
        group,
        is_70b: hp.arch.is_70b(hp.n_layers, group),
        n_experts,
        is_weighed: false,
    };
    Ok(Source {
        name: checkpoint.name.clone(),
        metadata,
        factors,
        tensors,
        model,
        widens: true,
        notes,
        files: Vec::new(),
    })
}

impl Source {
    /// The type of a tensor that no mix concerns: a GGUF's own, and of safetensors what llama.cpp's converter gives it.
    pub fn kept(&self, tensor: &Exported) -> DType {
        if self.widens { DType::F32 } else { tensor.dtype() }
    }
}
