//! The runner against models whose answers are known.

use std::collections::HashMap;

use plimsoll_lab::journal::MemoryJournal;
use plimsoll_lab::language_model::{AnswerError, Decoding, LanguageModel, Question};
use plimsoll_lab::runner::{RunError, run, run_with};
use plimsoll_lab::score::Scoring;
use plimsoll_lab::suite::drawing::Scene;
use plimsoll_lab::suite::{ALL, Suite, VISION};

/// Knows the answer to every item of a suite, and adds `ending` to it.
struct Oracle {
    answers: HashMap<String, String>,
    ending: &'static str,
    likelihood_of_right: f64,
}

impl Oracle {
    fn of(suite: &Suite, ending: &'static str) -> Self {
        let known = suite.items.iter().chain([&suite.canary]);
        let answers = known.map(|item| (key(&item.prompt, item.picture.as_ref()), item.scoring.reference())).collect();
        Oracle { answers, ending, likelihood_of_right: -0.1 }
    }

    fn answer(&self, question: Question) -> Result<&str, AnswerError> {
        Ok(self.answers.get(&key(question.prompt, question.picture)).ok_or("an unknown question")?)
    }
}

/// The same words about another picture are another question.
fn key(prompt: &str, picture: Option<&Scene>) -> String {
    format!("{prompt} {picture:?}")
}

impl LanguageModel for Oracle {
    fn generate(&mut self, question: Question, _: usize, _: Decoding) -> Result<String, AnswerError> {
        Ok(format!("{}{}", self.answer(question)?, self.ending))
    }

    fn log_likelihoods(&mut self, question: Question, options: &[String]) -> Result<Vec<f64>, AnswerError> {
        let right = self.answer(question)?;
        Ok(options.iter().map(|option| if option == right { self.likelihood_of_right } else { -3.0 }).collect())
    }
}

fn suite() -> Suite {
    Suite::builtin(ALL, 3, 5).expect("the built-in suite")
}

#[test]
fn a_model_that_knows_every_answer_scores_everything_right_in_order() {
    let suite = suite();
    let mut heard = Vec::new();
    let outcomes = run(&suite, &mut Oracle::of(&suite, ""), |done| heard.push(done)).expect("a whole run");
    assert!(outcomes.iter().all(|outcome| outcome.correct));
    assert_eq!(heard, (1..=suite.items.len()).collect::<Vec<_>>());
    assert!(outcomes.iter().zip(&suite.items).all(|(outcome, item)| outcome.item == item.id));
}

#[test]
fn questions_about_pictures_arrive_with_their_pictures() {
    let suite = Suite::builtin(VISION, 3, 5).expect("the suite about pictures");
    let outcomes = run(&suite, &mut Oracle::of(&suite, ""), |_| ()).expect("a whole run");
    assert!(outcomes.iter().all(|outcome| outcome.correct));
}

#[test]
fn a_model_that_spoils_its_answers_scores_only_where_it_chooses() {
    let suite = suite();
    let outcomes = run(&suite, &mut Oracle::of(&suite, " 7 and then Z"), |_| ()).expect("a whole run");
    for (outcome, item) in outcomes.iter().zip(&suite.items) {
        let by_likelihood = matches!(item.scoring, Scoring::Choice { .. });
        let forgiving = matches!(item.scoring, Scoring::Named { .. } | Scoring::Json { .. });
        // Letters with hyphens between them are known wherever they stand, and no bare form of them is asked for.
        let spelled = item.category == "spelling";
        assert!(outcome.correct == by_likelihood || forgiving || spelled, "{outcome:?}");
    }
}

#[test]
fn a_model_whose_likelihoods_are_broken_is_a_broken_run() {
    let suite = suite();
    for broken in [f64::NAN, -3.0, -9.0] {
        let mut model = Oracle { likelihood_of_right: broken, ..Oracle::of(&suite, "") };
        let error = run(&suite, &mut model, |_| ()).expect_err("the canary must fail");
        assert!(matches!(error, RunError::Canary { .. }), "{error}");
    }
}

#[test]
fn an_item_that_cannot_be_answered_ends_the_run_with_its_id() {
    let suite = suite();
    let mut model = Oracle::of(&suite, "");
    let last = suite.items.last().expect("items");
    model.answers.remove(&key(&last.prompt, last.picture.as_ref()));
    let error = run(&suite, &mut model, |_| ()).expect_err("one answer is missing");
    assert!(error.to_string().contains(&last.id), "{error}");
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let suite = suite();
    let mut journal = MemoryJournal::default();
    let mut model = Oracle::of(&suite, "");
    let last = suite.items.last().expect("items");
    model.answers.remove(&key(&last.prompt, last.picture.as_ref()));
    run_with(&suite, &mut model, &mut journal, |_| ()).expect_err("one answer is missing");
    assert_eq!(journal.0.len(), suite.items.len() - 1);
    // This one knows the canary and the last item alone.
    let mut rest = Oracle::of(&suite, "");
    let needed = [key(&last.prompt, None), key(&suite.canary.prompt, None)];
    rest.answers.retain(|question, _| needed.contains(question));
    let outcomes = run_with(&suite, &mut rest, &mut journal, |_| ()).expect("a whole run");
    assert_eq!(outcomes, run(&suite, &mut Oracle::of(&suite, ""), |_| ()).expect("a whole run"));
}

#[test]
fn too_few_likelihoods_are_refused() {
    struct Mute;
    impl LanguageModel for Mute {
        fn generate(&mut self, _: Question, _: usize, _: Decoding) -> Result<String, AnswerError> {
            Ok(String::new())
        }
        fn log_likelihoods(&mut self, _: Question, _: &[String]) -> Result<Vec<f64>, AnswerError> {
            Ok(vec![0.0])
        }
    }
    assert!(matches!(run(&suite(), &mut Mute, |_| ()), Err(RunError::Likelihoods { options: 2, found: 1, .. })));
}
