use std::path::Path;

use plimsoll_engine::{Session, SessionOptions, context_length};
use plimsoll_models::Checkpoint;
use plimsoll_runtime::{Memory, Program};

use crate::{Chat, Error};

/// A model's files, opened: what they say of themselves is read, weights are only mapped.
#[derive(Debug, Clone)]
pub struct Model {
    checkpoint: Checkpoint,
    options: SessionOptions,
}

impl Model {
    /// Opens a folder as Hugging Face's hub has it, or a GGUF file (of a split one, its first part).
    ///
    /// # Errors
    /// There is no model, or its files are damaged, incomplete, or not understood.
    pub fn open(path: impl AsRef<Path>) -> Result<Model, Error> {
        Ok(Model { checkpoint: Checkpoint::open(path.as_ref())?, options: SessionOptions::default() })
    }

    /// The same model, to be used otherwise than by default: threads, context, precision.
    #[must_use]
    pub fn with_options(self, options: SessionOptions) -> Model {
        Model { options, ..self }
    }

    /// What a conversation that fills the context takes of memory, beside the 3 MB or so of the program itself. A vision
    /// tower is not counted.
    ///
    /// # Errors
    /// The network is not understood, a weight is missing, or the context asked for is longer than the model's.
    pub fn memory(&self) -> Result<Memory, Error> {
        let network = plimsoll_models::network(&self.checkpoint)?;
        let model_max = self.checkpoint.hyperparams.max_seq_len;
        let tokens = context_length(&network, model_max, self.options.context)?;
        Ok(Memory::new(&Program::cost(&self.checkpoint)?, tokens, self.options.cache))
    }

    /// Loads the model, to work with tokens, texts and likelihoods.
    ///
    /// # Errors
    /// Something of the files cannot be used, or there is no memory for the cache.
    pub fn session(&self) -> Result<Session, Error> {
        Ok(Session::open(&self.checkpoint, &self.options)?)
    }

    /// Loads the model, to talk with it as its maker recommends; `system` are instructions that stand before what is said.
    ///
    /// # Errors
    /// As [`Model::session`]; the model has no chat template; its maker draws tokens in a way that cannot be honoured.
    pub fn chat(&self, system: Option<&str>) -> Result<Chat, Error> {
        let session = self.session()?;
        let options = session.recommended();
        let draws = options.sampling.temperature > 0.0;
        match session.defaults().unusable.iter().find(|unusable| draws && unusable.of_sampling) {
            Some(unusable) => Err(Error::Sampling(unusable.clone())),
            None => Chat::new(session, system, options),
        }
    }
}
