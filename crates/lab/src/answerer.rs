//! A session answers the suites: greedy, through the model's own chat template, reasoning off where it has a switch.

use std::ops::ControlFlow;

use plimsoll_engine::{GenerateOptions, Session, SessionError, Special, TemplateRequest};
use serde_json::{Map, Value, json};

use crate::runner::{AnswerError, Answerer};

impl Answerer for Session {
    fn generate(&mut self, prompt: &str, max_tokens: usize) -> Result<String, AnswerError> {
        let ids = prompt_ids(self, prompt)?;
        let options = GenerateOptions { max_tokens: Some(max_tokens), ..GenerateOptions::default() };
        Ok(Session::generate(self, &ids, &options, |_| ControlFlow::Continue(()))?.text)
    }

    fn log_likelihoods(&mut self, prompt: &str, options: &[String]) -> Result<Vec<f64>, AnswerError> {
        let ids = prompt_ids(self, prompt)?;
        let options: Vec<Vec<u32>> = options
            .iter()
            .map(|option| self.tokenizer().encode(option, Special::AsText))
            .collect::<Result<_, _>>()?;
        Ok(Session::log_likelihoods(self, &ids, &options)?)
    }
}

/// The prompt as a chat; a model without a template continues the bare text.
fn prompt_ids(session: &Session, prompt: &str) -> Result<Vec<u32>, SessionError> {
    let Some(template) = session.template() else { return session.text_ids(&format!("{prompt}\n")) };
    let mut variables = Map::new();
    if template.supports_thinking() {
        variables.insert("enable_thinking".to_owned(), Value::Bool(false));
    }
    session.chat_ids(&TemplateRequest {
        messages: json!([{ "role": "user", "content": prompt }]),
        add_generation_prompt: true,
        variables,
        ..TemplateRequest::default()
    })
}
