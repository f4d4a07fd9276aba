//! A tiny checkpoint: the networks that a configuration describes, with random weights, in either format.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_graph::Network;
use plimsoll_models::spelling::{self, Stored, StoredLayout};
use plimsoll_models::{Hyperparams, TowerNetwork, VisionParams, export};
use serde_json::{Map, Value};

use crate::files::{self, FileTensor, Width};
use crate::{metadata, values};

/// The networks of a configuration, and the values of their weights by canonical name.
pub struct Tiny {
    config: Value,
    hp: Hyperparams,
    network: Network,
    tower: Option<(VisionParams, TowerNetwork)>,
    values: HashMap<String, Vec<f32>>,
}

impl Tiny {
    /// What a config.json describes.
    ///
    /// # Panics
    /// It describes nothing that is understood.
    pub fn new(config: &Value) -> Tiny {
        let hp = Hyperparams::from_config_json("config.json", &config.to_string()).expect("a configuration");
        let network = plimsoll_models::from_hyperparams(&hp).expect("a text network");
        let vision = VisionParams::of_wrapped(&hp).expect("a vision configuration");
        let tower = vision.map(|vision| {
            let tower = plimsoll_models::tower_from_params(&vision).expect("a tower");
            (vision, tower)
        });
        let weights = network.weights.iter().chain(tower.iter().flat_map(|(_, tower)| &tower.network.weights));
        let values = weights.map(|weight| (weight.name.clone(), values::weight(weight))).collect();
        Tiny { config: config.clone(), hp, network, tower, values }
    }

    /// The hyperparameters of its text model.
    pub fn hyperparams(&self) -> &Hyperparams {
        &self.hp
    }

    /// Its vision encoder.
    pub fn vision(&self) -> Option<&VisionParams> {
        self.tower.as_ref().map(|(vision, _)| vision)
    }

    /// Pixels of tiles of these heights and widths, (3, height, width) of each, from −1 to 1.
    pub fn pixels(sizes: &[(usize, usize)]) -> Vec<f32> {
        values::uniform("pixels", sizes.iter().map(|(height, width)| 3 * height * width).sum())
    }

    /// Writes config.json and model.safetensors into a folder.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write_safetensors(&self, folder: &Path) -> io::Result<()> {
        let mut stored = spelling::in_safetensors(&self.network, &self.hp);
        if let Some((vision, tower)) = &self.tower {
            stored.extend(spelling::tower_in_safetensors(&tower.network, vision));
        }
        let tensors: Vec<FileTensor> = stored.iter().map(|stored| self.tensor(stored, Width::Bf16)).collect();
        std::fs::write(folder.join("config.json"), self.config.to_string())?;
        std::fs::write(folder.join("model.safetensors"), files::safetensors(&tensors))
    }

    /// Writes model.gguf into a folder, and mmproj.gguf beside it if there is a tower of which one is written. `extra` are keys that the
    /// architecture alone has, without its name.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write_gguf(&self, folder: &Path, extra: &Map<String, Value>) -> io::Result<PathBuf> {
        let stored = spelling::in_gguf(&self.network, &self.hp);
        let mut tensors: Vec<FileTensor> =
            stored.iter().map(|stored| self.tensor(stored, gguf_width(stored))).collect();
        let factors = export::rope_factors(&self.hp).into_iter().map(|(name, values)| FileTensor {
            name: name.to_owned(),
            shape: vec![values.len()],
            width: Width::F32,
            values,
        });
        tensors.extend(factors);
        let mut keys = export::hyperparameter_keys(&self.hp).expect("keys of the configuration");
        for (key, value) in extra {
            let key = format!("{}.{key}", self.hp.arch.name);
            keys.retain(|(found, _)| *found != key);
            keys.push((key, metadata::value(value)));
        }
        let path = folder.join("model.gguf");
        std::fs::write(&path, files::gguf(&keys, &tensors))?;
        if let Some((vision, tower)) = self.tower.as_ref().filter(|(vision, _)| vision.arch.unwritten().is_none()) {
            let stored = spelling::tower_in_mmproj(&tower.network, vision);
            let tensors: Vec<FileTensor> =
                stored.iter().map(|stored| self.tensor(stored, gguf_width(stored))).collect();
            std::fs::write(folder.join("mmproj.gguf"), files::gguf(&metadata::tower(vision), &tensors))?;
        }
        Ok(path)
    }

    fn tensor(&self, stored: &Stored, width: Width) -> FileTensor {
        let parts: Vec<&[f32]> = stored.parts.iter().map(|part| &self.values[part][..]).collect();
        let values = match stored.layout {
            StoredLayout::Rows => parts.concat(),
            StoredLayout::Shifted(shift) => parts.concat().iter().map(|value| value + shift).collect(),
            StoredLayout::RotaryPairs { head_dim } => pairs(parts[0], head_dim, stored.shape[0]),
            StoredLayout::Transposed => transposed(&parts, &stored.shape),
            StoredLayout::MinusExponential => parts.concat().iter().map(|value| -value.exp()).collect(),
            StoredLayout::One(i) => {
                let each = stored.shape.iter().product::<usize>();
                parts[0][i * each..][..each].to_vec()
            }
            StoredLayout::Halves => by_expert(&parts, stored.shape[0]),
            StoredLayout::Turns => by_turns(&parts, &stored.shape),
            StoredLayout::Latent => latent(&parts, &stored.shape, self.hp.n_heads),
            StoredLayout::Frames => frames(parts[0], &stored.shape),
            StoredLayout::Turned => transposed(&parts, &[&[1], &stored.shape[..]].concat()),
            StoredLayout::ChannelsLast => unreachable!("no format that is written here has such kernels"),
        };
        FileTensor { name: stored.name.clone(), shape: stored.shape.clone(), width, values }
    }
}

/// Kernels over frames, (out, channels, frames, height, width) or as rows over two frames of three colours, whose sums are
/// `rows`: all in the first frame but for a half in the last.
fn frames(rows: &[f32], shape: &[usize]) -> Vec<f32> {
    let (n_frames, pixels) = match shape {
        [_, _, frames, height, width] => (*frames, height * width),
        _ => (2, shape[1] / (2 * 3)),
    };
    let of_frame = |kernel: &[f32], frame: usize| {
        let share = if frame == 0 || frame + 1 == n_frames { 0.5 } else { 0.0 };
        kernel.iter().map(|value| value * share).collect::<Vec<f32>>()
    };
    rows.chunks_exact(pixels).flat_map(|kernel| (0..n_frames).flat_map(move |frame| of_frame(kernel, frame))).collect()
}

/// What llama.cpp's converter leaves in F32: vectors, routers, and what a tower looks up or cuts patches with.
fn gguf_width(stored: &Stored) -> Width {
    let is_table = stored.name.starts_with("v.") && stored.name.contains("_embd");
    let is_router = stored.name.ends_with("ffn_gate_inp.weight");
    if stored.shape.len() == 1 || is_table || is_router { Width::F32 } else { Width::Bf16 }
}

/// Of each expert all parts, one behind the other.
fn by_expert(parts: &[&[f32]], experts: usize) -> Vec<f32> {
    let one = |expert: usize| {
        parts.iter().flat_map(move |part| {
            let each = part.len() / experts;
            &part[expert * each..][..each]
        })
    };
    (0..experts).flat_map(one).copied().collect()
}

/// Outputs of two parts by turns in the last dimension: of stacks (experts, out, in) turned round, of biases as they are.
fn by_turns(parts: &[&[f32]], shape: &[usize]) -> Vec<f32> {
    let (experts, outputs) = (shape[0], shape[shape.len() - 1] / 2);
    let inputs = if shape.len() == 3 { shape[1] } else { 1 };
    let value = |expert: usize, input: usize, output: usize| {
        parts[output % 2][(expert * outputs + output / 2) * inputs + input]
    };
    let row = |expert: usize, input: usize| (0..2 * outputs).map(move |output| value(expert, input, output));
    (0..experts).flat_map(|expert| (0..inputs).flat_map(move |input| row(expert, input))).collect()
}

/// For each head its keys' matrix (rank, width) turned round, then its values' (width, rank).
fn latent(parts: &[&[f32]], shape: &[usize], heads: usize) -> Vec<f32> {
    let (keys, values, rank) = (parts[0], parts[1], shape[1]);
    let (of_keys, of_values) = (keys.len() / heads, values.len() / heads);
    let width = of_keys / rank;
    let turned = |head: usize| (0..of_keys).map(move |i| keys[head * of_keys + i % rank * width + i / rank]);
    (0..heads).flat_map(|head| turned(head).chain(values[head * of_values..][..of_values].iter().copied())).collect()
}

/// Row 2i of a head is its row i, row 2i + 1 the one half a head behind that.
fn pairs(values: &[f32], head_dim: usize, rows: usize) -> Vec<f32> {
    let width = values.len() / rows;
    let source = |row: usize| {
        let (head, within) = (row / head_dim * head_dim, row % head_dim);
        head + within / 2 + within % 2 * (head_dim / 2)
    };
    (0..rows).flat_map(|row| &values[source(row) * width..][..width]).copied().collect()
}

/// Stacks (experts, out, in) as one of (experts, in, outs).
fn transposed(parts: &[&[f32]], shape: &[usize]) -> Vec<f32> {
    let (experts, inputs) = (shape[0], shape[1]);
    let outputs = shape[2] / parts.len();
    let value = |expert: usize, input: usize, output: usize| {
        parts[output / outputs][(expert * outputs + output % outputs) * inputs + input]
    };
    let at = |i: usize| value(i / (shape[1] * shape[2]), i / shape[2] % inputs, i % shape[2]);
    (0..experts * inputs * shape[2]).map(at).collect()
}
