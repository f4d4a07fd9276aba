//! Architectures: one file each, which holds everything that tells it apart. What files of all architectures have in
//! common is read by `config/`, `checkpoint.rs` and `weights.rs` through the types here; what layers have in common is built
//! by `blocks.rs`.
//!
//! A family states what differs from the one that it is closest to and takes the rest over: `..llama::ARCH`. Its `name`
//! and its `classes` are always its own, which a test holds it to.

use std::collections::BTreeSet;
use std::fmt;

use plimsoll_formats::error::{MAX_NAME, one_line};
use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{ConfigMap, FormatError, HyperparamError};
use plimsoll_graph::{Network, PixelOrder};
use plimsoll_kernels::Activation;
use serde_json::Value;

use crate::config::{Biases, GgufConfig, Hyperparams, LayerKeys, Layers, VisionParams};
use crate::names::KINDS;
use crate::{ModelError, TowerNetwork};

macro_rules! architectures {
    ($($name:ident)*; towers $($tower:ident)*) => {
        $(mod $name;)* $(mod $tower;)*
        /// Every architecture that is understood.
        pub(crate) static ARCHITECTURES: &[Arch] = &[$($name::ARCH),*];
        /// Every architecture of vision towers that is understood.
        pub(crate) static TOWERS: &[TowerArch] = &[$($tower::TOWER),*];
    };
}

architectures! { llama ministral3 smollm3 qwen2 qwen2_5_vl qwen3 qwen3_vl qwen3_moe qwen3_vl_moe qwen3_5 qwen3_5_moe olmo3 lfm2 lfm2_moe lfm3 gpt_oss granite_hybrid nemotron_h gemma4 glm4_moe_lite phi3 gemma gemma2 gemma3 llama4; towers idefics3 llama4_vision qwen2_5_vl_vision qwen3_vl_vision gemma3_vision gemma4_vision paligemma lfm2_vl lfm3_vl_vision minicpmv4_6 pixtral }

mod siglip;

/// An architecture of text models: its network, and how published files spell it.
pub struct Arch {
    /// `general.architecture` of its GGUF files, and the family's name in messages.
    pub name: &'static str,
    /// Hugging Face's classes that have this network; the first stands for the GGUF.
    pub(crate) classes: &'static [Class],
    /// Multimodal classes around it whose tower is not understood here: only their text is read.
    pub(crate) wrappers: &'static [Wrapper],
    /// Why no GGUF of it is written, if none is: what a file would have to say.
    pub(crate) unwritten: Option<&'static str>,
    /// What its GGUF files leave to the reader.
    pub(crate) gguf: Gguf,
    /// Its names in safetensors files where they are not the canonical ones: modules and weights of layers, and whole names,
    /// which begin with `model.`; a stack of experts is named without the number of the expert.
    pub(crate) published: &'static [(&'static str, &'static str)],
    /// Matrices that files of either format store as one.
    pub(crate) fused: &'static [Fused],
    /// How gate and up stand in stacks of experts that safetensors files store as one.
    pub(crate) gate_up: GateUp,
    /// Stacks of experts that safetensors files store as (experts, in, out): the stored name, and the stacks
    /// (experts, out, in) that have equal parts of its outputs. Behind `model.layers.N.`
    pub(crate) transposed: &'static [(&'static str, &'static [&'static str])],
    /// Whether folders of MLX are written of it.
    pub(crate) writes_mlx: bool,
    /// What these hyperparameters ask for that mlx-lm's classes leave out, if anything. Source: mlx-lm 0.32.2,
    /// mlx_lm/models/*.py.
    pub(crate) mlx_lacks: fn(&Hyperparams) -> Option<&'static str>,
    /// Writes the network down.
    pub(crate) build: fn(&Hyperparams) -> Result<Network, ModelError>,
}

/// A configuration class of transformers 5.23 (`configuration_*.py`).
pub(crate) struct Class {
    /// The name in `config.json`.
    pub model_type: &'static str,
    /// What the class supplies for keys that a config.json omits. A GGUF states its sizes or is refused.
    pub defaults: fn() -> Value,
    /// Keys that it calls otherwise than most: (there, here).
    pub spelled: &'static [(&'static str, &'static str)],
    /// Sets keys that follow from keys of its own, once all are there.
    pub settle: fn(&mut ConfigMap) -> Result<(), HyperparamError>,
    /// Keys, and kinds of layers without attention, that it reads and others do not. Others have left over `attention_bias`, `mlp_bias`,
    /// `partial_rotary_factor`, `query_pre_attn_scalar`, `attn_logit_softcapping` and `final_logit_softcapping`, and refuse
    /// `num_local_experts` and what `config/refuse.rs` lists.
    pub reads: &'static [&'static str],
    /// Projections that always add a bias.
    pub biases: Biases,
    /// What every layer's queries see.
    pub layers: fn(&LayerKeys) -> Result<Layers, HyperparamError>,
    /// What it supplies for the rotary embedding.
    pub rope: RopeDefaults,
    /// By what transformers reads its tokenizer.
    pub tokenizer: TokenizerClass,
}

impl Class {
    pub fn reads(&self, key: &str) -> bool {
        self.reads.contains(&key)
    }
}

/// What a tokenizer.json is read by. Source: transformers 5.24, `AutoTokenizer.from_pretrained`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenizerClass {
    /// By the class that tokenizer_config.json names.
    #[default]
    Named,
    /// By the class that tokenizer_config.json names, and by this one where it names none.
    OrElse(&'static str),
    /// By itself, whatever class is named.
    File,
    /// By this class, whatever is named.
    Always(&'static str),
}

/// Rotary facts of a class.
pub(crate) struct RopeDefaults {
    /// Base of the frequencies.
    pub theta: f64,
    /// Base of the frequencies of sliding layers, where they have their own.
    pub local_theta: Option<f64>,
    /// Names of scalings that mean another in its files: (there, meant).
    pub aliases: &'static [(&'static str, &'static str)],
    /// How pairs turn by rows and columns of pictures, if they do.
    pub sections: Option<Sections>,
}

/// How many pairs of a head turn by a token's time, row and column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections {
    /// Whether the three take turns; else one stands behind the other.
    pub interleaved: bool,
    /// How many where the files do not say.
    pub usual: [usize; 3],
}

/// A multimodal class around a text model.
pub(crate) struct Wrapper {
    /// The name in `config.json`.
    pub model_type: &'static str,
    /// `model_type` of the text model where the file does not say.
    pub text: &'static str,
    /// `model_type`s of other text models that it is found around.
    pub also: &'static [&'static str],
    /// Whether older files have the keys of the text model beside its own.
    pub flat: bool,
    /// Whether embeddings are tied where the file does not say.
    pub tied: bool,
    /// Keys that it gives its text model where the file says nothing of it, beyond the text class's own.
    pub text_keys: fn() -> Value,
    /// Sets keys of the text model, the second, that follow from its own.
    pub settle: fn(&ConfigMap, &mut ConfigMap) -> Result<(), HyperparamError>,
}

impl Wrapper {
    /// One that says nothing of its text model but what it is.
    pub const fn around(model_type: &'static str, text: &'static str) -> Wrapper {
        Wrapper {
            model_type,
            text,
            also: &[],
            flat: false,
            tied: false,
            text_keys: || Value::Object(Default::default()),
            settle: |_, _| Ok(()),
        }
    }
}

/// What llama.cpp's converter and loader do to an architecture, and its files do not say.
pub(crate) struct Gguf {
    /// Whether llama.cpp has the architecture.
    pub exists: bool,
    /// Other values of `general.architecture` that mean it.
    pub also: &'static [&'static str],
    /// Its names of tensors beyond [`COMMON`], which come first: those of a layer without `blk.N.` and `model.layers.N.`. A
    /// name without `.weight` is a module, with a weight and perhaps a bias.
    pub tensors: &'static [(&'static str, &'static str)],
    /// The order of the rows of Q and K.
    pub rotary_rows: RotaryRows,
    /// Added to the weights of norms by the converter.
    pub norm_shift: f32,
    /// Modules of a layer whose norms the converter leaves as they are.
    pub unshifted: &'static [&'static str],
    /// Beginnings of the names of a layer's tensors that no token needs: of layers that draft others.
    pub ignores: &'static [&'static str],
    /// The MLP's activation, as `hidden_act`.
    pub activation: &'static str,
    /// What `attention.sliding_window` says.
    pub window: Window,
    /// Keys behind `{name}.` whose value may differ from layer to layer, which [`Gguf::facts`] takes care of.
    pub per_layer: &'static [&'static str],
    /// Keys behind `{name}.` that it reads and others refuse: see `config/gguf.rs`.
    pub reads: &'static [&'static str],
    /// Sets keys of the configuration that llama.cpp has in its code, or that its files spell in a way of their own.
    pub facts: fn(&mut GgufConfig) -> Result<(), HyperparamError>,
    /// Whether white space behind a control token is dropped.
    pub strips_after_control: bool,
}

impl Gguf {
    /// What the converter added to the weight of a module, if it is a norm of which that shifts the gains.
    pub fn shift_of(&self, module: &str) -> Option<f32> {
        let is_shifted = module.ends_with("norm") && !self.unshifted.iter().any(|at| module.ends_with(at));
        (is_shifted && self.norm_shift != 0.0).then_some(self.norm_shift)
    }
}

/// A name in files, and the canonical one.
pub(crate) type Name = (&'static str, &'static str);

/// Two tables of names as one: those of a family, and what its mixture has besides.
const fn joined<const A: usize, const B: usize, const N: usize>(a: [Name; A], b: [Name; B]) -> [Name; N] {
    assert!(A + B == N);
    let mut all = [("", ""); N];
    let mut i = 0;
    while i < N {
        all[i] = if i < A { a[i] } else { b[i - A] };
        i += 1;
    }
    all
}

/// The order of the outputs of a stack `experts.gate_up_proj`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum GateUp {
    /// There is none as published: experts are stored one by one. Where there is one it is as the next.
    Apart,
    /// All of the gate, then all of up: (experts, out, in).
    Halves,
    /// By turns, of floats as (experts, in, out), which are copied when a model is opened.
    Alternate,
}

/// Order of the rows of Q and K in a GGUF.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum RotaryRows {
    /// As published: the halves of a head behind each other.
    Halves,
    /// The two rows that rotate together lie side by side.
    Interleaved,
}

/// What the sliding window of a GGUF means.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Window {
    /// The window of the layers that the class says slide.
    Read,
    /// Which layers slide is written nowhere: a window of less than the whole context is refused.
    Refused,
    /// Something else, of which [`Gguf::facts`] takes care.
    Own,
}

/// A matrix that holds the rows of several, and its bias.
pub(crate) struct Fused {
    /// Behind `model.layers.N.`
    pub stored: &'static str,
    /// What it holds, from the first row on.
    pub parts: &'static [(&'static str, Rows)],
    /// Whether GGUF files store it so, too.
    pub in_gguf: bool,
}

/// How many rows a part of a fused matrix has.
#[derive(Clone, Copy)]
pub(crate) enum Rows {
    /// A head's width for each query head.
    Heads,
    /// A head's width for each key and value head.
    KvHeads,
    /// The width of the MLP.
    Ff,
    /// What this key says.
    Key(&'static str),
}

/// GGUF's names of what most architectures have, and Hugging Face's. Source: llama.cpp's gguf-py/gguf/tensor_mapping.py.
pub(crate) const COMMON: [(&str, &str); 9] = [
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

impl Arch {
    /// Every architecture that is understood.
    pub fn all() -> &'static [Arch] {
        ARCHITECTURES
    }

    /// Names in config.json of Hugging Face's classes that have this network.
    pub fn model_types(&self) -> impl Iterator<Item = &'static str> {
        self.classes.iter().map(|class| class.model_type)
    }

    /// The architecture of a GGUF file.
    pub(crate) fn of_gguf(file: &str, name: &str) -> Result<&'static Arch, FormatError> {
        let found = ARCHITECTURES.iter().find(|arch| arch.is_gguf(name));
        found.ok_or_else(|| unknown(file, name))
    }

    fn is_gguf(&self, name: &str) -> bool {
        self.gguf.exists && (self.name == name || self.gguf.also.contains(&name))
    }

    /// Why no GGUF of it is written here, if none is.
    pub fn unwritten(&self) -> Option<&'static str> {
        self.unwritten
    }

    /// Whether folders of MLX are written of it.
    pub fn writes_mlx(&self) -> bool {
        self.writes_mlx
    }

    /// Whether there are GGUF files of it.
    pub fn has_gguf(&self) -> bool {
        self.gguf.exists
    }

    /// The architecture and class of a text model's `model_type`.
    pub(crate) fn of_class(file: &str, model_type: &str) -> Result<(&'static Arch, &'static Class), FormatError> {
        let class_of = |arch: &'static Arch| {
            arch.classes.iter().find(|class| class.model_type == model_type).map(|class| (arch, class))
        };
        ARCHITECTURES.iter().find_map(class_of).ok_or_else(|| unknown(file, model_type))
    }

    /// The architecture that config.json or GGUF calls `name`, if it is known.
    pub fn named(name: &str) -> Option<&'static Arch> {
        ARCHITECTURES.iter().find(|arch| arch.spellings().any(|spelled| spelled == name))
    }

    /// Its name in GGUF, then those in config.json.
    pub(crate) fn spellings(&'static self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.model_types())
    }

    /// Whether its GGUF files hold queries, keys and values of a layer in one tensor.
    pub fn stores_qkv_as_one(&self) -> bool {
        self.fused.iter().any(|fused| fused.parts.iter().any(|(_, rows)| matches!(rows, Rows::KvHeads)))
    }

    /// Whether llama.cpp counts a model of so many layers, and so many query heads for each key, among its 70B, whose mixes
    /// have the few values in more bits. Source: llama.cpp's src/models/{llama,qwen2}.cpp, `load_arch_hparams`.
    pub fn is_70b(&self, n_layers: usize, group: usize) -> bool {
        match self.name {
            "llama" => n_layers == 80 && group > 1,
            "qwen2" => n_layers == 80,
            _ => false,
        }
    }

    /// By what the tokenizer of files of the model type `name` is read.
    pub fn tokenizer_class(&self, name: &str) -> TokenizerClass {
        let class = self.classes.iter().find(|class| class.model_type == name);
        class.map_or(TokenizerClass::File, |class| class.tokenizer)
    }

    /// Whether the tokenizer of its GGUF files drops the white space behind a control token, which they do not say.
    pub fn strips_after_control(&self) -> bool {
        self.gguf.strips_after_control
    }
}

/// Two architectures are the same if they have the same name.
impl PartialEq for Arch {
    fn eq(&self, other: &Arch) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arch({})", self.name)
    }
}

/// The wrapper of this `model_type`, of a tower that is understood or not.
pub(crate) fn wrapper(model_type: &str) -> Option<&'static Wrapper> {
    let all = ARCHITECTURES.iter().flat_map(|arch| arch.wrappers).chain(TOWERS.iter().flat_map(|tower| tower.wrappers));
    all.into_iter().find(|wrapper| wrapper.model_type == model_type)
}

/// The error about the architecture `found`, whichever format declares it.
fn unknown(file: &str, found: &str) -> FormatError {
    let known: BTreeSet<&str> = ARCHITECTURES.iter().flat_map(Arch::spellings).collect();
    let known: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    FormatError::UnknownArchitecture {
        file: file.to_owned(),
        found: one_line(found, MAX_NAME),
        known: known.join(", "),
    }
}

/// Modules behind some layers of a tower, which an mmproj numbers by their layers and canonical names among themselves.
pub(crate) struct BehindLayers {
    /// The key with the numbers of those layers.
    pub(crate) key: &'static str,
    /// What an mmproj calls each, and its canonical name; its number stands for `N`.
    pub(crate) modules: &'static [(&'static str, &'static str)],
}

impl BehindLayers {
    /// The canonical name of a tensor of one of them, if something stands behind `layers`.
    pub(crate) fn name(&self, stored: &str, layers: &[usize]) -> Option<String> {
        let (stored, kind) = stored.rsplit_once('.').filter(|(_, kind)| KINDS.contains(kind))?;
        self.modules.iter().find_map(|(there, canonical)| {
            let (before, after) = there.split_once('N')?;
            let number = stored.strip_prefix(before)?.strip_suffix(after)?;
            let at = layers.iter().position(|layer| layer.to_string() == number)?;
            Some(format!("{}.{kind}", canonical.replacen('N', &at.to_string(), 1)))
        })
    }
}

/// An architecture of vision towers with their connectors, and how published files spell it.
pub struct TowerArch {
    /// llama.cpp's `clip.projector_type`, and the tower's name in messages.
    pub name: &'static str,
    /// Whether there are mmproj files of it.
    pub(crate) has_mmproj: bool,
    /// Multimodal classes that see with it; an mmproj of it is for a model of one of their families.
    pub(crate) wrappers: &'static [Wrapper],
    /// Keys of a `vision_config` that most call otherwise: (there, here).
    pub(crate) spelled: &'static [(&'static str, &'static str)],
    /// Keys of the multimodal class that concern the tower.
    pub(crate) outer: &'static [&'static str],
    /// Sets keys that follow from keys of its own, once all are there.
    pub(crate) settle: fn(&mut ConfigMap) -> Result<(), HyperparamError>,
    /// What the class of the `vision_config` supplies for keys that are omitted, and the wrapper for those that concern it.
    pub(crate) defaults: fn() -> Value,
    /// Beginnings of its names in safetensors files, and what they are in canonical names. The first that fits counts; it
    /// is how published files begin.
    pub(crate) parts: &'static [(&'static str, &'static str)],
    /// The same of the names of its text model.
    pub(crate) text: &'static [(&'static str, &'static str)],
    /// Beginnings of names in folders of MLX, of the text model and of the tower, and what they are in canonical names.
    /// Empty where MLX's own folders hold the text model alone.
    pub(crate) mlx: &'static [(&'static str, &'static str)],
    /// Canonical names, or their ends, of weights that files hold otherwise than as the matrices that they are; of
    /// [`StoredAs::Spare`] their beginnings.
    pub(crate) stored: &'static [(&'static str, StoredAs)],
    /// The order of a patch's pixels in safetensors files; mmproj files have kernels.
    pub(crate) pixels: PixelOrder,
    /// Where tokens of a picture stand in the text.
    pub(crate) standing: Standing,
    /// Why nothing is exported of it, if nothing is.
    pub(crate) unwritten: Option<&'static str>,
    /// Its names in mmproj files beyond [`COMMON_TOWER`], and canonical ones: whole names begin with `v.` or `mm.`, the
    /// others are modules of a layer.
    pub(crate) tensors: &'static [(&'static str, &'static str)],
    /// What the number of a layer stands behind.
    pub(crate) layers: &'static str,
    /// Modules behind some layers.
    pub(crate) behind_layers: Option<BehindLayers>,
    /// Norm's epsilon and activation that no key may change.
    pub(crate) fixed: Option<(f32, Activation)>,
    /// Sets keys that an mmproj has in its tensors, or llama.cpp in its code.
    pub(crate) facts: fn(&GgufFile, &mut ConfigMap) -> Result<(), HyperparamError>,
    /// Writes the tower down.
    pub(crate) build: fn(&VisionParams) -> Result<TowerNetwork, ModelError>,
}

/// How a file holds a weight of a tower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum StoredAs {
    /// A kernel over patches, (out, channels, patch, patch).
    Kernel,
    /// The same over two frames, (out, channels, 2, patch, patch), whose sum counts: a picture fills both.
    Frames,
    /// Kernels over two frames as rows, (out, channels * 2 * patch * patch).
    FlatFrames,
    /// A kernel for each column, (columns, 1, side, side).
    Depthwise,
    /// Several tables of as many rows, (tables, rows, columns).
    Tables(usize),
    /// A matrix turned round, (in, out).
    Turned,
    /// A vector whose values are greater by this in mmproj files alone: their converter adds it.
    Shifted(f32),
    /// All whose names begin so: files may hold them where a configuration has no use for them.
    Spare,
    /// In safetensors files as many rows of each of these modules, one behind the other.
    Rows(&'static [&'static str]),
    /// In mmproj files with the two rows of a head side by side that rotate together.
    RotaryPairs,
}

/// Where the tokens of a picture stand in the text, and so how they are turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// One after the other, as text does.
    InOrder,
    /// All where the picture begins, told apart by row and column; text goes on behind its longer edge.
    ByGrid,
}

/// Names of a layer's modules in mmproj files of most towers, and canonical ones.
pub(crate) const COMMON_TOWER: [(&str, &str); 5] = [
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("ffn_up", "mlp.fc1"),
    ("ffn_down", "mlp.fc2"),
];

impl TowerArch {
    /// Every architecture of vision towers that is understood.
    pub fn all() -> &'static [TowerArch] {
        TOWERS
    }

    /// Names in config.json of the multimodal classes that see with it.
    pub fn model_types(&self) -> impl Iterator<Item = &'static str> {
        self.wrappers.iter().map(|wrapper| wrapper.model_type)
    }

    pub(crate) fn of_wrapper(model_type: &str) -> Option<&'static TowerArch> {
        TOWERS.iter().find(|tower| tower.wrappers.iter().any(|wrapper| wrapper.model_type == model_type))
    }

    pub(crate) fn of_projector(projector: &str) -> Option<&'static TowerArch> {
        TOWERS.iter().find(|tower| tower.has_mmproj && tower.name == projector)
    }

    /// The families of the text models that see with it.
    pub(crate) fn text_families(&self) -> impl Iterator<Item = &'static str> {
        let family = |text: &str| Arch::named(text).expect("a wrapper's text model is known").name;
        self.wrappers
            .iter()
            .flat_map(|wrapper| wrapper.also.iter().chain([&wrapper.text]))
            .map(move |text| family(text))
    }

    /// Where tokens of a picture stand in the text.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Why nothing is exported of it, if nothing is.
    pub fn unwritten(&self) -> Option<&'static str> {
        self.unwritten
    }

    /// Whether files may hold a weight of this canonical name that the network does not have.
    pub fn spares(&self, name: &str) -> bool {
        self.stored.iter().any(|(start, stored)| *stored == StoredAs::Spare && name.starts_with(start))
    }

    /// How files hold the weight of this canonical name, if not as the matrix that it is.
    pub(crate) fn stored_as(&self, name: &str) -> Option<StoredAs> {
        self.stored.iter().find(|(end, _)| name.ends_with(end)).map(|(_, stored)| *stored)
    }
}

/// Two towers are the same if they have the same name.
impl PartialEq for TowerArch {
    fn eq(&self, other: &TowerArch) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for TowerArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TowerArch({})", self.name)
    }
}

#[cfg(test)]
mod tests;
