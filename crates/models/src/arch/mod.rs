//! Architectures: one file each, which holds everything that tells it apart. What files of all architectures have in
//! common is read by `config/`, `checkpoint.rs` and `weights.rs` through the types here; what layers have in common is built
//! by `blocks.rs`.
//!
//! A family states what differs from the one that it is closest to and takes the rest over: `..llama::ARCH`. Its `name`
//! and its `classes` are always its own, which a test holds it to.

use std::fmt;

use plimsoll_formats::error::{MAX_NAME, one_line};
use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{ConfigMap, FormatError, HyperparamError};
use plimsoll_graph::Network;
use plimsoll_kernels::Activation;
use serde_json::Value;

use crate::config::{Biases, GgufConfig, Hyperparams, LayerKeys, Layers, VisionParams};
use crate::{ModelError, Tower};

macro_rules! architectures {
    ($($name:ident)*; towers $($tower:ident)*) => {
        $(mod $name;)* $(mod $tower;)*
        /// Every architecture that is understood.
        pub(crate) static ARCHITECTURES: &[Arch] = &[$($name::ARCH),*];
        /// Every architecture of vision towers that is understood.
        pub(crate) static TOWERS: &[TowerArch] = &[$($tower::TOWER),*];
    };
}

architectures! { llama smollm3 qwen2 qwen3 phi3 gemma3 llama4; towers idefics3 llama4_vision }

/// An architecture of text models: its network, and how published files spell it.
pub struct Arch {
    /// `general.architecture` of its GGUF files, and the family's name in messages.
    pub name: &'static str,
    /// Hugging Face's classes that have this network; the first stands for the GGUF.
    pub(crate) classes: &'static [Class],
    /// Multimodal classes around it whose tower is not understood here: only their text is read.
    pub(crate) wrappers: &'static [Wrapper],
    /// What its GGUF files leave to the reader.
    pub(crate) gguf: Gguf,
    /// Matrices that files of either format store as one.
    pub(crate) fused: &'static [Fused],
    /// Stacks of experts that safetensors files store as (experts, in, out): the stored name, and the stacks
    /// (experts, out, in) that have equal parts of its outputs. Behind `model.layers.N.`
    pub(crate) transposed: &'static [(&'static str, &'static [&'static str])],
    /// Writes the network down.
    pub(crate) build: fn(&Hyperparams) -> Result<Network, ModelError>,
}

/// A configuration class of transformers 5.23 (`configuration_*.py`).
pub(crate) struct Class {
    /// The name in `config.json`.
    pub model_type: &'static str,
    /// What the class supplies for keys that a config.json omits. A GGUF states its sizes or is refused.
    pub defaults: fn() -> Value,
    /// Keys that it reads and others do not, whose configurations have them left over: `attention_bias`, `mlp_bias`,
    /// `partial_rotary_factor`, `query_pre_attn_scalar`, `attn_logit_softcapping`, `final_logit_softcapping`, and
    /// `num_local_experts`, which others refuse.
    pub reads: &'static [&'static str],
    /// Projections that always add a bias.
    pub biases: Biases,
    /// What every layer's queries see.
    pub layers: fn(&LayerKeys) -> Result<Layers, HyperparamError>,
    /// What it supplies for the rotary embedding.
    pub rope: RopeDefaults,
}

impl Class {
    pub fn reads(&self, key: &str) -> bool {
        self.reads.contains(&key)
    }
}

/// Rotary facts of a class.
pub(crate) struct RopeDefaults {
    /// Base of the frequencies.
    pub theta: f64,
    /// Base of the frequencies of sliding layers, where they have their own.
    pub local_theta: Option<f64>,
    /// Names of scalings that mean another in its files: (there, meant).
    pub aliases: &'static [(&'static str, &'static str)],
}

/// A multimodal class around a text model.
pub(crate) struct Wrapper {
    /// The name in `config.json`.
    pub model_type: &'static str,
    /// `model_type` of the text model where the file does not say.
    pub text: &'static str,
    /// Whether embeddings are tied where the file does not say.
    pub tied: bool,
    /// Keys that it gives its text model where the file says nothing of it, beyond the text class's own.
    pub text_keys: fn() -> Value,
}

/// What llama.cpp's converter and loader do to an architecture, and its files do not say.
pub(crate) struct Gguf {
    /// Its names of tensors beyond [`COMMON`], which come first: those of a layer without `blk.N.` and `model.layers.N.`. A
    /// name without `.weight` is a module, with a weight and perhaps a bias.
    pub tensors: &'static [(&'static str, &'static str)],
    /// The order of the rows of Q and K.
    pub rotary_rows: RotaryRows,
    /// Added to the weights of norms by the converter.
    pub norm_shift: f32,
    /// The MLP's activation, as `hidden_act`.
    pub activation: &'static str,
    /// What `attention.sliding_window` says.
    pub window: Window,
    /// Sets keys of the configuration that llama.cpp has in its code, or that its files spell in a way of their own.
    pub facts: fn(&mut GgufConfig) -> Result<(), HyperparamError>,
    /// Whether white space behind a control token is dropped.
    pub strips_after_control: bool,
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
    /// The architecture of a GGUF file.
    pub(crate) fn of_gguf(file: &str, name: &str) -> Result<&'static Arch, FormatError> {
        ARCHITECTURES.iter().find(|arch| arch.name == name).ok_or_else(|| unknown(file, name))
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
        std::iter::once(self.name).chain(self.classes.iter().map(|class| class.model_type))
    }

    /// Whether its GGUF files hold queries, keys and values of a layer in one tensor.
    pub fn stores_qkv_as_one(&self) -> bool {
        self.fused.iter().any(|fused| fused.parts.iter().any(|(_, rows)| matches!(rows, Rows::KvHeads)))
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
    let mut known: Vec<String> =
        ARCHITECTURES.iter().flat_map(Arch::spellings).map(|name| format!("`{name}`")).collect();
    known.sort_unstable();
    known.dedup();
    FormatError::UnknownArchitecture {
        file: file.to_owned(),
        found: one_line(found, MAX_NAME),
        known: known.join(", "),
    }
}

/// An architecture of vision towers with their connectors, and how published files spell it.
pub struct TowerArch {
    /// llama.cpp's `clip.projector_type`, and the tower's name in messages.
    pub name: &'static str,
    /// Multimodal classes that see with it; the family of the first's text model is that of all its mmproj files.
    pub(crate) wrappers: &'static [Wrapper],
    /// What the class of the `vision_config` supplies for keys that are omitted, and the wrapper for those that concern it.
    pub(crate) defaults: fn() -> Value,
    /// Beginnings of its names in safetensors files, and what they are in canonical names. The first that fits counts.
    pub(crate) parts: &'static [(&'static str, &'static str)],
    /// Its names in mmproj files beyond [`COMMON_TOWER`], and canonical ones: whole names begin with `v.` or `mm.`, the
    /// others are modules of a layer.
    pub(crate) tensors: &'static [(&'static str, &'static str)],
    /// What the number of a layer stands behind.
    pub(crate) layers: &'static str,
    /// Norm's epsilon and activation that no key may change.
    pub(crate) fixed: Option<(f32, Activation)>,
    /// Sets keys that an mmproj has in its tensors, or llama.cpp in its code.
    pub(crate) facts: fn(&GgufFile, &mut ConfigMap),
    /// Writes the tower down.
    pub(crate) build: fn(&VisionParams) -> Result<Tower, ModelError>,
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
    pub(crate) fn of_wrapper(model_type: &str) -> Option<&'static TowerArch> {
        TOWERS.iter().find(|tower| tower.wrappers.iter().any(|wrapper| wrapper.model_type == model_type))
    }

    pub(crate) fn of_projector(projector: &str) -> Option<&'static TowerArch> {
        TOWERS.iter().find(|tower| tower.name == projector)
    }

    /// The family of the text models that see with it.
    pub(crate) fn text_family(&self) -> &'static str {
        Arch::named(self.wrappers[0].text).expect("a wrapper's text model is known").name
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
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use serde_json::json;

    use super::*;
    use crate::names::{Role, mmproj_name, role};

    /// The names of weights that a description declares, those of layers with their number as `N`.
    fn declared(network: &Network) -> BTreeSet<String> {
        let name = |name: &str| {
            let parts: Vec<&str> =
                name.split('.').map(|part| if part.parse::<u32>().is_ok() { "N" } else { part }).collect();
            parts.join(".")
        };
        network.weights.iter().map(|weight| name(&weight.name)).collect()
    }

    /// What the classes' defaults declare, and what configurations with other kinds of layers do.
    fn declared_by(arch: &Arch) -> BTreeSet<String> {
        let with = |keys: Value, model_type: &str| {
            let mut config = json!({ "model_type": model_type });
            config.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
            let hp = Hyperparams::from_config_json("config.json", &config.to_string()).unwrap();
            declared(&(arch.build)(&hp).unwrap())
        };
        let kinds = [json!({}), json!({ "interleave_moe_layer_step": 2 }), json!({ "attention_bias": true })];
        let configs = arch.classes.iter().flat_map(|class| kinds.clone().map(|keys| with(keys, class.model_type)));
        configs.flatten().collect()
    }

    fn declared_by_tower(tower: &TowerArch) -> BTreeSet<String> {
        let config = json!({ "model_type": tower.wrappers[0].model_type }).to_string();
        let hp = Hyperparams::from_config_json("config.json", &config).unwrap();
        let params = VisionParams::of_wrapped(&hp).unwrap().unwrap();
        declared(&(tower.build)(&params).unwrap().network)
    }

    /// The canonical names that a name in one of the tables stands for.
    fn meant(arch: &Arch, canonical: &str) -> Vec<String> {
        match arch.fused.iter().find(|fused| fused.stored == canonical) {
            Some(fused) => fused.parts.iter().map(|(part, _)| (*part).to_owned()).collect(),
            None => vec![canonical.to_owned()],
        }
    }

    #[test]
    fn every_name_that_an_architecture_spells_is_declared_by_its_network() {
        for arch in ARCHITECTURES {
            let declared = declared_by(arch);
            let fused = arch.fused.iter().flat_map(|fused| fused.parts.iter().map(|(part, _)| *part));
            let modules = arch.gguf.tensors.iter().filter(|(gguf, _)| !gguf.ends_with(".weight"));
            let modules = modules.flat_map(|(_, to)| meant(arch, to)).chain(fused.map(str::to_owned));
            let whole = arch.gguf.tensors.iter().filter(|(gguf, _)| gguf.ends_with(".weight")).map(|(_, to)| *to);
            let whole = whole.chain(arch.transposed.iter().flat_map(|(_, parts)| parts.iter().copied()));
            for name in modules.map(|module| format!("{module}.weight")).chain(whole.map(str::to_owned)) {
                let name = format!("model.layers.N.{name}");
                assert!(declared.contains(&name), "{}: `{name}` is spelled, but no network has it", arch.name);
            }
        }
        for tower in TOWERS {
            let declared = declared_by_tower(tower);
            for (file, _) in tower.tensors.iter().chain(&COMMON_TOWER) {
                let is_whole = file.starts_with("v.") || file.starts_with("mm.");
                let file = if is_whole { (*file).to_owned() } else { format!("v.blk.7.{file}.weight") };
                let name = mmproj_name(tower, &file).unwrap().replace(".7.", ".N.");
                assert!(declared.contains(&name), "{}: `{name}` is spelled, but no tower has it", tower.name);
            }
            for (_, part) in tower.parts {
                assert!(declared.iter().any(|name| name.starts_with(part)), "{}: `{part}`", tower.name);
            }
        }
    }

    #[test]
    fn every_weight_of_a_network_has_a_name_in_its_gguf() {
        let canonical = |arch: &Arch, name: &str| match role(arch, name) {
            Some(Role::Weight(name)) => {
                let module = name.strip_prefix("model.layers.7.").and_then(|name| name.rsplit_once('.'));
                match module {
                    Some((module, kind)) if arch.fused.iter().any(|fused| fused.stored == module) => {
                        meant(arch, module).iter().map(|part| format!("model.layers.N.{part}.{kind}")).collect()
                    }
                    _ => vec![name.replace(".7.", ".N.")],
                }
            }
            _ => vec![],
        };
        for arch in ARCHITECTURES {
            let modules = arch.gguf.tensors.iter().chain(&COMMON).map(|(gguf, _)| *gguf);
            let kinds = |module: &str| ["", ".weight", ".bias"].map(|kind| format!("blk.7.{module}{kind}"));
            let names = ["token_embd.weight", "output.weight", "output_norm.weight"].map(str::to_owned);
            let names: Vec<String> = modules.flat_map(kinds).chain(names).collect();
            let spelled: BTreeSet<String> = names.iter().flat_map(|name| canonical(arch, name)).collect();
            let missing: Vec<String> = declared_by(arch).difference(&spelled).cloned().collect();
            assert!(missing.is_empty(), "{}: no GGUF name for {missing:?}", arch.name);
        }
        for tower in TOWERS {
            let files = tower.tensors.iter().chain(&COMMON_TOWER).map(|(file, _)| *file);
            let kinds =
                |file: &str| [file.to_owned(), format!("v.blk.7.{file}.weight"), format!("v.blk.7.{file}.bias")];
            let spelled = files.flat_map(kinds).filter_map(|name| mmproj_name(tower, &name));
            let spelled: BTreeSet<String> = spelled.map(|name| name.replace(".7.", ".N.")).collect();
            let missing: Vec<String> = declared_by_tower(tower).difference(&spelled).cloned().collect();
            assert!(missing.is_empty(), "{}: no mmproj name for {missing:?}", tower.name);
        }
    }

    /// What the parser asks a class whether it reads.
    const ASKED: [&str; 7] = [
        "attention_bias",
        "mlp_bias",
        "partial_rotary_factor",
        "query_pre_attn_scalar",
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "num_local_experts",
    ];

    #[test]
    fn names_are_an_architectures_own_and_lead_to_known_ones() {
        let mut seen = BTreeSet::new();
        for class in ARCHITECTURES.iter().flat_map(|arch| arch.classes) {
            assert!(seen.insert(class.model_type), "`{}` is declared twice", class.model_type);
            let unknown = class.reads.iter().find(|key| !ASKED.contains(key));
            assert_eq!(unknown, None, "`{}` reads a key that no parser asks for", class.model_type);
        }
        let mut seen = BTreeSet::new();
        for arch in ARCHITECTURES {
            assert!(seen.insert(arch.name), "`{}` is declared twice", arch.name);
        }
        let mut seen = BTreeSet::new();
        let wrappers = ARCHITECTURES.iter().flat_map(|arch| arch.wrappers);
        for wrapper in wrappers.chain(TOWERS.iter().flat_map(|tower| tower.wrappers)) {
            assert!(seen.insert(wrapper.model_type), "`{}` is declared twice", wrapper.model_type);
            assert!(Arch::of_class("", wrapper.text).is_ok(), "{}: `{}`", wrapper.model_type, wrapper.text);
        }
    }

    /// Files in which a word is an architecture's name and means something else, which is said here.
    const OTHERWISE_MEANT: [(&str, &[&str], &str); 5] = [
        ("cli/src/args.rs", &["llama", "qwen3", "smollm3"], "models in the examples of help"),
        ("engine/src/tokenizer/gguf.rs", &["llama"], "GGUF's word for a SentencePiece vocabulary"),
        ("engine/src/tokenizer/json.rs", &["llama"], "a class of tokenizers, of many models"),
        ("engine/src/tokenizer/mod.rs", &["llama"], "a tag of pre-tokenizers, in a message"),
        ("engine/src/tokenizer/pre_tokenizers.rs", &["llama", "llama4", "qwen2"], "tags of pre-tokenizers"),
    ];
    /// The list of the cards in the binary.
    const CATALOGUE: &str = "catalog/src/builtin.rs";

    /// All that stands before the tests of a file, without comments.
    fn code(text: &str) -> String {
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let without = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
        text.lines().map(without).collect::<Vec<String>>().join("\n").replace("llama.cpp", "")
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            if entry.is_dir() && !["tests", "examples", "benches", "arch", "families"].contains(&name.as_str()) {
                sources(&entry, found);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                found.push(entry);
            }
        }
    }

    #[test]
    fn no_other_source_file_names_an_architecture() {
        let wrappers = ARCHITECTURES.iter().flat_map(|arch| arch.wrappers);
        let wrappers = wrappers.chain(TOWERS.iter().flat_map(|tower| tower.wrappers)).map(|wrapper| wrapper.model_type);
        let names: BTreeSet<&str> = ARCHITECTURES
            .iter()
            .flat_map(Arch::spellings)
            .chain(TOWERS.iter().map(|tower| tower.name))
            .chain(wrappers)
            .collect();
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut files = Vec::new();
        sources(crates, &mut files);
        assert!(files.len() > 100, "{} files of the workspace were found", files.len());
        let mut needed = BTreeSet::new();
        let shown = |file: &Path| file.strip_prefix(crates).unwrap().display().to_string();
        for (shown, file) in files.into_iter().map(|file| (shown(&file), file)).filter(|(at, _)| at != CATALOGUE) {
            let text = code(&std::fs::read_to_string(&file).unwrap());
            for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
                let parts = word.split('_').chain([word]).map(str::to_lowercase);
                for name in parts.filter(|part| names.contains(part.as_str())) {
                    let otherwise =
                        OTHERWISE_MEANT.iter().find(|(at, meant, _)| *at == shown && meant.contains(&name.as_str()));
                    assert!(otherwise.is_some(), "{shown} names the architecture `{name}`: `{word}`");
                    needed.insert((shown.clone(), name));
                }
            }
        }
        let listed = OTHERWISE_MEANT
            .iter()
            .flat_map(|(at, meant, _)| meant.iter().map(|name| ((*at).to_owned(), (*name).to_owned())));
        assert_eq!(needed, listed.collect(), "words that are excused, but stand there no more");
    }
}
