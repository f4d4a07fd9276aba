//! How a model is asked.

use plimsoll_engine::{Session, SessionError};
use plimsoll_lab::prompting::Prompting;

use crate::args::Eval;

/// How the model is to be asked: what was wanted, else what suits it.
pub fn prompting(command: &Eval, session: &Session) -> Prompting {
    command.prompting.map_or_else(|| Prompting::of(session), Prompting::from)
}

/// The same where a model without a template is not asked as if it had one.
///
/// # Errors
/// A chat was wanted, and the model has no template that can be used.
pub fn strict_prompting(command: &Eval, session: &Session) -> Result<Prompting, SessionError> {
    let prompting = prompting(command, session);
    if prompting == Prompting::Chat {
        session.require_template()?;
    }
    Ok(prompting)
}

/// How it was asked, in words.
pub fn words(prompting: Prompting) -> &'static str {
    match prompting {
        Prompting::Chat => "chat prompting, by its own template",
        Prompting::Base => "base prompting, as a text to continue",
    }
}
