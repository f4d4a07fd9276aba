//! Timing prefill and decode by context depth, of one model or of several in turn.
//!
//! Repetitions are interleaved, A B A B, so that whatever slows the machine for a while slows all models alike. Each
//! lasts a tenth of a second at least.

mod program;
mod start;

use serde::{Deserialize, Serialize};

use crate::stats::{Median, median};

pub use program::{BenchError, ProgramTimer};
pub use start::{Filling, Start, StartError, first_token, measure_start};

/// Warm-ups after which timing begins, however unsteady the machine is.
const MAX_WARM_UPS: usize = 8;
/// Seconds of work after which timing begins, however unsteady the machine is: a prompt of many thousand tokens has warmed
/// whatever there is, and takes minutes.
const LONGEST_WARM_UP: f64 = 30.0;
/// Two times in a row that differ by less than this count as steady.
const STEADY: f64 = 0.05;

/// A repetition shorter than this is run over and over until it lasts as long, for what a scheduler takes now and
/// then would otherwise be all that it shows, in s.
const LEAST_SECONDS: f64 = 0.1;

/// Something whose steps can be timed.
pub trait Timed {
    /// Seconds to pass `n_tokens` of a prompt after `depth` tokens, which leaves `depth` tokens as they were.
    ///
    /// # Errors
    /// When the steps are refused.
    fn prefill(&mut self, depth: usize, n_tokens: usize) -> Result<f64, BenchError>;

    /// Seconds to decode `n_tokens` one by one after `depth` tokens, which leaves `depth` tokens as they were: of every
    /// sequence that the subject has, all at once.
    ///
    /// # Errors
    /// When the steps are refused.
    fn decode(&mut self, depth: usize, n_tokens: usize) -> Result<f64, BenchError>;
}

/// What is timed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Tokens of a timed prefill.
    pub prefill_tokens: usize,
    /// Tokens of a timed decode, of each sequence.
    pub decode_tokens: usize,
    /// Sequences decoded at once.
    pub sequences: usize,
    /// Tokens in the cache before the timed ones, each measured apart.
    pub depths: Vec<usize>,
    /// Timed repetitions at each depth.
    pub repetitions: usize,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { prefill_tokens: 256, decode_tokens: 32, sequences: 1, depths: vec![0, 512, 4096], repetitions: 7 }
    }
}

impl Plan {
    /// The plan without the depths at which a model of `context` tokens has no room for the timed ones.
    pub fn within(&self, context: usize) -> Plan {
        let needed = self.prefill_tokens.max(self.decode_tokens);
        let depths = self.depths.iter().copied().filter(|depth| depth.saturating_add(needed) <= context).collect();
        Plan { depths, ..self.clone() }
    }

    /// The plan with the depth behind which what is timed ends with `context` tokens, in place of all that are deeper.
    pub fn up_to(&self, context: usize) -> Plan {
        let deepest = context.saturating_sub(self.prefill_tokens.max(self.decode_tokens));
        let mut depths: Vec<usize> = self.depths.iter().copied().filter(|depth| *depth < deepest).collect();
        depths.push(deepest);
        Plan { depths, ..self.clone() }
    }

    /// Tokens that the longest timed sequence has; of a plan beyond counting, more than any context.
    pub fn longest(&self) -> usize {
        let deepest = self.depths.iter().max().copied().unwrap_or(0);
        deepest.saturating_add(self.prefill_tokens.max(self.decode_tokens))
    }
}

/// Speed at one depth, every repetition kept in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Tokens in the cache before the timed ones.
    pub depth: usize,
    /// One value for each repetition, in tokens/s.
    pub prefill: Vec<f64>,
    /// One value for each repetition, all sequences together, in tokens/s.
    pub decode: Vec<f64>,
}

impl Timings {
    /// Median prefill, in tokens/s.
    pub fn prefill_median(&self) -> Option<Median> {
        median(&self.prefill, crate::stats::LEVEL)
    }

    /// Median decode, in tokens/s.
    pub fn decode_median(&self) -> Option<Median> {
        median(&self.decode, crate::stats::LEVEL)
    }
}

/// Times every subject at every depth of `plan`, repetitions interleaved; after each timed step `progress` hears how
/// many of [`n_steps`] are done. Returns one list of [`Timings`] for each subject, in their order.
///
/// # Errors
/// The first step that a subject refuses.
pub fn interleaved(
    subjects: &mut [&mut dyn Timed],
    plan: &Plan,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Vec<Timings>>, BenchError> {
    let mut found = vec![Vec::with_capacity(plan.depths.len()); subjects.len()];
    let mut done = 0;
    for &depth in &plan.depths {
        let mut rounds = Vec::with_capacity(subjects.len());
        for (subject, rows) in subjects.iter_mut().zip(&mut found) {
            rounds.push(warm_up(*subject, depth, plan)?.map(rounds_of));
            rows.push(Timings { depth, prefill: Vec::new(), decode: Vec::new() });
        }
        for _ in 0..plan.repetitions {
            for ((subject, rows), [prefills, decodes]) in subjects.iter_mut().zip(&mut found).zip(&rounds) {
                let row = rows.last_mut().expect("pushed above");
                let seconds = total(*prefills, || subject.prefill(depth, plan.prefill_tokens))?;
                row.prefill.push(rate(plan.prefill_tokens * prefills, seconds));
                let seconds = total(*decodes, || subject.decode(depth, plan.decode_tokens))?;
                row.decode.push(rate(plan.decode_tokens * plan.sequences * decodes, seconds));
                done += 1;
                progress(done);
            }
        }
    }
    Ok(found)
}

/// How often [`interleaved`] reports progress.
pub fn n_steps(n_subjects: usize, plan: &Plan) -> usize {
    (n_subjects * plan.depths.len()).saturating_mul(plan.repetitions)
}

/// Runs until two times in a row agree, or long enough: caches filled, pages touched, clock speed settled. Returns the
/// last seconds of a prefill and of a decode.
fn warm_up(subject: &mut dyn Timed, depth: usize, plan: &Plan) -> Result<[f64; 2], BenchError> {
    let (mut last, mut spent) = ([f64::INFINITY; 2], 0.0);
    for _ in 0..MAX_WARM_UPS {
        let now = [subject.prefill(depth, plan.prefill_tokens)?, subject.decode(depth, plan.decode_tokens)?];
        let is_steady = now.iter().zip(last).all(|(now, last)| (now - last).abs() <= STEADY * now);
        last = now;
        spent += now.iter().sum::<f64>();
        if is_steady || spent >= LONGEST_WARM_UP {
            break;
        }
    }
    Ok(last)
}

/// How often something that takes `seconds` is run for one repetition.
fn rounds_of(seconds: f64) -> usize {
    (LEAST_SECONDS / seconds.max(1e-6)).ceil().max(1.0) as usize
}

fn total(rounds: usize, mut run: impl FnMut() -> Result<f64, BenchError>) -> Result<f64, BenchError> {
    (0..rounds).try_fold(0.0, |sum, _| Ok(sum + run()?))
}

/// Tokens per second; a clock too coarse to see the step pass counts as its smallest tick.
fn rate(n_tokens: usize, seconds: f64) -> f64 {
    n_tokens as f64 / seconds.max(1e-9)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Writes down who was asked for what; takes one second a token, `slowness` times over.
    struct Clock<'a> {
        name: char,
        slowness: f64,
        diary: &'a RefCell<String>,
    }

    impl Timed for Clock<'_> {
        fn prefill(&mut self, _: usize, n_tokens: usize) -> Result<f64, BenchError> {
            self.diary.borrow_mut().push(self.name);
            Ok(self.slowness * n_tokens as f64 / 10.0)
        }

        fn decode(&mut self, _: usize, n_tokens: usize) -> Result<f64, BenchError> {
            Ok(self.slowness * n_tokens as f64)
        }
    }

    fn plan() -> Plan {
        Plan { prefill_tokens: 20, decode_tokens: 4, sequences: 1, depths: vec![0, 8], repetitions: 3 }
    }

    #[test]
    fn repetitions_alternate_after_each_model_is_warm() {
        let diary = RefCell::default();
        let mut a = Clock { name: 'A', slowness: 1.0, diary: &diary };
        let mut b = Clock { name: 'B', slowness: 2.0, diary: &diary };
        let mut heard = 0;
        let found = interleaved(&mut [&mut a, &mut b], &plan(), |done| heard = done).unwrap();
        assert_eq!(diary.borrow().as_str(), "AABBABABABAABBABABAB", "two steady warm-ups each, then A B A B A B");
        assert_eq!(heard, n_steps(2, &plan()));
        assert_eq!(found[0][1], Timings { depth: 8, prefill: vec![10.0; 3], decode: vec![1.0; 3] });
        assert_eq!(found[1][0].decode_median().unwrap().value, 0.5);
    }

    #[test]
    fn an_unsteady_machine_is_not_waited_for_forever() {
        struct Unsteady(f64);
        impl Timed for Unsteady {
            fn prefill(&mut self, _: usize, _: usize) -> Result<f64, BenchError> {
                self.0 *= 2.0;
                Ok(self.0)
            }
            fn decode(&mut self, _: usize, _: usize) -> Result<f64, BenchError> {
                Ok(1.0)
            }
        }
        let mut subject = Unsteady(1.0 / 64.0); // seconds, which double: the eighth is 4
        interleaved(&mut [&mut subject], &Plan { depths: vec![0], ..plan() }, |_| ()).unwrap();
        assert_eq!((64.0 * subject.0).log2() as usize, MAX_WARM_UPS + 3);
    }

    #[test]
    fn what_takes_long_is_warm_after_once() {
        let diary = RefCell::default();
        let mut slow = Clock { name: 'S', slowness: 1.0, diary: &diary };
        let plan = Plan { prefill_tokens: 8192, depths: vec![0], repetitions: 1, ..plan() };
        interleaved(&mut [&mut slow], &plan, |_| ()).unwrap();
        assert_eq!(diary.borrow().as_str(), "SS");
    }

    #[test]
    fn a_short_step_is_repeated_until_it_can_be_trusted() {
        let diary = RefCell::default();
        let mut fast = Clock { name: 'F', slowness: 0.01, diary: &diary }; // 0.02 s a prefill
        let plan = Plan { depths: vec![0], repetitions: 1, ..plan() };
        let found = interleaved(&mut [&mut fast], &plan, |_| ()).unwrap();
        assert_eq!(diary.borrow().len(), 2 + 5);
        assert!((found[0][0].prefill[0] - 1000.0).abs() < 1e-6, "the rate is that of one step");
    }

    #[test]
    fn sequences_decoded_at_once_add_up() {
        let diary = RefCell::default();
        let mut clock = Clock { name: 'A', slowness: 1.0, diary: &diary };
        let plan = Plan { sequences: 8, depths: vec![0], ..plan() };
        let found = interleaved(&mut [&mut clock], &plan, |_| ()).unwrap();
        assert_eq!((found[0][0].prefill[0], found[0][0].decode[0]), (10.0, 8.0));
    }

    #[test]
    fn depths_that_do_not_fit_the_context_are_left_out() {
        assert_eq!(Plan::default().within(1024).depths, [0, 512]);
        assert_eq!(Plan::default().within(767).depths, [0]);
        assert_eq!(plan().longest(), 28);
    }

    #[test]
    fn a_plan_up_to_a_context_ends_with_it_and_goes_no_deeper() {
        assert_eq!(Plan::default().up_to(8192).depths, [0, 512, 4096, 7936]);
        assert_eq!(Plan::default().up_to(1000).depths, [0, 512, 744]);
        assert_eq!(Plan::default().up_to(256).depths, [0]);
        assert_eq!(Plan::default().up_to(8192).longest(), 8192);
    }

    #[test]
    fn a_plan_beyond_counting_is_longer_than_any_context() {
        let plan = Plan { depths: vec![usize::MAX], repetitions: usize::MAX, ..plan() };
        assert_eq!(plan.longest(), usize::MAX);
        assert_eq!(plan.within(1024).depths, [0; 0]);
        assert_eq!(n_steps(2, &plan), usize::MAX);
    }
}
