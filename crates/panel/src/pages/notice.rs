//! Small pages: bookmarks, a comparison under way, and why there is nothing to show.

use askama::Template;

use super::Chrome;

/// The reader's bookmarks.
#[derive(Template)]
#[template(path = "bookmarks.html")]
pub struct BookmarksPage<'a> {
    /// What stands around it.
    pub chrome: Chrome<'a>,
    /// Paths of the marked pages.
    pub pages: &'a [String],
}

impl BookmarksPage<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> &'static str {
        "Bookmarks"
    }

    fn description(&self) -> &'static str {
        "The pages that this browser keeps."
    }
}

/// A comparison under way.
#[derive(Template)]
#[template(path = "progress.html")]
pub struct ProgressPage<'a> {
    /// What stands around it.
    pub chrome: Chrome<'a>,
    /// The job's number.
    pub job: u64,
    /// The pair, `a-vs-b`.
    pub pair: &'a str,
    /// What it is busy with.
    pub stage: &'a str,
    /// Steps done and in all.
    pub steps: (usize, usize),
    /// How it ended: nothing yet, done, or what went wrong.
    pub ended: Option<Result<(), String>>,
}

impl ProgressPage<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> &'static str {
        "Measuring"
    }

    fn description(&self) -> String {
        format!("{}, measured against each other on this machine.", self.pair.replace("-vs-", " vs "))
    }
}

/// Why there is nothing to show, and what to do.
#[derive(Template)]
#[template(path = "notice.html")]
pub struct NoticePage<'a> {
    /// What stands around it.
    pub chrome: Chrome<'a>,
    /// What happened, in a few words.
    pub heading: &'a str,
    /// The rest.
    pub about: &'a str,
    /// What was meant instead, most likely: its address and its name.
    pub meant: Option<(&'a str, &'a str)>,
    /// What the reader can do on this page.
    pub action: Option<Action<'a>>,
}

/// A button.
#[derive(Debug, Clone, Copy)]
pub struct Action<'a> {
    /// What it says.
    pub button: &'a str,
    /// Where it is sent.
    pub path: &'a str,
}

impl NoticePage<'_> {
    fn title(&self) -> &str {
        self.heading
    }

    fn description(&self) -> &str {
        self.about
    }

    /// The rest as a sentence: messages that stand after others on the command line begin with a small letter.
    fn sentence(&self) -> String {
        let mut letters = self.about.chars();
        let mut said: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        if self.meant.is_none() && !said.ends_with(['.', '?', '!']) {
            said.push('.');
        }
        said
    }

    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }
}
