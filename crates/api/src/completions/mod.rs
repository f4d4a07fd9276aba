//! `POST /v1/completions`: texts that are continued as they stand.

mod answer;
mod echo;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use plimsoll_engine::Session;
use plimsoll_engine::batch::Request;
use serde::Deserialize;

use crate::error::ApiError;
use crate::fields::Fields;
use crate::generation::Generation;
use crate::models::Models;
use crate::openai::{self, Delivery};
use crate::served::Served;
use crate::stream::{self, Counts};
use crate::worker::Prepared;
use answer::{About, Continuations};

/// Alternatives that a token can be shown with.
const MOST_ALTERNATIVES: usize = 20;
/// Texts that one request may have continued.
const MOST_PROMPTS: usize = 64;
/// Tokens that an answer has where the request does not say, as OpenAI has it.
const TOKENS: usize = 16;

/// The forms that a prompt may have.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Prompts {
    Text(String),
    Texts(Vec<String>),
    Ids(Vec<u32>),
    Several(Vec<Vec<u32>>),
}

struct CompletionRequest {
    prompts: Prompts,
    echo: bool,
    likelihoods: Option<usize>,
    generation: Generation,
    delivery: Delivery,
}

/// Continues texts.
pub async fn complete(State(models): State<Arc<Models>>, body: Bytes) -> Result<Response, ApiError> {
    continued(&models, &body).await.map_err(|error| error.renamed("messages", "prompt"))
}

async fn continued(models: &Models, body: &[u8]) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(body)?;
    let (name, served) = models.find(&fields.need::<String>("model")?).await?;
    let CompletionRequest { prompts, echo, likelihoods, generation, delivery } = read(fields)?;
    prompts.check(&served)?;
    let all = served.ask(move |session| prompts.ids(session)).await??;
    let counts = Counts { prompts: all.len(), n: generation.n };
    let echoes = match (echo, likelihoods) {
        (false, _) => Vec::new(),
        (true, None) => all.iter().map(|ids| echo::text(&served.tokenizer, ids)).collect(),
        (true, Some(n)) => {
            let mut echoes = Vec::new();
            for ids in &all {
                echoes.push(echo::scored(&served, ids, n).await?);
            }
            echoes
        }
    };
    let answers = served.answer(move |session| Ok(requests(session, &all, &generation, likelihoods))).await?;
    let about = About::new(name, Arc::clone(&served.tokenizer), likelihoods.is_some())?;
    let mut told = Continuations::new(about, counts, echoes, delivery.include_usage);
    if delivery.stream {
        return Ok(stream::events(answers, counts, told));
    }
    let usage = stream::collect(answers, counts, |choice, event| told.take_in(choice, &event)).await?;
    Ok(Json(told.into_json(&usage)).into_response())
}

fn read(mut fields: Fields) -> Result<CompletionRequest, ApiError> {
    fields.refuse("suffix", "models here are not asked to fill a gap")?;
    let prompts: Prompts = fields.take("prompt")?.ok_or_else(|| ApiError::bad("prompt", "`prompt` is missing"))?;
    let echo = fields.take("echo")?.unwrap_or(false);
    let likelihoods: Option<usize> = fields.take("logprobs")?;
    if let Some(n) = likelihoods.filter(|n| *n > MOST_ALTERNATIVES) {
        return Err(ApiError::bad("logprobs", format!("`logprobs` is {n}, expected 0 to {MOST_ALTERNATIVES}")));
    }
    let (mut generation, delivery) = openai::take(&mut fields)?;
    generation.max_tokens = generation.max_tokens.or(Some(TOKENS));
    fields.end()?;
    Ok(CompletionRequest { prompts, echo, likelihoods, generation, delivery })
}

impl Prompts {
    /// Checks what is known without the model's thread: that there are so many as may be, that texts may fit, that ids are
    /// those of tokens.
    fn check(&self, served: &Served) -> Result<(), ApiError> {
        let (n, texts, ids) = match self {
            Prompts::Text(text) => (1, std::slice::from_ref(text), &[][..]),
            Prompts::Texts(texts) => (texts.len(), &texts[..], &[][..]),
            Prompts::Ids(ids) => (1, &[][..], std::slice::from_ref(ids)),
            Prompts::Several(all) => (all.len(), &[][..], &all[..]),
        };
        if !(1..=MOST_PROMPTS).contains(&n) {
            return Err(ApiError::bad("prompt", format!("`prompt` has {n} texts, expected 1 to {MOST_PROMPTS}")));
        }
        texts.iter().try_for_each(|text| served.check_bytes(text.len()))?;
        let size = served.tokenizer.vocab_size();
        match ids.iter().flatten().find(|id| **id as usize >= size) {
            Some(id) => Err(ApiError::bad("prompt", format!("there is no token {id}; there are {size}"))),
            None => Ok(()),
        }
    }

    /// The tokens of each. Control tokens that a text spells stay text.
    fn ids(self, session: &mut Session) -> Result<Vec<Vec<u32>>, ApiError> {
        Ok(match self {
            Prompts::Text(text) => vec![session.text_ids(&text)?],
            // An empty list reads as any of the forms.
            Prompts::Texts(texts) => texts.iter().map(|text| session.text_ids(text)).collect::<Result<Vec<_>, _>>()?,
            Prompts::Ids(ids) => vec![ids],
            Prompts::Several(all) => all,
        })
    }
}

fn requests(session: &Session, all: &[Vec<u32>], generation: &Generation, likelihoods: Option<usize>) -> Prepared {
    let of_prompt = |ids: &Vec<u32>| {
        let ids = ids.clone();
        (0..generation.n).map(move |choice| Request {
            ids: ids.clone(),
            images: Vec::new(),
            options: generation.options(session, choice),
            begins: false,
            likelihoods,
        })
    };
    let prompt_tokens = all.iter().map(Vec::len).sum();
    Prepared { requests: all.iter().flat_map(of_prompt).collect(), prompt_tokens }
}
