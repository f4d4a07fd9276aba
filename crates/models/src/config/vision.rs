//! The hyperparameters of a vision tower, from the `vision_config` of a config.json or from the metadata of an mmproj GGUF.
//! Source: llama.cpp's gguf-py/gguf/constants.py, `ClipVision`.

use std::sync::Arc;

use plimsoll_formats::gguf::{GgufFile, MetaValue};
use plimsoll_formats::{ConfigMap, HyperparamError, JsonObject};
use serde_json::{Value, json};

use plimsoll_graph::{PixelOrder, TileAttention};

use super::parse::{activation, activation_of};
use super::{Activation, Hyperparams, MAX_HEADS, MAX_LAYERS, MAX_WIDTH, keys_of};
use crate::arch::TowerArch;

/// Far beyond any published model; it keeps a damaged number from becoming an allocation, in pixels.
const MAX_TILE: usize = 1 << 14;

/// What the files say of a vision tower and its connector, checked for consistency.
///
/// Keys that only one architecture knows are read under their Hugging Face names through [`VisionParams::size`].
#[derive(Debug, Clone, PartialEq)]
pub struct VisionParams {
    /// Which tower it is.
    pub arch: &'static TowerArch,
    /// Layers.
    pub n_layers: usize,
    /// Heads of queries.
    pub n_heads: usize,
    /// Heads of keys and values; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Width of a patch's row.
    pub d_model: usize,
    /// Width of the MLP.
    pub d_ff: usize,
    /// Colours of a pixel.
    pub n_channels: usize,
    /// Edge of the square tiles that its positions are for, in pixels.
    pub tile_size: usize,
    /// Edge of a patch; at most `tile_size`, in pixels.
    pub patch_size: usize,
    /// Patches along the edge of the square that becomes one feature.
    pub merge_side: usize,
    /// The order of a patch's pixels.
    pub pixels: PixelOrder,
    /// Added to the variance in layer norms, to the mean square in others.
    pub norm_eps: f32,
    /// The MLP's activation.
    pub activation: Activation,
    /// Width of the text model, which the connector ends in.
    pub text_width: usize,
    /// The token whose embeddings are replaced by features, if the file says so: a GGUF does not.
    pub image_token: Option<u32>,
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
        let Some(arch) = TowerArch::of_wrapper(wrapper) else { return Ok(None) };
        let mut config = match outer.object("vision_config")? {
            Some(vision) => vision,
            None => ConfigMap::new(outer.file(), JsonObject::new()),
        };
        for (there, here) in arch.spelled {
            if let Some(value) = config.get(there).cloned() {
                config.insert_as(here, there, value);
            }
        }
        let of_outer =
            arch.outer.iter().map(|key| (*key, *key)).chain(IMAGE_TOKEN.map(|spelled| ("image_token_id", spelled)));
        // What the wrapper says of the tower counts, or what its class does, whatever stands in the tower's own keys.
        arch.outer.iter().for_each(|key| config.forget(key));
        for (key, spelled) in of_outer {
            if let Some(value) = outer.get(spelled) {
                config.insert_as(key, spelled, value.clone());
            }
        }
        config.default_keys(keys_of(arch.defaults));
        config.insert_as("text_norm_eps", "rms_norm_eps", text.rms_eps);
        params(config, arch, arch.pixels, text.d_model).map(Some)
    }

    /// Path of the file that they come from.
    pub fn file(&self) -> &str {
        self.config.file()
    }

    /// Attention of a tile's rows to one another, at the usual scale.
    pub(crate) fn heads(&self) -> TileAttention {
        let VisionParams { n_heads, n_kv_heads, head_dim, .. } = *self;
        TileAttention { n_heads, n_kv_heads, head_dim, scale: (head_dim as f32).sqrt().recip(), window: None }
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

    /// A number from 1 on under its Hugging Face name, if it is there.
    ///
    /// # Errors
    /// The key holds something else.
    pub(crate) fn usize(&self, key: &str) -> Result<Option<usize>, HyperparamError> {
        self.config.usize(key)
    }

    /// A flag under its Hugging Face name; false where it is absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, HyperparamError> {
        Ok(self.config.bool(key)?.unwrap_or(false))
    }

    /// Whole numbers under their Hugging Face name; none where it is absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub(crate) fn usizes(&self, key: &str) -> Result<Vec<usize>, HyperparamError> {
        Ok(self.config.usizes(key)?.unwrap_or_default())
    }

    /// A word under its Hugging Face name, if it is there.
    ///
    /// # Errors
    /// The key holds something else.
    pub(crate) fn str(&self, key: &str) -> Result<Option<&str>, HyperparamError> {
        self.config.str(key)
    }

    /// Words under their Hugging Face name, if it is there.
    ///
    /// # Errors
    /// The key holds something else.
    pub(crate) fn strings(&self, key: &str) -> Result<Option<Vec<String>>, HyperparamError> {
        self.config.strings(key)
    }

    /// A positive number under its Hugging Face name.
    ///
    /// # Errors
    /// The key is absent or holds something else.
    pub(crate) fn positive(&self, key: &str) -> Result<f32, HyperparamError> {
        Ok(self.config.positive(key)? as f32)
    }

    /// An activation under its Hugging Face name.
    ///
    /// # Errors
    /// The key is absent or names none that is known.
    pub(crate) fn activation_of(&self, key: &str) -> Result<Activation, HyperparamError> {
        activation_of(&self.config, key)
    }

    /// An error about a key whose value a tower cannot honour.
    pub(crate) fn error(&self, key: &str, expected: impl Into<String>) -> HyperparamError {
        self.config.error(key, expected)
    }

    /// Frequencies of pairs that turn by rows and columns: for half a head, `theta^(-2i / half)`.
    ///
    /// # Errors
    /// As [`VisionParams::rope_theta`].
    pub(crate) fn axial_frequencies(&self) -> Result<Vec<f32>, HyperparamError> {
        let (half, theta) = (self.head_dim / 2, self.rope_theta()?);
        Ok((0..half / 2).map(|i| 1.0 / theta.powf((2 * i) as f32 / half as f32)).collect())
    }

    /// Base of the frequencies of the rotary embedding.
    ///
    /// # Errors
    /// Something else than plain frequencies is asked for.
    pub fn rope_theta(&self) -> Result<f32, HyperparamError> {
        let spelled = ["rope_parameters", "rope_scaling"].into_iter().find(|key| self.config.get(key).is_some());
        let Some(rope) = spelled.map(|key| self.config.object(key)).transpose()?.flatten() else {
            return Ok(self.config.positive("rope_theta")? as f32);
        };
        match rope.str("rope_type")? {
            None | Some("default" | "axial") => {}
            Some(_) => return Err(rope.error("rope_type", "default or axial")),
        }
        let holder = if rope.get("rope_theta").is_some() { &rope } else { &*self.config };
        Ok(holder.positive("rope_theta")? as f32)
    }
}

/// How classes spell the placeholder's key.
const IMAGE_TOKEN: [&str; 2] = ["image_token_id", "image_token_index"];

/// Keys of an mmproj GGUF: its own name and Hugging Face's.
const CLIP: [(&str, &str); 9] = [
    ("clip.vision.image_size", "image_size"),
    ("clip.vision.patch_size", "patch_size"),
    ("clip.vision.embedding_length", "hidden_size"),
    ("clip.vision.feed_forward_length", "intermediate_size"),
    ("clip.vision.block_count", "num_hidden_layers"),
    ("clip.vision.attention.head_count", "num_attention_heads"),
    ("clip.vision.attention.layer_norm_epsilon", "layer_norm_eps"),
    ("clip.vision.projector.scale_factor", "scale_factor"),
    ("clip.vision.attention.head_count_kv", "num_key_value_heads"),
];

/// The tower of an mmproj GGUF, for a text model as wide as `text_width`.
pub(crate) fn from_mmproj(
    file: &GgufFile,
    arch: &'static TowerArch,
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
    // llama.cpp's `use_gelu` is the tanh approximation.
    let gelu = file.bool("clip.use_gelu")?.unwrap_or(false);
    let activation = match file.bool("clip.use_silu")?.unwrap_or(false) {
        true => json!("silu"),
        false if gelu => json!("gelu_pytorch_tanh"),
        false => Value::Null,
    };
    config.insert_as("hidden_act", "clip.use_gelu", activation);
    (arch.facts)(file, &mut config)?;
    params(config, arch, PixelOrder::ChannelsFirst, text_width)
}

fn params(
    mut config: ConfigMap,
    arch: &'static TowerArch,
    pixels: PixelOrder,
    text_width: usize,
) -> Result<VisionParams, HyperparamError> {
    (arch.settle)(&mut config)?;
    let (n_heads, d_model) = (config.size("num_attention_heads", MAX_HEADS)?, config.size("hidden_size", MAX_WIDTH)?);
    let head_dim = match config.usize("head_dim")? {
        Some(_) => config.size("head_dim", MAX_WIDTH)?,
        None if d_model.is_multiple_of(n_heads) => d_model / n_heads,
        None => return Err(config.error("num_attention_heads", format!("a divisor of the width {d_model}"))),
    };
    let n_kv_heads = match config.usize("num_key_value_heads")? {
        None => n_heads,
        Some(n) if n > 0 && n_heads.is_multiple_of(n) => n,
        Some(_) => return Err(config.error("num_key_value_heads", format!("a divisor of {n_heads} heads"))),
    };
    if config.usize("num_channels")? != Some(3) {
        return Err(config.error("num_channels", "3: red, green and blue"));
    }
    let tile_size = edge(&mut config, "image_size")?;
    let patch_size = edge(&mut config, "patch_size")?;
    if patch_size > tile_size {
        return Err(config.error("patch_size", format!("at most the edge of a tile, {tile_size}")));
    }
    let (norm_eps, activation) = match arch.fixed {
        Some(fixed) => fixed,
        None => (config.positive("layer_norm_eps")? as f32, activation(&config)?),
    };
    let image_token = config.usize("image_token_id")?.map(u32::try_from).transpose();
    Ok(VisionParams {
        arch,
        n_layers: config.size("num_hidden_layers", MAX_LAYERS)?,
        n_heads,
        n_kv_heads,
        head_dim,
        d_model,
        d_ff: config.size("intermediate_size", MAX_WIDTH)?,
        n_channels: 3,
        tile_size,
        patch_size,
        merge_side: merge_side(&config)?,
        pixels,
        norm_eps,
        activation,
        text_width,
        image_token: image_token.map_err(|_| config.error("image_token_id", "a token id"))?,
        config: Arc::new(config),
    })
}

/// The edge of tiles, in pixels, where a tower takes tiles of any size and its files name none: that of 16 by 16 features.
pub(crate) fn tiles_of_any_size(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    let patch = edge(config, "patch_size")?;
    let tile = 16 * merge_side(config)? * patch;
    config.insert_as("image_size", "patch_size", tile);
    Ok(())
}

/// The edge of the square that a key tells the positions of.
pub(crate) fn side_of(config: &ConfigMap, key: &str) -> Result<usize, HyperparamError> {
    let positions = config.size(key, 1 << 20)?;
    match positions.isqrt() {
        side if side * side == positions => Ok(side),
        _ => Err(config.error(key, "a square")),
    }
}

/// Refuses patches of another number of frames than are made of a picture.
pub(crate) fn two_frames(config: &ConfigMap) -> Result<(), HyperparamError> {
    match config.usize("temporal_patch_size")? {
        None | Some(2) => Ok(()),
        Some(_) => Err(config.error("temporal_patch_size", "2: a picture is two frames")),
    }
}

/// An edge in pixels, which may be given twice, for height and width.
pub(crate) fn edge(config: &mut ConfigMap, key: &str) -> Result<usize, HyperparamError> {
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
fn merge_side(config: &ConfigMap) -> Result<usize, HyperparamError> {
    const MOST: usize = 64;
    if !config.mentions("pixel_shuffle_ratio") || config.get("scale_factor").is_some() {
        return config.size("scale_factor", MOST);
    }
    let ratio = config.positive("pixel_shuffle_ratio")?;
    let side = ratio.recip().round(); // 1 / (1 / 49) is not quite 49
    if (side * ratio - 1.0).abs() < 1e-9 && (1.0..=MOST as f64).contains(&side) {
        return Ok(side as usize);
    }
    Err(config.error("pixel_shuffle_ratio", format!("one over a whole number up to {MOST}")))
}
