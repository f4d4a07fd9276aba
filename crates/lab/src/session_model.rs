//! A [`Session`] as a [`LanguageModel`]: questions in the words of its own chat template, reasoning off.

use std::ops::ControlFlow;

use plimsoll_engine::{
    ChatTemplate, EncodedImage, GenerateOptions, ImageInput, Prompt, SamplingParams, Session, SessionError, Special,
    TemplateRequest,
};
use plimsoll_vision::Picture;
use serde_json::{Map, Value, json};

use crate::language_model::{AnswerError, Decoding, LanguageModel, Question};
use crate::suite::drawing::SIDE;
use crate::suite::{Image, Message};

/// How questions reach a model; stands in its record.
pub fn prompting(session: &Session) -> &'static str {
    match session.template() {
        Some(template) if template.supports_thinking() => "its own chat template, reasoning off",
        Some(_) if session.opening_ids().is_ok_and(|ids| !ids.is_empty()) => "its own chat template, reasoning off",
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
    let mut ids = session.chat_ids(&request(Some(template), &[], json!(question)))?;
    ids.extend(session.opening_ids()?);
    Ok(ids)
}

/// A conversation: what was said before, and the question.
fn request(template: Option<&ChatTemplate>, earlier: &[Message], content: Value) -> TemplateRequest {
    let mut variables = Map::new();
    if template.is_some_and(ChatTemplate::supports_thinking) {
        variables.insert("enable_thinking".to_owned(), json!(false));
    }
    let mut messages: Vec<Value> =
        earlier.iter().map(|message| json!({ "role": message.role, "content": message.content })).collect();
    messages.push(json!({ "role": "user", "content": content }));
    TemplateRequest { messages: Value::Array(messages), add_generation_prompt: true, variables, ..Default::default() }
}

/// A question's ids, and what it shows: its pictures stand before its words.
pub(crate) fn asked(session: &mut Session, question: Question) -> Result<(Vec<u32>, Vec<EncodedImage>), AnswerError> {
    let Question { prompt, picture, framing } = question;
    if framing.continued {
        return Ok((session.text_ids(prompt)?, Vec::new()));
    }
    let drawn = picture.map(|scene| Picture::new(SIDE as usize, SIDE as usize, scene.rgb8()));
    let mut images = Vec::new();
    for picture in drawn.into_iter().map(Ok).chain(framing.images.iter().map(Image::picture)) {
        images.push(session.encode_image(&ImageInput::Picture(picture?))?);
    }
    if images.is_empty() && framing.earlier.is_empty() {
        return Ok((prompt_ids(session, prompt)?, images));
    }
    let content = match &images[..] {
        [] => json!(prompt),
        _ => images.iter().map(EncodedImage::part).chain([json!({ "type": "text", "text": prompt })]).collect(),
    };
    let request = request(session.template(), &framing.earlier, content);
    let mut ids = session.chat_ids_with_images(&request, &images)?;
    ids.extend(session.opening_ids()?);
    Ok((ids, images))
}

/// The ids of a text, and of what each option adds to it: from the token on at which the two tokenisations part, which
/// may be before the text's end where a tokenizer joins it to the option.
fn continued(session: &Session, text: &str, options: &[String]) -> Result<(Vec<u32>, Vec<Vec<u32>>), SessionError> {
    let alone = session.text_ids(text)?;
    let mut whole = Vec::with_capacity(options.len());
    for option in options {
        whole.push(session.text_ids(&format!("{text}{option}"))?);
    }
    let shared = |ids: &Vec<u32>| alone.iter().zip(ids).take_while(|(a, b)| a == b).count();
    // An option always keeps a token of its own, and a prompt one to be predicted from.
    let n = whole.iter().map(|ids| shared(ids).min(ids.len() - 1)).min().unwrap_or(alone.len()).max(1);
    Ok((alone[..n].to_vec(), whole.into_iter().map(|mut ids| ids.split_off(n)).collect()))
}

impl LanguageModel for Session {
    fn generate(&mut self, question: Question, max_tokens: usize, decoding: Decoding) -> Result<String, AnswerError> {
        let (ids, images) = asked(self, question)?;
        let prompt = Prompt { ids: &ids, images: &images };
        let stops = question.framing.stops.clone();
        let sampling = match decoding {
            Decoding::Greedy => SamplingParams::default(),
            Decoding::Maker { temperature, seed } => {
                let maker = SamplingParams::recommended(self.defaults(), self.eos_ids(), Some(temperature));
                SamplingParams { seed, ..maker }
            }
        };
        let options = GenerateOptions { sampling, max_tokens: Some(max_tokens), stops, ..GenerateOptions::default() };
        Ok(Session::generate(self, prompt, &options, |_| ControlFlow::Continue(()))?.text)
    }

    fn log_likelihoods(&mut self, question: Question, options: &[String]) -> Result<Vec<f64>, AnswerError> {
        if question.framing.continued {
            let (prompt, continuations) = continued(self, question.prompt, options)?;
            return Ok(Session::log_likelihoods(self, &prompt, &continuations)?);
        }
        let (ids, images) = asked(self, question)?;
        let encoded: Result<Vec<Vec<u32>>, _> =
            options.iter().map(|option| self.tokenizer().encode(option, Special::AsText)).collect();
        Ok(Session::log_likelihoods(self, Prompt { ids: &ids, images: &images }, &encoded?)?)
    }
}

/// How surely a model predicts a text behind a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Predicted {
    /// Mean log-likelihood of its tokens, in nats.
    pub mean: f64,
    /// What an even guess over the vocabulary gives, in nats.
    pub even: f64,
}

/// How surely `text` is predicted behind `question`, per token of it.
///
/// # Errors
/// As for [`LanguageModel::generate`].
pub(crate) fn predicted(session: &mut Session, question: Question, text: &str) -> Result<Predicted, AnswerError> {
    let (mut ids, images) = asked(session, question)?;
    // Whether the network works is asked, not what its tokenizer's files say: texts that it was trained on began so.
    if let Some(bos) = session.tokenizer().bos().filter(|bos| ids.first() != Some(bos)) {
        ids.insert(0, bos);
    }
    let encoded = session.tokenizer().encode(text, Special::AsText)?;
    let sum = session.log_likelihood(Prompt { ids: &ids, images: &images }, &encoded)?;
    let even = -(session.program().network().vocab_size as f64).ln();
    Ok(Predicted { mean: sum / encoded.len() as f64, even })
}
