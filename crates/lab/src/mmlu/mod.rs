//! MMLU from the user's folder in its published layout (Hendrycks et al. 2021), asked as in the published evaluation.
//!
//! A question stands behind examples of its subject's `dev` file, and the likeliest of the four letters is the answer.

mod prompt;
mod rate;
mod read;
mod run;

pub use prompt::{base_prompt, chat_prompt};
pub use rate::{Mean, macro_average};
pub use read::{MmluError, Question, Subject, read};
pub use run::{Asking, run};

/// The letters of the options.
pub const LETTERS: [char; 4] = ['A', 'B', 'C', 'D'];
