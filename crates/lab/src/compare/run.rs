//! The comparison from end to end: everything that is measured, in the order in which it is measured.

use plimsoll_engine::{Session, SessionError, SessionOptions, VisionEncoderError};
use plimsoll_graph::cost::{Cost, Machine};
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_runtime::{Program, Tower, measure_machine};

use super::device::{device, when_over};
use super::fidelity::{check_base, faithfulness};
use super::field::field;
use super::schedule::{Expected, Schedule, Work};
use super::stage::Progress;
use super::steps::{FreshStart, Steps, facts, open};
use super::{ComparisonSetup, Evidence, Prediction, Verified, conclude, suite_facts};
use crate::bench::{BenchError, Filling, Plan, Start};
use crate::canary;
use crate::fidelity::FidelityError;
use crate::hash;
use crate::journal::{Journal, Within};
use crate::load::{LoadLog, Meter};
use crate::moment;
use crate::paired::PairError;
use crate::predict::{MemoryPrediction, SpeedPrediction, TowerPrediction};
use crate::record::{Comparison, Device, Filled, ModelFacts, Settings, Side, SuiteFacts};
use crate::runner::{self, RunError};
use crate::session_model::prompting;
use crate::suite::{Item, Suite};

/// A model of a comparison.
#[derive(Debug, Clone)]
pub struct ModelUnderTest {
    /// What it was called on the command line.
    pub argument: String,
    /// Its opened files.
    pub checkpoint: Checkpoint,
    /// What came of verifying it, where golden outputs are at hand.
    pub verified: Option<Verified>,
}

/// How models are compared; the same for all.
#[derive(Debug, Clone)]
pub struct Options {
    /// How sessions are opened.
    pub session: SessionOptions,
    /// What is timed. Depths beyond the shortest of the contexts are left out.
    pub plan: Plan,
    /// Fresh processes for each model, at least one.
    pub starts: usize,
    /// What each of these fills its context with after it has answered.
    pub filling: Filling,
    /// The questions.
    pub suite: Suite,
    /// The model that the other was made from, if that was declared; of two models.
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
    under_test: &[ModelUnderTest; 2],
    options: &Options,
    journal: &mut dyn Journal,
    fresh_start: &mut FreshStart,
    progress: &mut dyn FnMut(Progress),
) -> Result<Comparison, CompareError> {
    let mut sessions = opened(under_test, options)?;
    let [a, b] = &mut sessions[..] else { unreachable!("one session for each of two") };
    check_base(options.base, under_test, [a, b])?;
    let Measured { setup, seen, schedule } =
        measured(under_test, &mut sessions, options, journal, fresh_start, progress)?;
    let ([a, b], [of_a, of_b]) = (&mut sessions[..], &seen[..]) else { unreachable!("one of each for each of two") };
    let outcomes = [&of_a.outcomes[..], &of_b.outcomes[..]];
    let fidelity = faithfulness(options, under_test, [a, b], outcomes, &schedule, progress)?;
    let seen = seen.try_into().unwrap_or_else(|_| unreachable!("one for each of two"));
    Ok(Comparison { fidelity, ..conclude(setup, seen)? })
}

/// Measures three models or more in turn and lays the one with the most right answers beside each of the others, as
/// [`field`] does; A is that one in every comparison. `options.base` is for two models and is not looked at.
///
/// # Errors
/// As [`compare`].
pub fn compare_field(
    under_test: &[ModelUnderTest],
    options: &Options,
    journal: &mut dyn Journal,
    fresh_start: &mut FreshStart,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Comparison>, CompareError> {
    let mut sessions = opened(under_test, options)?;
    let Measured { setup, seen, .. } = measured(under_test, &mut sessions, options, journal, fresh_start, progress)?;
    Ok(field(&setup, seen)?.against_the_best())
}

/// A session of each, with the canary put to it.
fn opened(under_test: &[ModelUnderTest], options: &Options) -> Result<Vec<Session>, CompareError> {
    let mut sessions = under_test.iter().map(|one| open(one, options)).collect::<Result<Vec<_>, _>>()?;
    for (tested, session) in under_test.iter().zip(&mut sessions) {
        runner::check_canary(&options.suite, session).map_err(|source| tested.run_error(source))?;
    }
    Ok(sessions)
}

/// What came of measuring.
struct Measured {
    setup: ComparisonSetup,
    /// Of each model, in their order.
    seen: Vec<Evidence>,
    schedule: Schedule,
}

/// Everything that is measured of each model by itself, in turn.
fn measured(
    under_test: &[ModelUnderTest],
    sessions: &mut [Session],
    options: &Options,
    journal: &mut dyn Journal,
    fresh_start: &mut FreshStart,
    progress: &mut dyn FnMut(Progress),
) -> Result<Measured, CompareError> {
    let mut meter = Meter::new();
    let mut canaries = Vec::with_capacity(under_test.len());
    for (tested, session) in under_test.iter().zip(&mut *sessions) {
        canaries.push(Some(canary::put(&options.suite, session).map_err(|source| tested.run_error(source))?));
    }
    let machine = machine(under_test, sessions)?;
    let device = device(sessions[0].program().cpu(), &machine);
    let plan = options.plan.within(under_test.iter().map(ModelUnderTest::context).min().unwrap_or(0));
    let schedule = schedule(under_test, sessions, &machine, &plan, options)?;
    let facts: Vec<ModelFacts> = (0..under_test.len())
        .map(|model| facts(model, &under_test[model], &sessions[model], &schedule, progress))
        .collect();
    let settings = settings(&plan, options);
    let suite = suite_facts(&options.suite);
    let mut steps = Steps {
        under_test,
        options,
        plan: &plan,
        schedule: schedule.clone(),
        journal: Within::new(&run_key(&facts, &device, &suite, &settings, options), journal),
        progress,
        stretches: vec![meter.ended("before")],
        meter,
    };

    let starts = steps.starts(fresh_start)?;
    let mut predictions = Vec::with_capacity(under_test.len());
    for ((tested, session), starts) in under_test.iter().zip(&mut *sessions).zip(&starts) {
        predictions.push(tested.prediction(&machine, session, starts, &plan, options)?);
    }
    let warm = steps.first_tokens(sessions)?;
    let timings = steps.timings(sessions)?;
    let mut outcomes = Vec::with_capacity(under_test.len());
    for (model, session) in sessions.iter_mut().enumerate() {
        outcomes.push(steps.ask(model, session)?);
    }
    let mut again = Vec::with_capacity(under_test.len());
    for (model, session) in sessions.iter_mut().enumerate() {
        again.push(steps.ask_again(model, session)?);
    }
    steps.note("after");
    let load =
        LoadLog { cores: device.cores, threads: device.threads, stretches: std::mem::take(&mut steps.stretches) };

    let seen = (0..under_test.len()).map(|i| Evidence {
        facts: facts[i].clone(),
        prediction: predictions[i].clone(),
        starts: starts[i].clone(),
        first_token_warm: warm[i].clone(),
        timings: timings[i].clone(),
        prompting: prompting(&sessions[i]).to_owned(),
        outcomes: outcomes[i].clone(),
        again: again[i].clone(),
        verified: under_test[i].verified.clone(),
        canaries: canaries[i].clone(),
    });
    let setup = ComparisonSetup {
        device: when_over(device),
        suite,
        settings,
        program: options.program.clone(),
        created: moment::written(jiff::Timestamp::now()),
        reproduce: options.reproduce.clone(),
        load: Some(load),
        among: None,
    };
    Ok(Measured { seen: seen.collect(), setup, schedule })
}

/// What this machine does with the stored types of all models, their towers' where pictures are shown.
fn machine(under_test: &[ModelUnderTest], sessions: &[Session]) -> Result<Machine, CompareError> {
    let mut products = Vec::new();
    for tested in under_test {
        products.extend(tested.cost()?.products());
        products.extend(tested.tower()?.iter().flat_map(|tower| tower.products()));
    }
    products.sort_unstable_by_key(|(dtype, values)| (dtype.name(), *values));
    products.dedup();
    Ok(measure_machine(sessions[0].program().cpu(), &products))
}

fn settings(plan: &Plan, options: &Options) -> Settings {
    let Filling { tokens, pictures } = &options.filling;
    let pictures = pictures.iter().map(|picture| picture.sha256.clone());
    Settings {
        prefill_tokens: plan.prefill_tokens,
        decode_tokens: plan.decode_tokens,
        repetitions: plan.repetitions,
        starts: options.starts.max(1),
        cache_type: options.session.cache.name().to_owned(),
        margin: options.margin,
        filled: tokens.map(|tokens| Filled { tokens, pictures: pictures.collect() }),
    }
}

/// What all of it is expected to take.
fn schedule(
    under_test: &[ModelUnderTest],
    sessions: &mut [Session],
    machine: &Machine,
    plan: &Plan,
    options: &Options,
) -> Result<Schedule, CompareError> {
    let shows = options.suite.items.iter().any(Item::shows_pictures) || !options.filling.pictures.is_empty();
    let mut expected = Vec::with_capacity(under_test.len());
    for (tested, session) in under_test.iter().zip(&mut *sessions) {
        let tower = if shows { tested.tower_prediction(session, options)? } else { None };
        expected.push(Expected {
            cost: tested.cost()?,
            machine,
            cache: options.session.cache,
            bytes: tested.checkpoint.file_bytes(),
            look: tower.map_or(0.0, |tower| tower.seconds(machine)),
        });
    }
    let work = Work {
        plan,
        starts: options.starts.max(1),
        filled: options.filling.tokens.unwrap_or(0),
        suite: &options.suite,
        predicts: under_test.len() == 2,
    };
    Ok(Schedule::new(&expected, sessions, &work))
}

/// A hash of everything that a step's result hangs on, but for the moment.
fn run_key(
    facts: &[ModelFacts],
    device: &Device,
    suite: &SuiteFacts,
    settings: &Settings,
    options: &Options,
) -> String {
    let artifacts: Vec<_> = facts
        .iter()
        .map(|facts| (&facts.sha256, &facts.engine, &facts.tokenizer_sha256, &facts.template_sha256))
        .collect();
    let machine = (&device.cpu, &device.isa, device.threads);
    hash::sha256_hex(hash::canonical_json(&(artifacts, machine, suite, settings, &options.program)).as_bytes())
}

impl ModelUnderTest {
    fn context(&self) -> usize {
        self.checkpoint.hyperparams.max_seq_len
    }

    fn cost(&self) -> Result<Cost, CompareError> {
        Program::cost(&self.checkpoint).map_err(|error| self.session_error(error))
    }

    /// What its vision tower costs, if it has one.
    fn tower(&self) -> Result<Option<Cost>, CompareError> {
        let vision =
            Vision::of(&self.checkpoint, None).map_err(|error| self.session_error(VisionEncoderError::from(error)))?;
        vision.as_ref().map(|vision| Tower::cost(vision).map_err(|error| self.session_error(error))).transpose()
    }

    /// What looking at the pictures that fill a context takes, or at one tile where there are none.
    fn tower_prediction(
        &self,
        session: &mut Session,
        options: &Options,
    ) -> Result<Option<TowerPrediction>, CompareError> {
        let Some(cost) = self.tower()? else { return Ok(None) };
        let encoder = session.vision_encoder().map_err(|error| self.session_error(error))?;
        let mut sizes = Vec::new();
        for picture in &options.filling.pictures {
            let picture = picture.picture().map_err(|error| self.session_error(VisionEncoderError::from(error)))?;
            sizes.push((picture.width(), picture.height()));
        }
        let predicted = TowerPrediction::new(cost, encoder, &sizes);
        Ok(Some(predicted.map_err(|error| self.session_error(VisionEncoderError::from(error)))?))
    }

    fn prediction(
        &self,
        machine: &Machine,
        session: &mut Session,
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
        let looks = !options.filling.pictures.is_empty();
        let tower = if looks { self.tower_prediction(session, options)? } else { None };
        let memory = MemoryPrediction::new(&cost, process, tokens, cache);
        Ok(Prediction {
            memory: MemoryPrediction { tower: tower.map_or(0, |tower| tower.bytes()), ..memory },
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
