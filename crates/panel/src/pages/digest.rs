//! The week's changed verdicts, as a page and as an Atom feed.

use askama::Template;
use plimsoll_lab::hash::sha256_hex;

use super::Chrome;
use crate::digest::Digest;
use crate::store::Judged;
use crate::xml as filters;

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
    /// What is offered by mail.
    pub mail: MailOffer,
}

/// What a reader is offered by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailOffer {
    /// Nothing: this server sends none.
    None,
    /// A form for an address.
    Form,
    /// The form was sent.
    Asked,
}

impl DigestPage<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> &'static str {
        "Digest"
    }

    fn description(&self) -> &'static str {
        "Verdicts on open-weight models that changed this week, each with the measurements that changed with it."
    }
}

/// What `templates/digest.xml` is filled with.
#[derive(Template)]
#[template(path = "digest.xml")]
struct Atom<'a> {
    changes: &'a [Change],
    base: &'a str,
    id: String,
    updated: &'a str,
}

impl Atom<'_> {
    fn id_of(&self, change: &Change) -> String {
        urn(&format!("{} {}", change.now.review, change.now.comparison))
    }

    fn summary(&self, Change { now, before, because }: &Change) -> String {
        let was = before.as_ref().map_or("judged for the first time".to_owned(), |b| format!("before: {}", b.verdict));
        format!("{} use, {}. {was}. {}", now.usage, now.device, because.join("; "))
    }
}

/// The same as an Atom feed (RFC 4287) of the site at `base`, such as `http://127.0.0.1:7777`. `feed` names the feed for
/// good, wherever it is read; an entry is named by the hashes of what it tells.
pub fn atom(changes: &[Change], base: &str, feed: &str, updated: &str) -> String {
    Atom { changes, base, id: urn(feed), updated }.render().expect("writing to a string cannot fail")
}

/// A UUID that follows from a text alone: version 8 of RFC 9562, the first bits of the text's SHA-256.
fn urn(text: &str) -> String {
    let hash = sha256_hex(text.as_bytes());
    // The variant has two bits, 10: of the digit that holds them these two are set and two are kept.
    let variant = u8::from_str_radix(&hash[16..17], 16).unwrap_or_default() & 0b0011 | 0b1000;
    format!(
        "urn:uuid:{}-{}-8{}-{variant:x}{}-{}",
        &hash[..8],
        &hash[8..12],
        &hash[13..16],
        &hash[17..20],
        &hash[20..32]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_permanent_and_well_formed() {
        let one = urn("a b");
        assert_eq!(one, urn("a b"));
        assert_ne!(one, urn("a c"));
        let id = one.strip_prefix("urn:uuid:").unwrap();
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "8");
        assert!("89ab".contains(&id[19..20]), "{id}");
    }

    #[test]
    fn the_feed_is_the_same_feed_at_another_address() {
        let id = |base: &str| {
            let feed = atom(&[], base, "secret", "2026-01-01T00:00:00Z");
            feed.split("<id>").nth(1).unwrap().split("</id>").next().unwrap().to_owned()
        };
        assert_eq!(id("http://127.0.0.1:7777"), id("https://plimsoll.example"));
    }
}
