use std::cell::Cell;

use plimsoll_sandbox::CandidateProgram;

use super::*;
use crate::code::CodeSuite;
use crate::journal::MemoryJournal;

/// Passes a program in which `return` stands as in the reference, and counts.
#[derive(Default)]
struct Reads {
    judged: Cell<usize>,
}

impl Judge for Reads {
    fn judge(&self, program: &CandidateProgram) -> Result<ProgramVerdict, SandboxError> {
        self.judged.set(self.judged.get() + 1);
        let failed = ProgramVerdict::Failed { reason: "another program".to_owned() };
        Ok(if program.code.trim() == program.setup.trim() { ProgramVerdict::Passed } else { failed })
    }
}

/// Passes everything, or nothing.
struct Always(bool);

impl Judge for Always {
    fn judge(&self, _: &CandidateProgram) -> Result<ProgramVerdict, SandboxError> {
        Ok(if self.0 { ProgramVerdict::Passed } else { ProgramVerdict::TimedOut })
    }
}

/// Continues the prompts it knows, right where the seed is even.
struct Writer {
    problems: Vec<Problem>,
    seeds: Vec<u64>,
}

impl LanguageModel for Writer {
    fn generate(&mut self, question: Question, _: usize, decoding: Decoding) -> Result<String, AnswerError> {
        let problem =
            self.problems.iter().find(|problem| problem.prompt == question.prompt).ok_or("an unknown prompt")?;
        assert!(question.framing.continued && question.framing.stops == STOPS);
        let Decoding::Maker { temperature, seed } = decoding else { return Err("no temperature".into()) };
        self.seeds.push(seed);
        let right = temperature == 0.0 || seed.is_multiple_of(2);
        Ok(if right { problem.solution.clone() } else { "    return None".to_owned() })
    }

    fn log_likelihoods(&mut self, _: Question, _: &[String]) -> Result<Vec<f64>, AnswerError> {
        Err("nobody asks".into())
    }
}

fn problems() -> Vec<Problem> {
    CodeSuite::builtin(1, 1).unwrap().problems
}

fn writer() -> Writer {
    Writer { problems: problems(), seeds: Vec::new() }
}

const GREEDY: ProgramSampling = ProgramSampling { prompting: Prompting::Base, samples: 1, temperature: 0.0, seed: 3 };
const WARM: ProgramSampling = ProgramSampling { samples: 4, temperature: 0.8, ..GREEDY };

#[test]
fn a_model_that_writes_the_solutions_passes_with_wilsons_interval() {
    let mut heard = Vec::new();
    let attempts = run(&problems(), &GREEDY, &mut writer(), &Reads::default(), &mut MemoryJournal::default(), |done| {
        heard.push(done);
    });
    let found = pass_at(1, &attempts.unwrap()).unwrap();
    assert_eq!((found.value, found.method), (1.0, "Wilson"));
    assert!(found.interval.low < 1.0, "so few problems leave doubt");
    assert_eq!(heard, (1..=problems().len()).collect::<Vec<_>>());
}

#[test]
fn every_sample_has_a_seed_of_its_own_and_the_mean_is_over_problems() {
    let mut model = writer();
    let attempts = run(&problems(), &WARM, &mut model, &Reads::default(), &mut MemoryJournal::default(), |_| ());
    let attempts = attempts.unwrap();
    let mut seeds = model.seeds.clone();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 4 * problems().len());
    let passed: usize = attempts.iter().map(|attempt| attempt.passed).sum();
    let found = pass_at(1, &attempts).unwrap();
    assert!((found.value - passed as f64 / seeds.len() as f64).abs() < 1e-12);
    assert_eq!(found.method, "bootstrap over problems");
    assert!(pass_at(4, &attempts).unwrap().value > found.value);
    assert_eq!(pass_at(5, &attempts), None);
}

#[test]
fn problems_that_all_came_out_alike_leave_doubt() {
    let sample = Sample { answer: String::new(), verdict: ProgramVerdict::TimedOut };
    let attempt = |problem: &str| Attempt {
        problem: problem.to_owned(),
        category: String::new(),
        passed: 0,
        samples: vec![sample.clone(), sample.clone()],
    };
    let found = pass_at(2, &[attempt("a"), attempt("b")]).unwrap();
    assert_eq!((found.value, found.interval.low, found.method), (0.0, 0.0, "Wilson"));
    assert!(found.interval.high > 0.5, "{found:?}");
    assert_eq!(pass_at(1, &[]), None);
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let (mut journal, judge) = (MemoryJournal::default(), Reads::default());
    let mut model = writer();
    let missing = model.problems.pop().unwrap();
    let error = run(&problems(), &WARM, &mut model, &judge, &mut journal, |_| ()).unwrap_err();
    assert!(error.to_string().contains(&missing.id), "{error}");
    let before = judge.judged.get();
    let attempts = run(&problems(), &WARM, &mut writer(), &judge, &mut journal, |_| ()).unwrap();
    assert_eq!(judge.judged.get() - before, 4, "only the last problem was left");
    let afresh = run(&problems(), &WARM, &mut writer(), &judge, &mut MemoryJournal::default(), |_| ()).unwrap();
    assert_eq!(attempts, afresh);
}

#[test]
fn what_was_sampled_otherwise_is_not_recalled() {
    let mut journal = MemoryJournal::default();
    let mut asked = |sampling: ProgramSampling| {
        let mut model = writer();
        run(&problems(), &sampling, &mut model, &Reads::default(), &mut journal, |_| ()).unwrap();
        model.seeds.len()
    };
    assert!(asked(WARM) > 0 && asked(WARM) == 0);
    assert!(asked(ProgramSampling { temperature: 0.5, ..WARM }) > 0);
    assert!(asked(ProgramSampling { seed: 4, ..WARM }) > 0);
    assert_eq!(asked(ProgramSampling { samples: 6, ..WARM }), 2 * problems().len());
}

#[test]
fn a_judge_that_passes_everything_or_nothing_is_a_broken_run() {
    let (all, none) = (check_canaries(&problems(), &Always(true)), check_canaries(&problems(), &Always(false)));
    assert!(all.unwrap_err().to_string().contains("a function that does nothing passed"));
    assert!(none.unwrap_err().to_string().contains("its own solution took too long"));
    assert!(check_canaries(&problems(), &Reads::default()).is_ok());
}

#[test]
fn samples_that_cannot_give_pass_at_k_are_refused() {
    assert!(matches!(check(&WARM, &[1, 10]), Err(CodeError::TooFewSamples { k: 10, samples: 4 })));
    assert!(matches!(check(&ProgramSampling { temperature: 0.0, ..WARM }, &[1]), Err(CodeError::Alike { samples: 4 })));
    assert!(check(&WARM, &[1, 4]).is_ok() && check(&GREEDY, &[1]).is_ok());
}

#[test]
fn a_chat_is_asked_for_the_whole_function() {
    let asked = question(&problems()[0]);
    assert!(asked.contains("```python\ndef sum_of_powers(numbers):\n") && asked.ends_with("\"\"\"\n```"), "{asked}");
}
