//! The comparison from end to end: everything that is measured, in the order in which it is measured.

use plimsoll_engine::{SessionError, SessionOptions};
use plimsoll_formats::Checkpoint;
use plimsoll_graph::cost::{Cost, Machine};
use plimsoll_runtime::{Program, measure_machine};

use super::device::{device, when_over};
use super::fidelity::{check_base, faithfulness};
use super::stage::Progress;
use super::steps::{FreshStart, Steps, facts, open};
use super::{Circumstances, Evidence, Prediction, Verified, conclude, suite_facts};
use crate::answerer::prompting;
use crate::bench::{BenchError, Plan, Start};
use crate::canary;
use crate::fidelity::FidelityError;
use crate::hash;
use crate::journal::{Journal, Within};
use crate::load::{LoadLog, Meter};
use crate::paired::PairError;
use crate::predict::{MemoryPrediction, SpeedPrediction};
use crate::record::{Comparison, Device, ModelFacts, Settings, Side, SuiteFacts};
use crate::runner::{self, RunError};
use crate::suite::Suite;

/// A model of a comparison.
#[derive(Debug, Clone)]
pub struct Contestant {
    /// What it was called on the command line.
    pub argument: String,
    /// Its opened files.
    pub checkpoint: Checkpoint,
    /// What came of verifying it, where golden outputs are at hand.
    pub verified: Option<Verified>,
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
    /// The model that the other was made from, if that was declared.
    pub base: Option<Side>,
    /// By how much shares of right answers may differ and still be called no loss, if that was declared.
    pub margin: Option<f64>,
    /// The program and its version.
    pub program: String,
    /// The command that makes the comparison again.
    pub reproduce: String,
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
    /// A model was declared as the base of one that cannot have been made from it.
    #[error("`{base}` cannot be the base of `{other}`: their architecture, shape or vocabulary differs")]
    NotOfOneShape {
        /// The declared base.
        base: String,
        /// The other model.
        other: String,
    },
    /// The answers cannot be paired.
    #[error(transparent)]
    Pair(#[from] PairError),
}

/// Measures both models and lays them side by side. `fresh_start` has one model measured by
/// [`bench::measure_start`](crate::bench::measure_start) in a process of its own. What `journal` remembers of the same
/// artifacts, questions, settings and machine is not measured again; every key in it begins with a hash of these and a
/// slash.
///
/// The canaries come first: a run whose likelihoods are no numbers should end within seconds and not after hours. A model
/// that predicts no ordinary text is compared all the same, and its record says so.
///
/// # Errors
/// [`CompareError`], which names the model; there is no partial comparison.
pub fn compare(
    contestants: &[Contestant; 2],
    options: &Options,
    journal: &mut dyn Journal,
    fresh_start: &mut FreshStart,
    progress: &mut dyn FnMut(Progress),
) -> Result<Comparison, CompareError> {
    let [a, b] = contestants;
    let mut meter = Meter::new();
    let mut sessions = [open(a, options)?, open(b, options)?];
    check_base(options.base, contestants, &sessions)?;
    for (contestant, session) in contestants.iter().zip(&mut sessions) {
        runner::check_canary(&options.suite, session).map_err(|source| contestant.run_error(source))?;
    }
    let mut canaries = [None, None];
    for ((contestant, session), found) in contestants.iter().zip(&mut sessions).zip(&mut canaries) {
        *found = canary::put(&options.suite, session).map_err(|source| contestant.run_error(source))?;
    }
    let facts = Side::BOTH.map(|side| facts(side, &contestants[side.index()], &sessions[side.index()], progress));
    let mut products = a.cost()?.products();
    products.extend(b.cost()?.products());
    products.sort_unstable_by_key(|(dtype, values)| (dtype.name(), *values));
    products.dedup();
    let machine = measure_machine(sessions[0].program().cpu(), &products);
    let device = device(sessions[0].program().cpu(), &machine);
    let plan = options.plan.within(a.context().min(b.context()));
    let settings = Settings {
        prefill_tokens: plan.prefill_tokens,
        decode_tokens: plan.decode_tokens,
        repetitions: plan.repetitions,
        starts: options.starts.max(1),
        cache_type: format!("{:?}", options.session.cache).to_lowercase(),
        margin: options.margin,
    };
    let suite = suite_facts(&options.suite);
    let mut steps = Steps {
        contestants,
        options,
        plan: &plan,
        journal: Within::new(&run_key(&facts, &device, &suite, &settings, options), journal),
        progress,
        stretches: vec![meter.ended("before")],
        meter,
    };

    let starts = steps.starts(fresh_start)?;
    let predictions =
        [a.prediction(&machine, &starts[0], &plan, options)?, b.prediction(&machine, &starts[1], &plan, options)?];
    let warm = steps.first_tokens(&mut sessions)?;
    let timings = steps.timings(&mut sessions)?;
    let outcomes = [steps.ask(Side::A, &mut sessions[0])?, steps.ask(Side::B, &mut sessions[1])?];
    let again = [steps.ask_again(Side::A, &mut sessions[0])?, steps.ask_again(Side::B, &mut sessions[1])?];
    steps.note("after");
    let load =
        LoadLog { cores: device.cores, threads: device.threads, stretches: std::mem::take(&mut steps.stretches) };
    let fidelity = faithfulness(options.base, contestants, &mut sessions, &outcomes, &options.suite, steps.progress)?;

    let seen = Side::BOTH.map(|side| side.index()).map(|i| Evidence {
        facts: facts[i].clone(),
        prediction: predictions[i].clone(),
        starts: starts[i].clone(),
        first_token_warm: warm[i].clone(),
        timings: timings[i].clone(),
        prompting: prompting(&sessions[i]).to_owned(),
        outcomes: outcomes[i].clone(),
        again: again[i].clone(),
        verified: contestants[i].verified.clone(),
        canaries: canaries[i].clone(),
    });
    let circumstances = Circumstances {
        device: when_over(device),
        suite,
        settings,
        program: options.program.clone(),
        created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        reproduce: options.reproduce.clone(),
        load: Some(load),
    };
    Ok(Comparison { fidelity, ..conclude(circumstances, seen)? })
}

/// A hash of everything that a step's result hangs on, but for the moment.
fn run_key(
    facts: &[ModelFacts; 2],
    device: &Device,
    suite: &SuiteFacts,
    settings: &Settings,
    options: &Options,
) -> String {
    let artifacts = facts.each_ref().map(|facts| (&facts.sha256, &facts.tokenizer_sha256, &facts.template_sha256));
    let machine = (&device.cpu, &device.isa, device.threads);
    hash::sha256_hex(hash::canonical_json(&(artifacts, machine, suite, settings, &options.program)).as_bytes())
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

    pub(super) fn session_error(&self, source: impl Into<SessionError>) -> CompareError {
        CompareError::Session { model: self.argument.clone(), source: Box::new(source.into()) }
    }

    pub(super) fn run_error(&self, source: RunError) -> CompareError {
        CompareError::Run { model: self.argument.clone(), source }
    }
}
