//! Rotary position embedding: base, width and scaling, from every spelling that is in use.
//! Source: transformers 5.23, modeling_rope_utils.py.

use plimsoll_formats::{ConfigMap, HyperparamError};

use plimsoll_graph::Coordinate;

use super::MAX_WIDTH;
use super::gguf::ROTARY_DIM;
use crate::arch::{Class, Sections};

/// How many pairs of a head turn by each coordinate.
pub(super) const SECTIONS: &str = "mrope_section";

/// One rotary embedding: frequency `i` of `rotary_dim / 2` is `theta^(-2i / rotary_dim)`, then scaled.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// Values per head that rotate (`head_dim · partial_rotary_factor`); even.
    pub rotary_dim: usize,
    /// How frequencies differ from the plain ones.
    pub scaling: RopeScaling,
    /// By which coordinate of a token each pair turns, where pictures have rows and columns.
    pub coordinates: Option<Vec<Coordinate>>,
}

/// How rotary frequencies are scaled. `attention_factor` multiplies cos and sin and is resolved already.
///
/// The reference's `dynamic` scaling only acts beyond `max_position_embeddings`, where nothing runs: it is `None` here.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Plain frequencies.
    None,
    /// All divided by `factor`.
    Linear {
        /// Divisor.
        factor: f64,
    },
    /// Low frequencies divided by `factor`, high ones kept, blended between; see `_compute_llama3_parameters`.
    Llama3 {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Wavelengths beyond `original_max / low_freq_factor` are low.
        low_freq_factor: f64,
        /// Wavelengths below `original_max / high_freq_factor` are high; may equal `low_freq_factor`.
        high_freq_factor: f64,
        /// Context before the extension, in tokens.
        original_max: usize,
    },
    /// See `_compute_yarn_parameters`.
    Yarn {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Context before the extension, in tokens.
        original_max: usize,
        /// Rotations over `original_max` above which a frequency is kept.
        beta_fast: f64,
        /// Rotations below which a frequency is divided.
        beta_slow: f64,
        /// Whether the bounds of the blend are rounded to whole dimensions.
        truncate: bool,
        /// Multiplies cos and sin.
        attention_factor: f64,
    },
    /// `short` divides the frequencies while the sequence is within `original_max`, `long` beyond.
    LongRope {
        /// Divisors, (rotary_dim / 2).
        short: Vec<f32>,
        /// Divisors, (rotary_dim / 2).
        long: Vec<f32>,
        /// Context before the extension, in tokens.
        original_max: usize,
        /// Multiplies cos and sin, always.
        attention_factor: f64,
    },
    /// The first pairs of a head turn as in plain frequencies of all, the others not at all.
    Proportional {
        /// Pairs that turn.
        pairs: usize,
    },
    /// A divisor per frequency, (rotary_dim / 2): GGUF's `rope_freqs.weight`, Llama 3's scaling worked out.
    Factors(Vec<f32>),
}

/// What the rotary embedding depends on besides its own keys.
pub(super) struct RopeContext<'a> {
    pub(super) config: &'a ConfigMap,
    /// The text model's class.
    pub(super) class: &'a Class,
    pub(super) head_dim: usize,
    pub(super) max_seq_len: usize,
    /// Values of a GGUF's `rope_freqs.weight`.
    pub(super) gguf_factors: Option<&'a [f32]>,
}

impl RopeContext<'_> {
    /// The same for layers that see all, whose heads may have another width.
    fn of_full(&self) -> Result<Self, HyperparamError> {
        let key = "global_head_dim";
        let head_dim = match self.class.reads(key) && self.config.get(key).is_some() {
            true => self.config.size(key, MAX_WIDTH)?,
            false => self.head_dim,
        };
        Ok(RopeContext { head_dim, ..*self })
    }
}

/// The embedding of full layers and, if it differs, that of sliding layers.
pub(super) fn parse(cx: &RopeContext) -> Result<(Rope, Option<Rope>), HyperparamError> {
    let config = cx.config;
    let defaults = &cx.class.rope;
    let top = match config.object("rope_scaling")?.filter(|old| !old.is_empty()) {
        Some(old) => old,
        None => config.object("rope_parameters")?.unwrap_or_else(|| ConfigMap::new(config.file(), Default::default())),
    };
    if let Some(kind) = ["chunked_attention", "linear_attention"].into_iter().find(|kind| top.get(kind).is_some()) {
        return Err(top.error(kind, "rotary parameters for full_attention and sliding_attention only"));
    }
    let (full, sliding) = (top.object("full_attention")?, top.object("sliding_attention")?);
    if full.is_none() && sliding.is_none() {
        let rope = one(&cx.of_full()?, &top, defaults.theta)?;
        // The old spelling scales the full layers only and gives the sliding ones a base of their own.
        let local = defaults.local_theta.map(|default| plain_local(cx, default)).transpose()?;
        let local = local.filter(|local| *local != rope);
        return Ok((rope, local));
    }
    let empty = || ConfigMap::new(config.file(), Default::default());
    let rope = one(&cx.of_full()?, &full.unwrap_or_else(empty), defaults.theta)?;
    let local = match (sliding, defaults.local_theta) {
        (Some(sliding), Some(default)) => one_with(cx, &sliding, local_theta(cx, default)?)?,
        (Some(sliding), None) => one(cx, &sliding, defaults.theta)?,
        (None, Some(default)) => plain_local(cx, default)?,
        (None, None) => return Ok((rope, None)),
    };
    let local = (local != rope).then_some(local);
    Ok((rope, local))
}

/// Sliding layers of the old spelling: a base of their own, plain frequencies.
fn plain_local(cx: &RopeContext, default: f64) -> Result<Rope, HyperparamError> {
    Ok(Rope {
        theta: local_theta(cx, default)?,
        rotary_dim: cx.head_dim,
        scaling: RopeScaling::None,
        coordinates: None,
    })
}

fn local_theta(cx: &RopeContext, default: f64) -> Result<f64, HyperparamError> {
    match cx.config.get("rope_local_base_freq") {
        None => Ok(default),
        Some(_) => cx.config.positive("rope_local_base_freq"),
    }
}

fn one(cx: &RopeContext, keys: &ConfigMap, default_theta: f64) -> Result<Rope, HyperparamError> {
    one_with(cx, keys, cx.config.f64("rope_theta")?.unwrap_or(default_theta))
}

fn one_with(cx: &RopeContext, keys: &ConfigMap, outer_theta: f64) -> Result<Rope, HyperparamError> {
    let theta = keys.f64("rope_theta")?.unwrap_or(outer_theta);
    if theta <= 0.0 {
        let holder = if keys.get("rope_theta").is_some() { keys } else { cx.config };
        return Err(holder.error("rope_theta", "a number greater than 0"));
    }
    let rotary_dim = rotary_dim(cx, keys)?;
    Ok(Rope {
        theta,
        rotary_dim,
        scaling: scaling(cx, keys, rotary_dim)?,
        coordinates: coordinates(cx, keys, rotary_dim / 2)?,
    })
}

/// How many values of a head rotate: a GGUF counts them, a config.json gives the part. Of plain frequencies most
/// classes turn whole heads; a part that stands there all the same is left over from another family.
fn rotary_dim(cx: &RopeContext, keys: &ConfigMap) -> Result<usize, HyperparamError> {
    let part = "partial_rotary_factor";
    let reads_part = cx.class.reads(part) || !matches!(rope_type(cx, keys)?.1, "default" | "none");
    let is_proportional = rope_type(cx, keys)?.1 == "proportional";
    let (holder, key, rotary_dim) = if is_proportional {
        (cx.config, "head_dim", cx.head_dim)
    } else if let Some(counted) = cx.config.usize(ROTARY_DIM)? {
        (cx.config, ROTARY_DIM, counted)
    } else if !reads_part {
        (cx.config, "head_dim", cx.head_dim)
    } else {
        let holder = if keys.get(part).is_some() { keys } else { cx.config };
        match holder.f64(part)? {
            Some(factor) => (holder, part, (cx.head_dim as f64 * factor) as usize), // cut off, as the reference does
            None => (holder, "head_dim", cx.head_dim),
        }
    };
    if rotary_dim == 0 || !rotary_dim.is_multiple_of(2) || rotary_dim > cx.head_dim {
        return Err(holder.error(key, format!("an even part of heads of {} to rotate", cx.head_dim)));
    }
    Ok(rotary_dim)
}

/// The name of the scaling, with the key that holds it.
fn rope_type<'a>(cx: &RopeContext, keys: &'a ConfigMap) -> Result<(&'static str, &'a str), HyperparamError> {
    let key = if keys.get("rope_type").is_some() { "rope_type" } else { "type" };
    let declared = keys.str(key)?.unwrap_or("default");
    let alias = cx.class.rope.aliases.iter().find(|(there, _)| *there == declared);
    Ok((key, alias.map_or(declared, |(_, meant)| *meant)))
}

fn scaling(cx: &RopeContext, keys: &ConfigMap, rotary_dim: usize) -> Result<RopeScaling, HyperparamError> {
    let (key, rope_type) = rope_type(cx, keys)?;
    match rope_type {
        "default" | "none" if cx.gguf_factors.is_some() => gguf_factors(cx, rotary_dim),
        "default" | "none" | "dynamic" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear { factor: keys.positive("factor")? }),
        "llama3" => Ok(RopeScaling::Llama3 {
            factor: keys.positive("factor")?,
            low_freq_factor: keys.positive("low_freq_factor")?,
            high_freq_factor: keys.positive("high_freq_factor")?,
            original_max: original_max(cx, keys)?,
        }),
        "yarn" => yarn(cx, keys),
        "longrope" => long_rope(cx, keys, rotary_dim),
        "proportional" => {
            let part = keys.f64("partial_rotary_factor")?.unwrap_or(1.0);
            if !(0.0..=1.0).contains(&part) {
                return Err(keys.error("partial_rotary_factor", "a part of a head, from 0 to 1"));
            }
            Ok(RopeScaling::Proportional { pairs: (part * rotary_dim as f64 / 2.0) as usize })
        }
        _ => Err(keys.error(key, "default, linear, dynamic, llama3, yarn, longrope or proportional")),
    }
}

/// How many pairs turn by each coordinate: of text, whose coordinates are alike, that is plain rotary embedding. Source:
/// transformers modeling_qwen3_vl.py, `apply_interleaved_mrope`; modeling_qwen2_5_vl.py, `apply_multimodal_rotary_pos_emb`.
fn coordinates(cx: &RopeContext, keys: &ConfigMap, pairs: usize) -> Result<Option<Vec<Coordinate>>, HyperparamError> {
    let holder = if keys.get(SECTIONS).is_some() { keys } else { cx.config };
    let given = holder.usizes(SECTIONS)?;
    let Some(Sections { interleaved, usual }) = cx.class.rope.sections else {
        return match given {
            None => Ok(None),
            Some(_) => Err(holder.error(SECTIONS, "none: the class turns text alone")),
        };
    };
    let is_given = given.is_some();
    let sections = given.unwrap_or_else(|| usual.to_vec());
    // Files of llama.cpp have a fourth.
    let fits = matches!(sections[..], [t, h, w] | [t, h, w, 0] if t.checked_add(h).and_then(|n| n.checked_add(w)) == Some(pairs));
    if !fits {
        let expected = format!("three numbers whose sum is {pairs}, the pairs of a head that turn");
        return if is_given { Err(holder.error(SECTIONS, expected)) } else { Ok(None) };
    }
    let of_pair = |pair: usize| match (interleaved, pair % 3) {
        (true, 1) if pair < 3 * sections[1] => Coordinate::Row,
        (true, 2) if pair < 3 * sections[2] => Coordinate::Column,
        (false, _) if pair >= sections[0] + sections[1] => Coordinate::Column,
        (false, _) if pair >= sections[0] => Coordinate::Row,
        _ => Coordinate::Time,
    };
    Ok(Some((0..pairs).map(of_pair).collect()))
}

/// The divisors of `rope_freqs.weight`; all ones scale nothing.
fn gguf_factors(cx: &RopeContext, rotary_dim: usize) -> Result<RopeScaling, HyperparamError> {
    let factors = cx.gguf_factors.unwrap_or_default();
    if factors.len() != rotary_dim / 2 || factors.iter().any(|v| !v.is_finite() || *v <= 0.0) {
        return Err(HyperparamError {
            file: cx.config.file().to_owned(),
            key: "rope_freqs.weight".to_owned(),
            found: format!("{} numbers", factors.len()),
            expected: format!("{} numbers greater than 0", rotary_dim / 2),
        });
    }
    let plain = factors.iter().all(|&v| v == 1.0);
    Ok(if plain { RopeScaling::None } else { RopeScaling::Factors(factors.to_vec()) })
}

/// Context before the extension. A key outside the rotary parameters has precedence.
fn original_max(cx: &RopeContext, keys: &ConfigMap) -> Result<usize, HyperparamError> {
    let key = "original_max_position_embeddings";
    let holder = if cx.config.get(key).is_some() { cx.config } else { keys };
    let value = holder.usize(key)?.unwrap_or(cx.max_seq_len);
    // 1 would make the logarithms of the attention factors vanish.
    if value < 2 { Err(holder.error(key, "a whole number of tokens from 2")) } else { Ok(value) }
}

fn yarn(cx: &RopeContext, keys: &ConfigMap) -> Result<RopeScaling, HyperparamError> {
    let original_max = original_max(cx, keys)?;
    let factor = match keys.get("factor") {
        None => cx.max_seq_len as f64 / original_max as f64,
        Some(_) => keys.positive("factor")?,
    };
    let scale = |mscale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * mscale * factor.ln() + 1.0 };
    let (mscale, mscale_all) = (keys.f64("mscale")?.unwrap_or(0.0), keys.f64("mscale_all_dim")?.unwrap_or(0.0));
    let attention_factor = match keys.f64("attention_factor")? {
        Some(given) => given,
        None if mscale != 0.0 && mscale_all != 0.0 => scale(mscale) / scale(mscale_all),
        None => scale(1.0),
    };
    // As in the reference, a beta of 0 counts as absent.
    let beta = |key, default| keys.f64(key).map(|v| v.filter(|&v| v != 0.0).unwrap_or(default));
    Ok(RopeScaling::Yarn {
        factor,
        original_max,
        beta_fast: beta("beta_fast", 32.0)?,
        beta_slow: beta("beta_slow", 1.0)?,
        truncate: keys.bool("truncate")?.unwrap_or(true),
        attention_factor,
    })
}

fn long_rope(cx: &RopeContext, keys: &ConfigMap, rotary_dim: usize) -> Result<RopeScaling, HyperparamError> {
    let original_max = original_max(cx, keys)?;
    let factor = match keys.get("factor") {
        None => cx.max_seq_len as f64 / original_max as f64,
        Some(_) => keys.positive("factor")?,
    };
    let attention_factor = match keys.f64("attention_factor")? {
        Some(given) => given,
        None if factor <= 1.0 => 1.0,
        None => (1.0 + factor.ln() / (original_max as f64).ln()).sqrt(),
    };
    Ok(RopeScaling::LongRope {
        short: divisors(keys, "short_factor", rotary_dim)?,
        long: divisors(keys, "long_factor", rotary_dim)?,
        original_max,
        attention_factor,
    })
}

/// One positive divisor per rotated pair.
fn divisors(keys: &ConfigMap, key: &str, rotary_dim: usize) -> Result<Vec<f32>, HyperparamError> {
    let values = keys.f64s(key)?.unwrap_or_default();
    if values.len() != rotary_dim / 2 || values.iter().any(|&v| v <= 0.0) {
        return Err(keys.error(key, format!("{} numbers greater than 0", rotary_dim / 2)));
    }
    Ok(values.into_iter().map(|v| v as f32).collect())
}
