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
mod mask;
mod matrices;
mod precision;
mod products;
mod proto;
mod rotary;
mod text;
mod tile_position;
mod tower;
mod walk;
mod weights;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_formats::onnx::{DECODER, EMBEDDING, WHOLE};
use plimsoll_formats::{Folder, JsonObject};
use plimsoll_graph::Network;
use plimsoll_kernels::Pool;
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_quantise::Columns;

pub use error::OnnxError;
pub use matrices::Matrices;
pub use precision::Precision;

use builder::GraphBuilder;
use text::Begin;
use walk::Numbers;
use weights::{DataFile, Stored};

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
    /// How single matrices are stored, and how much their columns count.
    pub matrices: &'a Matrices,
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

impl WrittenGraph {
    /// Whether logits come out of it.
    pub fn is_decoder(&self) -> bool {
        let name = self.file.trim_start_matches("onnx/");
        [WHOLE, DECODER].iter().any(|decoder| name.starts_with(decoder))
    }
}

/// The graphs of an export, of which nothing is written yet.
#[derive(Debug)]
pub struct OnnxGraphs<'a> {
    export: OnnxExport<'a>,
    network: Network,
    config: JsonObject,
    graphs: Vec<(&'static str, Precision, GraphBuilder)>,
}

impl<'a> OnnxExport<'a> {
    /// Builds the graphs; weights stay where they are.
    ///
    /// # Errors
    /// An operation has no rule, or a weight does not fit: each by its name; or there is no config.json.
    pub fn graphs(self) -> Result<OnnxGraphs<'a>, OnnxError> {
        let network = plimsoll_models::network(self.checkpoint)?;
        let config = folder::config(self.companions, self.vision.is_none())?;
        let mut graphs = Vec::new();
        for precision in self.precisions {
            let of_parts = self.parts(&network, *precision)?;
            graphs.extend(of_parts.into_iter().map(|(name, graph)| (name, *precision, graph)));
        }
        Ok(OnnxGraphs { export: self, network, config, graphs })
    }

    fn parts(&self, network: &Network, precision: Precision) -> Result<Vec<(&'static str, GraphBuilder)>, OnnxError> {
        let numbers = Numbers { weights: self.checkpoint.weights(), precision, matrices: self.matrices };
        let Some(vision) = self.vision else {
            return Ok(vec![(WHOLE, text::decoder(network, numbers, Begin::Ids)?)]);
        };
        let tower = plimsoll_models::tower(vision)?;
        Ok(vec![
            (EMBEDDING, text::embedding(network, numbers)?),
            ("vision_encoder", tower::encoder(&tower, Numbers { weights: &vision.weights, ..numbers })?),
            (DECODER, text::decoder(network, numbers, Begin::Embeddings)?),
        ])
    }
}

impl OnnxGraphs<'_> {
    /// Bytes that all weights will take.
    pub fn weight_bytes(&self) -> u64 {
        self.graphs.iter().map(|(_, _, graph)| graph.external_bytes()).sum()
    }

    /// Every matrix that is fitted to blocks, by its canonical name, with what its columns count if that is known.
    pub fn fitted(&self) -> BTreeMap<&str, Option<&Columns>> {
        let stored = self.graphs.iter().flat_map(|(_, _, graph)| &graph.stored);
        let fitted = stored.filter_map(|stored| match stored {
            Stored::Blocks(matrix) if matrix.tensor.dtype() != matrix.dtype => Some(matrix),
            _ => None,
        });
        fitted.map(|matrix| (matrix.tensor.name(), matrix.columns.as_ref())).collect()
    }

    /// The longest sequence that keeps the rotary frequencies a model was first trained with, if it has others. Which of them
    /// turns a key is settled when it is cached, by the length of the sequence then; one that outgrows this length later keeps
    /// keys that were turned for a shorter one.
    pub fn native_context(&self) -> Option<usize> {
        self.network.native_context()
    }

    /// Writes everything into `folder`, which is there and empty. `goes_on` hears of every piece of the weights how many bytes
    /// it had, and says whether the next is to be written.
    ///
    /// # Errors
    /// A value does not fit its new type, a file cannot be read or written, or it was told to stop.
    pub fn write(
        &self,
        folder: &Path,
        pool: &Pool,
        goes_on: &dyn Fn(u64) -> bool,
    ) -> Result<Vec<WrittenGraph>, OnnxError> {
        let onnx = folder.join("onnx");
        std::fs::create_dir(&onnx).map_err(OnnxError::write(&onnx))?;
        let mut written = Vec::new();
        for (name, precision, graph) in &self.graphs {
            written.push(write_graph(&onnx, name, *precision, graph, pool, goes_on)?);
        }
        let OnnxExport { checkpoint, vision, companions, precisions, .. } = self.export;
        folder::write_companions(companions, folder)?;
        if let (None, Some(first)) = (vision, written.first())
            && let Some(settings) = genai::settings(checkpoint, &self.network, &self.config, &first.file)
        {
            folder::write_json(folder, "genai_config.json", settings)?;
        }
        folder::write_config(folder, self.config.clone(), precisions, &written)?;
        Ok(written)
    }
}

fn write_graph(
    folder: &Path,
    name: &str,
    precision: Precision,
    graph: &GraphBuilder,
    pool: &Pool,
    goes_on: &dyn Fn(u64) -> bool,
) -> Result<WrittenGraph, OnnxError> {
    let file = format!("{name}{}.onnx", precision.suffix());
    let data = format!("{file}_data");
    let model = proto::encode(&graph.graph, &data);
    let path = folder.join(&file);
    std::fs::write(&path, &model).map_err(OnnxError::write(&path))?;
    DataFile::create(&folder.join(&data), goes_on)?.write_all(&graph.stored, pool)?;
    let (nodes, bytes) = (graph.graph.nodes.len(), model.len() as u64 + graph.external_bytes());
    Ok(WrittenGraph { file: format!("onnx/{file}"), precision, nodes, bytes })
}
