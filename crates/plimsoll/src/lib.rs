//! Open-weight text and vision-language models inside a program, from the files that their makers publish: a folder of
//! safetensors or a GGUF file.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use plimsoll::Model;
//!
//! let model = Model::open("models/smollm3")?;
//! println!("takes {} bytes", model.memory()?.total());
//! let answer = model.chat(None)?.say("Why do ships float?", |text| {
//!     print!("{text}");
//!     ControlFlow::Continue(())
//! })?;
//! println!("\n{} tokens", answer.tokens.len());
//! # Ok::<(), plimsoll::Error>(())
//! ```
//!
//! `examples/` has a program for each: to chat, to ask whether a model fits, to look at a picture, to go on with a text, to
//! score one. Everything works on the processor, in this process: the library prints nothing, reads no variable of the
//! environment, opens no connection, and starts no process but `ffmpeg` for a video. It can be sent to another thread, and
//! every answer can be ended from one ([`Chat::stop`]).
//!
//! What is not here: comparing models and serving them, which the program `plimsoll` does. Whoever needs tokens, logits or
//! templates themselves finds them in [`Session`], which a [`Chat`] is made of.

#![forbid(unsafe_code)]

mod chat;
mod error;
mod model;

pub use chat::{Chat, Stop};
pub use error::Error;
pub use model::Model;

pub use plimsoll_engine::{
    EncodedImage, Finish, GenerateOptions, Generation, ImageInput, Prompt, SamplingParams, Session, SessionOptions,
    TemplateRequest, Timings,
};
pub use plimsoll_formats::Unusable;
pub use plimsoll_kernels::Isa;
pub use plimsoll_runtime::{Arithmetic, CacheType, Memory};
pub use plimsoll_vision::{DEFAULT_MAX_PIXELS, Picture};
