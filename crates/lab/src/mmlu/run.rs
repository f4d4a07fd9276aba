//! Asks every question and keeps every likelihood.

use super::{LETTERS, Subject, base_prompt, chat_prompt};
use crate::journal::{Journal, recall_or};
use crate::language_model::{LanguageModel, Question};
use crate::prompting::Prompting;
use crate::runner::{ItemOutcome, RunError, leader};
use crate::suite::hash;

/// A text that every model continues in one way, and line noise of about its length.
const CANARY: &str = "ship ship ship ship ship ship ship";
const CANARY_OPTIONS: [&str; 2] = [" ship ship", " q;Z#~w^}0"];

/// How it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asking {
    /// As a chat or as a continuation.
    pub prompting: Prompting,
    /// Questions of each subject, the first ones; `None` is all.
    pub questions: Option<usize>,
}

impl Asking {
    /// Questions that will be asked.
    pub fn count(&self, subjects: &[Subject]) -> usize {
        subjects.iter().map(|subject| self.of(subject)).sum()
    }

    fn of(&self, subject: &Subject) -> usize {
        self.questions.unwrap_or(usize::MAX).min(subject.questions.len())
    }
}

/// The outcome of every question; what `journal` remembers is not asked again. After each question `progress` hears how
/// many are done.
///
/// # Errors
/// The canary fails, or a question cannot be asked, such as one that with its examples is longer than the context:
/// nothing is cut, and no score is made from part of the questions.
pub fn run(
    subjects: &[Subject],
    asking: Asking,
    model: &mut dyn LanguageModel,
    journal: &mut dyn Journal,
    mut progress: impl FnMut(usize),
) -> Result<Vec<ItemOutcome>, RunError> {
    check_canary(model)?;
    let mut outcomes = Vec::with_capacity(asking.count(subjects));
    for subject in subjects {
        for index in 0..asking.of(subject) {
            outcomes.push(ask(subject, index, asking.prompting, model, journal)?);
            progress(outcomes.len());
        }
    }
    Ok(outcomes)
}

fn ask(
    subject: &Subject,
    index: usize,
    prompting: Prompting,
    model: &mut dyn LanguageModel,
    journal: &mut dyn Journal,
) -> Result<ItemOutcome, RunError> {
    let question = &subject.questions[index];
    let (prompt, before) = match prompting {
        Prompting::Base => (base_prompt(subject, question), " "),
        Prompting::Chat => (chat_prompt(subject, question), ""),
    };
    let item = format!("{}-{}", subject.name, index + 1);
    let options = LETTERS.map(|letter| format!("{before}{letter}"));
    let key = format!("mmlu/{prompting}/{}", hash::sha256_hex(prompt.as_bytes()));
    let likelihoods = recall_or(journal, &key, || likelihoods(&item, &prompt, prompting, &options, model))?;
    let leader = leader(&likelihoods);
    Ok(ItemOutcome {
        known: None,
        item,
        category: subject.name.clone(),
        correct: leader == Some(question.answer),
        answer: leader.map_or(String::new(), |index| LETTERS[index].to_string()),
        log_likelihoods: likelihoods,
    })
}

fn likelihoods(
    item: &str,
    prompt: &str,
    prompting: Prompting,
    options: &[String],
    model: &mut dyn LanguageModel,
) -> Result<Vec<f64>, RunError> {
    let likelihoods = model
        .log_likelihoods(Question { framing: &prompting.framing(), ..Question::text(prompt) }, options)
        .map_err(|source| RunError::Answer { item: item.to_owned(), source })?;
    if likelihoods.len() != options.len() {
        let (options, found) = (options.len(), likelihoods.len());
        return Err(RunError::Likelihoods { item: item.to_owned(), options, found });
    }
    Ok(likelihoods)
}

/// Catches likelihoods that are no numbers or all the same, and options that are mixed up.
fn check_canary(model: &mut dyn LanguageModel) -> Result<(), RunError> {
    let (item, options) = ("canary".to_owned(), CANARY_OPTIONS.map(str::to_owned));
    let log_likelihoods = likelihoods(&item, CANARY, Prompting::Base, &options, model)?;
    if leader(&log_likelihoods) == Some(0) {
        return Ok(());
    }
    Err(RunError::Canary { item, answer: 0, log_likelihoods })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::MemoryJournal;
    use crate::language_model::{AnswerError, Decoding};
    use crate::mmlu;

    /// Prefers the option that stands first or last, as told, and counts.
    struct Prefers {
        last: bool,
        asked: usize,
        refuses: Option<&'static str>,
    }

    impl LanguageModel for Prefers {
        fn generate(&mut self, _: Question, _: usize, _: Decoding) -> Result<String, AnswerError> {
            Err("nobody asks".into())
        }

        fn log_likelihoods(&mut self, question: Question, options: &[String]) -> Result<Vec<f64>, AnswerError> {
            if self.refuses.is_some_and(|part| question.prompt.contains(part)) {
                return Err("the prompt has 9 tokens, but the context holds 8".into());
            }
            self.asked += 1;
            let best = if self.last && question.prompt != CANARY { options.len() - 1 } else { 0 };
            Ok((0..options.len()).map(|index| if index == best { -1.0 } else { -2.0 }).collect())
        }
    }

    const BASE: Asking = Asking { prompting: Prompting::Base, questions: None };

    fn model(last: bool) -> Prefers {
        Prefers { last, asked: 0, refuses: None }
    }

    fn subjects() -> Vec<Subject> {
        let question = |text: &str, answer| mmlu::Question {
            text: text.to_owned(),
            options: ["1", "2", "3", "4"].map(str::to_owned),
            answer,
        };
        let subject = |name: &str, answers: &[usize]| Subject {
            name: name.to_owned(),
            examples: Vec::new(),
            questions: answers.iter().enumerate().map(|(i, a)| question(&format!("{name} {i}?"), *a)).collect(),
        };
        vec![subject("one", &[0, 3, 0]), subject("two", &[3])]
    }

    #[test]
    fn the_likeliest_letter_is_the_answer() {
        for (last, right) in [(false, [true, false, true, false]), (true, [false, true, false, true])] {
            let outcomes = run(&subjects(), BASE, &mut model(last), &mut MemoryJournal::default(), |_| ()).unwrap();
            assert_eq!(outcomes.iter().map(|outcome| outcome.correct).collect::<Vec<_>>(), right);
            assert_eq!(outcomes[3].item, "two-1");
        }
    }

    #[test]
    fn a_question_too_long_is_refused_with_its_name_and_the_rest_is_kept_for_the_next_run() {
        let mut journal = MemoryJournal::default();
        let mut short = Prefers { refuses: Some("one 2?"), ..model(false) };
        let error = run(&subjects(), BASE, &mut short, &mut journal, |_| ()).unwrap_err().to_string();
        assert!(error.contains("`one-3`") && error.contains("the context holds 8"), "{error}");
        let mut again = model(false);
        run(&subjects(), BASE, &mut again, &mut journal, |_| ()).unwrap();
        assert_eq!(again.asked, 3, "the canary and two questions");
    }

    #[test]
    fn a_part_is_the_first_questions_of_every_subject() {
        let asking = Asking { questions: Some(1), ..BASE };
        let outcomes = run(&subjects(), asking, &mut model(false), &mut MemoryJournal::default(), |_| ()).unwrap();
        assert_eq!(outcomes.iter().map(|o| o.item.as_str()).collect::<Vec<_>>(), ["one-1", "two-1"]);
        assert_eq!(asking.count(&subjects()), 2);
    }

    #[test]
    fn a_model_that_prefers_noise_is_a_broken_run() {
        struct Noise;
        impl LanguageModel for Noise {
            fn generate(&mut self, _: Question, _: usize, _: Decoding) -> Result<String, AnswerError> {
                Err("nobody asks".into())
            }
            fn log_likelihoods(&mut self, _: Question, options: &[String]) -> Result<Vec<f64>, AnswerError> {
                Ok(vec![f64::NAN; options.len()])
            }
        }
        let error = run(&subjects(), BASE, &mut Noise, &mut MemoryJournal::default(), |_| ()).unwrap_err();
        assert!(matches!(error, RunError::Canary { .. }), "{error}");
    }
}
