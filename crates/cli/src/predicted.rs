//! Predictions of the catalogue's models for a device: what `fit`, `info` and `compare` show before there are files.

use clap::Args as ClapArgs;
use plimsoll_catalog::{Gate, ModelCard, Outcome, Shape};
use plimsoll_lab::predict::before::{Asked, Floats, Prediction, Range, Runner, predict};
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_lab::predict::published::Published;
use plimsoll_panel::judge::size;
use plimsoll_runtime::CacheType;

use crate::device::{Device, bytes};

/// Tokens of context where nobody says.
pub const CONTEXT: usize = 4096;

/// For what and where predictions are made.
#[derive(ClapArgs, Debug, Clone, Default)]
pub struct DeviceArgs {
    /// Predict for a device of `plimsoll catalog --devices`, or for the profile in a .toml file [default: this machine]
    #[arg(long, value_name = "NAME|FILE")]
    pub device: Option<String>,
}

/// Reads what a model may take: `24GB`.
///
/// # Errors
/// It is no size.
pub fn parse_memory(text: &str) -> Result<f64, String> {
    let bytes = size(text)?;
    if bytes >= 1e6 { Ok(bytes) } else { Err(format!("`{text}` is less than 1 MB: expected a size such as 24GB")) }
}

/// What is asked of one shape: no more context than it has.
pub fn asked(shape: &Shape, context: usize, pictures: usize) -> Asked {
    Asked { context: context.clamp(1, shape.max_seq_len), pictures, cache: CacheType::F16 }
}

/// Each quantisation of a shape, the most precise first.
///
/// # Errors
/// The card's figures make no network.
pub fn of_shape(
    card: &ModelCard,
    shape: &Shape,
    device: &Device,
    room: Option<Range>,
    asked: Asked,
) -> anyhow::Result<Vec<Prediction>> {
    let published = Published::new(card, shape)?;
    let one = |quantisation| predict(&published, quantisation, device.place(), room, asked);
    Ok(Quantisation::ALL.into_iter().map(one).collect())
}

/// What a shape is called beside others: the card's id, and its own name where the card has several.
pub fn name(card: &ModelCard, shape: &Shape) -> String {
    match shape.name().filter(|_| card.shapes.len() > 1) {
        Some(name) => name.to_owned(),
        None => card.id.clone(),
    }
}

/// `8 to 21`, or that it is not known.
pub fn speed(range: Option<Range>) -> String {
    match range {
        Some(range) => format!("{} to {}", figure(range.low), figure(range.high)),
        None => "not known".to_owned(),
    }
}

fn figure(n: f64) -> String {
    match n {
        n if n < 0.95 => format!("{n:.1}"),
        n if n < 9.5 => format!("{:.0}", n.max(1.0)),
        n if n < 995.0 => format!("{n:.0}"),
        n => format!("{:.0}", (n / 100.0).round() * 100.0),
    }
}

/// How the memory stands to the room.
pub fn fits_words(fits: Floats) -> &'static str {
    match fits {
        Floats::Yes => "fits",
        Floats::Perhaps => "perhaps",
        Floats::No => "no",
    }
}

/// A row for each quantisation, and what they rest on.
pub fn lines(predictions: &[Prediction], shape: &Shape) -> Vec<String> {
    let mut lines = vec![format!("{:<8} {:>8} {:>9}  {:<16} {}", "", "file", "memory", "decode/s", "fits")];
    for p in predictions {
        let published = shape.files.iter().find(|file| file.quantisation == p.quantisation.to_string());
        let size = published.map_or(p.file_bytes as f64, |file| file.bytes);
        let mark = if published.is_some() { "" } else { "~" };
        lines.push(format!(
            "{:<8} {:>8} {:>9}  {:<16} {}",
            p.quantisation.to_string(),
            format!("{mark}{}", bytes(size)),
            bytes(p.memory.total.high),
            speed(p.decode),
            fits_words(p.fits)
        ));
    }
    lines
}

/// What would run it, where that is not this program.
pub fn runner_words(card: &ModelCard, prediction: &Prediction, device: &Device) -> Option<String> {
    match (prediction.runner, device) {
        (Runner::ThisProgram, _) => None,
        (Runner::Another, Device::There(profile)) if profile.engine == plimsoll_catalog::EngineThere::Other => {
            Some("another engine would be needed there: Plimsoll computes on processors".to_owned())
        }
        (Runner::Another, _) => {
            let architecture = card.architecture.as_deref().unwrap_or("of this model");
            Some(format!("another engine would be needed: Plimsoll does not read the architecture `{architecture}`"))
        }
    }
}

/// How a licence stands to the declared use, in a word or three.
pub fn licence_words(gate: &Gate) -> String {
    match gate.outcome {
        Outcome::Passed => "allowed".to_owned(),
        Outcome::Failed => "not allowed".to_owned(),
        Outcome::Unknown => gate.allowed_within().unwrap_or_else(|| "not known".to_owned()),
    }
}
