//! The cost of a published checkpoint from the shape on its card, without any file.

use plimsoll_catalog::{CacheShape, ModelCard, Shape, VisionShape};
use plimsoll_formats::FormatError;
use plimsoll_graph::cost::{CachedLayers, Cost, Met, Outline, Part};
use plimsoll_graph::{Mask, Network, WeightDecl};
use plimsoll_kernels::DType;
use plimsoll_models::ModelError;
use plimsoll_models::{Arch, Hyperparams, TileSizes, VisionParams};
use serde_json::{Map, Value, json};

use super::mix::{Mix, Quantisation};

/// Bytes for each token of a vocabulary that a GGUF file holds beside its weights: text, type, score and merges. Llama 3's
/// take 61, those of SmolLM2 27, and a vocabulary without merges fewer.
const VOCABULARY_BYTES: u64 = 40;

/// Colours of a pixel.
const CHANNELS: usize = 3;

/// Why nothing can be said of a shape: a card's figures do not make the network that it names.
#[derive(Debug, thiserror::Error)]
pub enum ShapeProblem {
    /// A figure is none that such a network can have.
    #[error("shape of `{card}`: {source}")]
    Hyperparams {
        /// The card.
        card: String,
        /// Which, and why.
        source: Box<FormatError>,
    },
    /// The figures contradict each other, or nobody wrote the network down.
    #[error("shape of `{card}`: {source}")]
    Model {
        /// The card.
        card: String,
        /// Which, and why.
        source: Box<ModelError>,
    },
}

/// A published checkpoint as its card describes it, with what each quantisation of it costs.
#[derive(Debug)]
pub struct Published {
    /// Tokens of its vocabulary.
    pub vocab_size: usize,
    /// Whether this program runs its text model from its maker's files.
    pub runs_here: bool,
    /// Whether memory and reading were added up weight by weight; else they follow from counts.
    pub is_walked: bool,
    /// Parameters of its text model that decoding may read: those of its network, or what is left of an outline's beside
    /// its towers.
    pub text_parameters: u64,
    /// Parameters that its files hold and decoding never reads.
    idle_parameters: u64,
    /// In the order of [`Quantisation::ALL`].
    costs: [Cost; Quantisation::ALL.len()],
    tower: Option<Tower>,
}

/// What is known of the text model.
#[derive(Debug)]
enum Text {
    /// The network itself, to be walked.
    Network(Network),
    /// No more than an outline.
    Outline,
}

/// What a picture passes through.
#[derive(Debug)]
struct Tower {
    weight_bytes: u64,
    buffer_bytes: u64,
}

impl Published {
    /// Builds the network that the shape describes, or takes its outline.
    ///
    /// # Errors
    /// [`ShapeProblem`], which names the card and the figure.
    pub fn new(card: &ModelCard, shape: &Shape) -> Result<Published, ShapeProblem> {
        let hyperparams =
            |source: FormatError| ShapeProblem::Hyperparams { card: card.id.clone(), source: Box::new(source) };
        let model = |source: ModelError| ShapeProblem::Model { card: card.id.clone(), source: Box::new(source) };
        let file = format!("catalogue, card {}", card.id);
        let mut tower = shape.vision.as_ref().map(Tower::of_outline);
        let text = match &shape.network {
            None => Text::Outline,
            Some(network) => {
                let hp =
                    Hyperparams::from_config_json(&file, &config(shape, network).to_string()).map_err(hyperparams)?;
                let seen = VisionParams::of_wrapped(&hp).map_err(|e| hyperparams(FormatError::Hyperparam(e)))?;
                if let (Some(params), Some(vision)) = (seen, &shape.vision) {
                    tower = Some(Tower::of_network(&params, vision).map_err(model)?);
                }
                Text::Network(plimsoll_models::from_hyperparams(&hp).map_err(model)?)
            }
        };
        Ok(Published {
            vocab_size: shape.vocab_size,
            runs_here: is_run_here(card),
            is_walked: matches!(text, Text::Network(_)),
            text_parameters: text.parameters(shape),
            // An outline has them among its parts.
            idle_parameters: if shape.network.is_some() { shape.idle_parameters } else { 0 },
            costs: Quantisation::ALL.map(|quantisation| text.cost(shape, quantisation)),
            tower,
        })
    }

    /// What the text model costs so quantised.
    pub fn cost(&self, quantisation: Quantisation) -> &Cost {
        let at = Quantisation::ALL.iter().position(|known| *known == quantisation);
        &self.costs[at.expect("ALL has every one")]
    }

    /// Bytes of a GGUF file of the text model.
    pub fn file_bytes(&self, quantisation: Quantisation) -> u64 {
        let idle = quantisation.body_bytes(self.idle_parameters);
        self.cost(quantisation).stored_bytes() + idle + self.vocab_size as u64 * VOCABULARY_BYTES
    }

    /// Bytes of the tower's weights in 16 bits, and of its buffers; 0 of a model that reads text only.
    pub fn tower_bytes(&self) -> (u64, u64) {
        self.tower.as_ref().map_or((0, 0), |tower| (tower.weight_bytes, tower.buffer_bytes))
    }
}

impl Text {
    fn parameters(&self, shape: &Shape) -> u64 {
        match self {
            Text::Network(network) => network.weights.iter().map(parameters).sum(),
            Text::Outline => {
                let towers = shape.vision.as_ref().map_or(0, |vision| vision.parameters);
                shape.parameters.saturating_sub(towers + shape.idle_parameters)
            }
        }
    }

    fn cost(&self, shape: &Shape, quantisation: Quantisation) -> Cost {
        match self {
            Text::Network(network) => {
                let mix = mix(shape, quantisation);
                Cost::new(network, |weight: &WeightDecl| Some(mix.stored(weight)))
            }
            Text::Outline => Cost::of_outline(&outline(shape, quantisation)),
        }
    }
}

fn parameters(weight: &WeightDecl) -> u64 {
    weight.shape.iter().product::<usize>() as u64
}

impl Tower {
    /// Of a tower that takes tiles of any shape, `vision` says how large they are: a picture may be one.
    fn of_network(params: &VisionParams, vision: &VisionShape) -> Result<Tower, ModelError> {
        let tower = plimsoll_models::tower_from_params(params)?;
        let in_halves = |weight: &WeightDecl| Some((DType::BF16, 2 * parameters(weight)));
        let cost = Cost::new(&tower.network, in_halves);
        let usual = params.patches_per_side().pow(2);
        let (patches, tile_pixels) = match (tower.tiles, vision.patches_at_once) {
            (TileSizes::UpTo { .. } | TileSizes::Any, Some(patches)) => (patches, patches * params.patch_size.pow(2)),
            _ => (usual, params.tile_size.pow(2)),
        };
        // Tiles of normalised pixels, and what the kernels make of the inputs of a product.
        let n_tiles = vision.picture_tokens.unwrap_or(1).div_ceil((patches / tower.merge_side.pow(2)).max(1));
        let pixels = n_tiles * CHANNELS * tile_pixels * (1 + size_of::<f32>());
        let buffer_bytes = cost.tower_buffer_bytes(&[patches]) + cost.rounded_bytes(patches) + pixels as u64;
        Ok(Tower { weight_bytes: cost.stored_bytes(), buffer_bytes })
    }

    /// Four rows of the tower's width and two of its MLP's are alive for each patch.
    fn of_outline(vision: &VisionShape) -> Tower {
        let width = 4 * vision.d_model.unwrap_or(0) + 2 * vision.d_ff.unwrap_or(0);
        let buffers = (vision.patches_at_once.unwrap_or(0) * width * size_of::<f32>()) as u64;
        Tower { weight_bytes: 2 * vision.parameters, buffer_bytes: buffers }
    }
}

/// Whether this program runs what its maker publishes of a card.
pub fn is_run_here(card: &ModelCard) -> bool {
    !card.own_code && card.architecture.as_deref().is_some_and(is_read_here)
}

/// Whether files that declare `architecture` are read here, whatever else a configuration of it has to say.
pub fn is_read_here(architecture: &str) -> bool {
    let config = json!({ "model_type": architecture }).to_string();
    let read = Hyperparams::from_config_json("", &config);
    Arch::named(architecture).is_some() || !matches!(read, Err(FormatError::UnknownArchitecture { .. }))
}

fn mix(shape: &Shape, quantisation: Quantisation) -> Mix {
    Mix {
        quantisation,
        n_layers: shape.n_layers,
        tied: shape.tied_embeddings,
        qkv_as_one: shape.network.as_deref().and_then(Arch::named).is_some_and(Arch::stores_qkv_as_one),
        experts: kept_type(shape.experts_stored.as_deref()),
    }
}

/// The shape as the `config.json` of the network that it names.
fn config(shape: &Shape, network: &str) -> Value {
    let mut text = Map::new();
    let sizes = [
        ("num_hidden_layers", shape.n_layers),
        ("hidden_size", shape.d_model),
        ("intermediate_size", shape.d_ff),
        ("num_attention_heads", shape.n_heads),
        ("num_key_value_heads", shape.n_kv_heads),
        ("head_dim", shape.head_dim),
        ("vocab_size", shape.vocab_size),
        ("max_position_embeddings", shape.max_seq_len),
    ];
    text.extend(sizes.map(|(key, size)| (key.to_owned(), json!(size))));
    text.insert("model_type".to_owned(), json!(network));
    text.insert("tie_word_embeddings".to_owned(), json!(shape.tied_embeddings));
    text.extend(shape.rope_theta.map(|theta| ("rope_theta".to_owned(), json!(theta))));
    text.extend(shape.config.iter().map(|(key, value)| (key.clone(), json!(value))));
    let tower = shape.vision.as_ref().and_then(|vision| Some((vision.network.as_ref()?, &vision.config)));
    match tower {
        None => Value::Object(text),
        Some((wrapper, vision)) => {
            // A card tells of the tower in one place; some of it stands beside `vision_config` in files.
            let mut around: Map<String, Value> =
                vision.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
            around.insert("model_type".to_owned(), json!(wrapper));
            around.insert("tie_word_embeddings".to_owned(), json!(shape.tied_embeddings));
            around.insert("text_config".to_owned(), Value::Object(text));
            around.insert("vision_config".to_owned(), json!(vision));
            Value::Object(around)
        }
    }
}

/// The shape in outline, so quantised.
fn outline(shape: &Shape, quantisation: Quantisation) -> Outline {
    let part = |met, values: u64, dtype, bytes| Part { met, values, matrices: shape.n_layers as u64, dtype, bytes };
    let body = |met, values: u64| part(met, values, quantisation.dtype(), quantisation.body_bytes(values));
    let table = |met, is_head: bool| {
        let (dtype, bytes) = quantisation.table(shape.vocab_size, shape.d_model, is_head);
        Part { matrices: 1, ..part(met, shape.embedding_parameters(), dtype, bytes) }
    };
    let mut parts = vec![table(Met::ForLogits, true), body(Met::Always, shape.body_parameters())];
    if !shape.tied_embeddings {
        parts.push(table(Met::Table, false));
    }
    if shape.lookup_parameters > 0 {
        // Gemma 4 E2B as Q4_0 has its tables as it has its output projection.
        let (dtype, bytes) = quantisation.table(shape.lookup_parameters as usize / 256, 256, true);
        parts.push(part(Met::Table, shape.lookup_parameters, dtype, bytes));
    }
    if shape.idle_parameters > 0 {
        parts.push(body(Met::Routed(0.0), shape.idle_parameters));
    }
    if let Some(experts) = &shape.experts {
        let values = shape.expert_parameters();
        let (dtype, bytes) = match kept_type(shape.experts_stored.as_deref()) {
            Some(dtype) => (dtype, values / dtype.block_len() as u64 * dtype.block_bytes() as u64),
            None => (quantisation.dtype(), quantisation.body_bytes(values)),
        };
        let matrices = (experts.n_layers * experts.n_experts * experts.matrices) as u64;
        let met = Met::Routed(experts.top_k as f64 / experts.n_experts as f64);
        parts.push(Part { matrices, ..part(met, values, dtype, bytes) });
    }
    let used = shape.experts.as_ref().map_or(0, |experts| experts.top_k * experts.d_ff);
    Outline {
        n_layers: shape.n_layers,
        parts,
        caches: shape.caches.iter().map(|cache| cached(shape, cache)).collect(),
        state_bytes: shape.state_bytes,
        row_width: 4 * shape.d_model + 2 * shape.d_ff.max(used) + 3 * shape.n_heads * shape.head_dim,
        vocab_size: shape.vocab_size,
    }
}

fn cached(shape: &Shape, cache: &CacheShape) -> CachedLayers {
    CachedLayers {
        n_layers: cache.n_layers,
        n_heads: shape.n_heads,
        n_kv_heads: cache.n_kv_heads,
        head_dim: cache.head_dim,
        mask: cache.window.map_or(Mask::Causal, Mask::Sliding),
    }
}

/// The type that every file keeps experts in.
fn kept_type(name: Option<&str>) -> Option<DType> {
    DType::ALL.iter().copied().find(|dtype| Some(dtype.name()) == name)
}
