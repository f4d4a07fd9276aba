//! Whether a model predicts ordinary text at all, and sees what it is shown. Random weights, shuffled embeddings and broken arithmetic do not, and a
//! score of such a run says nothing.
//!
//! What is held against a bound is the mean log-likelihood of a token, as a part of what an even guess over the vocabulary
//! would give: no sum, in which a long text loses to a short one, and nothing relative to noise, which loses to everything.
//! No text repeats a token beside itself, for random weights whose output table is the embedding predict just that.

use plimsoll_engine::Session;
use serde::{Deserialize, Serialize};

use crate::language_model::Question;
use crate::runner::RunError;
use crate::session_model::{self, Predicted};
use crate::suite::drawing::Scene;
use crate::suite::{Item, PLAIN, Suite, training_pictures};

/// A model may lose this part of an even guess per token, and no more.
const BOUND: f64 = 0.6;
/// Canaries that have to pass: a model made for stories or for sums cannot be at home in all of them, and a broken
/// one is at home in none.
const NEEDED: usize = 2;

/// Ordinary exchanges, one for each habit that some working model may lack.
const TEXTS: [(&str, &str, &str); 6] = [
    (
        "story",
        "Tell me a story.",
        "Once upon a time, there was a little girl. She liked to play in the garden with her dog.",
    ),
    ("copying", "Repeat this text exactly: river table lemon piano", "river table lemon piano"),
    ("spelling", "Spell the word \"mirado\" with a hyphen between the letters.", "m-i-r-a-d-o"),
    (
        "json",
        "Write a JSON object with the keys \"name\", \"age\" and \"word\" for Clara, 34, river. Answer with JSON only.",
        "{\"name\": \"Clara\", \"age\": 34, \"word\": \"river\"}",
    ),
    (
        "ordering",
        "Sort these numbers from smallest to largest: 12, 45, 78. Answer with the numbers only.",
        "12, 45, 78",
    ),
    ("capital", "What is the capital of France?", "The capital of France is Paris."),
];

/// One canary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Canary {
    /// Which.
    pub name: String,
    /// Mean log-likelihood of a token, in nats.
    pub mean: f64,
    /// What an even guess over the vocabulary would give, in nats.
    pub even: f64,
    /// Whether the mean lies within the band: a number, no more than that of certainty and no less than a part of the even
    /// guess.
    pub passed: bool,
}

/// Whether a model tells one picture from another. What it says of plain text does not matter here: a model may be made for
/// pictures alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Looking {
    /// Pictures with which the right answer to a question about them was likelier than with another picture in their place.
    pub told_apart: usize,
    /// Pictures shown.
    pub of: usize,
    /// Whether it was so of nearly all: a tower that passes nothing on is right about each by chance.
    pub passed: bool,
}

/// All canaries of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Canaries {
    /// Of text, in the order in which they were put; none where nothing but pictures is asked about.
    pub all: Vec<Canary>,
    /// Of pictures; absent where none is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looking: Option<Looking>,
    /// Whether enough passed. Then the model predicts text, and sees if it is to.
    pub passed: bool,
}

/// Which is likelier broken where canaries fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// The run: this program, or how it reads these files.
    Run,
    /// The model: its weights.
    Model,
}

/// What canaries that failed point at: the model where its numbers are the reference's, or where another model passed in
/// the same run; else the run.
pub fn likelier_broken(verified: Option<bool>, another_passed: bool) -> Broken {
    match (verified, another_passed) {
        (Some(true), _) | (None, true) => Broken::Model,
        (Some(false), _) | (None, false) => Broken::Run,
    }
}

impl Canaries {
    /// What follows from the numbers that were seen, whatever stands beside them.
    pub fn again(&self) -> Canaries {
        let all =
            self.all.iter().map(|canary| Canary { passed: is_likely(canary.mean, canary.even), ..canary.clone() });
        let looking = self.looking.map(|seen| Looking { passed: seen.told_apart >= TOLD_APART, ..seen });
        Canaries::of(all.collect(), looking)
    }

    fn of(all: Vec<Canary>, looking: Option<Looking>) -> Canaries {
        let reads = all.iter().filter(|canary| canary.passed).count() >= NEEDED;
        // That of text nothing was asked is a pass only of who was asked about pictures.
        let passed = match looking {
            None => reads,
            Some(looking) => looking.passed && (all.is_empty() || reads),
        };
        Canaries { all, looking, passed }
    }

    /// What is wrong, with the model as its subject; nothing where they passed.
    pub fn complaint(&self) -> Option<String> {
        let mut faults = Vec::new();
        if !self.all.is_empty() && self.n_passed() < NEEDED {
            faults.push(format!(
                "hardly predicts ordinary text: {} of {} canaries passed",
                self.n_passed(),
                self.all.len()
            ));
        }
        if let Some(Looking { told_apart, of, .. }) = self.looking.filter(|looking| !looking.passed) {
            faults.push(format!(
                "hardly sees: of {of} pictures {told_apart} made the right answer likelier than another picture did"
            ));
        }
        (!self.passed).then(|| faults.join("; and "))
    }

    /// Whether these are all that are put where questions without pictures are asked (`text`), and with (`pictures`).
    pub fn are_all(&self, text: bool, pictures: bool) -> bool {
        let put = TEXTS.iter().filter(|_| text).map(|(name, ..)| *name);
        let shown = self.looking.map(|looking| looking.of);
        self.all.iter().map(|canary| canary.name.as_str()).eq(put)
            && shown == pictures.then_some(LOOKED_AT.len() * PICTURES)
    }

    /// How many passed.
    pub fn n_passed(&self) -> usize {
        self.all.iter().filter(|canary| canary.passed).count()
    }
}

/// Puts the canaries to `model`: those of text where `suite` asks anything without a picture, for a model may see that
/// predicts no other text, and those of pictures where it shows any.
///
/// # Errors
/// When the model cannot be asked; that canaries fail is no error but a finding.
pub fn put(suite: &Suite, session: &mut Session) -> Result<Canaries, RunError> {
    let mut all = Vec::new();
    if !suite.items.iter().all(Item::shows_pictures) {
        all = TEXTS.iter().map(|text| one(*text, session)).collect::<Result<_, _>>()?;
    }
    let shows = suite.items.iter().any(Item::shows_pictures);
    let looking = if shows { Some(look(session)?) } else { None };
    Ok(Canaries::of(all, looking))
}

/// Kinds of drawn pictures that whoever sees at all tells apart, and how many of each are shown.
const LOOKED_AT: [&str; 2] = ["colours", "letters"];
const PICTURES: usize = 6;
/// Pictures of twelve that have to be told apart: by chance so many are once in 52 times.
const TOLD_APART: usize = 10;
/// Seed of the pictures, none of which a suite holds.
const PICTURE_SEED: u64 = 7;

/// A drawn picture with a question about it.
struct Drawn {
    scene: Scene,
    prompt: String,
    answer: String,
}

/// Pictures of one kind, so that none has the answer of the one before it, nor the first that of the last.
fn drawn(kind: &str) -> Vec<Drawn> {
    let mut chosen: Vec<Drawn> = Vec::with_capacity(PICTURES);
    for (scene, items) in training_pictures(PICTURE_SEED) {
        if chosen.len() == PICTURES {
            break;
        }
        let Some(item) = items.into_iter().find(|item| item.category == kind) else { continue };
        let answer = item.scoring.reference();
        let is_beside = chosen.last().into_iter().chain(chosen.first()).any(|other| other.answer == answer);
        if !is_beside {
            chosen.push(Drawn { scene, prompt: item.prompt, answer });
        }
    }
    chosen
}

/// Holds the right answer to a question about a picture against the same answer to the same question with the next picture in
/// its place: what a model says whatever it is shown cancels out.
fn look(session: &mut Session) -> Result<Looking, RunError> {
    let (mut told_apart, mut of) = (0, 0);
    for kind in LOOKED_AT {
        let pictures = drawn(kind);
        for (index, right) in pictures.iter().enumerate() {
            let other = &pictures[(index + 1) % pictures.len()];
            let mut likely = |scene| {
                let question = Question { prompt: &right.prompt, picture: Some(scene), framing: &PLAIN };
                predicted(kind, question, &right.answer, session).map(|found| found.mean)
            };
            let (own, another) = (likely(&right.scene)?, likely(&other.scene)?);
            told_apart += usize::from(own > another);
            of += 1;
        }
    }
    Ok(Looking { told_apart, of, passed: told_apart >= TOLD_APART })
}

/// How surely `text` is predicted, with a blank before it or without, whichever is surer: where a template ends with
/// `Assistant:`, models begin with one.
fn predicted(name: &str, question: Question, text: &str, session: &mut Session) -> Result<Predicted, RunError> {
    let mut likely = |text: &str| {
        let failed = |source| RunError::Answer { item: format!("canary {name}"), source };
        session_model::predicted(session, question, text).map_err(failed)
    };
    let (as_it_stands, behind_a_blank) = (likely(text)?, likely(&format!(" {text}"))?);
    Ok(if behind_a_blank.mean > as_it_stands.mean { behind_a_blank } else { as_it_stands })
}

fn one((name, prompt, text): (&str, &str, &str), session: &mut Session) -> Result<Canary, RunError> {
    let question = Question { prompt, picture: None, framing: &PLAIN };
    let Predicted { mean, even } = predicted(name, question, text, session)?;
    Ok(Canary { name: name.to_owned(), mean, even, passed: is_likely(mean, even) })
}

/// Not a number is within no band.
fn is_likely(mean: f64, even: f64) -> bool {
    mean <= 0.0 && mean >= BOUND * even
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canaries(means: &[f64]) -> Vec<Canary> {
        let canary = |mean: &f64| Canary {
            name: String::new(),
            mean: *mean,
            even: -6.0,
            passed: *mean <= 0.0 && *mean >= BOUND * -6.0,
        };
        means.iter().map(canary).collect()
    }

    #[test]
    fn two_have_to_pass_and_no_canary_is_no_pass() {
        assert!(Canaries::of(canaries(&[-1.0, -0.1, -9.0, -6.0]), None).passed);
        assert!(!Canaries::of(canaries(&[-1.0, -5.9, f64::NAN, 0.5]), None).passed);
        assert!(!Canaries::of(vec![], None).passed);
    }

    #[test]
    fn who_is_asked_about_pictures_has_to_tell_them_apart_whatever_text_it_predicts() {
        let looking = |told_apart| Some(Looking { told_apart, of: 12, passed: told_apart >= TOLD_APART });
        assert!(Canaries::of(vec![], looking(12)).passed);
        assert_eq!(Canaries::of(vec![], looking(12)).complaint(), None);
        let blind = Canaries::of(canaries(&[-1.0, -0.1]), looking(6));
        assert!(!blind.passed && blind.complaint().unwrap().starts_with("hardly sees: of 12 pictures 6 "));
        assert!(!Canaries::of(canaries(&[-9.0]), looking(12)).passed, "text is asked for too");
    }

    #[test]
    fn no_picture_has_the_answer_of_the_one_that_is_shown_in_its_place() {
        for kind in LOOKED_AT {
            let pictures = drawn(kind);
            assert_eq!(pictures.len(), PICTURES);
            for (index, picture) in pictures.iter().enumerate() {
                assert_ne!(picture.answer, pictures[(index + 1) % PICTURES].answer);
            }
        }
    }

    #[test]
    fn what_failed_is_the_run_unless_something_speaks_for_it() {
        assert_eq!(likelier_broken(Some(true), false), Broken::Model);
        assert_eq!(likelier_broken(None, true), Broken::Model);
        assert_eq!(likelier_broken(Some(false), true), Broken::Run);
        assert_eq!(likelier_broken(None, false), Broken::Run);
    }
}
