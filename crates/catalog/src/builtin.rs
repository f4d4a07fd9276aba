//! The files that come inside the binary. Adding one is adding its word here; a test holds the lists to the folders.

/// A file's path in the repository, and its text.
type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal: $($name:literal)*) => {
        &[$((
            concat!("catalog/", $folder, "/", $name, ".toml"),
            include_str!(concat!("../../../catalog/", $folder, "/", $name, ".toml")),
        )),*]
    };
}

pub(crate) const MODELS: &[File] = files!("models":
    "claude-haiku-open-weights"
    "demo-large"
    "demo-small"
    "demo-vision"
    "gemma-3-12b"
    "gemma-3-2b-class"
    "llama-3.1-8b"
    "llama-4-compact-12b"
    "llama-4-scout-int4"
    "minicpm-v"
    "mistral-7b"
    "mobilevlm"
    "moondream"
    "paligemma-3b"
    "phi-3-mini"
    "phi-3.5-vision"
    "phi-4"
    "qwen2.5-14b"
    "qwen2.5-3b"
    "smollm3"
    "smolvlm-3b"
    "smolvlm2-turbo"
);

pub(crate) const LICENCES: &[File] = files!("licences":
    "agpl-3.0"
    "apache-2.0"
    "bigscience-openrail-m"
    "bsd-2-clause"
    "bsd-3-clause"
    "cc-by-4.0"
    "cc-by-nc-4.0"
    "cc-by-nc-sa-4.0"
    "cc-by-sa-4.0"
    "cc0-1.0"
    "creativeml-openrail-m"
    "deepseek"
    "gemma"
    "gpl-3.0"
    "lgpl-3.0"
    "llama"
    "llama-2"
    "llama-3"
    "llama-3.1"
    "llama-3.2"
    "llama-3.3"
    "llama-4"
    "minicpm"
    "mistral-research"
    "mit"
    "mpl-2.0"
    "openrail-plus-plus"
    "qwen"
    "qwen-research"
    "qwen-tongyi"
    "qwen-tongyi-research"
    "research-non-commercial"
    "research-only"
);
