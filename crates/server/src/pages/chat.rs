//! The page on which one talks with the models that are served.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use plimsoll_panel::pages::ChatPage;

use crate::app::App;
use crate::reader::Reader;

/// `/chat`
pub async fn chat(State(app): State<Arc<App>>, reader: Reader) -> Response {
    let page = ChatPage { chrome: reader.chrome("/chat", false), api: format!("{}/v1", app.site) };
    reader.page(page.html())
}
