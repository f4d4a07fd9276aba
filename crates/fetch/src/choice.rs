//! Which files of a repository are needed: one set of weights, and what it is read with.

use std::collections::BTreeMap;

use crate::quantisation::{GgufSet, gguf_sets, is_projector, label_of};

/// What is wanted of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Want {
    /// A label such as `Q4_K_M`, or the name of a GGUF.
    pub quantisation: Option<String>,
    /// Whether the projector is wanted that a GGUF sees with.
    pub mmproj: bool,
}

/// What of a repository is fetched, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The weights, in order.
    pub weights: Vec<String>,
    /// The projector.
    pub mmproj: Option<String>,
    /// Settings, tokenizer, template, licences.
    pub companions: Vec<String>,
    /// The label of a GGUF.
    pub quantisation: Option<String>,
}

/// Why a repository has nothing for what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No such label.
    #[error("there is no {wanted} here; there is {}", words(there))]
    NoSuchQuantisation {
        /// As asked for.
        wanted: String,
        /// Labels that there are.
        there: Vec<String>,
    },
    /// Several, and none was asked for.
    #[error("there are several quantisations, and which one was not said: {}", words(there))]
    WhichQuantisation {
        /// Labels that there are.
        there: Vec<String>,
    },
    /// One of the files of a model in pieces is not in the repository.
    #[error("{file} is not in the repository, and the model is in pieces of which it is one")]
    Incomplete {
        /// The missing piece.
        file: String,
    },
    /// Nothing that is read here.
    #[error("there are no weights here that can be read: {there}")]
    NoWeights {
        /// What is there instead.
        there: &'static str,
    },
    /// No projector.
    #[error("there is no mmproj here, which a GGUF needs to see")]
    NoProjector,
}

/// Files that a model in safetensors is read with.
pub(crate) const COMPANIONS: [&str; 20] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "processor_config.json",
    "image_processor_config.json",
    "video_preprocessor_config.json",
    "tekken.json",
    "params.json",
    "README.md",
    "model.safetensors.index.json",
];
/// What a GGUF does not have in itself.
const BESIDE_GGUF: [&str; 1] = ["README.md"];
const LICENCES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "USE_POLICY", "NOTICE"];
/// What is taken of several where none was asked for: what most people run.
const USUAL: &str = "Q4_K_M";
/// Of several projectors, the one that loses nothing and is small enough.
const PROJECTORS: [&str; 4] = ["F16", "BF16", "Q8_0", "F32"];

/// Chooses among the names of a repository.
///
/// # Errors
/// There is nothing for what is wanted.
pub fn choose(names: &[&str], want: &Want) -> Result<Choice, ChoiceError> {
    let sets = gguf_sets(names);
    if want.quantisation.is_none()
        && !want.mmproj
        && let Some(weights) = safetensors(names)?
    {
        let companions = companions(names, &COMPANIONS);
        return Ok(Choice { weights, mmproj: None, companions, quantisation: None });
    }
    let set = pick(&sets, want.quantisation.as_deref(), names)?;
    let weights = set.pieces().map_err(|file| ChoiceError::Incomplete { file })?;
    let mmproj = if want.mmproj { Some(projector(names)?) } else { None };
    Ok(Choice { weights, mmproj, companions: companions(names, &BESIDE_GGUF), quantisation: set.label.clone() })
}

fn pick<'a>(sets: &'a [GgufSet], wanted: Option<&str>, names: &[&str]) -> Result<&'a GgufSet, ChoiceError> {
    let there = || {
        let mut labels: Vec<String> = sets.iter().map(GgufSet::called).collect();
        labels.dedup();
        labels
    };
    let called = |wanted: &str| {
        let exact = sets.iter().find(|set| set.is_called(wanted));
        exact.or_else(|| sets.iter().find(|set| set.is_called(&format!("UD-{wanted}"))))
    };
    match (sets, wanted) {
        ([], _) => Err(ChoiceError::NoWeights { there: instead(names) }),
        (_, Some(wanted)) => {
            called(wanted).ok_or_else(|| ChoiceError::NoSuchQuantisation { wanted: wanted.to_owned(), there: there() })
        }
        ([only], None) => Ok(only),
        (_, None) => called(USUAL).ok_or_else(|| ChoiceError::WhichQuantisation { there: there() }),
    }
}

/// The safetensors of the root: whole, or in pieces. What is for other programs (`consolidated`) or changes another
/// model (`adapter_model`) is none of them.
fn safetensors(names: &[&str]) -> Result<Option<Vec<String>>, ChoiceError> {
    if names.contains(&"model.safetensors") {
        return Ok(Some(vec!["model.safetensors".to_owned()]));
    }
    let mut sets: BTreeMap<(&str, u32), Vec<u32>> = BTreeMap::new();
    for name in names.iter().filter(|name| !name.contains('/')) {
        let stem = name.strip_suffix(".safetensors");
        if let Some((stem, number, of)) = stem.and_then(crate::quantisation::piece) {
            sets.entry((stem, of)).or_default().push(number);
        }
    }
    let set = sets
        .iter()
        .find(|((stem, _), _)| *stem == "model")
        .or(sets.iter().find(|((stem, _), _)| *stem != "consolidated"));
    if let Some(((stem, of), _)) = set {
        let pieces = (1..=*of).map(|number| format!("{stem}-{number:05}-of-{of:05}.safetensors"));
        let pieces: Vec<String> = pieces.collect();
        return match pieces.iter().find(|piece| !names.contains(&piece.as_str())) {
            Some(missing) => Err(ChoiceError::Incomplete { file: missing.clone() }),
            None => Ok(Some(pieces)),
        };
    }
    let single = |name: &&&str| {
        let other = ["consolidated", "adapter_model"].iter().any(|begin| name.starts_with(begin));
        name.ends_with(".safetensors") && !name.contains('/') && !other
    };
    let mut singles = names.iter().filter(single);
    Ok(match (singles.next(), singles.next()) {
        (Some(only), None) => Some(vec![(*only).to_owned()]),
        _ => None,
    })
}

fn projector(names: &[&str]) -> Result<String, ChoiceError> {
    let mut all: Vec<&str> = names.iter().copied().filter(|name| is_projector(name)).collect();
    let rank = |name: &str| {
        let label = label_of(name);
        PROJECTORS.iter().position(|known| label.as_deref() == Some(known)).unwrap_or(PROJECTORS.len())
    };
    all.sort_by_key(|name| (rank(name), name.to_owned()));
    all.first().map(|name| (*name).to_owned()).ok_or(ChoiceError::NoProjector)
}

fn companions(names: &[&str], known: &[&str]) -> Vec<String> {
    let is_licence = |name: &str| {
        let upper = name.to_ascii_uppercase();
        !name.contains('/') && LICENCES.iter().any(|begin| upper.starts_with(begin))
    };
    let is_template = |name: &str| name.starts_with("additional_chat_templates/") && name.ends_with(".jinja");
    let templates = known.len() > 1;
    let needed = |name: &str| known.contains(&name) || is_licence(name) || (templates && is_template(name));
    names.iter().filter(|name| needed(name)).map(|name| (*name).to_owned()).collect()
}

fn instead(names: &[&str]) -> &'static str {
    let has = |end: &str| names.iter().any(|name| name.ends_with(end));
    if names.contains(&"adapter_config.json") {
        "a LoRA adapter, which is no model by itself"
    } else if has(".onnx") {
        "ONNX files"
    } else if has(".bin") || has(".pth") || has(".pt") || has(".ckpt") {
        "PyTorch's own format, which can hold programs and is not opened"
    } else {
        "neither safetensors nor GGUF"
    }
}

fn words(labels: &[String]) -> String {
    let shown: Vec<&str> = labels.iter().take(30).map(String::as_str).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(label: &str) -> Want {
        Want { quantisation: Some(label.to_owned()), mmproj: false }
    }

    #[test]
    fn one_format_is_taken_and_nothing_that_is_for_others() {
        let names = [
            "config.json",
            "LICENSE.txt",
            "README.md",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "consolidated.safetensors",
            "original/consolidated.00.pth",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "tokenizer.json",
            "sub/config.json",
            "additional_chat_templates/rag.jinja",
        ];
        let choice = choose(&names, &Want::default()).unwrap();
        assert_eq!(choice.weights, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]);
        let companions = [
            "config.json",
            "LICENSE.txt",
            "README.md",
            "model.safetensors.index.json",
            "tokenizer.json",
            "additional_chat_templates/rag.jinja",
        ];
        assert_eq!(choice.companions, companions);
        let error = choose(&names[..4], &Want::default()).unwrap_err();
        assert_eq!(error, ChoiceError::Incomplete { file: "model-00002-of-00002.safetensors".to_owned() });
    }

    #[test]
    fn a_quantisation_is_taken_by_its_label_with_all_its_pieces() {
        let names = [
            "x-Q4_K_M.gguf",
            "x-Q8_0-00001-of-00002.gguf",
            "x-Q8_0-00002-of-00002.gguf",
            "UD/x-UD-Q2_K_XL.gguf",
            "mmproj-x-Q8_0.gguf",
            "mmproj-x-f16.gguf",
            "LICENSE",
            "config.json",
        ];
        let weights = |want: &Want| choose(&names, want).map(|choice| choice.weights);
        assert_eq!(weights(&Want::default()).unwrap(), ["x-Q4_K_M.gguf"], "the usual one");
        assert_eq!(weights(&want("q8_0")).unwrap(), ["x-Q8_0-00001-of-00002.gguf", "x-Q8_0-00002-of-00002.gguf"]);
        assert_eq!(weights(&want("Q2_K_XL")).unwrap(), ["UD/x-UD-Q2_K_XL.gguf"]);
        assert_eq!(weights(&want("x-Q4_K_M.gguf")).unwrap(), ["x-Q4_K_M.gguf"]);
        let error = weights(&want("Q6_K")).unwrap_err().to_string();
        assert!(error.contains("Q4_K_M") && error.contains("UD-Q2_K_XL") && !error.contains("mmproj"), "{error}");
        let seeing = choose(&names, &Want { mmproj: true, ..want("Q8_0") }).unwrap();
        assert_eq!(seeing.mmproj.as_deref(), Some("mmproj-x-f16.gguf"));
        assert_eq!(seeing.companions, ["LICENSE"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_what_is_there() {
        let there = |names: &[&str]| choose(names, &Want::default()).unwrap_err().to_string();
        assert!(there(&["adapter_config.json", "adapter_model.safetensors"]).contains("LoRA"));
        assert!(there(&["pytorch_model.bin"]).contains("PyTorch"));
        assert!(there(&["model.onnx"]).contains("ONNX"));
        assert!(there(&["a-Q2_K.gguf", "a-Q3_K_S.gguf"]).contains("Q2_K, Q3_K_S"));
    }
}
