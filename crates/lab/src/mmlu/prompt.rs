//! The words of the published evaluation (`evaluate.py` of github.com/hendrycks/test).

use std::fmt::Write;

use super::{LETTERS, Question, Subject};

/// The text whose continuation is the letter.
pub fn base_prompt(subject: &Subject, question: &Question) -> String {
    let mut prompt = heading(&subject.name);
    for example in &subject.examples {
        ask(&mut prompt, example);
        // Written to a String, which takes everything.
        let _ = write!(prompt, " {}\n\n", LETTERS[example.answer]);
    }
    ask(&mut prompt, question);
    prompt
}

/// The same as a user's message, which says what is wanted: a chat does not continue a text.
pub fn chat_prompt(subject: &Subject, question: &Question) -> String {
    format!("{}\n\nAnswer the last question with its letter only.", base_prompt(subject, question))
}

/// Two spaces before the subject, as published: its every word was given one.
fn heading(subject: &str) -> String {
    let words: String = subject.split('_').map(|word| format!(" {word}")).collect();
    format!("The following are multiple choice questions (with answers) about {words}.\n\n")
}

fn ask(prompt: &mut String, question: &Question) {
    prompt.push_str(&question.text);
    for (letter, option) in LETTERS.iter().zip(&question.options) {
        let _ = write!(prompt, "\n{letter}. {option}");
    }
    prompt.push_str("\nAnswer:");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_is_that_of_the_published_evaluation() {
        let question = |text: &str, answer| Question {
            text: text.to_owned(),
            options: ["1", "2", "3", "4"].map(str::to_owned),
            answer,
        };
        let subject = Subject {
            name: "abstract_algebra".to_owned(),
            examples: vec![question("Example?", 1)],
            questions: Vec::new(),
        };
        assert_eq!(
            base_prompt(&subject, &question("Asked?", 0)),
            "The following are multiple choice questions (with answers) about  abstract algebra.\n\n\
             Example?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: B\n\nAsked?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:"
        );
    }
}
