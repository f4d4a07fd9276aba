//! ONNX, for ONNX Runtime and transformers.js: a folder with the settings and the tokenizer of the model, and in `onnx/` a graph
//! for each part and precision, its weights in a file beside it.
//!
//! The layout is transformers.js's (4.3): `model` for text; `embed_tokens`, `vision_encoder` and `decoder_model_merged` for a
//! model that sees. A decoder of text runs in onnxruntime-genai (0.18) from the same folder, which `genai_config.json` tells of.

mod blocks;
mod builder;
mod error;
mod folder;
mod genai;
mod precision;
mod proto;
mod text;
mod tower;
mod walk;
mod weights;
mod wire;

use std::path::Path;

use plimsoll_formats::Folder;
use plimsoll_graph::Network;
use plimsoll_kernels::Pool;
use plimsoll_models::{Checkpoint, Vision};

pub use error::OnnxError;
pub use precision::Precision;

use builder::GraphBuilder;
use text::Begin;
use weights::DataFile;

/// What is written.
#[derive(Debug, Clone, Copy)]
pub struct OnnxExport<'a> {
    /// The model.
    pub checkpoint: &'a Checkpoint,
    /// Its vision tower, if pictures are to be read.
    pub vision: Option<&'a Vision>,
    /// Where config.json, the tokenizer and other settings lie.
    pub companions: &'a Folder,
    /// In what numbers; the first is what is loaded where nobody asks for another.
    pub precisions: &'a [Precision],
}

/// A graph that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenGraph {
    /// Its file, from the folder on: `onnx/model_q4.onnx`.
    pub file: String,
    /// In what numbers.
    pub precision: Precision,
    /// Nodes.
    pub nodes: usize,
    /// Bytes of the graph and of its external data.
    pub bytes: u64,
}

impl OnnxExport<'_> {
    /// Writes everything into `folder`, which is there and empty.
    ///
    /// # Errors
    /// An operation has no rule, a weight does not fit, or a file cannot be written: each by its name.
    pub fn write(&self, folder: &Path, pool: &Pool) -> Result<Vec<WrittenGraph>, OnnxError> {
        let onnx = folder.join("onnx");
        std::fs::create_dir(&onnx).map_err(OnnxError::write(&onnx))?;
        let network = plimsoll_models::network(self.checkpoint)?;
        let config = folder::config(self.companions, self.vision.is_none())?;
        let mut written = Vec::new();
        for precision in self.precisions {
            for (name, graph) in self.graphs(&network, *precision)? {
                written.push(write_graph(&onnx, name, *precision, &graph, pool)?);
            }
        }
        folder::write_companions(self.companions, folder)?;
        if let (None, Some(first)) = (self.vision, written.first())
            && let Some(settings) = genai::settings(self.checkpoint, &network, &config, &first.file)
        {
            folder::write_json(folder, "genai_config.json", settings)?;
        }
        folder::write_config(folder, config, self.precisions, &written)?;
        Ok(written)
    }

    fn graphs(&self, network: &Network, precision: Precision) -> Result<Vec<(&'static str, GraphBuilder)>, OnnxError> {
        let weights = self.checkpoint.weights();
        let Some(vision) = self.vision else {
            return Ok(vec![("model", text::decoder(network, weights, precision, Begin::Ids)?)]);
        };
        let tower = plimsoll_models::tower(vision)?;
        Ok(vec![
            ("embed_tokens", text::embedding(network, weights, precision)?),
            ("vision_encoder", tower::encoder(&tower, &vision.weights, precision)?),
            ("decoder_model_merged", text::decoder(network, weights, precision, Begin::Embeddings)?),
        ])
    }
}

fn write_graph(
    folder: &Path,
    name: &str,
    precision: Precision,
    graph: &GraphBuilder,
    pool: &Pool,
) -> Result<WrittenGraph, OnnxError> {
    let file = format!("{name}{}.onnx", precision.suffix());
    let data = format!("{file}_data");
    let model = proto::encode(&graph.graph, &data);
    let path = folder.join(&file);
    std::fs::write(&path, &model).map_err(OnnxError::write(&path))?;
    let external = DataFile::create(&folder.join(&data))?.write_all(&graph.stored, pool)?;
    let (nodes, bytes) = (graph.graph.nodes.len(), model.len() as u64 + external);
    Ok(WrittenGraph { file: format!("onnx/{file}"), precision, nodes, bytes })
}
