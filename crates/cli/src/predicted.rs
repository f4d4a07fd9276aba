//! Predictions of the catalogue's models for a device: what `fit`, `info` and `compare` show before there are files.

use anyhow::bail;
use plimsoll_catalog::{ModelCard, Shape};
use plimsoll_lab::predict::before::{Asked, Prediction, Range};
use plimsoll_panel::predicted::Costs;
pub use plimsoll_panel::predicted::{CONTEXT, asked, fits_words, licence_words, name, speed};

use crate::device::{Device, bytes};

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
    Ok(Costs::default().predicted(card, shape, device.place(), room, asked)?)
}

/// That a shape has as much context as is asked for.
///
/// # Errors
/// It has less, or none is asked for.
pub fn require_context(card: &ModelCard, shape: &Shape, asked: Option<usize>) -> anyhow::Result<()> {
    let most = shape.max_seq_len;
    match asked {
        Some(context) if !(1..=most).contains(&context) => {
            bail!("--context is {context}, and `{}` takes 1 to {most} tokens", name(card, shape))
        }
        _ => Ok(()),
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
    plimsoll_panel::predicted::runner_words(card, prediction, device.profile())
}
