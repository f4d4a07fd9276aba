//! The steps of a comparison that take time, each remembered once it is done.

use plimsoll_engine::Session;
use serde::{Deserialize, Serialize};

use super::model_facts;
use super::run::{CompareError, Contestant, Options};
use super::stage::{Progress, Stage};
use crate::bench::{self, Plan, ProgramTimer, Start, Timed, Timings};
use crate::journal::{Within, recall_or};
use crate::load::{Load, Meter};
use crate::record::{ModelFacts, Side};
use crate::runner::{self, Outcome};
use crate::suite::{Item, Suite};

/// Questions that are asked again, about: among so many, one answer in twenty that changes would mostly show.
const ASKED_AGAIN: usize = 50;

/// Has one model measured by [`bench::measure_start`] in a process of its own.
pub type FreshStart<'a> = dyn FnMut(Side) -> Result<Start, StartFailed> + 'a;

/// Why a process could not measure a start.
type StartFailed = Box<dyn std::error::Error + Send + Sync>;

/// What every step needs.
pub(super) struct Steps<'a> {
    pub contestants: &'a [Contestant; 2],
    pub options: &'a Options,
    pub plan: &'a Plan,
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
    /// Fresh processes, A B A B.
    pub fn starts(&mut self, fresh_start: &mut FreshStart) -> Result<[Vec<Start>; 2], CompareError> {
        let mut found = [Vec::new(), Vec::new()];
        let n = self.options.starts.max(1);
        for repetition in 0..n {
            for side in Side::BOTH {
                let key = format!("start and load/{}/{repetition}", side.letter());
                let model = &self.contestants[side.index()].argument;
                let meter = &mut self.meter;
                let watched: Result<Watched<Start>, StartFailed> = recall_or(&mut self.journal, &key, || {
                    meter.ended("between");
                    let found = fresh_start(side)?;
                    Ok(Watched { found, load: vec![meter.ended("start")] })
                });
                let Watched { found: start, load } =
                    watched.map_err(|source| CompareError::Start { model: model.clone(), source })?;
                found[side.index()].push(start);
                self.stretches.extend(load);
                self.tell(Stage::Starting, 2 * repetition + side.index() + 1, 2 * n);
            }
        }
        Ok(found)
    }

    /// Warm first tokens, A B A B, after one of each that does not count. [s]
    pub fn first_tokens(&mut self, sessions: &mut [Session; 2]) -> Result<[Vec<f64>; 2], CompareError> {
        let (contestants, repetitions) = (self.contestants, self.plan.repetitions);
        recall_or(&mut self.journal, "first_tokens", || {
            let mut found = [Vec::new(), Vec::new()];
            for repetition in 0..=repetitions {
                for side in Side::BOTH.map(Side::index) {
                    let (seconds, _) = bench::first_token(&mut sessions[side])
                        .map_err(|error| contestants[side].session_error(error))?;
                    if repetition > 0 {
                        found[side].push(seconds);
                    }
                }
            }
            Ok(found)
        })
    }

    /// Prefill and decode in turn. All of it is one step, for what is measured in turn is measured in one sitting.
    pub fn timings(&mut self, sessions: &mut [Session; 2]) -> Result<Vec<Vec<Timings>>, CompareError> {
        let (plan, options, progress, meter) = (self.plan, self.options, &mut *self.progress, &mut self.meter);
        let watched: Result<Watched<Vec<Vec<Timings>>>, CompareError> =
            recall_or(&mut self.journal, "timings and load", || {
                let [a, b] = sessions;
                let timer = |program| ProgramTimer::new(program, plan.longest(), plan.sequences, options.session.cache);
                let (mut a, mut b) = (timer(a.program_and_cache().0)?, timer(b.program_and_cache().0)?);
                let mut pair: [&mut dyn Timed; 2] = [&mut a, &mut b];
                let of = bench::n_steps(2, plan);
                let mut load = Vec::new();
                meter.ended("between");
                let found = bench::interleaved(&mut pair, plan, |done| {
                    // A round is a repetition of each.
                    if done % 2 == 0 {
                        load.push(meter.ended("timing"));
                    }
                    progress(Progress { stage: Stage::Timing, done, of });
                })?;
                Ok(Watched { found, load })
            });
        let Watched { found, load } = watched?;
        self.stretches.extend(load);
        Ok(found)
    }

    /// All questions.
    pub fn ask(&mut self, side: Side, session: &mut Session) -> Result<Vec<Outcome>, CompareError> {
        let (suite, progress) = (&self.options.suite, &mut *self.progress);
        let of = suite.items.len();
        let mut journal = Within::new(&format!("asked/{}", side.letter()), &mut self.journal);
        let hear = |done| progress(Progress { stage: Stage::Asking(side), done, of });
        runner::run_with(suite, session, &mut journal, hear)
            .map_err(|source| self.contestants[side.index()].run_error(source))
    }

    /// Some questions again.
    pub fn ask_again(&mut self, side: Side, session: &mut Session) -> Result<Vec<Outcome>, CompareError> {
        let items = some_of(&self.options.suite);
        let of = items.len();
        let mut again = Vec::with_capacity(of);
        for (index, item) in items.into_iter().enumerate() {
            let key = format!("again/{}/{}", side.letter(), item.id);
            let outcome = recall_or(&mut self.journal, &key, || runner::answer(item, session))
                .map_err(|source| self.contestants[side.index()].run_error(source))?;
            again.push(outcome);
            self.tell(Stage::AskingAgain(side), index + 1, of);
        }
        Ok(again)
    }

    /// Ends a stretch of time in which `during` went on.
    pub fn note(&mut self, during: &str) {
        let load = self.meter.ended(during);
        self.stretches.push(load);
    }

    fn tell(&mut self, stage: Stage, done: usize, of: usize) {
        (self.progress)(Progress { stage, done, of });
    }
}

/// Every so many-th question, over all categories.
fn some_of(suite: &Suite) -> Vec<&Item> {
    let stride = suite.items.len().div_ceil(ASKED_AGAIN).max(1);
    suite.items.iter().step_by(stride).collect()
}

pub(super) fn open(contestant: &Contestant, options: &Options) -> Result<Session, CompareError> {
    Session::open(&contestant.checkpoint, &options.session).map_err(|error| contestant.session_error(error))
}

pub(super) fn facts(
    side: Side,
    contestant: &Contestant,
    session: &Session,
    progress: &mut dyn FnMut(Progress),
) -> ModelFacts {
    let checkpoint = &contestant.checkpoint;
    let megabytes = |bytes: u64| (bytes / 1_000_000) as usize;
    let of = megabytes(checkpoint.file_bytes());
    model_facts(&contestant.argument, checkpoint, session, |done| {
        progress(Progress { stage: Stage::Hashing(side), done: megabytes(done), of });
    })
}
