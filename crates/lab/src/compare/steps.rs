//! The steps of a comparison that take time, each remembered once it is done.

use plimsoll_engine::Session;
use serde::{Deserialize, Serialize};

use super::model_facts;
use super::run::{CompareError, ModelUnderTest, Options};
use super::schedule::Schedule;
use super::stage::{Progress, Stage, letter};
use crate::bench::{self, Plan, ProgramTimer, Start, Timed, Timings};
use crate::journal::{Within, recall_or};
use crate::load::{Load, Meter};
use crate::record::ModelFacts;
use crate::runner::{self, ItemOutcome};
use crate::suite::{Item, Suite};

/// Questions that are asked again, about: among so many, one answer in twenty that changes would mostly show.
const ASKED_AGAIN: usize = 50;

/// Has one model, told by its place, measured by [`bench::measure_start`] in a process of its own.
pub type FreshStart<'a> = dyn FnMut(usize) -> Result<Start, StartFailed> + 'a;

/// Why a process could not measure a start.
type StartFailed = Box<dyn std::error::Error + Send + Sync>;

/// What every step needs. Whatever is measured in turn is measured of all models before it is repeated, A B C A B C.
pub(super) struct Steps<'a> {
    pub under_test: &'a [ModelUnderTest],
    pub options: &'a Options,
    pub plan: &'a Plan,
    pub schedule: Schedule,
    pub journal: Within<'a>,
    pub progress: &'a mut dyn FnMut(Progress),
    /// What else the machine did, so far.
    pub stretches: Vec<Load>,
    pub meter: Meter,
}

/// What was measured, with what else the machine did meanwhile: remembered together.
#[derive(Serialize, Deserialize)]
struct Watched<T> {
    found: T,
    load: Vec<Load>,
}

impl Steps<'_> {
    /// Fresh processes, in turn; a list for each model.
    pub fn starts(&mut self, fresh_start: &mut FreshStart) -> Result<Vec<Vec<Start>>, CompareError> {
        let models = self.under_test.len();
        let mut found = vec![Vec::new(); models];
        let n = self.options.starts.max(1);
        for repetition in 0..n {
            for (model, tested) in self.under_test.iter().enumerate() {
                let key = format!("start and load/{}/{repetition}", letter(model));
                let meter = &mut self.meter;
                let watched: Result<Watched<Start>, StartFailed> = recall_or(&mut self.journal, &key, || {
                    meter.ended("between");
                    let found = fresh_start(model)?;
                    Ok(Watched { found, load: vec![meter.ended("start")] })
                });
                let failed = |source| CompareError::Start { model: tested.argument.clone(), source };
                let Watched { found: start, load } = watched.map_err(failed)?;
                found[model].push(start);
                self.stretches.extend(load);
                self.tell(Stage::Starting, models * repetition + model + 1, models * n);
            }
        }
        Ok(found)
    }

    /// Warm first tokens, in turn, after one of each that does not count, in s.
    pub fn first_tokens(&mut self, sessions: &mut [Session]) -> Result<Vec<Vec<f64>>, CompareError> {
        let (under_test, repetitions) = (self.under_test, self.plan.repetitions);
        recall_or(&mut self.journal, "first_tokens", || {
            let mut found = vec![Vec::new(); sessions.len()];
            for repetition in 0..=repetitions {
                for ((session, seen), tested) in sessions.iter_mut().zip(&mut found).zip(under_test) {
                    let (seconds, _) = bench::first_token(session).map_err(|error| tested.session_error(error))?;
                    if repetition > 0 {
                        seen.push(seconds);
                    }
                }
            }
            Ok(found)
        })
    }

    /// Prefill and decode in turn. All of it is one step, for what is measured in turn is measured in one sitting.
    pub fn timings(&mut self, sessions: &mut [Session]) -> Result<Vec<Vec<Timings>>, CompareError> {
        let (plan, options, schedule) = (self.plan, self.options, &self.schedule);
        let (progress, meter) = (&mut *self.progress, &mut self.meter);
        let watched: Result<Watched<Vec<Vec<Timings>>>, CompareError> =
            recall_or(&mut self.journal, "timings and load", || {
                let mut timers = Vec::with_capacity(sessions.len());
                for session in &mut *sessions {
                    let program = session.program_and_cache().0;
                    timers.push(ProgramTimer::new(program, plan.longest(), plan.sequences, options.session.cache)?);
                }
                let models = timers.len();
                let mut all: Vec<&mut dyn Timed> = timers.iter_mut().map(|timer| timer as &mut dyn Timed).collect();
                let of = bench::n_steps(models, plan);
                let mut load = Vec::new();
                meter.ended("between");
                let found = bench::interleaved(&mut all, plan, |done| {
                    // A round is a repetition of each.
                    if done % models == 0 {
                        load.push(meter.ended("timing"));
                    }
                    progress(Progress::of(schedule, Stage::Timing, done, of));
                })?;
                Ok(Watched { found, load })
            });
        let Watched { found, load } = watched?;
        self.stretches.extend(load);
        Ok(found)
    }

    /// All questions.
    pub fn ask(&mut self, model: usize, session: &mut Session) -> Result<Vec<ItemOutcome>, CompareError> {
        let (suite, schedule, progress) = (&self.options.suite, &self.schedule, &mut *self.progress);
        let of = suite.items.len();
        let mut journal = Within::new(&format!("asked/{}", letter(model)), &mut self.journal);
        let hear = |done| progress(Progress::of(schedule, Stage::Asking(model), done, of));
        runner::run_with(suite, session, &mut journal, hear).map_err(|source| self.under_test[model].run_error(source))
    }

    /// Some questions again.
    pub fn ask_again(&mut self, model: usize, session: &mut Session) -> Result<Vec<ItemOutcome>, CompareError> {
        let items = some_of(&self.options.suite);
        let of = items.len();
        let mut again = Vec::with_capacity(of);
        for (index, item) in items.into_iter().enumerate() {
            let key = format!("again/{}/{}", letter(model), item.id);
            let outcome = recall_or(&mut self.journal, &key, || runner::answer(item, session))
                .map_err(|source| self.under_test[model].run_error(source))?;
            again.push(outcome);
            self.tell(Stage::AskingAgain(model), index + 1, of);
        }
        Ok(again)
    }

    /// Ends a stretch of time in which `during` went on.
    pub fn note(&mut self, during: &str) {
        let load = self.meter.ended(during);
        self.stretches.push(load);
    }

    fn tell(&mut self, stage: Stage, done: usize, of: usize) {
        (self.progress)(Progress::of(&self.schedule, stage, done, of));
    }
}

/// Every so many-th question, over all categories.
pub(super) fn some_of(suite: &Suite) -> Vec<&Item> {
    suite.items.iter().step_by(stride(suite.items.len())).collect()
}

/// How many of `n` questions are asked again.
pub(super) fn n_asked_again(n: usize) -> usize {
    n.div_ceil(stride(n))
}

fn stride(n: usize) -> usize {
    n.div_ceil(ASKED_AGAIN).max(1)
}

pub(super) fn open(tested: &ModelUnderTest, options: &Options) -> Result<Session, CompareError> {
    Session::open(&tested.checkpoint, &options.session).map_err(|error| tested.session_error(error))
}

/// The facts of one model's files, told while its weights are hashed.
pub(super) fn facts(
    model: usize,
    tested: &ModelUnderTest,
    session: &Session,
    schedule: &Schedule,
    progress: &mut dyn FnMut(Progress),
) -> ModelFacts {
    let checkpoint = &tested.checkpoint;
    let megabytes = |bytes: u64| (bytes / 1_000_000) as usize;
    let of = megabytes(checkpoint.file_bytes());
    progress(Progress::of(schedule, Stage::Hashing(model), 0, of));
    model_facts(&tested.argument, checkpoint, session, |done| {
        progress(Progress::of(schedule, Stage::Hashing(model), megabytes(done), of));
    })
}
