//! What a published checkpoint will take and give on a device, before anything is fetched: a pure function of its shape, a
//! quantisation, and what is known of the device.

use plimsoll_catalog::{DeviceProfile, EngineThere, Figure};
use plimsoll_graph::cost::{Cost, Machine};
use plimsoll_runtime::{BATCH_TOKENS, CacheType};
use serde::{Deserialize, Serialize};

use super::mix::Quantisation;
use super::published::Published;
use crate::record::Unit;

/// Memory of a process besides the model: the program itself. Measured as 14 MB.
const PROGRAM_BYTES: u64 = 20_000_000;
/// Memory of a tokenizer for each token of its vocabulary. Measured as 125 to 309 bytes over vocabularies of 32, 50 and 128
/// thousand tokens.
const TOKENIZER_BYTES: u64 = 400;
/// What is added to a sum so that it errs above. Predictions of this program's memory lay 1 to 10 MB below the truth for
/// models up to 135M and 0.2 to 0.7 % for those of 2 to 3B.
const MARGIN_BYTES: u64 = 16_000_000;
const MARGIN_WALKED: f64 = 0.01;
/// The same where counts stand for a network: they lie within 3 % of what is published.
const MARGIN_OUTLINE: f64 = 0.05;

/// Measured speed over that predicted from this machine's own limits: the least and the most that was seen over eight files
/// of 0.3M to 3B in a quiet quarter of an hour, where weights were charged as read from memory.
const DECODE_SEEN: (f64, f64) = (0.74, 1.18);
const PREFILL_SEEN: (f64, f64) = (0.79, 1.52);

/// Tokens of the prompt that prefill is predicted for.
const PREFILL_TOKENS: usize = 256;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Tokens that prompt and answer take together.
    pub context: usize,
    /// Pictures among them.
    pub pictures: usize,
    /// How keys and values are stored.
    pub cache: CacheType,
}

/// Where it is to run.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// On this machine, whose limits were measured.
    Here(&'a Machine),
    /// On this machine, whose limits nobody measured yet: memory alone is predicted.
    Unmeasured,
    /// On a device of which only published figures are known.
    There(&'a DeviceProfile),
}

/// What would run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runner {
    /// This program, which keeps every position of every layer.
    ThisProgram,
    /// Another engine: this program does not read its files, or does not compute on that unit.
    Another,
}

/// A value with the range that it is predicted to lie in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Range {
    /// The lower end.
    pub low: f64,
    /// In the middle of what is known.
    pub value: f64,
    /// The upper end.
    pub high: f64,
}

impl Range {
    /// How a bound from below stands to it.
    pub fn at_least(self, bound: f64) -> Floats {
        match (self.low >= bound, self.high < bound) {
            (true, _) => Floats::Yes,
            (_, true) => Floats::No,
            _ => Floats::Perhaps,
        }
    }

    /// How a bound from above stands to it.
    pub fn at_most(self, bound: f64) -> Floats {
        match (self.high <= bound, self.low > bound) {
            (true, _) => Floats::Yes,
            (_, true) => Floats::No,
            _ => Floats::Perhaps,
        }
    }
}

/// How something stands to a bound, as far as a prediction tells. The better ones come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Floats {
    /// The whole range holds it.
    Yes,
    /// A part of the range does, or it cannot be told.
    Perhaps,
    /// None of it does.
    No,
}

/// Memory that a process will have in RAM, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MemoryBefore {
    /// Weights of the text model that are read.
    pub weights: u64,
    /// Keys, values and other state of the context.
    pub cache: u64,
    /// Activations.
    pub buffers: u64,
    /// What pictures pass through, where any are asked for.
    pub tower: u64,
    /// Program and tokenizer.
    pub process: u64,
    /// All of it: from the sum to what is surely enough.
    pub total: Range,
}

/// What is predicted of one quantisation on one device. Every figure in it is a prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Prediction {
    /// How the weights are stored.
    pub quantisation: Quantisation,
    /// What would run it.
    pub runner: Runner,
    /// Tokens of context that it is for.
    pub context: usize,
    /// Size of the file, in bytes.
    pub file_bytes: u64,
    /// Memory.
    pub memory: MemoryBefore,
    /// What an app may take there, from the least to the most that is known; none where nothing is, in bytes.
    pub room: Option<Range>,
    /// Whether the memory is within that.
    pub fits: Floats,
    /// Decoded tokens per second, from a full context to an empty one.
    pub decode: Option<Range>,
    /// Prompt tokens per second.
    pub prefill: Option<Range>,
    /// Prompt tokens per second that arithmetic allows at most, where no more is known.
    pub prefill_at_most: Option<f64>,
    /// How each figure came about.
    pub derived: Vec<String>,
}

/// Predicts. `room` is what the model may take of the device's memory, where that is not as its profile says.
pub fn predict(
    published: &Published,
    quantisation: Quantisation,
    place: Place<'_>,
    room: Option<Range>,
    asked: Asked,
) -> Prediction {
    let cost = published.cost(quantisation);
    let runner = match place {
        Place::There(device) if device.engine == EngineThere::Other => Runner::Another,
        _ if published.runs_here => Runner::ThisProgram,
        _ => Runner::Another,
    };
    let (memory, how) = memory(published, cost, runner, asked);
    let room = room.or(match place {
        Place::Here(_) | Place::Unmeasured => None,
        Place::There(device) => Some(range(&device.app_memory)),
    });
    let fits = room.map_or(Floats::Perhaps, |room| within(memory.total, room));
    let speed = match place {
        Place::Here(machine) => Speed::here(cost, machine, asked),
        Place::Unmeasured => Speed::unknown(),
        Place::There(device) => Speed::there(cost, device, quantisation, asked),
    };
    Prediction {
        quantisation,
        runner,
        context: asked.context,
        file_bytes: published.file_bytes(quantisation),
        memory,
        room,
        fits,
        decode: speed.decode,
        prefill: speed.prefill,
        prefill_at_most: speed.prefill_at_most,
        derived: std::iter::once(how).chain(speed.derived).collect(),
    }
}

/// Surely, if all that it may take is within the least that there may be.
fn within(memory: Range, room: Range) -> Floats {
    match (memory.high <= room.low, memory.low > room.high) {
        (true, _) => Floats::Yes,
        (_, true) => Floats::No,
        _ => Floats::Perhaps,
    }
}

fn range(figure: &Figure) -> Range {
    Range { low: figure.least(), value: figure.value, high: figure.most() }
}

fn memory(published: &Published, cost: &Cost, runner: Runner, asked: Asked) -> (MemoryBefore, String) {
    let head_bytes = |head_dim| asked.cache.head_bytes(head_dim);
    let cache = match runner {
        Runner::ThisProgram => cost.cache_bytes(asked.context, head_bytes),
        Runner::Another => cost.held_bytes(asked.context, head_bytes),
    };
    let (tower_weights, tower_buffers) = published.tower_bytes();
    let tower = if asked.pictures > 0 { tower_weights + tower_buffers } else { 0 };
    let weights = cost.weight_bytes(asked.context);
    let buffers = cost.buffer_bytes(asked.context.min(BATCH_TOKENS));
    let process = PROGRAM_BYTES + TOKENIZER_BYTES * published.vocab_size as u64;
    let sum = weights + cache + buffers + tower + process;
    let margin = if published.is_walked { MARGIN_WALKED } else { MARGIN_OUTLINE };
    let high = sum as f64 * (1.0 + margin) + MARGIN_BYTES as f64;
    let total = Range { low: sum as f64, value: sum as f64, high };
    let how = match published.is_walked {
        true => "memory: every weight of the network with its type, keys and values of the whole context".to_owned(),
        false => "memory: from counts of parameters, and the layers that keep keys and values".to_owned(),
    };
    (MemoryBefore { weights, cache, buffers, tower, process, total }, how)
}

/// Speed on a machine whose limits were measured, in tokens per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SpeedHere {
    /// Decoded, from a full context to an empty one.
    pub decode: Range,
    /// Of a prompt.
    pub prefill: Range,
}

impl SpeedHere {
    /// With the range that such predictions missed by. All weights are charged as read from memory but for the upper end:
    /// how much of them stays in a cache that other programs share is not known.
    pub fn of(cost: &Cost, machine: &Machine, context: usize, cache: CacheType) -> SpeedHere {
        let uncached = Machine { cache_bytes: 0.0, ..machine.clone() };
        let at =
            |depth, machine: &Machine| 1.0 / cost.decode_seconds(depth, |head_dim| cache.head_bytes(head_dim), machine);
        let [full, half, empty] = depths(context);
        let tokens = PREFILL_TOKENS.min(context).max(1);
        let prefill = tokens as f64 / cost.prefill_seconds(tokens, 0, BATCH_TOKENS, &uncached);
        SpeedHere {
            decode: Range {
                low: at(full, &uncached) * DECODE_SEEN.0,
                value: at(half, &uncached),
                high: at(empty, machine) * DECODE_SEEN.1,
            },
            prefill: Range { low: prefill * PREFILL_SEEN.0, value: prefill, high: prefill * PREFILL_SEEN.1 },
        }
    }
}

struct Speed {
    decode: Option<Range>,
    prefill: Option<Range>,
    prefill_at_most: Option<f64>,
    derived: Vec<String>,
}

impl Speed {
    /// From limits that were measured on this machine.
    fn here(cost: &Cost, machine: &Machine, asked: Asked) -> Speed {
        let head_bytes = |head_dim| asked.cache.head_bytes(head_dim);
        let SpeedHere { decode, prefill } = SpeedHere::of(cost, machine, asked.context, asked.cache);
        let derived = format!(
            "speed: {} for each token, each type as fast as products of it were measured here to go through memory, \
             which reads {:.1} GB/s; the range is what such predictions missed by",
            Unit::Bytes.text(cost.read_bytes(asked.context / 2, head_bytes)),
            machine.read_bandwidth / 1e9
        );
        Speed { decode: Some(decode), prefill: Some(prefill), prefill_at_most: None, derived: vec![derived] }
    }

    /// From nothing.
    fn unknown() -> Speed {
        let how = "speed: not predicted, for this machine's limits were not measured yet".to_owned();
        Speed { decode: None, prefill: None, prefill_at_most: None, derived: vec![how] }
    }

    /// From a data sheet's bandwidth and the share of it that engines were seen to reach.
    fn there(cost: &Cost, device: &DeviceProfile, quantisation: Quantisation, asked: Asked) -> Speed {
        let head_bytes = |head_dim| asked.cache.head_bytes(head_dim);
        let known = device.read_bandwidth.as_ref().zip(device.share(quantisation.is_wide()));
        let decode = known.map(|(bandwidth, share)| {
            let [full, half, empty] = depths(asked.context).map(|depth| cost.read_bytes(depth, head_bytes));
            Range {
                low: share.least() * bandwidth.least() / full,
                value: share.value * bandwidth.value / half,
                high: share.most().min(1.0) * bandwidth.most() / empty,
            }
        });
        let unit = device.reach.first().map_or("CPU", |reach| reach.unit.as_str());
        let how = match known {
            Some((bandwidth, share)) => format!(
                "decode on its {unit}: {:.0} % ({}) of {:.1} GB/s ({}), over {} read for each token",
                share.value * 100.0,
                share.standing.words(),
                bandwidth.value / 1e9,
                bandwidth.standing.words(),
                Unit::Bytes.text(cost.read_bytes(asked.context / 2, head_bytes))
            ),
            None => "decode: not predicted, for how fast it reads is not known".to_owned(),
        };
        let rate = device.compute.iter().find(|compute| compute.unit == unit);
        let prefill_at_most = rate.map(|compute| {
            let tokens = PREFILL_TOKENS.min(asked.context).max(1);
            tokens as f64 * compute.rate.value / cost.product_flops(tokens)
        });
        let bound = match rate {
            Some(compute) => format!(
                "prefill: no more than its {unit}'s {:.1} T operations of {} a second allow ({})",
                compute.rate.value / 1e12,
                compute.of,
                compute.rate.standing.words()
            ),
            None => format!("prefill: not predicted, for how fast its {unit} computes is not known"),
        };
        Speed { decode, prefill: None, prefill_at_most, derived: vec![how, bound] }
    }
}

/// A full context, half of it, and none.
fn depths(context: usize) -> [usize; 3] {
    [context.saturating_sub(1), context / 2, 0]
}

#[cfg(test)]
mod tests {
    use plimsoll_catalog::{Catalog, ModelCard, Shape};
    use serde_json::json;

    use super::*;

    /// Ten layers of two heads of 32; an embedding of 100 thousand values and 900 thousand others.
    fn shape() -> Shape {
        serde_json::from_value(json!({
            "parameters": 1_000_000, "n_layers": 10, "d_model": 100, "d_ff": 200, "n_heads": 4, "n_kv_heads": 2,
            "head_dim": 32, "vocab_size": 1000, "tied_embeddings": true, "max_seq_len": 4096,
            "caches": [{ "n_layers": 10, "n_kv_heads": 2, "head_dim": 32 }], "provenance": { "standing": "assumed" },
        }))
        .unwrap()
    }

    fn card() -> ModelCard {
        Catalog::builtin().card("granite-4.0-micro").unwrap().clone()
    }

    fn device(bandwidth: &str) -> DeviceProfile {
        let found = |value: f64| json!({ "value": value, "standing": "found" });
        serde_json::from_value(json!({
            "id": "d", "name": "D", "kind": "board", "chip": "c", "engine": "processor",
            "memory": found(64e6), "app_memory": { "value": 50e6, "low": 40e6, "standing": "found" },
            "read_bandwidth": { "value": 10e9, "standing": bandwidth },
            "reach": [{ "unit": "CPU", "four_bit": { "value": 0.5, "low": 0.4, "high": 0.6, "standing": "found" } }],
            "compute": [{ "unit": "CPU", "of": "int8", "rate": found(1e12) }],
        }))
        .unwrap()
    }

    const ASKED: Asked = Asked { context: 1000, pictures: 0, cache: CacheType::F16 };

    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} where {expected} was calculated by hand");
    }

    #[test]
    fn memory_and_speed_are_those_calculated_by_hand() {
        let (card, shape) = (card(), shape());
        let published = Published::new(&card, &shape).unwrap();
        let device = device("found");
        let found = predict(&published, Quantisation::BF16, Place::There(&device), None, ASKED);
        // 1 million values in 16 bits; 40 bytes for each of 1000 tokens.
        assert_eq!(found.file_bytes, 2_000_000 + 40_000);
        let MemoryBefore { weights, cache, buffers, tower, process, total } = found.memory;
        // Keys and values of ten layers, two heads of 32 in halves: 2560 bytes for each token.
        assert_eq!((weights, cache, tower, process), (2_000_000, 2_560_000, 0, 20_400_000));
        // 256 rows of 4 · 100 + 2 · 200 + 3 · 4 · 32 values, and 1000 logits.
        assert_eq!(buffers, 4 * (256 * 1184 + 1000));
        let sum = 2_000_000.0 + 2_560_000.0 + 1_216_416.0 + 20_400_000.0;
        near(total.low, sum);
        near(total.high, sum * 1.05 + 16e6);
        let decode = found.decode.unwrap();
        near(decode.low, 0.4 * 10e9 / (2e6 + 1000.0 * 2560.0));
        near(decode.value, 0.5 * 10e9 / (2e6 + 501.0 * 2560.0));
        near(decode.high, 0.6 * 10e9 / (2e6 + 2560.0));
        // 256 tokens through 900 thousand values, one through the embedding.
        near(found.prefill_at_most.unwrap(), 256.0 * 1e12 / (2.0 * (256.0 * 9e5 + 1e5)));
        // Its architecture is read here, though its card is an outline.
        assert_eq!((found.prefill, found.runner), (None, Runner::ThisProgram));
    }

    #[test]
    fn a_figure_that_nobody_looked_up_widens_the_range() {
        let (card, shape) = (card(), shape());
        let published = Published::new(&card, &shape).unwrap();
        let decode = |standing: &str| {
            predict(&published, Quantisation::Q4_0, Place::There(&device(standing)), None, ASKED).decode.unwrap()
        };
        let (found, known, assumed) = (decode("found"), decode("known"), decode("assumed"));
        near(known.low, 0.9 * found.low);
        near(known.high, 1.1 * found.high);
        near(assumed.low, 0.75 * found.low);
        assert_eq!(found.value, assumed.value);
    }

    #[test]
    fn what_lies_between_the_least_and_the_most_of_a_devices_memory_fits_perhaps() {
        let (card, shape) = (card(), shape());
        let published = Published::new(&card, &shape).unwrap();
        let fits = |low: f64, high: f64| {
            let room = Range { low, value: low, high };
            predict(&published, Quantisation::BF16, Place::There(&device("found")), Some(room), ASKED).fits
        };
        // 26.2 MB by the sum, 43.5 MB with all that it may be off.
        assert_eq!(fits(44e6, 44e6), Floats::Yes);
        assert_eq!(fits(30e6, 44e6), Floats::Perhaps);
        assert_eq!(fits(10e6, 26e6), Floats::No);
    }

    #[test]
    fn a_device_of_which_no_bandwidth_is_known_gives_no_speed() {
        let (card, shape) = (card(), shape());
        let published = Published::new(&card, &shape).unwrap();
        let device = DeviceProfile { read_bandwidth: None, ..device("found") };
        let found = predict(&published, Quantisation::BF16, Place::There(&device), None, ASKED);
        assert_eq!(found.decode, None);
        assert!(found.derived.iter().any(|line| line.contains("not predicted")), "{:?}", found.derived);
    }

    #[test]
    fn another_engine_lets_go_of_what_no_query_sees_and_this_program_keeps_it() {
        let catalog = Catalog::builtin();
        let card = catalog.card("gemma-3-12b").unwrap();
        let published = Published::new(card, &card.shapes[0]).unwrap();
        let cache = |engine| {
            let device = DeviceProfile { engine, ..device("found") };
            let asked = Asked { context: 8192, ..ASKED };
            predict(&published, Quantisation::Q4_K_M, Place::There(&device), None, asked).memory.cache
        };
        // 48 layers of 8 heads of 256, keys and values in halves; 8 of them see everything, 40 a window of 1024.
        let position = 2 * 8 * 256 * 2;
        assert_eq!(cache(EngineThere::Processor), 48 * position * 8192);
        assert_eq!(cache(EngineThere::Other), (8 * 8192 + 40 * 1024) * position);
    }

    #[test]
    fn published_decode_speeds_lie_within_the_predicted_ranges() {
        let catalog = Catalog::builtin();
        // Short contexts, one stream: each from the page that the device's profile names, or one beside it.
        let seen = [
            ("rpi5-8gb", "llama-3.2-3b", Quantisation::Q4_K_M, 4.6),
            ("rpi5-16gb", "llama-3.2-3b", Quantisation::Q4_K_M, 4.9),
            ("rpi5-16gb", "qwen2.5-14b", Quantisation::Q4_K_M, 1.2),
            ("jetson-agx-orin-64gb", "llama-3.2-3b", Quantisation::BF16, 25.6),
            ("jetson-agx-orin-64gb", "llama-3.2-1b", Quantisation::BF16, 65.0),
            ("galaxy-s24", "llama-3.2-1b", Quantisation::BF16, 19.2),
            ("apple-m4", "llama-3.1-8b", Quantisation::Q4_K_M, 20.9),
            ("rtx-3060-12gb", "llama-3.2-3b", Quantisation::Q4_K_M, 122.9),
            ("rtx-4090", "qwen2.5-14b", Quantisation::Q4_K_M, 92.5),
            ("rtx-5090", "qwen3-8b", Quantisation::Q4_K_M, 221.7),
            ("intel-n150-16gb", "llama-3.2-3b", Quantisation::Q4_K_M, 9.1),
        ];
        for (device, card, quantisation, tokens) in seen {
            let card = catalog.card(card).unwrap();
            let published = Published::new(card, &card.shapes[0]).unwrap();
            let device = catalog.device(device).unwrap();
            let asked = Asked { context: 512, ..ASKED };
            let decode = predict(&published, quantisation, Place::There(device), None, asked).decode.unwrap();
            assert!(decode.low <= tokens && tokens <= decode.high, "{} {}: {tokens} in {decode:?}", device.id, card.id);
        }
    }
}
