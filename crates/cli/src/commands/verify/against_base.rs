//! Is what a file says of its loss so?

use std::io::Write as _;
use std::process::ExitCode;

use plimsoll_lab::compare::weights_sha256;
use plimsoll_lab::loss::{Loss, MeasuredBy};
use plimsoll_lab::standing::Standing;
use plimsoll_panel::shown_text;
use serde_json::json;

use crate::loss::{Base, computed_by, lines, stored};
use crate::settings::Settings;
use crate::style::Style;
use crate::{model, output};

/// How far a mean divergence may lie from what was measured before, on a processor that rounds otherwise: a share, and what
/// rounding alone leaves where nearly nothing was lost, in nats.
const CLOSE: (f64, f64) = (0.05, 1e-5);

/// Measures the loss of `model` against `base`; status 0 if it is what the file says, 1 if not, 2 if the file says nothing
/// that could be compared.
///
/// # Errors
/// One of the two cannot be run, or they cannot be compared.
pub fn run(model: &str, base: &str, settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let (checkpoint, base_checkpoint) = (model::open(model)?, model::open(base)?);
    let said = stored(&checkpoint)?;
    let base = Base::new(&base_checkpoint, settings);
    let (loss, engine) = base.loss(&checkpoint)?;
    let (standing, why) = match &said {
        None => (Standing::Inconclusive, "nothing is said of its loss".to_owned()),
        Some(said) => held_beside(said, &loss, engine.as_deref(), &base),
    };
    if as_json {
        output::print_json(&json!({
            "model": model, "base": base_checkpoint.display(), "engine": engine, "loss": loss,
            "stored": said.map(|said| said.stored.loss),
            "standing": standing, "passed": standing == Standing::Passed, "why": why,
        }))?;
    } else {
        let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
        let through = engine.as_ref().map_or(String::new(), |engine| format!(", through {}", shown_text(engine, 40)));
        let names = (style.bold(&shown_text(model, 120)), shown_text(&base_checkpoint.display(), 120));
        writeln!(out, "{} against {}{through}", names.0, names.1)?;
        lines(&loss).iter().try_for_each(|line| writeln!(out, "  {line}"))?;
        writeln!(out, "{}: {why}", style.standing(standing))?;
    }
    Ok(output::status_of(standing))
}

fn held_beside(said: &MeasuredBy, found: &Loss, engine: Option<&str>, base: &Base) -> (Standing, String) {
    let MeasuredBy { engine: by, stored: said } = said;
    if said.base_sha256 != weights_sha256(base.checkpoint, |_| ()) {
        let why = format!("it is said to be made from other weights, of `{}`", shown_text(&said.base, 60));
        return (Standing::Failed, why);
    }
    if said.held_out_sha256 != base.passages.sha256() {
        let why = "the loss that is said was measured over other texts than this version has".to_owned();
        return (Standing::Inconclusive, why);
    }
    let (said, found) = (said.loss.kl_mean.value, found.kl_mean.value);
    if (said - found).abs() <= CLOSE.0 * said.max(found) + CLOSE.1 {
        (Standing::Passed, format!("{said:.5} nats are said"))
    } else if by.as_deref() == engine {
        (Standing::Failed, format!("{said:.5} nats are said, and {found:.5} were measured"))
    } else {
        let by = computed_by(by.as_deref());
        (
            Standing::Inconclusive,
            format!("{said:.5} nats are said, measured through {by}, and {found:.5} were measured"),
        )
    }
}
