//! Pictures and videos on their way to a model: decoded and encoded beside its thread, so that nobody waits for what another
//! shows it.

use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_engine::{EncodedImage, EncoderApart, Session};
use tokio::sync::OnceCell;

use crate::error::ApiError;
use crate::pictures::Sent;
use crate::served::Served;

/// What looks at pictures, opened when there is first one. It looks at one at a time.
#[derive(Default)]
pub struct Eyes(OnceCell<Arc<Mutex<EncoderApart>>>);

impl Served {
    /// What the model sees in pictures and videos.
    ///
    /// # Errors
    /// The model reads text only, one cannot be read, or does not fit the context.
    pub(crate) async fn seen(&self, sent: Vec<Sent>) -> Result<Vec<EncodedImage>, ApiError> {
        if sent.is_empty() {
            return Ok(Vec::new());
        }
        let open = || async { Ok::<_, ApiError>(Arc::new(Mutex::new(self.ask(Session::encoder_apart).await??))) };
        let encoder = Arc::clone(self.eyes.0.get_or_try_init(open).await?);
        let see = move || {
            let shown = sent.into_iter().map(Sent::decoded).collect::<Result<Vec<_>, _>>()?;
            let mut encoder = encoder.lock().unwrap_or_else(PoisonError::into_inner);
            shown.iter().map(|image| Ok(encoder.encode(image)?)).collect()
        };
        tokio::task::spawn_blocking(see).await.unwrap_or_else(|_| Err(ApiError::gone()))
    }
}
