//! The graphs of a folder in the layout of transformers.js: found and mapped, never read. ONNX Runtime runs them.
//! Source: transformers.js, src/utils/dtypes.js and src/models/session.js.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::error::FormatError;
use crate::files::{file_name, parent};
use crate::folder::{Folder, JsonObject};
use crate::mapping::FileBytes;

/// What stands behind a graph's name, by the name of the numbers that its weights are in.
const SUFFIXES: [(&str, &str); 9] = [
    ("fp32", ""),
    ("fp16", "_fp16"),
    ("q8", "_quantized"),
    ("int8", "_int8"),
    ("uint8", "_uint8"),
    ("q4", "_q4"),
    ("q4f16", "_q4f16"),
    ("bnb4", "_bnb4"),
    ("q2", "_q2"),
];
/// The folder of a model's folder that its graphs lie in.
const SUBFOLDER: &str = "onnx";
/// A text model by itself: token ids in, logits out.
pub const WHOLE: &str = "model";
/// A text model that is handed embeddings.
pub const DECODER: &str = "decoder_model_merged";
/// The table that they are of.
pub const EMBEDDING: &str = "embed_tokens";

/// What stands behind the names of graphs whose weights are in these numbers; nothing of unknown ones.
pub fn suffix(dtype: &str) -> Option<&'static str> {
    SUFFIXES.iter().find(|(name, _)| *name == dtype).map(|(_, suffix)| *suffix)
}

/// The text model of a folder, in one of the precisions that it is there in.
#[derive(Debug, Clone)]
pub struct OnnxGraphs {
    /// Token ids, or their embeddings, in; logits out.
    pub decoder: PathBuf,
    /// Token ids in, embeddings out, where the decoder is handed these.
    pub embedding: Option<PathBuf>,
    /// Both files and those that hold their weights, with their names in the folder.
    pub files: Vec<(String, Arc<FileBytes>)>,
}

impl OnnxGraphs {
    /// Whether a folder has graphs, beside its config.json.
    pub fn are_in(path: &Path) -> bool {
        path.join(SUBFOLDER).is_dir()
    }

    /// Those that are loaded where nobody asks for others: by config.json, else those in singles, else the only ones.
    ///
    /// # Errors
    /// There are none, or several and none of them is meant.
    pub fn of_folder(path: &Path, config: &JsonObject) -> Result<OnnxGraphs, FormatError> {
        let of = path.join(SUBFOLDER);
        let names = Folder::Disk(of.clone()).names()?;
        let graphs: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".onnx")).collect();
        let suffixes = |of: &'static str| {
            let known = move |suffix: &&str| SUFFIXES.iter().any(|(_, known)| known == suffix);
            graphs.iter().filter_map(move |graph| graph.strip_prefix(of)).filter(known)
        };
        let name = if suffixes(WHOLE).next().is_some() { WHOLE } else { DECODER };
        let found: Vec<&str> = suffixes(name).collect();
        let meant = meant(config, name).filter(|suffix| found.contains(suffix));
        let suffix = match (meant, &found[..]) {
            (Some(suffix), _) => suffix,
            (None, [suffix]) => suffix,
            (None, []) => return Err(no_graph(&of, "no graph called model*.onnx or decoder_model_merged*.onnx")),
            (None, several) if several.contains(&"") => "",
            (None, several) => {
                let names: Vec<String> = several.iter().map(|suffix| format!("{name}{suffix}.onnx")).collect();
                return Err(no_graph(
                    &of,
                    &format!("several graphs, of which one must be named: {}", names.join(", ")),
                ));
            }
        };
        OnnxGraphs::open(&of, name, suffix)
    }

    /// The graphs that go with one of them.
    ///
    /// # Errors
    /// It is no text model, or a file is not there.
    pub fn of_file(path: &Path) -> Result<OnnxGraphs, FormatError> {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let named = |name: &'static str| {
            let suffix = stem.strip_prefix(name)?;
            SUFFIXES.iter().find(|(_, known)| *known == suffix).map(|(_, known)| (name, *known))
        };
        match named(DECODER).or_else(|| named(WHOLE)) {
            Some((name, suffix)) => OnnxGraphs::open(&parent(path), name, suffix),
            None => Err(no_graph(
                path,
                "a graph that is no text model, which are model*.onnx and decoder_model_merged*.onnx",
            )),
        }
    }

    /// The folder whose settings and tokenizer belong to a graph.
    pub fn folder_of(graph: &Path) -> PathBuf {
        let folder = parent(graph);
        if file_name(&folder) == SUBFOLDER { parent(&folder) } else { folder }
    }

    fn open(of: &Path, name: &str, suffix: &str) -> Result<OnnxGraphs, FormatError> {
        let decoder = of.join(format!("{name}{suffix}.onnx"));
        let embedding = (name == DECODER).then(|| of.join(format!("{EMBEDDING}{suffix}.onnx")));
        let names = Folder::Disk(of.to_owned()).names()?;
        let mut files = Vec::new();
        for graph in std::iter::once(&decoder).chain(&embedding) {
            let graph = file_name(graph);
            // model.onnx_data, model.onnx_data_1 and so on.
            let belongs = |file: &&String| {
                file.strip_prefix(&*graph).is_some_and(|end| end.is_empty() || end.starts_with("_data"))
            };
            let mut belonging = names.iter().filter(belongs).peekable();
            if belonging.peek().is_none_or(|first| **first != graph) {
                return Err(FormatError::NoModel {
                    path: of.display().to_string(),
                    found: format!("no `{graph}`, which its model needs"),
                });
            }
            for file in belonging {
                files.push((file.clone(), FileBytes::map(&of.join(file))?));
            }
        }
        Ok(OnnxGraphs { decoder, embedding, files })
    }
}

/// The suffix that config.json names for a graph.
fn meant(config: &JsonObject, graph: &str) -> Option<&'static str> {
    let dtype = config.get("transformers.js_config")?.get("dtype")?;
    match dtype {
        Value::String(dtype) => suffix(dtype),
        Value::Object(by_graph) => suffix(by_graph.get(graph)?.as_str()?),
        _ => None,
    }
}

fn no_graph(path: &Path, found: &str) -> FormatError {
    FormatError::NoModel { path: path.display().to_string(), found: found.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("onnx")).unwrap();
        for file in files {
            std::fs::write(folder.path().join("onnx").join(file), file).unwrap();
        }
        folder
    }

    fn found(files: &[&str], dtype: Value) -> Result<Vec<String>, String> {
        let folder = folder(files);
        let config = json!({ "transformers.js_config": { "dtype": dtype } }).as_object().unwrap().clone();
        let graphs = OnnxGraphs::of_folder(folder.path(), &config).map_err(|error| error.to_string())?;
        Ok(graphs.files.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn the_graph_is_the_one_that_is_meant_else_that_in_singles_else_the_only_one() {
        let all = ["model.onnx", "model.onnx_data", "model_q4.onnx", "model_q4.onnx_data", "model_q4.onnx_data_1"];
        assert_eq!(found(&all, json!("q4")).unwrap(), all[2..]);
        assert_eq!(found(&all, Value::Null).unwrap(), all[..2]);
        assert_eq!(found(&all, json!("fp16")).unwrap(), all[..2], "one that is not there is not meant");
        assert_eq!(found(&["model_q4f16.onnx"], Value::Null).unwrap(), ["model_q4f16.onnx"]);
        let error = found(&["model_q4.onnx", "model_fp16.onnx"], Value::Null).unwrap_err();
        assert!(error.ends_with("must be named: model_fp16.onnx, model_q4.onnx"), "{error}");
    }

    #[test]
    fn a_model_that_sees_is_two_graphs_of_one_precision() {
        let parts = ["decoder_model_merged_q4.onnx", "embed_tokens_q4.onnx", "vision_encoder_q4.onnx"];
        assert_eq!(found(&parts, json!({ "decoder_model_merged": "q4" })).unwrap(), parts[..2]);
        let error = found(&[parts[0], "embed_tokens.onnx"], json!("q4")).unwrap_err();
        assert!(error.contains("no `embed_tokens_q4.onnx`"), "{error}");
    }

    #[test]
    fn a_graph_may_be_named_by_itself_and_a_tower_is_no_text_model() {
        let files = ["model_q4.onnx", "vision_encoder.onnx"];
        let folder = folder(&files);
        let [text, tower] = files.map(|file| folder.path().join("onnx").join(file));
        assert_eq!(OnnxGraphs::of_file(&text).unwrap().decoder, text);
        assert_eq!(OnnxGraphs::folder_of(&text), folder.path());
        let error = OnnxGraphs::of_file(&tower).unwrap_err().to_string();
        assert!(error.contains("a graph that is no text model"), "{error}");
        assert!(found(&["model_q9.onnx", "tokenizer.onnx"], Value::Null).unwrap_err().contains("no graph called"));
    }
}
