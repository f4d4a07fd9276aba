//! What a model lost against the one that it was made from: measured, read from its file, and told.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use plimsoll_engine::Session;
use plimsoll_formats::gguf::GgufFile;
use plimsoll_formats::{FileBytes, ModelFiles, WeightFiles};
use plimsoll_lab::compare::weights_sha256;
use plimsoll_lab::fidelity::are_comparable;
use plimsoll_lab::loss::beside::{self, Losses};
use plimsoll_lab::loss::{Estimate, Loss, MeasuredBy, Passages, Stored, measure};
use plimsoll_models::{Checkpoint, Format};
use plimsoll_panel::shown_text;
use plimsoll_runtime::CacheType;

use crate::mistake::Mistake;
use crate::settings::Settings;
use crate::{model, progress};

/// Questions of each category that a loss is measured with.
pub const PER_CATEGORY: usize = 8;
/// Tokens that a question with its answer may have.
const CONTEXT: usize = 1024;

/// A base, and how what is made of it is measured.
pub struct Base<'a> {
    pub checkpoint: &'a Checkpoint,
    pub settings: &'a Settings,
    pub passages: Passages,
}

impl<'a> Base<'a> {
    /// With the built-in texts and questions.
    pub fn new(checkpoint: &'a Checkpoint, settings: &'a Settings) -> Base<'a> {
        Base { checkpoint, settings, passages: Passages::held_out(PER_CATEGORY) }
    }

    /// What a file says of its loss before it is measured, in as many bytes.
    pub fn unmeasured(&self, calibration_sha256: Option<String>) -> Stored {
        let none = Estimate { value: f64::NAN, low: None, high: None };
        Stored {
            base: self.checkpoint.name.clone(),
            base_sha256: weights_sha256(self.checkpoint, |_| ()),
            held_out_sha256: self.passages.sha256(),
            per_category: PER_CATEGORY as u64,
            calibration_sha256,
            loss: Loss {
                positions: 0,
                kl_mean: none,
                kl_high: none,
                same_top: none,
                base_bits_per_byte: 0.0,
                added_bits_per_byte: none,
                answers: 0,
                flips: none,
                lost: 0,
                gained: 0,
            },
        }
    }

    /// The loss of the model in a GGUF, whatever the file is called.
    ///
    /// # Errors
    /// One of the two cannot be run.
    pub fn loss_of(&self, path: &Path) -> anyhow::Result<Loss> {
        let file = GgufFile::parse(FileBytes::map(path)?)?;
        Ok(self.loss(&Checkpoint::from_gguf(&self.checkpoint.name, &[file])?)?.0)
    }

    /// The loss of a model, and the engine that computed its predictions, where this program did not.
    ///
    /// # Errors
    /// One of the two cannot be run, or they have no predictions that can be compared.
    pub fn loss(&self, other_checkpoint: &Checkpoint) -> anyhow::Result<(Loss, Option<String>)> {
        let context = Some(CONTEXT.min(model::context(self.checkpoint, None)?));
        let options = model::session_options(self.settings.clone(), context, CacheType::default());
        let [mut base, mut other] =
            [Session::open(self.checkpoint, &options)?, Session::open(other_checkpoint, &options)?];
        if !are_comparable((self.checkpoint, &base), (other_checkpoint, &other)) {
            let (model, base) = (other_checkpoint.display(), self.checkpoint.display());
            let message = format!("{model} was not made from {base}: their layers, widths or tokens differ");
            return Err(Mistake::error(message, "the base is the same model in the floats that its maker published"));
        }
        let bar = progress::bar(0, "measuring the loss");
        let loss = measure(&mut base, &mut other, &self.passages, |done| {
            bar.set_length(done as u64);
            bar.set_position(done as u64);
        })?;
        bar.finish_and_clear();
        Ok((loss, other.program().delegate().map(|(engine, _)| engine.to_owned())))
    }

    /// Measures the models of a folder, each by the engine that runs it, and writes what was lost beside them;
    /// `calibration_sha256` is of the importance matrix that they go by, if they go by one.
    ///
    /// # Errors
    /// One cannot be run, or the folder takes no file.
    pub fn store_beside(
        &self,
        folder: &Path,
        exported: &[PathBuf],
        calibration_sha256: Option<&str>,
    ) -> anyhow::Result<Losses> {
        let mut losses = Losses::new();
        for path in exported {
            let checkpoint = Checkpoint::open(path)?;
            let (loss, engine) = self.loss(&checkpoint)?;
            let stored = Stored { loss, ..self.unmeasured(calibration_sha256.map(str::to_owned)) };
            losses.insert(beside::key(&checkpoint), MeasuredBy { engine, stored });
        }
        beside::write(folder, &losses)?;
        Ok(losses)
    }
}

/// What a model's file, or one beside it, says of its own loss; nothing where nothing is said.
///
/// # Errors
/// It says it wrongly.
pub fn stored(checkpoint: &Checkpoint) -> anyhow::Result<Option<MeasuredBy>> {
    let (Some(path), Format::Gguf { .. }) = (&checkpoint.path, checkpoint.format) else {
        return Ok(beside::read(checkpoint)?);
    };
    match ModelFiles::open(path)?.weights {
        WeightFiles::Gguf(parts) => Ok(Stored::read(&parts[0])?.map(|stored| MeasuredBy { engine: None, stored })),
        WeightFiles::Safetensors { .. } | WeightFiles::Onnx { .. } => Ok(None),
    }
}

/// Who computed a model's predictions, for a person.
pub fn computed_by(engine: Option<&str>) -> String {
    engine.map_or_else(|| "this program".to_owned(), |engine| shown_text(engine, 40))
}

/// Losses that are kept beside models, for a person.
///
/// # Errors
/// Standard output takes nothing.
pub fn print_beside(losses: &Losses) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (of, MeasuredBy { engine, stored }) in losses {
        let by = computed_by(engine.as_deref());
        writeln!(out, "{of} against {} through {by}, kept in {}:", shown_text(&stored.base, 60), beside::FILE)?;
        lines(&stored.loss).iter().try_for_each(|line| writeln!(out, "  {line}"))?;
    }
    Ok(())
}

/// A loss for a person, in lines.
pub fn lines(loss: &Loss) -> Vec<String> {
    let Loss { kl_mean, kl_high, same_top, added_bits_per_byte: added, flips, .. } = loss;
    let nats = |x: f64| format!("{x:.4}");
    let percent = |x: f64| format!("{:.1} %", 100.0 * x);
    let bits = |x: f64| format!("{x:+.4}");
    let turned = loss.lost + loss.gained;
    vec![
        format!("divergence   {} nats{}, mean of {}", nats(kl_mean.value), within(kl_mean, nats), loss.positions),
        format!("99.9 %       at most {} nats{}", nats(kl_high.value), within(kl_high, nats)),
        format!("same token   likeliest in {}{}", percent(same_top.value), within(same_top, percent)),
        format!("bits a byte  {}{} on {:.4}", bits(added.value), within(added, bits), loss.base_bits_per_byte),
        format!(
            "answers      {turned} of {} turned{}: {} to wrong, {} to right",
            loss.answers,
            within(flips, percent),
            loss.lost,
            loss.gained
        ),
    ]
}

fn within(estimate: &Estimate, shown: impl Fn(f64) -> String) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!(" ({} to {})", shown(low), shown(high)),
        (Some(low), None) => format!(" (or more than {})", shown(low)),
        (None, Some(high)) => format!(" (or less than {})", shown(high)),
        (None, None) => String::new(),
    }
}
