//! An evaluation that takes long: what was answered is remembered while it goes on, what was found is kept when it ends.

use plimsoll_engine::Session;
use plimsoll_lab::compare::model_facts;
use plimsoll_lab::hash::{canonical_json, sha256_hex};
use plimsoll_lab::journal::{Journal, Within};
use plimsoll_lab::record::{Measurement, MeasurementBuilder, Origin, Unit};
use plimsoll_lab::stats::Interval;
use plimsoll_models::Checkpoint;
use plimsoll_panel::store::Store;

use crate::args::StoreArgs;
use crate::evidence::{self, StoreJournal};
use crate::settings::Settings;
use crate::{interrupt, progress};

/// An evaluation of one model.
pub struct Evaluation {
    store: Store,
    /// SHA-256 of the weights.
    artifact: String,
    /// Hash of everything that an answer hangs on besides the question.
    run: String,
    name: String,
}

impl Evaluation {
    /// Prepares to evaluate what was opened as `argument`.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub fn of(
        argument: &str,
        checkpoint: &Checkpoint,
        session: &Session,
        settings: &Settings,
        store: &StoreArgs,
    ) -> anyhow::Result<Evaluation> {
        let store = evidence::open(store)?;
        let bar = progress::bar(checkpoint.file_bytes(), "hashing");
        let facts = model_facts(argument, checkpoint, session, |done| bar.set_position(done));
        bar.finish_and_clear();
        let program = env!("CARGO_PKG_VERSION");
        let isa = settings.isa.to_string();
        let key = (&facts.sha256, &facts.tokenizer_sha256, &facts.template_sha256, isa, program);
        let run = sha256_hex(canonical_json(&key).as_bytes());
        Ok(Evaluation { store, artifact: facts.sha256, run, name: facts.name })
    }

    /// Does `work` with a journal that an interrupted evaluation of the same model wrote.
    ///
    /// # Errors
    /// Those of `work`, or the store's; what was answered until then is kept.
    pub fn remembering<T>(&mut self, work: impl FnOnce(&mut dyn Journal) -> anyhow::Result<T>) -> anyhow::Result<T> {
        interrupt::say_what_is_kept()?;
        let mut journal = StoreJournal::new(&mut self.store);
        let done = work(&mut Within::new(&self.run, &mut journal));
        journal.flush()?;
        let run = journal.into_run();
        let done = done?;
        if let Some(run) = run {
            self.store.forget_steps(&run)?;
        }
        Ok(done)
    }

    /// Keeps a share that was measured of all of a benchmark, where claims are held against it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn keep_share(
        &mut self,
        metric: &str,
        value: f64,
        interval: Interval,
        samples: &[f64],
        how: &str,
    ) -> anyhow::Result<Measurement> {
        let share: MeasurementBuilder = Measurement::of(&self.name, metric, Unit::Share, Origin::Measured, value);
        let found = share.within(Some(interval)).samples(samples).by(how).record();
        self.store.keep_measurement(&self.artifact, &found)?;
        Ok(found)
    }
}
