//! Finding the weights that a network declares, and checking every one of them, before anything runs.

use std::collections::HashSet;

use plimsoll_formats::{FormatError, Tensor};
use plimsoll_graph::{Network, WeightDecl, WeightId, WeightKind};
use plimsoll_kernels::Matrix;
use plimsoll_models::{Checkpoint, Vision, Weights as Stored};

/// A weight ready for use.
#[derive(Debug)]
enum Bound {
    /// A view into the file.
    Matrix(Tensor),
    /// One view for each expert.
    Experts(Vec<Tensor>),
    /// A short vector in f32.
    Vector(Vec<f32>),
}

/// All weights of a network, by id. Every access below was checked by [`BoundWeights::bind`].
#[derive(Debug)]
pub(crate) struct BoundWeights(Vec<Bound>);

impl BoundWeights {
    /// Those of a text network.
    pub(crate) fn of_text(network: &Network, checkpoint: &Checkpoint) -> Result<BoundWeights, FormatError> {
        let n_layers = checkpoint.hyperparams.n_layers;
        let in_layer = |name: &str| layer_of(name, "model.layers.").is_some_and(|layer| layer < n_layers);
        BoundWeights::bind(network, checkpoint.weights(), checkpoint.hyperparams.arch_name, in_layer)
    }

    /// Those of a vision tower with its connector.
    pub(crate) fn of_tower(network: &Network, vision: &Vision) -> Result<BoundWeights, FormatError> {
        let n_layers = vision.params.n_layers;
        let beyond = |name: &str| {
            let layer =
                name.split_once(".layers.").and_then(|(before, _)| layer_of(name, &format!("{before}.layers.")));
            layer.is_some_and(|layer| layer >= n_layers)
        };
        let arch = vision.params.arch;
        BoundWeights::bind(network, &vision.weights, arch.name, |name| !beyond(name) && !arch.spares(name))
    }

    /// A weight that `belongs` to the network and that it has no place for (a bias, a norm) would change the model by its
    /// absence. Layers beyond the configuration's count are left out, as the reference leaves them.
    pub(crate) fn bind(
        network: &Network,
        stored: &Stored,
        arch: &str,
        belongs: impl Fn(&str) -> bool,
    ) -> Result<BoundWeights, FormatError> {
        let bound = network.weights.iter().map(|decl| bind_one(decl, stored)).collect::<Result<_, _>>()?;
        let declared: HashSet<&str> = network.weights.iter().map(|decl| decl.name.as_str()).collect();
        match stored.iter().find(|tensor| belongs(tensor.name()) && !declared.contains(tensor.name())) {
            None => Ok(BoundWeights(bound)),
            Some(left) => Err(left.error(format!(
                "is not part of the architecture `{arch}` with this configuration, so leaving it out would change the model"
            ))),
        }
    }

    pub(crate) fn matrix(&self, id: WeightId) -> Matrix<'_> {
        match &self.0[id.0] {
            Bound::Matrix(tensor) => checked(tensor),
            other => unreachable!("weight {} is no matrix: {other:?}", id.0),
        }
    }

    pub(crate) fn expert(&self, id: WeightId, expert: usize) -> Matrix<'_> {
        match &self.0[id.0] {
            Bound::Experts(tensors) => checked(&tensors[expert]),
            other => unreachable!("weight {} holds no experts: {other:?}", id.0),
        }
    }

    /// Has the system fetch an expert that will be used soon.
    pub(crate) fn expert_will_be_needed(&self, id: WeightId, expert: usize) {
        if let Bound::Experts(tensors) = &self.0[id.0] {
            tensors[expert].will_need();
        }
    }

    pub(crate) fn vector(&self, id: WeightId) -> &[f32] {
        match &self.0[id.0] {
            Bound::Vector(values) => values,
            other => unreachable!("weight {} is no vector: {other:?}", id.0),
        }
    }
}

fn checked(tensor: &Tensor) -> Matrix<'_> {
    tensor.matrix().expect("checked when it was bound")
}

/// The layer of a weight in one; `None` for other weights, and for tables of the rotary embedding, which are computed.
fn layer_of(name: &str, layers: &str) -> Option<usize> {
    let (layer, rest) = name.strip_prefix(layers)?.split_once('.')?;
    if rest.contains("rotary_emb.") { None } else { layer.parse().ok() }
}

fn bind_one(decl: &WeightDecl, stored: &Stored) -> Result<Bound, FormatError> {
    let found = stored.require_shape(&decl.name, &decl.shape)?;
    Ok(match decl.kind {
        WeightKind::Vector { offset } => Bound::Vector(found.to_f32().into_iter().map(|x| x + offset).collect()),
        WeightKind::Matrix => {
            found.matrix()?;
            Bound::Matrix(found.clone())
        }
        WeightKind::Experts => {
            let experts: Vec<Tensor> = (0..decl.shape[0]).map(|i| found.expert(i)).collect::<Result<_, _>>()?;
            experts.iter().try_for_each(|tensor| tensor.matrix().map(drop))?;
            Bound::Experts(experts)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Map, json};

    use super::*;

    const CONFIG: &str = r#"{ "model_type": "llama", "vocab_size": 6, "hidden_size": 8, "intermediate_size": 12,
        "num_hidden_layers": 1, "num_attention_heads": 2, "tie_word_embeddings": true }"#;

    fn bind(checkpoint: &Checkpoint) -> Result<BoundWeights, String> {
        let network = plimsoll_models::network(checkpoint).map_err(|e| e.to_string())?;
        BoundWeights::of_text(&network, checkpoint).map_err(|e| e.to_string())
    }

    /// A Llama of one layer, all zeros, with a vector `extra` of 8 beside its weights.
    fn llama_with(extra: &'static str) -> Checkpoint {
        let layer = |part: &str| format!("model.layers.0.{part}.weight");
        let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![6, 8]), (extra.to_owned(), vec![8])];
        shapes.push(("model.norm.weight".to_owned(), vec![8]));
        shapes.extend(["input_layernorm", "post_attention_layernorm"].map(|part| (layer(part), vec![8])));
        shapes.extend(["q", "k", "v", "o"].map(|part| (layer(&format!("self_attn.{part}_proj")), vec![8, 8])));
        shapes.extend(["gate", "up"].map(|part| (layer(&format!("mlp.{part}_proj")), vec![12, 8])));
        shapes.push((layer("mlp.down_proj"), vec![8, 12]));
        let (mut header, mut end) = (Map::new(), 0);
        for (name, shape) in shapes {
            let start = end;
            end += 4 * shape.iter().product::<usize>();
            header.insert(name, json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
        }
        let header = serde_json::to_vec(&header).unwrap();
        let file = [&(header.len() as u64).to_le_bytes()[..], &header, &vec![0; end]].concat();
        let files = [("config.json", CONFIG.as_bytes()), ("model.safetensors", &*file.leak())];
        Checkpoint::from_embedded("demo", Box::leak(Box::new(files))).unwrap()
    }

    #[test]
    fn a_weight_of_a_layer_that_the_network_does_not_have_is_refused_by_name() {
        for left in ["model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.q_norm.weight"] {
            let error = bind(&llama_with(left)).unwrap_err();
            let message = "is not part of the architecture `llama` with this configuration";
            assert!(error.contains(&format!("tensor `{left}`: {message}")), "{error}");
        }
    }

    #[test]
    fn tables_of_the_rotary_embedding_and_layers_beyond_the_last_are_left_out() {
        for inert in ["model.layers.0.self_attn.rotary_emb.inv_freq", "model.layers.1.input_layernorm.weight"] {
            bind(&llama_with(inert)).unwrap();
        }
    }

    #[test]
    fn every_fixture_binds_with_or_without_a_vision_tower() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
        let Ok(folders) = std::fs::read_dir(root) else { return println!("skipped: ../shared/fixtures not found") };
        for folder in folders.map(|entry| entry.unwrap().path()).filter(|path| path.join("config.json").exists()) {
            bind(&Checkpoint::open(&folder).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        }
    }
}
