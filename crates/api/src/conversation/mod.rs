//! A conversation, whichever API it came by: each reads its own fields into a [`Conversation`] and writes its own answers
//! out of what is heard of it.
//!
//! What is asked of the model is said here once: messages and tools as templates read them, pictures, how to answer, and
//! what an answer is held to ([`tools::Choice`], [`Format`]).

mod constraint;
mod format;
mod hearing;
pub mod messages;
mod stops;
mod thinking;
pub mod tools;

use std::sync::{Arc, OnceLock};

use plimsoll_engine::batch::Request;
use plimsoll_engine::{GenerateOptions, Session, TemplateRequest};
use plimsoll_grammar::Constraint;
use serde_json::{Map, Value};

use crate::calls::{Known, Language, Writer};
use crate::error::ApiError;
use crate::generation::Generation;
use crate::pictures::Sent;
use crate::served::Served;
use crate::stream::Counts;
use crate::worker::{Answers, Prepared};

pub use constraint::Held;
pub use format::Format;
pub use hearing::Hearing;
pub use stops::Stops;
pub use thinking::Thinking;
use tools::Tools;

/// Template variables that a request may not set: they are the model's, or fields of their own.
const RESERVED: [&str; 9] = [
    "messages",
    "tools",
    "documents",
    "bos_token",
    "eos_token",
    "unk_token",
    "pad_token",
    "add_generation_prompt",
    "continue_final_message",
];

/// What the model is told.
pub struct Told {
    /// The messages, and what else the template reads.
    pub template: TemplateRequest,
    /// The pictures that messages show, in order.
    pub pictures: Vec<Sent>,
    /// What the model may call.
    pub tools: Option<Tools>,
}

/// A conversation that is to be answered.
pub struct Conversation {
    /// What the model is told.
    pub told: Told,
    /// How it answers.
    pub generation: Generation,
    /// What its answer is.
    pub format: Format,
    /// Whether tokens are told with their likelihoods, and with as many alternatives.
    pub likelihoods: Option<usize>,
}

/// A conversation that is being answered.
pub struct Answering {
    /// What comes of it.
    pub answers: Answers,
    /// How many.
    pub counts: Counts,
    /// How each is heard.
    pub hearing: Hearing,
}

impl Told {
    /// The template's request, tools among it; `language` is the model's.
    fn shown(self, language: &Language) -> (TemplateRequest, Vec<Sent>, Option<Tools>) {
        let Told { mut template, pictures, tools } = self;
        language.shape(&mut template);
        if let Some(tools) = &tools {
            language.show_tools(tools.definitions(), &mut template);
        }
        (template, pictures, tools)
    }

    /// The prompt that a conversation without pictures becomes.
    ///
    /// # Errors
    /// It shows pictures, or the template refuses it.
    pub async fn prompt(self, served: &Served) -> Result<String, ApiError> {
        self.check_bytes(served)?;
        let (request, pictures, _) = self.shown(&served.language);
        if !pictures.is_empty() {
            return Err(ApiError::bad("messages", "how pictures stand in a prompt is not shown here"));
        }
        let rendered = move |session: &mut Session| {
            let template = session.require_template()?;
            Ok(template.render(&template.with_expected_content(&request))?)
        };
        served.ask(rendered).await?
    }

    /// How many tokens the conversation takes as a prompt.
    ///
    /// # Errors
    /// The template refuses it, or a picture cannot be shown to the model.
    pub async fn tokens(self, served: &Served) -> Result<usize, ApiError> {
        self.check_bytes(served)?;
        let (template, pictures, _) = self.shown(&served.language);
        let images = served.seen(pictures).await?;
        served.ask(move |session| Ok(session.chat_ids_with_images(&template, &images)?.len())).await?
    }
}

impl Conversation {
    /// Has `served` answer.
    ///
    /// # Errors
    /// The template refuses the conversation, it cannot be answered, or too many wait.
    pub async fn answer(self, served: &Served) -> Result<Answering, ApiError> {
        let Conversation { told, generation, format, likelihoods } = self;
        told.check_bytes(served)?;
        let callable = told.tools.as_ref().and_then(Tools::callable);
        let (template, pictures, tools) = told.shown(&served.language);
        let constraint = served.constraint(Held { format, tools }, served.language).await?;
        let images = served.seen(pictures).await?;
        let encode = move |session: &mut Session| Ok((session.chat_ids_with_images(&template, &images)?, images));
        let asked = Asked { generation, likelihoods, language: served.language, callable, constraint, begins: true };
        asked.answer(served, encode).await
    }
}

/// Has `served` continue a text as it stands: no template is read, and control tokens that it spells stay text.
///
/// # Errors
/// It cannot be continued, or too many wait.
pub async fn continue_text(
    text: String,
    generation: Generation,
    format: Format,
    likelihoods: Option<usize>,
    served: &Served,
) -> Result<Answering, ApiError> {
    served.check_bytes(text.len())?;
    let encode = move |session: &mut Session| Ok((session.text_ids(&text)?, Vec::new()));
    let language = Language::default();
    let constraint = served.constraint(Held { format, tools: None }, language).await?;
    let asked = Asked { generation, likelihoods, language, callable: None, constraint, begins: false };
    asked.answer(served, encode).await
}

/// How a prompt is to be answered.
struct Asked {
    generation: Generation,
    likelihoods: Option<usize>,
    /// What the answer is read by.
    language: Language,
    callable: Option<Arc<[Known]>>,
    /// What the answer is held to.
    constraint: Option<Constraint>,
    /// Whether a text begins with the answer.
    begins: bool,
}

impl Asked {
    /// Has `served` answer the prompt that `encode` makes.
    async fn answer(
        self,
        served: &Served,
        encode: impl FnOnce(&mut Session) -> Result<Encoded, ApiError> + Send + 'static,
    ) -> Result<Answering, ApiError> {
        let Asked { generation, likelihoods, language, callable, constraint, begins } = self;
        let counts = Counts { prompts: 1, n: generation.n };
        let opening = Arc::new(OnceLock::new());
        let found = Arc::clone(&opening);
        let prepare = move |session: &mut Session| {
            let (ids, images) = encode(session)?;
            let opening = *found.get_or_init(|| language.form.opening(session.tokenizer(), &ids));
            let mut constraint = constraint;
            let writer = Writer::new(&language, session.tokenizer());
            if constraint.as_mut().is_some_and(|constraint| !writer.begin(opening, constraint)) {
                let why = "the answer goes on with what the last message says, in which this model cannot call a tool";
                return Err(ApiError::bad("messages", why));
            }
            let request = |choice| Request {
                ids: ids.clone(),
                images: images.clone(),
                options: GenerateOptions { constraint: constraint.clone(), ..generation.options(session, choice) },
                begins,
                likelihoods,
            };
            Ok(Prepared { requests: (0..generation.n).map(request).collect(), prompt_tokens: ids.len() })
        };
        let answers = served.answer(prepare).await?;
        let opening = opening.get().copied().unwrap_or_default();
        let hearing = Hearing::new(Arc::clone(&served.tokenizer), language, callable, opening)?;
        Ok(Answering { answers, counts, hearing })
    }
}

type Encoded = (Vec<u32>, Vec<plimsoll_engine::EncodedImage>);

/// Checks that a request may set these variables of the template; `field` is the one that has them.
///
/// # Errors
/// One is the model's, or a field of its own.
pub fn check_variables(variables: &Map<String, Value>, field: &str) -> Result<(), ApiError> {
    match variables.keys().find(|name| RESERVED.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let what = format!("the template variable `{name}` is not a request's to set");
            Err(ApiError::bad(format!("{field}.{name}"), what))
        }
    }
}
