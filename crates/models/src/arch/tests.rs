//! What every declaration has to keep.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::config::{GGUF_NEUTRAL, NEUTRAL};
use crate::names::{KINDS, Role, mmproj_name, role};

/// What stands before the number of a layer, or of a connector behind one.
const LAYERS: [&str; 3] = ["layers", "blocks", "deepstack_merger_list"];

/// The names of weights that a description declares, those of layers with their number as `N`.
fn declared(network: &Network) -> BTreeSet<String> {
    let name = |name: &str| {
        // The number of a layer stands behind what layers are called; others are names of modules.
        let parts: Vec<&str> = name.split('.').collect();
        let is_layer = |at: usize| at > 0 && LAYERS.contains(&parts[at - 1]) && parts[at].parse::<u32>().is_ok();
        let named = parts.iter().enumerate().map(|(at, part)| if is_layer(at) { "N" } else { part });
        named.collect::<Vec<&str>>().join(".")
    };
    network.weights.iter().map(|weight| name(&weight.name)).collect()
}

/// What the classes' defaults declare, and what configurations with other kinds of layers do.
fn declared_by(arch: &Arch) -> BTreeSet<String> {
    let with = |class: &Class, keys: Value| {
        let mut config = json!({ "model_type": class.model_type });
        config.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let hp = Hyperparams::from_config_json("config.json", &config.to_string()).ok()?;
        Some(declared(&(arch.build)(&hp).unwrap()))
    };
    let of_class = |class: &'static Class| {
        let recurrent = RECURRENT.into_iter().find(|word| class.reads(word)).unwrap_or("sliding_attention");
        let kinds = [
            json!({}),
            json!({ "interleave_moe_layer_step": 2 }),
            json!({ "attention_bias": true }),
            json!({
                "num_hidden_layers": 4, "layer_types": [recurrent, "full_attention", recurrent, "full_attention"],
                "hybrid_override_pattern": "ME*-", "sliding_window": 64,
            }),
            json!({
                "attention_k_eq_v": true, "enable_moe_block": true, "num_experts": 8, "top_k_experts": 2,
                "moe_intermediate_size": 64,
            }),
        ];
        let declared: Vec<BTreeSet<String>> = kinds.into_iter().filter_map(|keys| with(class, keys)).collect();
        assert!(!declared.is_empty(), "`{}` is read from none of these", class.model_type);
        declared.into_iter().flatten()
    };
    arch.classes.iter().flat_map(of_class).collect()
}

/// What classes call layers without attention.
const RECURRENT: [&str; 3] = ["conv", "linear_attention", "mamba"];

fn declared_by_tower(tower: &TowerArch) -> BTreeSet<String> {
    // The usual picture of 14 by 14 patches, which the usual number of tokens does not divide.
    let model_type = tower.wrappers[0].model_type;
    let kinds = [
        json!({ "model_type": model_type, "mm_tokens_per_image": 49 }),
        json!({
            "model_type": model_type, "mm_tokens_per_image": 49, "multimodal_projector_bias": true,
            "vision_config": { "use_clipped_linears": true, "standardize": true },
        }),
    ];
    let with = |config: Value| {
        let hp = Hyperparams::from_config_json("config.json", &config.to_string()).unwrap();
        let params = VisionParams::of_wrapped(&hp).unwrap().unwrap();
        declared(&(tower.build)(&params).unwrap().network)
    };
    kinds.into_iter().flat_map(with).collect()
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
        let in_layer =
            |name: &str| if name.starts_with("model.") { name.to_owned() } else { format!("model.layers.N.{name}") };
        let is_declared = |name: &str| {
            let whole = in_layer(name);
            declared.contains(&whole) || declared.contains(&format!("{whole}.weight"))
        };
        let fused = arch.fused.iter().flat_map(|fused| fused.parts.iter().map(|(part, _)| (*part).to_owned()));
        let of_gguf = arch.gguf.tensors.iter().flat_map(|(_, to)| meant(arch, to));
        let published =
            arch.published.iter().map(|(_, to)| (*to).to_owned()).filter(|to| !to.ends_with("gate_up_proj"));
        let stacks = arch.transposed.iter().flat_map(|(_, parts)| parts.iter().map(|part| (*part).to_owned()));
        for name in fused.chain(of_gguf).chain(published).chain(stacks) {
            assert!(is_declared(&name), "{}: `{name}` is spelled, but no network has it", arch.name);
        }
    }
    let of_common = TOWERS.iter().flat_map(declared_by_tower).collect::<BTreeSet<String>>();
    for (_, module) in COMMON_TOWER {
        let is_declared = of_common.iter().any(|name| name.ends_with(&format!(".N.{module}.weight")));
        assert!(is_declared, "`{module}` is spelled, but no tower has it");
    }
    for tower in TOWERS {
        let declared = declared_by_tower(tower);
        for (file, _) in tower.tensors {
            let is_whole = file.starts_with("v.") || file.starts_with("mm.");
            let file = match is_whole {
                true => (*file).to_owned(),
                false if file.ends_with(".weight") => format!("v.blk.7.{file}"),
                false => format!("v.blk.7.{file}.weight"),
            };
            let name = mmproj_name(tower, &file).unwrap().replace(".7.", ".N.");
            // The second frame of a kernel, which is stored by itself.
            let first = name.strip_suffix(".1").filter(|first| tower.stored_as(first) == Some(StoredAs::Frames));
            let name = first.map_or(name.clone(), str::to_owned);
            assert!(declared.contains(&name), "{}: `{name}` is spelled, but no tower has it", tower.name);
        }
        for (_, part) in tower.parts {
            assert!(declared.iter().any(|name| name.starts_with(part)), "{}: `{part}`", tower.name);
        }
    }
    for (_, module) in COMMON_TOWER {
        let has_it = |tower| declared_by_tower(tower).contains(&format!("{}.N.{module}.weight", tower.layers));
        assert!(TOWERS.iter().any(has_it), "`{module}` is spelled, but no tower has it");
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
    for arch in ARCHITECTURES.iter().filter(|arch| arch.gguf.exists) {
        let modules = arch.gguf.tensors.iter().chain(&COMMON).map(|(gguf, _)| *gguf);
        let kinds = |module: &str| ["", ".weight", ".bias"].map(|kind| format!("blk.7.{module}{kind}"));
        let names = ["token_embd.weight", "output.weight", "output_norm.weight"].map(str::to_owned);
        let whole = arch.gguf.tensors.iter().map(|(gguf, _)| (*gguf).to_owned());
        let names: Vec<String> = modules.flat_map(kinds).chain(names).chain(whole).collect();
        let spelled: BTreeSet<String> = names.iter().flat_map(|name| canonical(arch, name)).collect();
        let missing: Vec<String> = declared_by(arch).difference(&spelled).cloned().collect();
        assert!(missing.is_empty(), "{}: no GGUF name for {missing:?}", arch.name);
    }
    for tower in TOWERS.iter().filter(|tower| tower.has_mmproj) {
        let files = tower.tensors.iter().chain(&COMMON_TOWER).map(|(file, _)| *file);
        let kinds = |file: &str| {
            let of_module = KINDS.map(|kind| format!("v.blk.7.{file}.{kind}"));
            [file.to_owned(), format!("v.blk.7.{file}")].into_iter().chain(of_module).collect::<Vec<_>>()
        };
        let spelled = files.flat_map(kinds).filter_map(|name| mmproj_name(tower, &name));
        let spelled: BTreeSet<String> = spelled.map(|name| name.replace(".7.", ".N.")).collect();
        let missing: Vec<String> = declared_by_tower(tower).difference(&spelled).cloned().collect();
        assert!(missing.is_empty(), "{}: no mmproj name for {missing:?}", tower.name);
    }
}

/// What the parser asks a class whether it reads.
const ASKED: [&str; 9] = [
    "attention_bias",
    "mlp_bias",
    "partial_rotary_factor",
    "query_pre_attn_scalar",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "num_local_experts",
    "mrope_section",
    "global_head_dim",
];

#[test]
fn names_are_an_architectures_own_and_lead_to_known_ones() {
    let mut seen = BTreeSet::new();
    for class in ARCHITECTURES.iter().flat_map(|arch| arch.classes) {
        assert!(seen.insert(class.model_type), "`{}` is declared twice", class.model_type);
        let is_refused = |key: &&&str| NEUTRAL.iter().any(|(refused, ..)| refused == *key);
        let unknown =
            class.reads.iter().find(|key| !ASKED.contains(key) && !RECURRENT.contains(key) && !is_refused(key));
        assert_eq!(unknown, None, "`{}` reads a key that no parser asks for", class.model_type);
    }
    let mut seen = BTreeSet::new();
    for arch in ARCHITECTURES {
        assert!(seen.insert(arch.name), "`{}` is declared twice", arch.name);
        let is_refused = |key: &&&str| GGUF_NEUTRAL.iter().any(|(refused, _)| refused == *key);
        let unknown = arch.gguf.reads.iter().find(|key| **key != "attention.value_length" && !is_refused(key));
        assert_eq!(unknown, None, "`{}` reads a key of GGUF that nobody else refuses", arch.name);
    }
    let mut seen = BTreeSet::new();
    let wrappers = ARCHITECTURES.iter().flat_map(|arch| arch.wrappers);
    for wrapper in wrappers.chain(TOWERS.iter().flat_map(|tower| tower.wrappers)) {
        assert!(seen.insert(wrapper.model_type), "`{}` is declared twice", wrapper.model_type);
        for text in wrapper.also.iter().chain([&wrapper.text]) {
            assert!(Arch::of_class("", text).is_ok(), "{}: `{text}`", wrapper.model_type);
        }
    }
}

/// Files in which a word is an architecture's name and means something else, which is said here.
const OTHERWISE_MEANT: [(&str, &[&str], &str); 11] = [
    ("cli/src/args/catalog.rs", &["smollm3"], "a model in the examples of help"),
    ("cli/src/args/compare.rs", &["llama", "qwen3", "smollm3"], "models in the examples of help"),
    ("cli/src/args/info.rs", &["smollm3"], "a model in the examples of help"),
    ("cli/src/args/pull.rs", &["smollm3"], "a model in the examples of help"),
    ("models/src/export/keys.rs", &["llama"], "a key of attention's temperature"),
    ("engine/src/tokenizer/gguf.rs", &["gemma4", "llama"], "GGUF's words for vocabularies"),
    ("engine/src/tokenizer/json.rs", &["llama"], "a class of tokenizers, of many models"),
    ("engine/src/tokenizer/mod.rs", &["llama"], "a tag of pre-tokenizers, in a message"),
    ("engine/src/tokenizer/own_class.rs", &["qwen3"], "a class of tokenizers, of many models"),
    ("engine/src/tokenizer/to_gguf/scored.rs", &["llama"], "GGUF's word for a SentencePiece vocabulary"),
    (
        "engine/src/tokenizer/pre_tokenizers.rs",
        &["gemma4", "lfm2", "llama", "llama4", "pixtral", "qwen2", "qwen35"],
        "tags of pre-tokenizers",
    ),
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
    let shown = |file: &Path| file.strip_prefix(crates).unwrap().display().to_string().replace('\\', "/");
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

#[test]
fn modules_behind_layers_are_numbered_among_themselves() {
    let qwen = TOWERS.iter().find(|tower| tower.name == "qwen3vl_merger").unwrap();
    let behind = qwen.behind_layers.as_ref().unwrap();
    let name = |stored: &str| behind.name(stored, &[5, 11, 17]);
    let second = "vision_tower.deepstack_merger_list.1";
    for (stored, canonical) in [
        ("v.deepstack.11.norm.weight", Some("norm.weight")),
        ("v.deepstack.11.fc1.bias", Some("linear_fc1.bias")),
        ("v.deepstack.11.fc2.weight", Some("linear_fc2.weight")),
        ("v.deepstack.1.fc1.weight", None),
        ("v.deepstack.011.fc1.weight", None),
        ("v.deepstack.11.fc3.weight", None),
        ("v.deepstack.11.fc1", None),
        ("v.blk.11.fc1.weight", None),
    ] {
        assert_eq!(name(stored), canonical.map(|module| format!("{second}.{module}")), "{stored}");
    }
    let keys = json!({ "model_type": "qwen3_vl", "vision_config": { "deepstack_visual_indexes": [5, 11, 17] } });
    let hp = Hyperparams::from_config_json("config.json", &keys.to_string()).unwrap();
    let declared = declared(&(qwen.build)(&VisionParams::of_wrapped(&hp).unwrap().unwrap()).unwrap().network);
    for (stored, _) in behind.modules {
        let canonical = name(&format!("{}.weight", stored.replace('N', "17"))).unwrap();
        assert!(declared.contains(&canonical.replace(".2.", ".N.")), "`{canonical}` is spelled, but no network has it");
    }
}
