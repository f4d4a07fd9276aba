//! Random values that are the same everywhere: a counter under a hash.

use plimsoll_graph::{WeightDecl, WeightKind};

/// `n` values from −1 to 1 that belong to `name`: value `i` is the upper 24 bits of SplitMix64's `i`-th number, seeded
/// with the FNV-1a hash of the name, over 2²³, less one. All are exact in F32.
pub fn uniform(name: &str, n: usize) -> Vec<f32> {
    let seed = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (1..=n as u64).map(|i| (split_mix(seed, i) >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn split_mix(seed: u64, i: u64) -> u64 {
    let z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The values of a weight, every one of them exact in BF16: maps keep the size of what they are given, gains lie around
/// one, output projections spread the logits over tens.
pub fn weight(declared: &WeightDecl) -> Vec<f32> {
    let name = declared.name.as_str();
    let n = declared.shape.iter().product();
    let (middle, reach) = match declared.kind {
        WeightKind::Vector { .. } if name.ends_with(".bias") => (0.0, 0.25),
        WeightKind::Vector { offset } if is_norm(name) => (1.0 - offset, 0.25),
        WeightKind::Vector { .. } if name.ends_with("_min") => (-BOUND, 0.25),
        WeightKind::Vector { .. } if name.ends_with("_max") => (BOUND, 0.25),
        WeightKind::Vector { .. } => (0.0, 1.0),
        WeightKind::Matrix if is_table(name) => (0.0, 1.0),
        WeightKind::Matrix | WeightKind::Experts => {
            let inputs = declared.shape[declared.shape.len() - 1];
            let gain = if name == "lm_head.weight" { 3.0 } else { 1.0 };
            (0.0, gain * (3.0 / inputs as f32).sqrt())
        }
    };
    let exact = |value: f32| half::bf16::from_f32(value).to_f32();
    uniform(name, n).into_iter().map(|value| exact(middle + reach * value)).collect()
}

/// Values are cut about here, which some of them reach.
const BOUND: f32 = 1.25;

/// Norms whose number stands in their name, or their place.
fn is_norm(name: &str) -> bool {
    name.contains("norm") && name.ends_with(".weight")
}

/// Rows that are looked up or added, not multiplied.
fn is_table(name: &str) -> bool {
    name.contains("embed_tokens") || name.contains("position")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_that_the_tool_in_python_draws() {
        assert_eq!(uniform("pixels", 3), PIXELS);
        assert!(uniform("lm_head.weight", 1000).iter().all(|value| (-1.0..1.0).contains(value)));
    }

    /// `uniform("pixels", 3)` of tools/make_golden.py.
    const PIXELS: [f32; 3] = [-0.358_945_25, 0.686_717_5, -0.492_656_35];
}
