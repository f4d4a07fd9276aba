//! A model in use: program, cache, tokenizer and template together. Text in, text out.

pub(crate) mod answer;
mod generate;
mod likelihood;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use plimsoll_formats::GenerationDefaults;
use plimsoll_grammar::ConstraintError;
use plimsoll_graph::Network;
use plimsoll_kernels::Isa;
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{
    Arithmetic, BATCH_TOKENS, CacheError, CacheType, EmbeddingOverride, Input, KvCache, LoadError, Program, StepError,
};

use crate::external::{self, EngineError, EngineOptions, engine_of};
use crate::sampler::{SamplerError, SamplingParams};
use crate::speech::SpeechForm;
use crate::template::{ChatTemplate, TemplateError, TemplateRequest};
use crate::tokenizer::{Special, Tokenizer, TokenizerError};
use crate::vision::{EncodedImage, ImageInput, Prompt, PromptToken, VisionEncoder, VisionEncoderError};

pub use generate::{Finish, GenerateOptions, Generation, Parted, Timings};
pub use likelihood::{Likelihood, log_probability};

/// The context that a session takes where the model allows more and nobody asked for it, in tokens.
const DEFAULT_CONTEXT: usize = 8192;

/// Why a session could not be opened, or not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The checkpoint cannot be made executable.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There is no memory for the cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The checkpoint's tokenizer cannot be used, or not for this text.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The checkpoint's template cannot be used, or refuses the conversation.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// No token could be chosen.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// The answer cannot go on within what it is constrained to.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// The program refuses the tokens.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The engine that it was exported for does not run it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The model cannot be shown something.
    #[error(transparent)]
    Vision(#[from] VisionEncoderError),
    /// The prompt does not fit; nothing is cut.
    #[error("the prompt has {prompt} tokens, but the context holds {context}")]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens that fit.
        context: usize,
    },
    /// The prompt alone is as long as prompt and answer may be together.
    #[error("the prompt has {prompt} tokens, but the maker's `max_length` allows {most} with the answer")]
    PromptFillsLength {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens that both may have.
        most: usize,
    },
    /// An image does not fit the context, whatever is said of it; it was not encoded.
    #[error("what is shown takes {tokens} tokens, but the context holds {context}")]
    ImageTooLong {
        /// Tokens that stand for it, with those around them.
        tokens: usize,
        /// Tokens that fit.
        context: usize,
    },
    /// There is nothing to continue.
    #[error("the prompt is empty, and this tokenizer has no token that begins a text")]
    EmptyPrompt,
    /// A chat with a model that brings no template.
    #[error("`{model}` has no chat template")]
    NoTemplate {
        /// The model.
        model: String,
    },
    /// No context at all, or more than the model was made for.
    #[error("a context of {wanted} tokens was asked for; this model is made for 1 to {model_max}")]
    ContextLength {
        /// What was asked for.
        wanted: usize,
        /// What there can be.
        model_max: usize,
    },
}

/// How to open a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Instruction set to compute with.
    pub isa: Isa,
    /// Threads to compute with.
    pub threads: NonZeroUsize,
    /// How precisely to compute.
    pub arithmetic: Arithmetic,
    /// Tokens that prompt and answer may take together; `None` is the model's maximum, or the length it was
    /// first trained on where that is told apart, at most 8192.
    pub context: Option<usize>,
    /// How keys and values are stored.
    pub cache: CacheType,
    /// Replaces the pre-tokenizer tag of a GGUF.
    pub pre: Option<String>,
    /// The source of a chat template that replaces the checkpoint's own.
    pub template: Option<String>,
    /// The vision tower of a GGUF; `None` is the one mmproj file beside it.
    pub mmproj: Option<PathBuf>,
    /// How models are run that are exported for another engine.
    pub engines: EngineOptions,
}

impl Default for SessionOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            isa: Isa::best(),
            threads,
            arithmetic: Arithmetic::default(),
            context: None,
            cache: CacheType::default(),
            pre: None,
            template: None,
            mmproj: None,
            engines: EngineOptions::default(),
        }
    }
}

/// A loaded model with one sequence in its cache.
///
/// What the cache already holds of a new prompt is not computed again; the answer is the same either way. For that,
/// answers are computed again once they are part of a prompt, whose arithmetic may be another.
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use std::path::Path;
/// use plimsoll_engine::{GenerateOptions, Session, SessionOptions};
/// use plimsoll_models::Checkpoint;
///
/// let checkpoint = Checkpoint::open(Path::new("model.gguf"))?;
/// let mut session = Session::open(&checkpoint, &SessionOptions::default())?;
/// let prompt = session.text_ids("Once upon a time")?;
/// let answer = session.generate(&prompt, &GenerateOptions::default(), |text| {
///     print!("{text}");
///     ControlFlow::Continue(())
/// })?;
/// println!("\n{} tokens", answer.tokens.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    model: String,
    pub(crate) program: Program,
    pub(crate) cache: KvCache,
    cached: Vec<PromptToken>, // the prompt tokens whose keys and values `cache` begins with
    source: Source,
    vision: Option<Box<VisionEncoder>>, // opened when there is first an image: text alone need not wait for it
    pub(crate) tokenizer: Arc<Tokenizer>,
    template: Option<ChatTemplate>,
    template_fault: Option<TemplateError>, // what is told to who chats: text is continued without
    hidden: Option<SpeechForm>,            // how answers are parted, where control tokens alone tell
    pub(crate) eos_ids: Vec<u32>,
    defaults: GenerationDefaults,
}

/// Where vision encoders come from.
struct Source {
    checkpoint: Box<Checkpoint>,
    options: Box<SessionOptions>,
}

impl Source {
    fn encoder(&self, tokenizer: &Tokenizer) -> Result<VisionEncoder, VisionEncoderError> {
        let SessionOptions { isa, threads, arithmetic, mmproj, .. } = &*self.options;
        VisionEncoder::open(&self.checkpoint, tokenizer, mmproj.as_deref(), *isa, *threads, *arithmetic)
    }
}

/// A vision encoder that goes its own way beside a session ([`Session::encoder_apart`]).
pub struct EncoderApart {
    encoder: VisionEncoder,
    tokenizer: Arc<Tokenizer>,
    context: usize,
}

impl EncoderApart {
    /// As [`Session::encode_image`].
    ///
    /// # Errors
    /// As [`Session::encode_image`].
    pub fn encode(&mut self, image: &ImageInput) -> Result<EncodedImage, SessionError> {
        encode_within(&mut self.encoder, &self.tokenizer, self.context, image)
    }
}

fn encode_within(
    encoder: &mut VisionEncoder,
    tokenizer: &Tokenizer,
    context: usize,
    image: &ImageInput,
) -> Result<EncodedImage, SessionError> {
    let tokens = tokenizer.encode(&encoder.prompt_text(image)?, Special::Parse)?.len();
    if tokens > context {
        return Err(SessionError::ImageTooLong { tokens, context });
    }
    Ok(encoder.encode(image)?)
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("model", &self.model)
            .field("cached", &self.cached.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Loads a checkpoint with its own tokenizer and its own template, if it has one.
    ///
    /// # Errors
    /// What of the checkpoint cannot be used, or what of the options it does not allow.
    pub fn open(checkpoint: &Checkpoint, options: &SessionOptions) -> Result<Self, SessionError> {
        let mut tokenizer = Tokenizer::of(checkpoint, options.pre.as_deref())?;
        let mut template_fault = None;
        let template = match &options.template {
            Some(source) => Some(ChatTemplate::new(source, tokenizer.template_variables().iter().cloned())?),
            None => ChatTemplate::of(checkpoint, tokenizer.template_variables()).unwrap_or_else(|fault| {
                template_fault = Some(fault);
                None
            }),
        };
        if let Some(template) = &template {
            tokenizer.guard(&template.literals())?;
        }
        let hidden = template.as_ref().map(SpeechForm::of_template).filter(|form| form.is_hidden(&tokenizer));
        let program = load(checkpoint, options)?;
        let context = context_length(program.network(), checkpoint.hyperparams.max_seq_len, options.context)?;
        let cache = program.new_cache(context, options.cache)?;
        let mut eos_ids = checkpoint.generation.eos_ids.clone();
        eos_ids.extend(tokenizer.eos_ids());
        eos_ids.sort_unstable();
        eos_ids.dedup();
        let defaults = checkpoint.generation.clone();
        let source = Source { checkpoint: Box::new(checkpoint.clone()), options: Box::new(options.clone()) };
        let model = checkpoint.display();
        Ok(Self {
            model,
            program,
            cache,
            cached: Vec::new(),
            source,
            vision: None,
            tokenizer: Arc::new(tokenizer),
            template,
            template_fault,
            hidden,
            eos_ids,
            defaults,
        })
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The same for who outlives the session or is on another thread.
    pub fn shared_tokenizer(&self) -> Arc<Tokenizer> {
        Arc::clone(&self.tokenizer)
    }

    /// The model's chat template.
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// The same for who cannot do without.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn require_template(&self) -> Result<&ChatTemplate, SessionError> {
        match (&self.template, &self.template_fault) {
            (Some(template), _) => Ok(template),
            (None, Some(fault)) => Err(fault.clone().into()),
            (None, None) => Err(SessionError::NoTemplate { model: self.model.clone() }),
        }
    }

    /// The loaded program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The program and the cache, for whoever measures them; nothing stays cached.
    pub fn program_and_cache(&mut self) -> (&mut Program, &mut KvCache) {
        self.cached.clear();
        self.cache.truncate(0);
        self.cache.expect(self.cache.capacity());
        (&mut self.program, &mut self.cache)
    }

    /// What stands behind a prompt so that the model answers at once, where no switch of its template keeps it from
    /// thinking first; empty where none is needed, or nothing does.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn opening_ids(&self) -> Result<Vec<u32>, SessionError> {
        let opening = self.hidden.and_then(|form| form.saying());
        opening.map_or(Ok(Vec::new()), |text| Ok(self.tokenizer.encode(&text, Special::Parse)?))
    }

    /// Tokens that prompt and answer may take together.
    pub fn context(&self) -> usize {
        self.cache.capacity()
    }

    /// Tokens that end an answer.
    pub fn eos_ids(&self) -> &[u32] {
        &self.eos_ids
    }

    /// The sampling that the model's maker recommends.
    pub fn defaults(&self) -> &GenerationDefaults {
        &self.defaults
    }

    /// How the model's maker recommends to answer: sampling, stop texts and lengths of its generation settings. Those that
    /// cannot be honoured are `unusable` of [`Session::defaults`].
    pub fn recommended(&self) -> GenerateOptions<'static> {
        let GenerationDefaults { max_new_tokens, max_length, stop_strings, .. } = &self.defaults;
        GenerateOptions {
            sampling: SamplingParams::recommended(&self.defaults, &self.eos_ids, None),
            max_tokens: *max_new_tokens,
            max_length: max_length.filter(|_| max_new_tokens.is_none()),
            stops: stop_strings.clone(),
            ..GenerateOptions::default()
        }
    }

    /// The model's vision encoder, opened when first asked for.
    ///
    /// # Errors
    /// It reads text only, or its vision encoder cannot be used.
    pub fn vision_encoder(&mut self) -> Result<&mut VisionEncoder, VisionEncoderError> {
        if self.vision.is_none() {
            self.vision = Some(Box::new(self.source.encoder(&self.tokenizer)?));
        }
        match &mut self.vision {
            Some(encoder) => Ok(encoder),
            None => unreachable!("opened above"),
        }
    }

    /// Encodes an image or a video for prompts. What no prompt of this context could hold is refused before it is encoded,
    /// which may take minutes.
    ///
    /// # Errors
    /// The model reads text only, the image cannot be read, or it does not fit the context.
    pub fn encode_image(&mut self, image: &ImageInput) -> Result<EncodedImage, SessionError> {
        let (tokenizer, context) = (self.shared_tokenizer(), self.context());
        encode_within(self.vision_encoder()?, &tokenizer, context, image)
    }

    /// A vision encoder of its own for another thread, which encodes while this session answers. The weights are mapped once
    /// more, which takes no memory.
    ///
    /// # Errors
    /// As [`Session::vision_encoder`].
    pub fn encoder_apart(&mut self) -> Result<EncoderApart, SessionError> {
        // The prompts of this session have to know images too.
        self.vision_encoder()?;
        let encoder = self.source.encoder(&self.tokenizer)?;
        Ok(EncoderApart { encoder, tokenizer: self.shared_tokenizer(), context: self.context() })
    }

    /// The prompt that continues `text` as it stands: its tokens, after BOS where the tokenizer begins texts so.
    ///
    /// # Errors
    /// There is no token at all, or none for some character.
    pub fn text_ids(&self, text: &str) -> Result<Vec<u32>, SessionError> {
        let ids = self.tokenizer.with_bos(self.tokenizer.encode(text, Special::AsText)?);
        match (ids.is_empty(), self.tokenizer.bos()) {
            (false, _) => Ok(ids),
            (true, Some(bos)) => Ok(vec![bos]),
            (true, None) => Err(SessionError::EmptyPrompt),
        }
    }

    /// The prompt that continues `text` behind images, for models whose maker has no template for a conversation.
    ///
    /// # Errors
    /// As [`Session::text_ids`], or there is no vision encoder.
    pub fn text_ids_with_images(&self, text: &str, images: &[EncodedImage]) -> Result<Vec<u32>, SessionError> {
        let Some(encoder) = self.vision.as_ref().filter(|_| !images.is_empty()) else { return self.text_ids(text) };
        let prompt = encoder.prompts().before(text, self.tokenizer.template_variables(), images)?;
        let ids = self.tokenizer.encode_chat(&prompt)?;
        // Some families write it themselves, behind the images.
        match self.tokenizer.bos() {
            Some(bos) if ids.contains(&bos) => Ok(ids),
            _ => Ok(self.tokenizer.with_bos(ids)),
        }
    }

    /// The prompt that a conversation renders to. Control tokens that messages spell stay text.
    ///
    /// # Errors
    /// The model has no template, or its template refuses the conversation.
    pub fn chat_ids(&self, request: &TemplateRequest) -> Result<Vec<u32>, SessionError> {
        self.chat_ids_with_images(request, &[])
    }

    /// The same where messages show images and videos ([`EncodedImage::part`]): `images` are these, in order.
    ///
    /// # Errors
    /// As [`Session::chat_ids`], or the template has no placeholder for each.
    pub fn chat_ids_with_images(
        &self,
        request: &TemplateRequest,
        images: &[EncodedImage],
    ) -> Result<Vec<u32>, SessionError> {
        let template = self.require_template()?;
        let prompt = match &self.vision {
            Some(encoder) => encoder.prompts().render(template, request, images)?,
            None => template.render_guarded(&template.with_expected_content(request), self.tokenizer.controls())?,
        };
        let ids = self.tokenizer.encode_chat(&prompt)?;
        if ids.is_empty() { Err(SessionError::EmptyPrompt) } else { Ok(ids) }
    }

    /// Leaves of the cache what the prompt begins with, but for its last token, whose logits are always wanted; returns
    /// how many tokens that are. `tokens` are the prompt's, of a sequence of `length`.
    fn reuse(&mut self, tokens: &[PromptToken], length: usize) -> Result<usize, SessionError> {
        self.check_length(tokens.len())?;
        let prefix = &tokens[..tokens.len() - 1];
        if !self.cache.expect(length) {
            self.cached.clear();
        }
        let reused = prefix.iter().zip(&self.cached).take_while(|(new, cached)| new == cached).count();
        let reused = self.cache.truncate(reused);
        self.cached.truncate(reused);
        Ok(reused)
    }

    /// Whether a prompt of `n` tokens can be answered at all.
    pub(crate) fn check_length(&self, n: usize) -> Result<(), SessionError> {
        match n {
            0 => Err(SessionError::EmptyPrompt),
            n if n > self.context() => Err(SessionError::PromptTooLong { prompt: n, context: self.context() }),
            _ => Ok(()),
        }
    }

    /// Appends `part` of `input`, a prompt of these `tokens`, to the cache; `stop` is asked between batches. Returns whether all of
    /// them were appended.
    fn append(
        &mut self,
        input: Input,
        tokens: &[PromptToken],
        part: Range<usize>,
        stop: impl Fn() -> bool,
    ) -> Result<bool, SessionError> {
        for batch in self.program.pieces(input, part, BATCH_TOKENS) {
            if stop() {
                return Ok(false);
            }
            self.program.append(&mut self.cache, input.part(batch.clone()))?;
            self.cached.extend_from_slice(&tokens[batch]);
        }
        Ok(true)
    }

    /// The tokens of a prompt, image tokens told apart by their images.
    ///
    /// # Errors
    /// It has not as many image tokens as its images have features.
    pub(crate) fn tokens(&self, prompt: Prompt) -> Result<Vec<PromptToken>, SessionError> {
        match &self.vision {
            Some(encoder) => {
                encoder.prompts().check(prompt)?;
                Ok(prompt.ids.iter().copied().zip(encoder.prompts().identify(prompt)).collect())
            }
            None => Ok(prompt.ids.iter().map(|id| (*id, None)).collect()),
        }
    }

    /// The embeddings of a prompt's image tokens.
    pub(crate) fn image_embeddings<'p>(&self, prompt: Prompt<'p>) -> Vec<EmbeddingOverride<'p>> {
        match &self.vision {
            Some(encoder) => encoder.prompts().embeddings(prompt),
            None => Vec::new(),
        }
    }
}

/// The program that runs a checkpoint: this one's, or that of the engine which it was exported for.
///
/// # Errors
/// It does not fit, or the engine is not there or refuses it.
pub fn load(checkpoint: &Checkpoint, options: &SessionOptions) -> Result<Program, SessionError> {
    let SessionOptions { isa, threads, arithmetic, engines, .. } = options;
    match engine_of(checkpoint, engines) {
        None => Ok(Program::load(checkpoint, *isa, *threads, *arithmetic)?),
        Some(engine) => {
            let worker = external::start(engine, checkpoint, engines, *threads)?;
            Ok(Program::delegated(checkpoint, *isa, *threads, Box::new(worker))?)
        }
    }
}

/// The tokens that a sequence may have: what is `wanted`, else the model's maximum, or the length it was first
/// trained on where that is told apart, at most 8192.
///
/// # Errors
/// More is wanted than `model_max`, or nothing.
pub fn context_length(network: &Network, model_max: usize, wanted: Option<usize>) -> Result<usize, SessionError> {
    match wanted {
        Some(wanted) if wanted > model_max || wanted == 0 => Err(SessionError::ContextLength { wanted, model_max }),
        Some(wanted) => Ok(wanted),
        None => Ok(network.native_context().unwrap_or(model_max).min(model_max).min(DEFAULT_CONTEXT)),
    }
}
