//! A [`Session`] put to questions: greedy, in the words of its own chat template, reasoning off.

use std::ops::ControlFlow;

use plimsoll_engine::{GenerateOptions, Session, SessionError, Special, TemplateRequest};
use serde_json::{Map, json};

use crate::runner::{AnswerError, Answerer, Question};

/// How questions reach a model; stands in its record.
pub fn prompting(session: &Session) -> &'static str {
    match session.template() {
        Some(template) if template.supports_thinking() => "its own chat template, reasoning off",
        Some(_) => "its own chat template",
        None => "plain text and a line break, for it has no chat template",
    }
}

/// The prompt that asks `question`. A model without a template gets it as plain text, which [`prompting`] says.
///
/// # Errors
/// When the template refuses it or the tokenizer has no token for some character.
pub fn prompt_ids(session: &Session, question: &str) -> Result<Vec<u32>, SessionError> {
    let Some(template) = session.template() else {
        return session.text_ids(&format!("{question}\n"));
    };
    let mut variables = Map::new();
    if template.supports_thinking() {
        variables.insert("enable_thinking".to_owned(), json!(false));
    }
    let messages = json!([{ "role": "user", "content": question }]);
    session.chat_ids(&TemplateRequest { messages, add_generation_prompt: true, variables, ..Default::default() })
}

/// The ids of a question that can be answered by reading alone.
fn question_ids(session: &Session, question: Question) -> Result<Vec<u32>, AnswerError> {
    if question.picture.is_some() {
        return Err("the question is about a picture, and this model reads text only".into());
    }
    Ok(prompt_ids(session, question.prompt)?)
}

impl Answerer for Session {
    fn generate(&mut self, question: Question, max_tokens: usize) -> Result<String, AnswerError> {
        let ids = question_ids(self, question)?;
        let options = GenerateOptions { max_tokens: Some(max_tokens), ..GenerateOptions::default() };
        Ok(Session::generate(self, &ids, &options, |_| ControlFlow::Continue(()))?.text)
    }

    fn log_likelihoods(&mut self, question: Question, options: &[String]) -> Result<Vec<f64>, AnswerError> {
        let ids = question_ids(self, question)?;
        let encoded: Result<Vec<Vec<u32>>, _> =
            options.iter().map(|option| self.tokenizer().encode(option, Special::AsText)).collect();
        Ok(Session::log_likelihoods(self, &ids, &encoded?)?)
    }
}
