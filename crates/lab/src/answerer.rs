//! A [`Session`] put to questions: greedy, in the words of its own chat template, reasoning off.

use std::ops::ControlFlow;

use plimsoll_engine::{
    ChatTemplate, GenerateOptions, Prompt, Seen, Session, SessionError, Shown, Special, TemplateRequest,
};
use plimsoll_vision::Picture;
use serde_json::{Map, Value, json};

use crate::canary::Predicted;
use crate::runner::{AnswerError, Answerer, Question};
use crate::suite::drawing::SIDE;

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
    session.chat_ids(&request(Some(template), json!(question)))
}

/// A conversation of one message.
fn request(template: Option<&ChatTemplate>, content: Value) -> TemplateRequest {
    let mut variables = Map::new();
    if template.is_some_and(ChatTemplate::supports_thinking) {
        variables.insert("enable_thinking".to_owned(), json!(false));
    }
    let messages = json!([{ "role": "user", "content": content }]);
    TemplateRequest { messages, add_generation_prompt: true, variables, ..Default::default() }
}

/// A question's ids, and what it shows: its picture stands before its words.
pub(crate) fn asked(session: &mut Session, question: Question) -> Result<(Vec<u32>, Vec<Seen>), AnswerError> {
    let Some(scene) = question.picture else { return Ok((prompt_ids(session, question.prompt)?, Vec::new())) };
    let side = SIDE as usize;
    let seen = vec![session.look(&Shown::Picture(Picture::new(side, side, scene.rgb8())))?];
    let content = json!([seen[0].part(), { "type": "text", "text": question.prompt }]);
    Ok((session.chat_ids_showing(&request(session.template(), content), &seen)?, seen))
}

impl Answerer for Session {
    fn generate(&mut self, question: Question, max_tokens: usize) -> Result<String, AnswerError> {
        let (ids, seen) = asked(self, question)?;
        let prompt = Prompt { ids: &ids, seen: &seen };
        let options = GenerateOptions { max_tokens: Some(max_tokens), ..GenerateOptions::default() };
        Ok(Session::generate(self, prompt, &options, |_| ControlFlow::Continue(()))?.text)
    }

    fn log_likelihoods(&mut self, question: Question, options: &[String]) -> Result<Vec<f64>, AnswerError> {
        let (ids, seen) = asked(self, question)?;
        let encoded: Result<Vec<Vec<u32>>, _> =
            options.iter().map(|option| self.tokenizer().encode(option, Special::AsText)).collect();
        Ok(Session::log_likelihoods(self, Prompt { ids: &ids, seen: &seen }, &encoded?)?)
    }

    fn predicted(&mut self, question: Question, text: &str) -> Result<Predicted, AnswerError> {
        let (ids, seen) = asked(self, question)?;
        let encoded = self.tokenizer().encode(text, Special::AsText)?;
        let sum = self.log_likelihood(Prompt { ids: &ids, seen: &seen }, &encoded)?;
        let even = -(self.program().network().vocab_size as f64).ln();
        Ok(Predicted { mean: sum / encoded.len() as f64, even })
    }
}
