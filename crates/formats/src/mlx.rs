//! How MLX's files keep quantised weights: codes in words of 32 bits, and what config.json says of their width.
//! Source: mlx-lm's mlx_lm/utils.py (`load_model`, `quantize_model`), MLX's mlx/backend/cpu/quantized.cpp.
//!
//! A module `p` is quantised if there is `p.scales`: `p.weight` holds codes as U32 (out, in · bits / 32), `p.scales` and
//! `p.biases` floats (out, in / group), and a value is `scale · code + bias`.

use crate::config_map::ConfigMap;
use crate::error::{FormatError, HyperparamError};

/// Widths of codes that MLX has in its mode `affine`.
pub const BITS: [u32; 6] = [2, 3, 4, 5, 6, 8];
/// Values that share a scale.
pub const GROUPS: [usize; 3] = [32, 64, 128];
/// The key of config.json that says how weights are quantised.
pub const QUANTIZATION: &str = "quantization";

/// How a module's weights are quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affine {
    /// Of a code.
    pub bits: u32,
    /// Values that share a scale and a bias.
    pub group: usize,
}

/// `quantization` of a config.json.
#[derive(Debug, Clone)]
pub struct Quantization(ConfigMap);

impl Quantization {
    /// What config.json says; `None` if it has no such key. Other packings are told by a `quant_method`, which no folder
    /// that MLX wrote has.
    ///
    /// # Errors
    /// The key holds no object.
    pub fn of(config: &ConfigMap) -> Result<Option<Quantization>, HyperparamError> {
        let Some(object) = config.object(QUANTIZATION)? else { return Ok(None) };
        Ok(Some(Quantization(object)))
    }

    /// How the weights of `module`, which has scales in the file `file`, are quantised.
    ///
    /// # Errors
    /// In another mode than `affine`, or a width or group that MLX does not have.
    pub fn of_module(&self, file: &str, module: &str) -> Result<Affine, FormatError> {
        let own = match self.0.get(module) {
            Some(serde_json::Value::Object(_)) => self.0.object(module)?,
            _ => None,
        };
        let settings = own.as_ref().unwrap_or(&self.0);
        let tensor = format!("{module}.weight");
        let mode = settings.str("mode")?.unwrap_or("affine");
        if mode != "affine" {
            let what = format!("is quantised in MLX's mode `{mode}`, expected `affine`");
            return Err(FormatError::tensor(file, &tensor, what));
        }
        let (bits, group) = (settings.usize("bits")?, settings.usize("group_size")?);
        let bits = bits.and_then(|bits| BITS.into_iter().find(|known| *known as usize == bits));
        let group = group.filter(|group| GROUPS.contains(group));
        match (bits, group) {
            (Some(bits), Some(group)) => Ok(Affine { bits, group }),
            (None, _) => Err(settings.error("bits", "2, 3, 4, 5, 6 or 8").into()),
            (_, None) => Err(settings.error("group_size", "32, 64 or 128").into()),
        }
    }
}

/// Appends codes of `bits` each as MLX packs them: a stream of bits from the lowest of each byte on.
pub fn pack(bits: u32, codes: &[u8], out: &mut Vec<u8>) {
    let (mut held, mut n) = (0u32, 0);
    for code in codes {
        held |= u32::from(*code) << n;
        n += bits;
        while n >= 8 {
            out.push(held as u8);
            held >>= 8;
            n -= 8;
        }
    }
    if n > 0 {
        out.push(held as u8);
    }
}

/// The first `codes.len()` codes of `bits` each in `packed`; those beyond its end are zeros.
pub fn unpack(bits: u32, packed: &[u8], codes: &mut [u8]) {
    let (mut held, mut n, mut bytes) = (0u32, 0, packed.iter());
    for code in codes {
        while n < bits {
            held |= u32::from(bytes.next().copied().unwrap_or(0)) << n;
            n += 8;
        }
        *code = (held & ((1 << bits) - 1)) as u8;
        held >>= bits;
        n -= bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_width_come_back() {
        for bits in BITS {
            let codes: Vec<u8> = (0..96u32).map(|i| (i * 37 % (1 << bits)) as u8).collect();
            let (mut packed, mut back) = (Vec::new(), vec![0; 96]);
            pack(bits, &codes, &mut packed);
            assert_eq!(packed.len(), 96 * bits as usize / 8);
            unpack(bits, &packed, &mut back);
            assert_eq!(back, codes, "{bits} bits");
        }
    }

    #[test]
    fn four_bits_lie_from_the_lowest_on_in_a_word_and_three_bits_in_three_bytes() {
        let mut packed = Vec::new();
        pack(4, &[1, 2, 3, 4, 5, 6, 7, 8], &mut packed);
        assert_eq!(u32::from_le_bytes(packed[..].try_into().unwrap()), 0x8765_4321);
        packed.clear();
        // mlx/backend/cpu/quantized.cpp: the first code in the lowest three bits of 24.
        pack(3, &[1, 0, 0, 0, 0, 0, 0, 7], &mut packed);
        assert_eq!(packed, [1, 0, 0xe0]);
    }

    fn of(text: &str, module: &str) -> Result<Affine, String> {
        let config = ConfigMap::new("config.json", crate::parse_object("config.json", text).unwrap());
        let quantization = Quantization::of(&config).unwrap().unwrap();
        quantization.of_module("model.safetensors", module).map_err(|error| error.to_string())
    }

    #[test]
    fn a_module_has_settings_of_its_own_or_those_of_all() {
        let text = r#"{ "quantization": { "group_size": 64, "bits": 4, "lm_head": { "group_size": 32, "bits": 6 },
            "x": false, "odd": { "bits": 4, "group_size": 32, "mode": "mxfp4" }, "wide": { "bits": 7, "group_size": 32 } } }"#;
        assert_eq!(of(text, "model.embed_tokens"), Ok(Affine { bits: 4, group: 64 }));
        assert_eq!(of(text, "lm_head"), Ok(Affine { bits: 6, group: 32 }));
        let refused = of(text, "odd").unwrap_err();
        assert!(refused.contains("tensor `odd.weight`: is quantised in MLX's mode `mxfp4`"), "{refused}");
        let refused = of(text, "wide").unwrap_err();
        assert!(refused.contains("found 7, expected 2, 3, 4, 5, 6 or 8"), "{refused}");
    }
}
