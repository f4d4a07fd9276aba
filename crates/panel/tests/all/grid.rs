//! The panel's word over a grid of imagined models: right answers from none to nearly all, memory from 20 MB to 42 GB,
//! 2 to 2000 tokens/s, every kind of licence. The word expected for each is kept, and what must hold of all is asserted.

use crate::fixture;
use plimsoll_catalog::{Catalog, DeclaredUse, Purpose, Statement, Terms};
use plimsoll_lab::record::{Device, Measurement, ModelRecord, Origin, Rate, SuiteFacts, Unit};
use plimsoll_lab::stats::{Interval, LEVEL, wilson};
use plimsoll_panel::judge::{Demand, MeasuredModel, Subject, Verdict, VerdictKind, review};
use plimsoll_panel::rubric::Rubric;

/// Right answers in every category; the first stands for guessing.
const RIGHT: [f64; 9] = [f64::NAN, 0.0, 0.25, 0.4, 0.5, 0.65, 0.8, 0.9, 0.99];
/// Peak memory, in GB.
const MEMORY: [f64; 6] = [0.02, 0.5, 2.2, 5.0, 16.0, 42.0];
/// Decode, in tokens/s.
const SPEED: [f64; 6] = [2.0, 5.0, 10.0, 25.0, 100.0, 2000.0];
/// Licences by their tags: permissive, a community licence with a cap and a duty to name, one with a list of forbidden
/// uses, research only, not commercial, and none at all.
const LICENCES: [&str; 6] = ["apache-2.0", "llama3.1", "gemma", "mrl", "cc-by-nc-4.0", ""];

struct Imagined {
    template: ModelRecord,
    device: Device,
    suite: SuiteFacts,
    rubric: Rubric,
    demand: Demand,
}

impl Imagined {
    fn new() -> Imagined {
        let comparison = fixture::comparison();
        let usage = DeclaredUse { purpose: Purpose::Commercial, users: Some(1000), region: Some("US".into()) };
        Imagined {
            template: comparison.models[0].clone(),
            device: Device { memory_bytes: 64_000_000_000, ..comparison.device.clone() },
            suite: comparison.suite,
            rubric: Rubric::builtin(),
            demand: usage.into(),
        }
    }

    fn model(&self, right: f64, gigabytes: f64, decode: f64) -> ModelRecord {
        let mut model = self.template.clone();
        let about = |metric: &str, unit, value: f64| {
            let interval = Interval { low: value * 0.98, high: value * 1.02, level: LEVEL };
            Measurement::of("A", metric, unit, Origin::Measured, value).within(Some(interval)).n(7).record()
        };
        model.memory.peak = about("peak_memory", Unit::Bytes, gigabytes * 1e9);
        model.start.load = about("load", Unit::Seconds, gigabytes / 2.0);
        // A prompt of sixty tokens; they pass twenty times as fast as tokens are written.
        model.start.first_token_cold =
            about("first_token_cold", Unit::Seconds, gigabytes / 5.0 + 60.0 / (20.0 * decode));
        for row in &mut model.speed {
            let slower = 1.0 / (1.0 + row.depth as f64 / 4000.0);
            row.decode = about(&format!("decode@{}", row.depth), Unit::TokensPerSecond, decode * slower);
            row.prefill = about(&format!("prefill@{}", row.depth), Unit::TokensPerSecond, 20.0 * decode * slower);
        }
        let mut all = (0, 0);
        for (rate, facts) in model.quality.categories.iter_mut().zip(&self.suite.categories) {
            let share = if right.is_nan() { facts.chance } else { right };
            let correct = (share * rate.n as f64).floor() as usize;
            all = (all.0 + correct, all.1 + rate.n);
            *rate = rated(&rate.category, &rate.rate.metric, correct, rate.n);
        }
        model.quality.overall = rated("overall", "accuracy", all.0, all.1);
        model
    }

    fn verdict(&self, right: f64, gigabytes: f64, decode: f64, terms: &Terms) -> Verdict {
        let model = self.model(right, gigabytes, decode);
        let seen = Some(MeasuredModel { model: &model, device: &self.device, suite: &self.suite });
        review(&Subject { seen, ..Subject::of("m", terms, &self.demand) }, &self.rubric).verdict
    }
}

fn rated(category: &str, metric: &str, correct: usize, n: usize) -> Rate {
    let rate = Measurement::of("A", metric, Unit::Share, Origin::Measured, correct as f64 / n as f64)
        .within(wilson(correct, n, LEVEL))
        .n(n)
        .record();
    Rate { category: category.to_owned(), correct, n, rate, known: None }
}

fn terms(licence: &str) -> Terms {
    if licence.is_empty() {
        return Terms::default();
    }
    let said = Statement { source: "README.md".into(), kind: "license".into(), value: licence.to_owned() };
    Catalog::builtin().terms(&[said], &[], None)
}

/// One letter a word.
fn letter(word: VerdictKind) -> char {
    match word {
        VerdictKind::Ship => 'S',
        VerdictKind::Mixed => 'm',
        VerdictKind::Skip => '.',
        VerdictKind::Unmeasured => '?',
        VerdictKind::Try | VerdictKind::Perhaps => panic!("what was measured is not predicted"),
    }
}

fn rank(word: VerdictKind) -> usize {
    ['?', '.', 'm', 'S'].iter().position(|one| *one == letter(word)).unwrap()
}

#[test]
fn every_imagined_model_gets_the_word_that_is_kept_for_it() {
    let imagined = Imagined::new();
    let mut told = String::from("S ship, m mixed, . skip, ? unmeasured; down: GB, across: tokens/s\n");
    for licence in LICENCES {
        let terms = terms(licence);
        told += &format!("\nlicence: {}\n", if licence.is_empty() { "none" } else { licence });
        for gigabytes in MEMORY {
            told += &format!("{gigabytes:>5} GB ");
            for right in RIGHT {
                let words = SPEED.map(|speed| imagined.verdict(right, gigabytes, speed, &terms).word);
                told += &format!("  {}", words.map(letter).iter().collect::<String>());
            }
            told.push('\n');
        }
        let heads =
            RIGHT.map(|right| if right.is_nan() { "chance".to_owned() } else { format!("{:.0} %", 100.0 * right) });
        told += &format!("         {}\n", heads.map(|head| format!("  {head:<6}")).concat().trim_end());
    }
    insta::assert_snapshot!(told);
}

#[test]
fn no_right_answers_and_guessing_are_always_skipped_and_so_is_what_may_not_be_used() {
    let imagined = Imagined::new();
    let apache = terms("apache-2.0");
    for gigabytes in MEMORY {
        for speed in SPEED {
            for right in [f64::NAN, 0.0] {
                let verdict = imagined.verdict(right, gigabytes, speed, &apache);
                assert_eq!((verdict.word, verdict.vetoes), (VerdictKind::Skip, 1), "{right} {gigabytes} {speed}");
            }
            for licence in ["mrl", "cc-by-nc-4.0"] {
                let verdict = imagined.verdict(0.99, gigabytes, speed, &terms(licence));
                assert_eq!((verdict.word, verdict.vetoes), (VerdictKind::Skip, 1), "{licence} {gigabytes} {speed}");
            }
        }
    }
}

/// Better in one thing and alike in all others is never worth less.
#[test]
fn more_right_answers_more_speed_and_less_memory_never_lower_the_word() {
    let imagined = Imagined::new();
    let apache = terms("apache-2.0");
    let rank = |right, gigabytes, speed| rank(imagined.verdict(right, gigabytes, speed, &apache).word);
    for (at, speed) in SPEED.iter().enumerate() {
        for (row, gigabytes) in MEMORY.iter().enumerate() {
            for (step, right) in RIGHT.iter().enumerate().skip(1) {
                let here = rank(*right, *gigabytes, *speed);
                let more = [
                    RIGHT.get(step + 1).map(|right| rank(*right, *gigabytes, *speed)),
                    SPEED.get(at + 1).map(|speed| rank(*right, *gigabytes, *speed)),
                    row.checked_sub(1).map(|row| rank(*right, MEMORY[row], *speed)),
                ];
                assert!(
                    more.iter().flatten().all(|more| *more >= here),
                    "{right} {gigabytes} {speed}: {here} {more:?}"
                );
            }
        }
    }
}

#[test]
fn the_words_discriminate_among_models_that_people_use() {
    let imagined = Imagined::new();
    let word = |right, gigabytes, speed| imagined.verdict(right, gigabytes, speed, &terms("apache-2.0")).word;
    // A good small model at reading speed; the same too slow to read along; a large one that is slow and fits nowhere.
    let of_real_sizes = [word(0.9, 2.2, 25.0), word(0.9, 2.2, 2.0), word(0.99, 42.0, 2.0)];
    assert_eq!(of_real_sizes, [VerdictKind::Ship, VerdictKind::Mixed, VerdictKind::Skip]);
    // Half right is not shipped by any speed, and hardly better than guessing is nothing at all.
    assert_eq!([word(0.5, 0.02, 2000.0), word(0.25, 0.02, 2000.0)], [VerdictKind::Mixed, VerdictKind::Skip]);
    // Nobody knows whether it may be used.
    assert_eq!(imagined.verdict(0.99, 2.2, 100.0, &Terms::default()).word, VerdictKind::Mixed);
}
