//! A model's vision encoder, and what pictures cost it.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_engine::{Special, Tokenizer, VisionEncoder, VisionEncoderError};
use plimsoll_kernels::Cpu;
use plimsoll_lab::predict::TowerPrediction;
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_runtime::{Arithmetic, Tower, measure_machine};
use plimsoll_vision::{Medium, Picture, Processor};
use serde_json::{Value, json};

use crate::args::Info;
use crate::device::bytes;
use crate::settings::Settings;

/// A vision tower, and the pictures that were asked about.
pub struct VisionFacts {
    layers: usize,
    d_model: usize,
    tile_size: usize,
    patch_size: usize,
    /// Bytes of its weights by stored type, the most first.
    types: Vec<(&'static str, u64)>,
    /// The file that it comes from, if it is not the model's own.
    mmproj: Option<String>,
    /// What that file leaves open.
    assumed: Option<String>,
    pictures: Vec<PictureCost>,
}

/// What a picture costs.
struct PictureCost {
    file: String,
    width: usize,
    height: usize,
    tiles: usize,
    tokens: usize,
    /// Predicted for the tower, in s.
    seconds: f64,
    /// Predicted for the tower's activations, and its weights, in bytes.
    memory: u64,
}

impl VisionFacts {
    /// `None` for a model that reads text only and was asked about no picture.
    ///
    /// # Errors
    /// The tower cannot be used, or a picture not be read.
    pub fn new(
        command: &Info,
        checkpoint: &Checkpoint,
        settings: &Settings,
        cpu: &Cpu,
    ) -> anyhow::Result<Option<VisionFacts>> {
        let mmproj = command.mmproj.as_deref();
        let Some(vision) = Vision::of(checkpoint, mmproj)? else {
            if command.images.is_empty() {
                return Ok(None);
            }
            return Err(VisionEncoderError::TextOnly { model: checkpoint.display() }.into());
        };
        let pictures = if command.images.is_empty() {
            Vec::new()
        } else {
            picture_costs(command, checkpoint, &vision, settings, cpu)?
        };
        let mut types = BTreeMap::new();
        for tensor in vision.weights.iter() {
            *types.entry(tensor.dtype().name()).or_insert(0) += tensor.stored_bytes() as u64;
        }
        let mut types: Vec<_> = types.into_iter().collect();
        types.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let params = &vision.params;
        Ok(Some(VisionFacts {
            layers: params.n_layers,
            d_model: params.d_model,
            tile_size: params.tile_size,
            patch_size: params.patch_size,
            types,
            mmproj: vision.mmproj.as_ref().map(|mmproj| mmproj.file.clone()),
            assumed: vision.mmproj.as_ref().and_then(|_| Processor::assumed_of_mmproj(params.arch.name)),
            pictures,
        }))
    }

    /// Lines for people: the encoder.
    pub fn lines(&self) -> Vec<String> {
        let types: Vec<String> = self.types.iter().map(|(name, n)| format!("{name} {}", bytes(*n as f64))).collect();
        let mut lines = vec![
            format!(
                "{} layers of width {}, patches of {}, positions for {} x {}",
                self.layers, self.d_model, self.patch_size, self.tile_size, self.tile_size
            ),
            types.join(", "),
        ];
        lines.extend(self.mmproj.as_ref().map(|path| format!("from {path}")));
        lines.extend(self.assumed.clone());
        lines
    }

    /// One line for each picture.
    pub fn picture_lines(&self) -> Vec<String> {
        let line = |p: &PictureCost| {
            let (tiles, tokens, memory) = (p.tiles, p.tokens, bytes(p.memory as f64));
            format!(
                "{} x {}: {tiles} tile{}, {tokens} tokens; {:.2} s and {memory}, predicted",
                p.width,
                p.height,
                if tiles == 1 { "" } else { "s" },
                p.seconds
            )
        };
        self.pictures.iter().map(line).collect()
    }

    /// The same for machines.
    pub fn as_value(&self) -> Value {
        json!({
            "layers": self.layers, "d_model": self.d_model, "tile_size": self.tile_size, "patch_size": self.patch_size,
            "types": self.types.iter().map(|(name, n)| json!({ "type": name, "bytes": n })).collect::<Vec<_>>(),
            "mmproj": self.mmproj, "assumed": self.assumed,
            "images": self.pictures.iter().map(|p| json!({
                "file": p.file, "width": p.width, "height": p.height, "tiles": p.tiles, "tokens": p.tokens,
                "predicted": { "seconds": p.seconds, "memory_bytes": p.memory },
            })).collect::<Vec<_>>(),
        })
    }
}

fn picture_costs(
    command: &Info,
    checkpoint: &Checkpoint,
    vision: &Vision,
    settings: &Settings,
    cpu: &Cpu,
) -> anyhow::Result<Vec<PictureCost>> {
    let tokenizer = Tokenizer::of(checkpoint, settings.pre.as_deref())?;
    let (isa, threads) = (settings.isa, settings.threads);
    let mut encoder = VisionEncoder::load(checkpoint, vision, &tokenizer, isa, threads, Arithmetic::Fast)?;
    let cost = Tower::cost(vision)?;
    let machine = measure_machine(cpu, &cost.products());
    let mut costs = Vec::new();
    for path in &command.images {
        let (width, height) = size_of(path, command.max_pixels)?;
        let cut = encoder.processor().cut(width, height)?;
        let tiles = cut.tiles.len();
        let tokens =
            tokenizer.encode(&encoder.prompts().strings().medium(&Medium::Picture(cut)), Special::Parse)?.len();
        let predicted = TowerPrediction::new(cost.clone(), &mut encoder, &[(width, height)])?;
        costs.push(PictureCost {
            file: path.display().to_string(),
            width,
            height,
            tiles,
            tokens,
            seconds: predicted.seconds(&machine),
            memory: predicted.bytes(),
        });
    }
    Ok(costs)
}

fn size_of(path: &Path, max_pixels: u64) -> anyhow::Result<(usize, usize)> {
    let picture = Picture::open(path, max_pixels)?;
    Ok((picture.width(), picture.height()))
}
