//! The week's changed verdicts, as a page and as an Atom feed.

use std::fmt::Write;

use askama::Template;

use super::Chrome;
use crate::chart::escaped;
use crate::digest::Digest;
use crate::store::Judged;

/// A verdict that changed, with what it was before.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Change {
    /// What is said now.
    pub now: Judged,
    /// What was said before of the same model, use and device; none if it was judged for the first time.
    pub before: Option<Judged>,
    /// Measurements that differ, in words: the metric with both values.
    pub because: Vec<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "digest.html")]
pub struct DigestPage<'a> {
    /// What stands around it.
    pub chrome: Chrome<'a>,
    /// The first day of the week, RFC 3339.
    pub since: &'a str,
    /// What changed, the latest first.
    pub digest: &'a Digest,
    /// Whether mail can be sent.
    pub mail: bool,
}

impl DigestPage<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> &'static str {
        "Digest"
    }
}

/// The same as an Atom feed (RFC 4287) of the site at `base`, such as `http://127.0.0.1:7777`.
pub fn atom(changes: &[Change], base: &str, updated: &str) -> String {
    let base = escaped(base);
    let mut feed = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <title>Plimsoll digest</title>\n<id>{base}/digest</id>\n<link href=\"{base}/digest\"/>\n\
         <link rel=\"self\" href=\"{base}/digest.atom\"/>\n<updated>{}</updated>\n\
         <author><name>Plimsoll</name></author>\n",
        escaped(updated)
    );
    for Change { now, before, because } in changes {
        let title = format!("{}: {}", now.model, now.verdict);
        let was = before.as_ref().map_or("judged for the first time".to_owned(), |b| format!("before: {}", b.verdict));
        let summary = format!("{} use, {}. {was}. {}", now.usage, now.device, because.join("; "));
        let _ = writeln!(
            feed,
            "<entry><title>{}</title><id>urn:sha256:{}:{}</id><updated>{}</updated>\
             <link href=\"{base}/run/{}\"/><summary>{}</summary></entry>",
            escaped(&title),
            escaped(&now.review),
            escaped(&now.comparison),
            escaped(&now.created),
            escaped(&now.comparison),
            escaped(&summary)
        );
    }
    feed + "</feed>\n"
}
