//! The hyperparameters of a vision tower, from the `vision_config` of a config.json or from the metadata of an mmproj GGUF.
//! Source: transformers 5.23, configuration_idefics3.py, configuration_smolvlm.py, configuration_llama4.py; llama.cpp's
//! gguf-py/gguf/constants.py, `ClipVision`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::map::ConfigMap;
use super::parse::{MAX_HEADS, MAX_LAYERS, MAX_WIDTH, activation};
use super::{Activation, Hyperparams, defaults};
use crate::error::HyperparamError;
use crate::folder::JsonObject;
use crate::gguf::{GgufFile, MetaValue};
use crate::names::VisionArch;

/// Far beyond any published model; it keeps a damaged number from becoming an allocation. [pixels]
const MAX_TILE: usize = 1 << 14;

/// What the files say of a vision tower and its connector, checked for consistency.
///
/// Keys that only one architecture knows are read under their Hugging Face names through [`VisionParams::size`].
#[derive(Debug, Clone, PartialEq)]
pub struct VisionParams {
    /// Which tower it is: the `model_type` of the multimodal models that first had it, `idefics3` or `llama4`.
    pub family: &'static str,
    /// Layers.
    pub n_layers: usize,
    /// Heads of queries, keys and values; divides `d_model`.
    pub n_heads: usize,
    /// Width of a patch's row.
    pub d_model: usize,
    /// Width of the MLP.
    pub d_ff: usize,
    /// Colours of a pixel.
    pub n_channels: usize,
    /// Edge of the square tiles that its positions are for. [pixels]
    pub tile_size: usize,
    /// Edge of a patch; at most `tile_size`. [pixels]
    pub patch_size: usize,
    /// Patches along the edge of the square that becomes one feature.
    pub merge_side: usize,
    /// Added to the variance in layer norms.
    pub norm_eps: f32,
    /// The MLP's activation.
    pub activation: Activation,
    /// Width of the text model, which the connector ends in.
    pub text_width: usize,
    /// The token whose embeddings are replaced by features, if the file says so: a GGUF does not.
    pub image_token: Option<u32>,
    /// Its text in the tokenizer.
    pub image_token_text: &'static str,
    config: Arc<ConfigMap>,
}

impl VisionParams {
    /// The tower that the multimodal configuration around a text model describes, whether there are weights of it or not;
    /// `None` if there is no such configuration, or of a kind whose tower is not known here.
    ///
    /// # Errors
    /// A key cannot be honoured.
    pub fn of_wrapped(text: &Hyperparams) -> Result<Option<VisionParams>, HyperparamError> {
        let (Some(outer), Some(wrapper)) = (text.outer(), &text.wrapper) else { return Ok(None) };
        let Some(arch) = VisionArch::of_wrapper(wrapper) else { return Ok(None) };
        let mut config = match outer.object("vision_config")? {
            Some(vision) => vision,
            None => ConfigMap::new(outer.file(), JsonObject::new()),
        };
        for (key, spellings) in [("scale_factor", &["scale_factor"][..]), ("image_token_id", &IMAGE_TOKEN)] {
            let held = spellings.iter().find_map(|spelled| Some((spelled, outer.get(spelled)?)));
            if let Some((spelled, value)) = held {
                config.insert_as(key, spelled, value.clone());
            }
        }
        config.default_keys(defaults::vision_defaults(wrapper));
        params(config, arch, text.d_model).map(Some)
    }

    /// Path of the file that they come from.
    pub fn file(&self) -> &str {
        self.config.file()
    }

    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.d_model / self.n_heads
    }

    /// Values of one patch's pixels.
    pub fn patch_values(&self) -> usize {
        self.n_channels * self.patch_size * self.patch_size
    }

    /// Patches along an edge of a tile of [`VisionParams::tile_size`]; pixels beyond the last whole patch are not seen.
    pub fn patches_per_side(&self) -> usize {
        self.tile_size / self.patch_size
    }

    /// A width under its Hugging Face name.
    ///
    /// # Errors
    /// The key is absent or holds something else.
    pub fn size(&self, key: &str) -> Result<usize, HyperparamError> {
        self.config.size(key, MAX_WIDTH)
    }

    /// Base of the frequencies of the rotary embedding.
    ///
    /// # Errors
    /// Something else than plain frequencies is asked for.
    pub fn rope_theta(&self) -> Result<f32, HyperparamError> {
        let Some(rope) = self.config.object("rope_parameters")? else {
            return Ok(self.config.positive("rope_theta")? as f32);
        };
        match rope.str("rope_type")? {
            None | Some("default") => {}
            Some(_) => return Err(rope.error("rope_type", "default")),
        }
        let holder = if rope.get("rope_theta").is_some() { &rope } else { &*self.config };
        Ok(holder.positive("rope_theta")? as f32)
    }
}

/// How classes spell the placeholder's key.
const IMAGE_TOKEN: [&str; 2] = ["image_token_id", "image_token_index"];

/// Keys of an mmproj GGUF: its own name and Hugging Face's.
const CLIP: [(&str, &str); 8] = [
    ("clip.vision.image_size", "image_size"),
    ("clip.vision.patch_size", "patch_size"),
    ("clip.vision.embedding_length", "hidden_size"),
    ("clip.vision.feed_forward_length", "intermediate_size"),
    ("clip.vision.block_count", "num_hidden_layers"),
    ("clip.vision.attention.head_count", "num_attention_heads"),
    ("clip.vision.attention.layer_norm_epsilon", "layer_norm_eps"),
    ("clip.vision.projector.scale_factor", "scale_factor"),
];

/// The tower of an mmproj GGUF that is to see for a text model as wide as `text_width`. `adapter` is the width of Llama
/// 4's adapter before and behind its second layer, which only the tensors tell.
pub(crate) fn from_mmproj(
    file: &GgufFile,
    arch: VisionArch,
    adapter: Option<[usize; 2]>,
    text_width: usize,
) -> Result<VisionParams, HyperparamError> {
    let mut config = ConfigMap::new(file.name(), JsonObject::new());
    for (spelled, key) in CLIP {
        let value = match file.get(spelled) {
            Some(MetaValue::Float(_)) => json!(file.float(spelled)?),
            Some(_) => json!(file.uint(spelled)?),
            None => Value::Null, // so that messages name GGUF's key
        };
        config.insert_as(key, spelled, value);
    }
    config.insert_as("num_channels", "clip.vision.num_channels", 3);
    if let Some([input, output]) = adapter {
        config.insert_as("projector_input_dim", "mm.model.mlp.1.weight", input);
        config.insert_as("projector_output_dim", "mm.model.mlp.2.weight", output);
    }
    config.insert_as("rope_theta", "general.architecture", 10_000.0); // llama.cpp has it in its code
    // llama.cpp's `use_gelu` is the tanh approximation, which SigLIP has; Llama 4's is exact whatever the file says.
    let gelu = file.bool("clip.use_gelu")?.unwrap_or(false);
    let activation = match file.bool("clip.use_silu")?.unwrap_or(false) {
        true => json!("silu"),
        false if gelu => json!("gelu_pytorch_tanh"),
        false => Value::Null,
    };
    config.insert_as("hidden_act", "clip.use_gelu", activation);
    params(config, arch, text_width)
}

fn params(mut config: ConfigMap, arch: VisionArch, text_width: usize) -> Result<VisionParams, HyperparamError> {
    let (n_heads, d_model) = (config.size("num_attention_heads", MAX_HEADS)?, config.size("hidden_size", MAX_WIDTH)?);
    if !d_model.is_multiple_of(n_heads) {
        return Err(config.error("num_attention_heads", format!("a divisor of the width {d_model}")));
    }
    if config.usize("num_channels")? != Some(3) {
        return Err(config.error("num_channels", "3: red, green and blue"));
    }
    let tile_size = edge(&mut config, "image_size")?;
    let patch_size = edge(&mut config, "patch_size")?;
    if patch_size > tile_size {
        return Err(config.error("patch_size", format!("at most the edge of a tile, {tile_size}")));
    }
    let image_token = config.usize("image_token_id")?.map(u32::try_from).transpose();
    Ok(VisionParams {
        family: arch.name(),
        n_layers: config.size("num_hidden_layers", MAX_LAYERS)?,
        n_heads,
        d_model,
        d_ff: config.size("intermediate_size", MAX_WIDTH)?,
        n_channels: 3,
        tile_size,
        patch_size,
        merge_side: merge_side(&config, arch)?,
        // The classes of Llama 4 read neither `norm_eps` nor `hidden_act`: theirs are PyTorch's `LayerNorm` and `GELU`.
        norm_eps: if arch == VisionArch::Llama4 { 1e-5 } else { config.positive("layer_norm_eps")? as f32 },
        activation: if arch == VisionArch::Llama4 { Activation::Gelu } else { activation(&config)? },
        text_width,
        image_token_text: arch.image_token_text(),
        image_token: image_token.map_err(|_| config.error("image_token_id", "a token id"))?,
        config: Arc::new(config),
    })
}

/// An edge in pixels, which may be given twice, for height and width.
fn edge(config: &mut ConfigMap, key: &str) -> Result<usize, HyperparamError> {
    if let Some(Value::Array(edges)) = config.get(key) {
        match &edges[..] {
            [height, width] if height == width => {
                let value = height.clone();
                config.insert_as(key, key, value);
            }
            _ => return Err(config.error(key, "a square")),
        }
    }
    config.size(key, MAX_TILE)
}

/// Patches along the edge of a merged square: `scale_factor`, or the inverse of `pixel_shuffle_ratio`.
fn merge_side(config: &ConfigMap, arch: VisionArch) -> Result<usize, HyperparamError> {
    const MOST: usize = 64;
    if arch != VisionArch::Llama4 || config.get("scale_factor").is_some() {
        return config.size("scale_factor", MOST);
    }
    let ratio = config.positive("pixel_shuffle_ratio")?;
    let side = ratio.recip().round(); // 1 / (1 / 49) is not quite 49
    if (side * ratio - 1.0).abs() < 1e-9 && (1.0..=MOST as f64).contains(&side) {
        return Ok(side as usize);
    }
    Err(config.error("pixel_shuffle_ratio", format!("one over a whole number up to {MOST}")))
}
