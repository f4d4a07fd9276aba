//! `plimsoll fit`

use std::num::NonZeroUsize;

use clap::Args as ClapArgs;
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_panel::judge::{Need, NeedError, size};

use super::device::DeviceArgs;
use super::usage::UseArgs;

/// `fit`
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll fit\n  plimsoll fit --device pixel-10 --need \"memory<2GB, decode>10\" --use commercial\n  plimsoll fit --device rtx-4090 --memory 20GB --context 32768\n\nEvery figure is predicted: nothing is fetched, and nothing is measured but this machine.\nNeeds are names, < or >, and a limit: memory (bytes), decode and prefill (tokens/s)."
)]
pub struct Fit {
    #[command(flatten)]
    pub on: DeviceArgs,
    /// What a model may take of the device's memory, such as 24GB [default: what is known of the device]
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    pub memory: Option<f64>,
    /// What must hold, such as "memory<2GB, decode>10"; may be given several times
    #[arg(long = "need", value_name = "NEEDS", value_parser = read_needs)]
    pub needs: Vec<PredictedNeeds>,
    #[command(flatten)]
    pub usage: UseArgs,
    /// Tokens of context that a model has to take [default: 4096, or as many as it takes]
    #[arg(long, value_name = "N")]
    pub context: Option<NonZeroUsize>,
    /// Pictures in the context; with one or more, models that do not see are left out [default: one of each model that
    /// sees]
    #[arg(long, value_name = "N")]
    pub pictures: Option<usize>,
    /// How the weights are stored [default: the most precise of the usual ones that surely fits and writes as fast as people read]
    #[arg(long, value_name = "NAME", value_parser = read_quantisation)]
    pub quant: Option<Quantisation>,
    /// List every model, and why the others do not float
    #[arg(long)]
    pub all: bool,
}

/// The needs of one `--need`.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedNeeds(pub Vec<Need>);

fn read_needs(text: &str) -> Result<PredictedNeeds, NeedError> {
    let needs = Need::read(text)?;
    for need in &needs {
        if !["peak_memory", "decode@0", "prefill@0"].contains(&need.metric.as_str()) {
            let about =
                "only memory, decode and prefill are predicted; `plimsoll compare` measures the rest".to_owned();
            return Err(NeedError { need: need.text.clone(), about });
        }
    }
    Ok(PredictedNeeds(needs))
}

fn read_quantisation(text: &str) -> Result<Quantisation, String> {
    let found = Quantisation::ALL.into_iter().find(|known| known.to_string().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let known: Vec<String> = Quantisation::ALL.iter().map(ToString::to_string).collect();
        format!("expected one of {}", known.join(", "))
    })
}

/// A size of memory, such as 24GB, in bytes.
///
/// # Errors
/// It is no size, or less than a megabyte.
pub fn parse_memory(text: &str) -> Result<f64, String> {
    let bytes = size(text)?;
    if bytes >= 1e6 { Ok(bytes) } else { Err(format!("`{text}` is less than 1 MB: expected a size such as 24GB")) }
}
