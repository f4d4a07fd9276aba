//! How files store the weights that a network declares: the way back from canonical names to those of published files,
//! and from canonical layouts to stored ones. What reads files is `names.rs` and `weights.rs`; both go by what an
//! architecture declares in its file.

use plimsoll_graph::{Network, WeightDecl, WeightKind};

use crate::arch::{Arch, COMMON, COMMON_TOWER, Fused, GateUp, RotaryRows, StoredAs, TowerArch};
use crate::config::{Hyperparams, VisionParams};

/// A tensor as a file stores it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its name in the file.
    pub name: String,
    /// Its shape in the file, outermost first.
    pub shape: Vec<usize>,
    /// Canonical names of the weights that it holds.
    pub parts: Vec<String>,
    /// How it holds them.
    pub layout: StoredLayout,
}

/// How a stored tensor holds its weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StoredLayout {
    /// The values of its parts, one behind the other.
    Rows,
    /// The two rows of a head that rotate together lie side by side.
    RotaryPairs {
        /// Rows of a head.
        head_dim: usize,
    },
    /// Every value is greater by this.
    Shifted(f32),
    /// Every value `x` is `−e^x`.
    MinusExponential,
    /// A matrix of a stack.
    One(usize),
    /// (experts, out, in), of each expert the outputs of all parts.
    Halves,
    /// Outputs of the parts by turns, in the last dimension: of stacks (experts, in, out).
    Turns,
    /// For each head what makes its keys of the latent vector, then what makes its values.
    Latent,
    /// (experts, in, out), with the outputs of its parts one behind the other.
    Transposed,
    /// Kernels (out, channels, frames, height, width) of which the sum over frames counts.
    Frames,
    /// A matrix (in, out).
    Turned,
    /// A kernel (out, height, width, channels) of what is canonically (out, channels · height · width).
    ChannelsLast,
}

/// The text weights of `network` as the safetensors of a checkpoint with these hyperparameters have them.
pub fn in_safetensors(network: &Network, hp: &Hyperparams) -> Vec<Stored> {
    let wrapper = hp.wrapper.as_deref().and_then(TowerArch::of_wrapper);
    let published = |name: &str| wrapper.map_or_else(|| name.to_owned(), |tower| wrapped(tower, name));
    let all: Vec<&Fused> = hp.arch.fused.iter().collect();
    let stored = network.weights.iter().flat_map(|weight| {
        let (layer, module) = split_layer(&weight.name);
        let stack = hp.arch.transposed.iter().find(|(_, parts)| layer.is_some() && parts.contains(&module));
        match (stack, layer) {
            (Some((_, parts)), _) if parts[0] != module => vec![],
            (Some((name, parts)), Some(layer)) => vec![transposed(weight, layer, name, parts)],
            (None, Some(_)) if module.contains("experts.") || weight.kind == WeightKind::Experts => {
                stacked(network, weight, hp.arch)
            }
            _ => fused(network, weight, &all).into_iter().collect(),
        }
    });
    let spelled = |stored: Stored| {
        let name = published_name(hp.arch.published, &stored.name).unwrap_or_else(|| stored.name.clone());
        Stored { name: published(&name), shape: with_channel(network, &stored), ..stored }
    };
    stored.map(spelled).collect()
}

/// A stack of matrices, or the biases of one, as safetensors files have it: gate and up in one where the architecture says
/// so, else each expert by itself.
fn stacked(network: &Network, weight: &WeightDecl, arch: &Arch) -> Vec<Stored> {
    let (before, part) = weight.name.rsplit_once('.').unwrap_or_default();
    let sibling = |part: &str| format!("{before}.{part}");
    let both = |part: &str, layout, shape: Vec<usize>| {
        let parts = ["gate_proj", "up_proj"].map(|of| sibling(&part.replace("gate_up_proj", of))).to_vec();
        vec![Stored { name: sibling(part), shape, parts, layout }]
    };
    let in_one = published_name(arch.published, &sibling("gate_up_proj"));
    match (part, &weight.shape[..], arch.gate_up) {
        ("v_b_proj" | "up_proj" | "up_proj_bias", _, GateUp::Alternate) | ("v_b_proj", ..) => vec![],
        ("gate_proj", &[n, out, columns], GateUp::Alternate) => {
            both("gate_up_proj", StoredLayout::Turns, vec![n, columns, 2 * out])
        }
        ("gate_proj_bias", &[n, out], GateUp::Alternate) => {
            both("gate_up_proj_bias", StoredLayout::Turns, vec![n, 2 * out])
        }
        ("up_proj", _, GateUp::Halves) => vec![],
        ("gate_proj", &[n, out, columns], GateUp::Halves) => {
            both("gate_up_proj", StoredLayout::Halves, vec![n, 2 * out, columns])
        }
        ("down_proj", &[_, _, _], GateUp::Halves) => vec![whole(weight, weight.name.clone())],
        ("up_proj", ..) if in_one.is_some() => vec![],
        ("gate_proj", &[n, out, columns], _) if in_one.is_some() => {
            let stored = both("gate_up_proj", StoredLayout::Halves, vec![n, 2 * out, columns]);
            stored.into_iter().map(|stored| Stored { name: stored.name + ".weight", ..stored }).collect()
        }
        ("down_proj", &[..], _) if in_one.is_some() => {
            let name = format!("{}.weight", weight.name);
            vec![Stored { name, ..whole(weight, String::new()) }]
        }
        ("k_b_proj", &[heads, rank, keys], _) => {
            let values = network.weights.iter().find(|other| other.name == sibling("v_b_proj"));
            let rows = heads * (keys + values.map_or(0, |values| values.shape[1]));
            let parts = vec![weight.name.clone(), sibling("v_b_proj")];
            vec![Stored {
                name: sibling("kv_b_proj.weight"),
                shape: vec![rows, rank],
                parts,
                layout: StoredLayout::Latent,
            }]
        }
        (_, &[n, out, columns], _) => {
            let stack = published_name(arch.published, &weight.name).unwrap_or_else(|| weight.name.clone());
            let one = |i: usize| Stored {
                name: stack.replace("experts.", &format!("experts.{i}.")) + ".weight",
                shape: vec![out, columns],
                parts: vec![weight.name.clone()],
                layout: StoredLayout::One(i),
            };
            (0..n).map(one).collect()
        }
        _ => vec![whole(weight, weight.name.clone())],
    }
}

/// The other way of [`crate::names::canonical`].
fn published_name(table: &[(&str, &str)], canonical: &str) -> Option<String> {
    if let Some((there, _)) = table.iter().find(|(_, whole)| *whole == canonical) {
        return Some((*there).to_owned());
    }
    let (Some(layer), module) = split_layer(canonical) else { return None };
    Some(format!("model.layers.{layer}.{}", module_name(module, &[table])?))
}

/// Convolutions are (channels, 1, taps) in PyTorch, wherever they are vectors of as many dimensions but one here.
fn with_channel(network: &Network, stored: &Stored) -> Vec<usize> {
    let is_vector = |part: &String| {
        network.weights.iter().any(|weight| weight.name == *part && matches!(weight.kind, WeightKind::Vector { .. }))
    };
    match stored.shape[..] {
        [channels, taps] if stored.name.contains("conv") && is_vector(&stored.parts[0]) => vec![channels, 1, taps],
        _ => stored.shape.clone(),
    }
}

/// The text weights of `network` as a GGUF of a model with these hyperparameters has them.
///
/// # Panics
/// The architecture has no GGUF name for one of them, which a test of this crate holds it to.
pub fn in_gguf(network: &Network, hp: &Hyperparams) -> Vec<Stored> {
    let in_gguf: Vec<&Fused> = hp.arch.fused.iter().filter(|fused| fused.in_gguf).collect();
    let stored = network.weights.iter().filter_map(|weight| fused(network, weight, &in_gguf));
    stored
        .map(|stored| Stored { layout: gguf_layout(&stored, hp), name: gguf_name(&stored.name, hp), ..stored })
        .collect()
}

/// The text weights of `network` as folders of MLX have them: fused where Hugging Face's files are, experts in stacks
/// (experts, out, in). Source: mlx-lm's mlx_lm/models/*.py, `sanitize`.
pub fn in_mlx(network: &Network, hp: &Hyperparams) -> Vec<Stored> {
    let all: Vec<&Fused> = hp.arch.fused.iter().collect();
    let stored = network.weights.iter().filter_map(|weight| {
        let mut stored = fused(network, weight, &all)?;
        if weight.kind == WeightKind::Experts {
            stored.name.push_str(".weight");
        }
        Some(stored)
    });
    stored.map(|stored| Stored { name: named_by_mlx(hp, &stored.name), ..stored }).collect()
}

fn named_by_mlx(hp: &Hyperparams, name: &str) -> String {
    let Some(wrapper) = hp.wrapper.as_deref() else { return name.to_owned() };
    let table = TowerArch::of_wrapper(wrapper).map_or(&[][..], |tower| tower.mlx);
    beginning(table, name).unwrap_or_else(|| format!("language_model.{name}"))
}

/// The weights of a tower as folders of MLX have them; none where they hold the text model alone.
pub fn tower_in_mlx(network: &Network, vision: &VisionParams) -> Vec<Stored> {
    let stored = network.weights.iter().filter_map(|weight| {
        let mut stored = tower_tensor(weight, beginning(vision.arch.mlx, &weight.name)?, vision);
        if let [out, channels, height, width] = stored.shape[..] {
            (stored.shape, stored.layout) = (vec![out, height, width, channels], StoredLayout::ChannelsLast);
        }
        Some(stored)
    });
    stored.collect()
}

/// The weights of a tower as the safetensors of a multimodal checkpoint have them.
pub fn tower_in_safetensors(network: &Network, vision: &VisionParams) -> Vec<Stored> {
    let name = |name: &str| beginning(vision.arch.parts, name).unwrap_or_else(|| name.to_owned());
    let stored = |weight: &WeightDecl| match rows_of(vision.arch, &weight.name) {
        Some((stored, parts)) if parts[0] == weight.name => {
            let mut shape = weight.shape.clone();
            shape[0] *= parts.len();
            Some(Stored { name: name(&stored), shape, parts, layout: StoredLayout::Rows })
        }
        Some(_) => None,
        None => {
            let stored = tower_tensor(weight, name(&weight.name), vision);
            // A single value has no dimension.
            let shape = if stored.shape == [1] { Vec::new() } else { stored.shape };
            Some(Stored { shape, ..stored })
        }
    };
    network.weights.iter().filter_map(stored).collect()
}

/// The tensor that holds the rows of this weight among those of others, and what all of these are called.
fn rows_of(tower: &TowerArch, name: &str) -> Option<(String, Vec<String>)> {
    tower.stored.iter().find_map(|(end, stored)| {
        let (StoredAs::Rows(parts), (_, kind)) = (stored, end.rsplit_once('.')?) else { return None };
        let before = parts.iter().find_map(|part| name.strip_suffix(&format!("{part}.{kind}")))?;
        Some((format!("{before}{end}"), parts.iter().map(|part| format!("{before}{part}.{kind}")).collect()))
    })
}

/// The weights of a tower as an mmproj GGUF has them.
///
/// # Panics
/// As [`in_gguf`].
pub fn tower_in_mmproj(network: &Network, vision: &VisionParams) -> Vec<Stored> {
    let name = |canonical: &str| {
        let whole = vision.arch.tensors.iter().find(|(_, to)| *to == canonical).map(|(name, _)| (*name).to_owned());
        let in_layer = || {
            let rest = canonical.strip_prefix(vision.arch.layers)?.strip_prefix('.')?;
            let (layer, module) = rest.split_once('.')?;
            Some(format!("v.blk.{layer}.{}", module_name(module, &[vision.arch.tensors, &COMMON_TOWER])?))
        };
        whole.or_else(in_layer).unwrap_or_else(|| panic!("{}: no name for `{canonical}`", vision.arch.name))
    };
    let stored = |weight: &WeightDecl| {
        let stored = tower_tensor(weight, name(&weight.name), vision);
        match vision.arch.stored_as(&weight.name) {
            Some(StoredAs::Shifted(by)) => Stored { layout: StoredLayout::Shifted(by), ..stored },
            Some(StoredAs::RotaryPairs) => {
                Stored { layout: StoredLayout::RotaryPairs { head_dim: vision.head_dim }, ..stored }
            }
            _ => stored,
        }
    };
    network.weights.iter().map(stored).collect()
}

fn whole(weight: &WeightDecl, name: String) -> Stored {
    Stored { name, shape: weight.shape.clone(), parts: vec![weight.name.clone()], layout: StoredLayout::Rows }
}

fn tower_tensor(weight: &WeightDecl, name: String, vision: &VisionParams) -> Stored {
    let mut stored = whole(weight, name);
    let (rows, columns, patch) = (weight.shape[0], weight.shape.last().copied().unwrap_or(1), vision.patch_size);
    match vision.arch.stored_as(&weight.name) {
        None | Some(StoredAs::Shifted(_) | StoredAs::Spare | StoredAs::RotaryPairs | StoredAs::Rows(_)) => {}
        Some(StoredAs::Kernel) => stored.shape = vec![rows, vision.n_channels, patch, patch],
        Some(StoredAs::Frames) => {
            (stored.shape, stored.layout) = (vec![rows, vision.n_channels, 2, patch, patch], StoredLayout::Frames);
        }
        Some(StoredAs::FlatFrames) => (stored.shape, stored.layout) = (vec![rows, 2 * columns], StoredLayout::Frames),
        Some(StoredAs::Depthwise) => stored.shape = vec![rows, 1, columns.isqrt(), columns.isqrt()],
        Some(StoredAs::Tables(n)) => stored.shape = vec![n, rows / n, columns],
        Some(StoredAs::Turned) => (stored.shape, stored.layout) = (vec![columns, rows], StoredLayout::Turned),
    }
    stored
}

/// The number of the layer that a weight stands in, and its name there; of others the whole name.
fn split_layer(name: &str) -> (Option<&str>, &str) {
    let layer = name.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.'));
    layer.map_or((None, name), |(layer, module)| (Some(layer), module))
}

fn transposed(weight: &WeightDecl, layer: &str, name: &str, parts: &[&str]) -> Stored {
    let [experts, outputs, inputs] = weight.shape[..] else { unreachable!("experts are stacks of matrices") };
    Stored {
        name: format!("model.layers.{layer}.{name}"),
        shape: vec![experts, inputs, outputs * parts.len()],
        parts: parts.iter().map(|part| format!("model.layers.{layer}.{part}")).collect(),
        layout: StoredLayout::Transposed,
    }
}

/// The tensor that begins with this weight under its canonical name; `None` if the weight stands further on in one.
fn fused(network: &Network, weight: &WeightDecl, table: &[&Fused]) -> Option<Stored> {
    let (Some(layer), module) = split_layer(&weight.name) else { return Some(whole(weight, weight.name.clone())) };
    let found = module.rsplit_once('.').and_then(|(module, kind)| {
        let holds = |fused: &&&Fused| fused.parts.iter().any(|(part, _)| *part == module);
        table.iter().find(holds).map(|fused| (fused, module, kind))
    });
    let Some((fused, module, kind)) = found else { return Some(whole(weight, weight.name.clone())) };
    if fused.parts[0].0 != module {
        return None;
    }
    let parts: Vec<String> =
        fused.parts.iter().map(|(part, _)| format!("model.layers.{layer}.{part}.{kind}")).collect();
    let rows = |part: &String| network.weights.iter().find(|weight| weight.name == *part).map_or(0, |w| w.shape[0]);
    let mut shape = weight.shape.clone();
    shape[0] = parts.iter().map(rows).sum();
    let name = format!("model.layers.{layer}.{}.{kind}", fused.stored);
    Some(Stored { name, shape, parts, layout: StoredLayout::Rows })
}

/// The name that a multimodal class gives a weight of its text model.
fn wrapped(tower: &TowerArch, name: &str) -> String {
    beginning(tower.text, name).unwrap_or_else(|| name.to_owned())
}

/// The name of a file for a canonical one, by the first beginning in `table` that fits.
fn beginning(table: &[(&str, &str)], name: &str) -> Option<String> {
    table.iter().find_map(|(from, to)| Some(format!("{from}{}", name.strip_prefix(to)?)))
}

fn gguf_name(canonical: &str, hp: &Hyperparams) -> String {
    let name = match (canonical, split_layer(canonical)) {
        ("model.embed_tokens.weight", _) => Some("token_embd.weight".to_owned()),
        ("lm_head.weight", _) => Some("output.weight".to_owned()),
        (whole, (None, _)) => {
            let own = hp.arch.gguf.tensors.iter().find(|(_, to)| *to == whole).map(|(name, _)| (*name).to_owned());
            own.or_else(|| (whole == "model.norm.weight").then(|| "output_norm.weight".to_owned()))
        }
        (_, (Some(layer), module)) => {
            module_name(module, &[hp.arch.gguf.tensors, &COMMON]).map(|name| format!("blk.{layer}.{name}"))
        }
    };
    name.unwrap_or_else(|| panic!("{}: no name for `{canonical}`", hp.arch.name))
}

/// What the first of `tables` that has it calls a weight of a layer, whole or by its module.
fn module_name(canonical: &str, tables: &[&[(&str, &str)]]) -> Option<String> {
    let find = |name: &str| tables.iter().flat_map(|table| *table).find(|(_, to)| *to == name).map(|(from, _)| *from);
    if let Some(name) = find(canonical) {
        return Some(name.to_owned());
    }
    let (module, kind) = canonical.rsplit_once('.')?;
    find(module).map(|name| format!("{name}.{kind}"))
}

/// See `fit_gguf` in `weights.rs`.
fn gguf_layout(stored: &Stored, hp: &Hyperparams) -> StoredLayout {
    let module = stored.name.rsplit_once('.').map_or("", |(module, _)| module);
    let rotates = module.ends_with(".q_proj") || module.ends_with(".k_proj");
    if hp.arch.gguf.rotary_rows == RotaryRows::Interleaved && rotates {
        return StoredLayout::RotaryPairs { head_dim: hp.head_dim };
    }
    if stored.name.ends_with(".A_log") {
        return StoredLayout::MinusExponential;
    }
    hp.arch.gguf.shift_of(module).map_or(StoredLayout::Rows, StoredLayout::Shifted)
}
