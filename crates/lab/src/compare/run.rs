//! The comparison from end to end: everything that is measured, in the order in which it is measured.

use std::fmt;

use plimsoll_engine::{Session, SessionError, SessionOptions};
use plimsoll_formats::Checkpoint;
use plimsoll_graph::cost::{Cost, Machine};
use plimsoll_runtime::{Program, measure_machine};

use super::device::device;
use super::fidelity::faithfulness;
use super::{Circumstances, Evidence, Prediction, conclude, model_facts, suite_facts};
use crate::answerer::prompting;
use crate::bench::{self, BenchError, Plan, ProgramTimer, Start, Timed, Timings};
use crate::fidelity::FidelityError;
use crate::paired::PairError;
use crate::predict::{MemoryPrediction, SpeedPrediction};
use crate::record::{Comparison, ModelFacts, Settings, Side};
use crate::runner::{self, Outcome, RunError};
use crate::suite::Suite;

/// A model of a comparison.
#[derive(Debug, Clone)]
pub struct Contestant {
    /// What it was called on the command line.
    pub argument: String,
    /// Its opened files.
    pub checkpoint: Checkpoint,
}

/// How two models are compared; the same for both.
#[derive(Debug, Clone)]
pub struct Options {
    /// How sessions are opened.
    pub session: SessionOptions,
    /// What is timed. Depths beyond the shorter of the two contexts are left out.
    pub plan: Plan,
    /// Fresh processes for each model, at least one.
    pub starts: usize,
    /// The questions.
    pub suite: Suite,
    /// The program and its version.
    pub program: String,
    /// The command that makes the comparison again.
    pub reproduce: String,
}

/// What a comparison is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Loading in fresh processes.
    Starting,
    /// Timing prefill and decode in turn.
    Timing,
    /// Putting the questions to a model.
    Asking(Side),
    /// Passing the same tokens through both.
    Predicting,
    /// Hashing a model's weights, in megabytes.
    Hashing(Side),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Starting => f.write_str("starting afresh"),
            Stage::Timing => f.write_str("timing in turn"),
            Stage::Asking(side) => write!(f, "asking {}", side.letter()),
            Stage::Predicting => f.write_str("comparing predictions"),
            Stage::Hashing(side) => write!(f, "hashing {}, MB", side.letter()),
        }
    }
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A model cannot be loaded, or does not answer.
    #[error("{model}: {source}")]
    Session {
        /// The model.
        model: String,
        /// What failed.
        source: Box<SessionError>,
    },
    /// A model could not be measured in a fresh process.
    #[error("{model}, in a fresh process: {source}")]
    Start {
        /// The model.
        model: String,
        /// What failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A model could not be timed.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// A model failed on the questions.
    #[error("{model}: {source}")]
    Run {
        /// The model.
        model: String,
        /// What failed.
        source: RunError,
    },
    /// The predictions of the models, A and B, cannot be compared.
    #[error("{a} against {b}: {source}")]
    Fidelity {
        /// Model A.
        a: String,
        /// Model B.
        b: String,
        /// What failed.
        source: Box<FidelityError>,
    },
    /// The answers cannot be paired.
    #[error(transparent)]
    Pair(#[from] PairError),
}

/// Measures both models and lays them side by side. `fresh_start` has one model measured by
/// [`bench::measure_start`] in a process of its own.
///
/// The canary comes first: a broken run should end within seconds and not after hours.
///
/// # Errors
/// [`CompareError`], which names the model; there is no partial comparison.
pub fn compare(
    contestants: &[Contestant; 2],
    options: &Options,
    fresh_start: &mut dyn FnMut(Side) -> Result<Start, Box<dyn std::error::Error + Send + Sync>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Comparison, CompareError> {
    let [a, b] = contestants;
    let mut sessions = [open(a, options)?, open(b, options)?];
    for (contestant, session) in contestants.iter().zip(&mut sessions) {
        runner::check_canary(&options.suite, session).map_err(|source| contestant.run_error(source))?;
    }
    let mut products = a.cost()?.products();
    products.extend(b.cost()?.products());
    products.sort_unstable_by_key(|(dtype, values)| (dtype.name(), *values));
    products.dedup();
    let machine = measure_machine(sessions[0].program().cpu(), &products);
    let device = device(sessions[0].program().cpu(), &machine);

    let starts = starts(contestants, options.starts.max(1), fresh_start, progress)?;
    let plan = options.plan.within(a.context().min(b.context()));
    let predictions =
        [a.prediction(&machine, &starts[0], &plan, options)?, b.prediction(&machine, &starts[1], &plan, options)?];
    let warm = first_tokens(contestants, &mut sessions, plan.repetitions)?;
    let timings = timings(&mut sessions, &plan, options, progress)?;
    let outcomes = [
        ask(Side::A, a, &mut sessions[0], &options.suite, progress)?,
        ask(Side::B, b, &mut sessions[1], &options.suite, progress)?,
    ];
    let fidelity = faithfulness(contestants, &mut sessions, &outcomes, &options.suite, progress)?;

    let facts = Side::BOTH.map(|side| facts(side, &contestants[side.index()], &sessions[side.index()], progress));
    let seen = Side::BOTH.map(|side| side.index()).map(|i| Evidence {
        facts: facts[i].clone(),
        prediction: predictions[i].clone(),
        starts: starts[i].clone(),
        first_token_warm: warm[i].clone(),
        timings: timings[i].clone(),
        prompting: prompting(&sessions[i]).to_owned(),
        outcomes: outcomes[i].clone(),
    });
    let circumstances = Circumstances {
        device,
        suite: suite_facts(&options.suite),
        settings: Settings {
            prefill_tokens: plan.prefill_tokens,
            decode_tokens: plan.decode_tokens,
            repetitions: plan.repetitions,
            starts: options.starts.max(1),
            cache_type: format!("{:?}", options.session.cache).to_lowercase(),
        },
        program: options.program.clone(),
        created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        reproduce: options.reproduce.clone(),
    };
    Ok(Comparison { fidelity, ..conclude(circumstances, seen)? })
}

impl Contestant {
    fn context(&self) -> usize {
        self.checkpoint.hyperparams.max_seq_len
    }

    fn cost(&self) -> Result<Cost, CompareError> {
        Program::cost(&self.checkpoint).map_err(|error| self.session_error(error))
    }

    fn prediction(
        &self,
        machine: &Machine,
        starts: &[Start],
        plan: &Plan,
        options: &Options,
    ) -> Result<Prediction, CompareError> {
        let cost = self.cost()?;
        let cache = options.session.cache;
        let mut processes: Vec<u64> = starts.iter().map(|start| start.process_bytes).collect();
        processes.sort_unstable();
        let (process, tokens) = (processes[processes.len() / 2], starts[0].tokens);
        let speed = |depth: &usize| SpeedPrediction::new(&cost, machine, *depth, plan.prefill_tokens, cache);
        Ok(Prediction {
            memory: MemoryPrediction::new(&cost, process, tokens, cache),
            speed: plan.depths.iter().map(speed).collect(),
        })
    }

    fn session_error(&self, source: impl Into<SessionError>) -> CompareError {
        CompareError::Session { model: self.argument.clone(), source: Box::new(source.into()) }
    }

    fn run_error(&self, source: RunError) -> CompareError {
        CompareError::Run { model: self.argument.clone(), source }
    }
}

fn open(contestant: &Contestant, options: &Options) -> Result<Session, CompareError> {
    Session::open(&contestant.checkpoint, &options.session).map_err(|error| contestant.session_error(error))
}

/// Fresh processes, A B A B.
fn starts(
    contestants: &[Contestant; 2],
    n: usize,
    fresh_start: &mut dyn FnMut(Side) -> Result<Start, Box<dyn std::error::Error + Send + Sync>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<[Vec<Start>; 2], CompareError> {
    let mut found = [Vec::new(), Vec::new()];
    for repetition in 0..n {
        for side in Side::BOTH {
            let model = &contestants[side.index()].argument;
            let start = fresh_start(side).map_err(|source| CompareError::Start { model: model.clone(), source })?;
            found[side.index()].push(start);
            progress(Progress { stage: Stage::Starting, done: 2 * repetition + side.index() + 1, of: 2 * n });
        }
    }
    Ok(found)
}

/// Warm first tokens, A B A B, after one of each that does not count. [s]
fn first_tokens(
    contestants: &[Contestant; 2],
    sessions: &mut [Session; 2],
    n: usize,
) -> Result<[Vec<f64>; 2], CompareError> {
    let mut found = [Vec::new(), Vec::new()];
    for repetition in 0..=n {
        for side in Side::BOTH.map(Side::index) {
            let (seconds, _) =
                bench::first_token(&mut sessions[side]).map_err(|error| contestants[side].session_error(error))?;
            if repetition > 0 {
                found[side].push(seconds);
            }
        }
    }
    Ok(found)
}

fn timings(
    sessions: &mut [Session; 2],
    plan: &Plan,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Vec<Timings>>, CompareError> {
    let [a, b] = sessions;
    let timer = |program| ProgramTimer::new(program, plan.longest(), plan.sequences, options.session.cache);
    let (mut a, mut b) = (timer(a.program_and_cache().0)?, timer(b.program_and_cache().0)?);
    let mut pair: [&mut dyn Timed; 2] = [&mut a, &mut b];
    let of = bench::n_steps(2, plan);
    Ok(bench::interleaved(&mut pair, plan, |done| progress(Progress { stage: Stage::Timing, done, of }))?)
}

fn facts(side: Side, contestant: &Contestant, session: &Session, progress: &mut dyn FnMut(Progress)) -> ModelFacts {
    let checkpoint = &contestant.checkpoint;
    let megabytes = |bytes: u64| (bytes / 1_000_000) as usize;
    let of = megabytes(checkpoint.file_bytes());
    model_facts(&contestant.argument, checkpoint, session, |done| {
        progress(Progress { stage: Stage::Hashing(side), done: megabytes(done), of });
    })
}

fn ask(
    side: Side,
    contestant: &Contestant,
    session: &mut Session,
    suite: &Suite,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Outcome>, CompareError> {
    let of = suite.items.len();
    runner::run(suite, session, |done| progress(Progress { stage: Stage::Asking(side), done, of }))
        .map_err(|source| contestant.run_error(source))
}
