//! The page on which one talks with the models that a server has.

use askama::Template;

use super::Chrome;

/// The page. Its script talks with the API and keeps what was said in the browser.
#[derive(Template)]
#[template(path = "chat.html")]
pub struct ChatPage<'a> {
    /// What stands around it.
    pub chrome: Chrome<'a>,
    /// Where programs reach the same models, such as `http://127.0.0.1:7777/v1`.
    pub api: String,
}

impl ChatPage<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> &'static str {
        "Chat"
    }

    fn description(&self) -> &'static str {
        "Talk with the models that this server runs; what is said stays in the browser."
    }

    /// Whether there is somebody to talk with.
    fn talks(&self) -> bool {
        self.chrome.site().is_some_and(|site| site.talks)
    }
}
