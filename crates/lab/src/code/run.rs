//! Samples programs from a model and has each judged.

use plimsoll_sandbox::{ProgramVerdict, SandboxError};
use serde::{Deserialize, Serialize};

use super::extract::{STOPS, program};
use super::{Judge, Problem};
use crate::journal::{Journal, recall_or};
use crate::language_model::{AnswerError, Decoding, LanguageModel, Question};
use crate::prompting::Prompting;
use crate::stats::{Interval, LEVEL, bootstrap, pass_at_k, wilson};
use crate::suite::{Framing, hash};

/// Problems whose reference and spoiled programs are judged before a model is asked.
const CANARIES: usize = 3;
/// Room for a function with some words around it, in tokens.
pub(crate) const MAX_TOKENS: usize = 768;
/// Seed of the bootstrap, fixed so that an interval can be made again.
const BOOTSTRAP_SEED: u64 = 1;
/// Raised whenever [`program`], the wording of a chat or the judge changes what a verdict is.
const VERSION: u32 = 2;

/// How programs are sampled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ProgramSampling {
    /// As a chat or as a continuation.
    pub prompting: Prompting,
    /// Samples of each problem.
    pub samples: usize,
    /// 0 takes the likeliest token every time.
    pub temperature: f32,
    /// What each sample's own seed is made from.
    pub seed: u64,
}

/// One program that was written and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What the model wrote.
    pub answer: String,
    /// What became of the program in it.
    #[serde(flatten)]
    pub verdict: ProgramVerdict,
}

/// All samples of one problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// The problem's id.
    pub problem: String,
    /// The problem's category.
    pub category: String,
    /// Samples that passed.
    pub passed: usize,
    /// Every one of them.
    pub samples: Vec<Sample>,
}

/// pass@k over a set of problems.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PassAtK {
    /// How many samples may be tried.
    pub k: usize,
    /// Mean over the problems of the estimated probability that one of them is right.
    pub value: f64,
    /// Where it may lie.
    pub interval: Interval,
    /// How the interval was made.
    pub method: &'static str,
}

/// Why a run says nothing of the model.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The model failed on a problem.
    #[error("problem `{problem}` could not be answered: {source}")]
    Answer {
        /// The problem's id.
        problem: String,
        /// What failed.
        source: AnswerError,
    },
    /// There was no verdict.
    #[error("problem `{problem}` could not be judged: {source}")]
    Judge {
        /// The problem's id.
        problem: String,
        /// What failed.
        source: SandboxError,
    },
    /// A reference solution fails, or a program that does nothing passes: neither says anything of the model.
    #[error("the canary `{problem}` failed: {program} {verdict}; the run is broken, which says nothing of the model")]
    Canary {
        /// The problem's id.
        problem: String,
        /// Which program.
        program: &'static str,
        /// What became of it.
        verdict: ProgramVerdict,
    },
    /// More samples are to be tried than there are.
    #[error("pass@{k} needs at least {k} samples of each problem; there are to be {samples}")]
    TooFewSamples {
        /// Asked for.
        k: usize,
        /// Samples of each problem.
        samples: usize,
    },
    /// Greedy samples are all alike.
    #[error("at temperature 0 all {samples} samples of a problem are alike")]
    Alike {
        /// Samples of each problem.
        samples: usize,
    },
}

/// Whether pass@k for each of `ks` can be had from `sampling`.
///
/// # Errors
/// There are too few samples, or all would be alike.
pub fn check(sampling: &ProgramSampling, ks: &[usize]) -> Result<(), CodeError> {
    let samples = sampling.samples;
    if let Some(&k) = ks.iter().find(|k| **k > samples) {
        return Err(CodeError::TooFewSamples { k, samples });
    }
    if sampling.temperature == 0.0 && samples > 1 {
        return Err(CodeError::Alike { samples });
    }
    Ok(())
}

/// The reference of the first problems must pass, and a program that does nothing must not.
///
/// # Errors
/// One of them does not: a run would say nothing of the model.
pub fn check_canaries<'p>(problems: impl IntoIterator<Item = &'p Problem>, judge: &dyn Judge) -> Result<(), CodeError> {
    for problem in problems.into_iter().take(CANARIES) {
        let judged = |code: &str| {
            let verdict = problem.judged(code, judge);
            verdict.map_err(|source| CodeError::Judge { problem: problem.id.clone(), source })
        };
        let broken = |program, verdict| CodeError::Canary { problem: problem.id.clone(), program, verdict };
        let reference = judged(&problem.reference())?;
        if !reference.passed() {
            return Err(broken("its own solution", reference));
        }
        let spoiled = judged(&problem.spoiled())?;
        if spoiled.passed() {
            return Err(broken("a function that does nothing", spoiled));
        }
    }
    Ok(())
}

/// Samples every problem and has each sample judged; what `journal` remembers is neither sampled nor judged again.
/// After each sample `progress` hears how many are done.
///
/// # Errors
/// The model cannot answer, or there is no verdict: never a score made from part of the problems.
pub fn run(
    problems: &[Problem],
    sampling: &ProgramSampling,
    model: &mut dyn LanguageModel,
    judge: &dyn Judge,
    journal: &mut dyn Journal,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Attempt>, CodeError> {
    let mut done = 0;
    let mut attempt = |problem: &Problem| {
        let mut samples = Vec::with_capacity(sampling.samples);
        for index in 0..sampling.samples {
            let key = key(problem, sampling, index);
            samples.push(recall_or(journal, &key, || sample(problem, sampling, index, model, judge))?);
            done += 1;
            progress(done);
        }
        let passed = samples.iter().filter(|sample: &&Sample| sample.verdict.passed()).count();
        Ok(Attempt { problem: problem.id.clone(), category: problem.category.clone(), passed, samples })
    };
    problems.iter().map(&mut attempt).collect()
}

/// What a sample hangs on, but for the model.
fn key(problem: &Problem, sampling: &ProgramSampling, index: usize) -> String {
    let ProgramSampling { prompting, temperature, .. } = sampling;
    let problem = hash::sha256_hex(hash::canonical_json(problem).as_bytes());
    let seed = if *temperature == 0.0 { 0 } else { sampling.seed };
    format!("code/{problem}/{VERSION}/{prompting}/{temperature}/{seed}/{index}")
}

fn sample(
    problem: &Problem,
    sampling: &ProgramSampling,
    index: usize,
    model: &mut dyn LanguageModel,
    judge: &dyn Judge,
) -> Result<Sample, CodeError> {
    let (text, stops) = match sampling.prompting {
        Prompting::Base => (problem.prompt.clone(), &STOPS[..]),
        Prompting::Chat => (question(problem), &[][..]),
    };
    // A seed of its own for every sample, whatever the order that they are drawn in.
    let seed = hash::sha256_u64(format!("{}\n{}\n{index}", sampling.seed, problem.id).as_bytes());
    let framing =
        Framing { stops: stops.iter().map(|&stop| stop.to_owned()).collect(), ..sampling.prompting.framing() };
    let decoding = Decoding::Maker { temperature: sampling.temperature, seed };
    let answer = model
        .generate(Question { framing: &framing, ..Question::text(&text) }, MAX_TOKENS, decoding)
        .map_err(|source| CodeError::Answer { problem: problem.id.clone(), source })?;
    let code = program(problem, &answer, sampling.prompting);
    let verdict =
        problem.judged(&code, judge).map_err(|source| CodeError::Judge { problem: problem.id.clone(), source })?;
    Ok(Sample { answer, verdict })
}

/// What a chat is asked.
pub(crate) fn question(problem: &Problem) -> String {
    let Problem { prompt, entry_point, .. } = problem;
    let prompt = prompt.trim_end();
    format!(
        "Complete the Python function `{entry_point}`. Answer with the whole function in one code block.\n\n\
         ```python\n{prompt}\n```"
    )
}

/// pass@k over `attempts`, which have `samples` each; `None` without attempts, or with too few samples.
pub fn pass_at(k: usize, attempts: &[Attempt]) -> Option<PassAtK> {
    let estimates: Option<Vec<f64>> =
        attempts.iter().map(|attempt| pass_at_k(attempt.samples.len(), attempt.passed, k)).collect();
    let estimates = estimates?;
    let value = estimates.iter().sum::<f64>() / estimates.len() as f64;
    let one_each = attempts.iter().all(|attempt| attempt.samples.len() == 1);
    // Problems that all came out alike would leave a bootstrap without any doubt, however few they are.
    let alike = estimates.windows(2).all(|two| two[0] == two[1]);
    let (interval, method) = if one_each || alike {
        let n = estimates.len();
        (wilson((value * n as f64).round() as usize, n, LEVEL)?, "Wilson")
    } else {
        (bootstrap(&estimates, LEVEL, BOOTSTRAP_SEED)?, "bootstrap over problems")
    };
    Some(PassAtK { k, value, interval, method })
}

#[cfg(test)]
mod tests;
