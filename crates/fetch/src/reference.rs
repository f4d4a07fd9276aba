//! What people write for a model: `hf:org/name@rev:Q4_K_M`, `org/name`, `ollama:name:tag`.

use std::fmt;
use std::str::FromStr;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A repository of a hub that speaks Hugging Face's protocol.
    Hub(HubReference),
    /// A model of a registry that speaks Ollama's.
    Ollama(OllamaReference),
}

/// A repository, one of its revisions, and which of its quantisations is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubReference {
    /// `org/name`.
    pub repository: String,
    /// A branch, a tag or a commit; `main` where none was given.
    pub revision: String,
    /// As it was asked for: `Q4_K_M`, or the name of a file.
    pub quantisation: Option<String>,
}

/// A model of Ollama's registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OllamaReference {
    /// `library` where none was given.
    pub namespace: String,
    /// The model.
    pub name: String,
    /// `latest` where none was given.
    pub tag: String,
}

/// Why a text refers to no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no model to fetch: {problem}")]
pub struct ReferenceError {
    text: String,
    problem: &'static str,
}

/// Addresses of the hub that people copy.
const SITES: [&str; 2] = ["huggingface.co/", "hf.co/"];
/// Longest name of an organisation or a model on the hub.
const LONGEST: usize = 96;

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Reference, ReferenceError> {
        let trimmed = text.trim();
        let fail = |problem| ReferenceError { text: shown(trimmed), problem };
        if let Some(rest) = trimmed.strip_prefix("ollama:") {
            return ollama(rest).map(Reference::Ollama).map_err(fail);
        }
        let (rest, of_site) = without_site(trimmed);
        hub(rest, of_site).map(Reference::Hub).map_err(fail)
    }
}

/// What follows `hf:` or the address of the site, and whether it was an address.
fn without_site(text: &str) -> (&str, bool) {
    if let Some(rest) = text.strip_prefix("hf:") {
        return (rest, false);
    }
    let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    match SITES.iter().find_map(|site| bare.strip_prefix(site)) {
        Some(rest) => (rest.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/'), true),
        None => (text, false),
    }
}

fn hub(text: &str, of_site: bool) -> Result<HubReference, &'static str> {
    // Pages of the site: org/name/tree/rev, org/name/blob/rev/file.
    let parts: Vec<&str> = text.split('/').collect();
    if let (true, [org, name, "tree" | "blob" | "resolve", revision, file @ ..]) = (of_site, parts.as_slice()) {
        let file = file.join("/");
        let quantisation = file.ends_with(".gguf").then_some(file);
        return checked(&format!("{org}/{name}"), revision, quantisation);
    }
    let (repository, rest) = match text.find(['@', ':']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let (revision, quantisation) = match rest.strip_prefix('@') {
        Some(rest) => rest.split_once(':').map_or((rest, None), |(revision, label)| (revision, Some(label))),
        None => ("main", rest.strip_prefix(':')),
    };
    checked(repository, revision, quantisation.map(str::to_owned))
}

fn checked(repository: &str, revision: &str, quantisation: Option<String>) -> Result<HubReference, &'static str> {
    let Some((org, name)) = repository.split_once('/') else {
        return Err("expected org/name, with hf: before it or not");
    };
    if name.contains('/') {
        return Err("a repository has one slash in its name: org/name");
    }
    if !is_hub_name(org) || !is_hub_name(name) {
        return Err("names on the hub have letters, digits, `-`, `_` and `.`, and no `--` or `..`");
    }
    if !is_revision(revision) {
        return Err("the revision after `@` is no branch, tag or commit");
    }
    if quantisation.as_deref().is_some_and(|label| !is_label(label)) {
        return Err("what follows `:` is no quantisation, as Q4_K_M is one");
    }
    let repository = repository.to_owned();
    Ok(HubReference { repository, revision: revision.to_owned(), quantisation })
}

fn ollama(text: &str) -> Result<OllamaReference, &'static str> {
    let (path, tag) = text.split_once(':').unwrap_or((text, "latest"));
    let (namespace, name) = path.split_once('/').unwrap_or(("library", path));
    if ![namespace, name].into_iter().all(is_hub_name) || name.contains('/') {
        return Err("expected ollama:name, ollama:name:tag or ollama:owner/name:tag");
    }
    if !is_hub_name(tag) {
        return Err("the tag has characters that no tag has");
    }
    Ok(OllamaReference { namespace: namespace.to_owned(), name: name.to_owned(), tag: tag.to_owned() })
}

/// As huggingface_hub's `validate_repo_id` has it.
fn is_hub_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=LONGEST).contains(&name.len())
        && name.chars().all(plain)
        && name.starts_with(edge)
        && name.ends_with(edge)
        && !name.contains("--")
        && !name.contains("..")
}

/// A name of a branch or tag as Git takes them, which is also a path below `refs` in the cache.
pub(crate) fn is_revision(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
    (1..=200).contains(&text.len()) && text.chars().all(plain) && crate::names::check(text).is_ok()
}

fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (1..=250).contains(&text.len()) && text.chars().all(plain) && crate::names::check(text).is_ok()
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Hub(hub) => hub.fmt(f),
            Reference::Ollama(ollama) => ollama.fmt(f),
        }
    }
}

impl fmt::Display for HubReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hf:{}", self.repository)?;
        if self.revision != "main" {
            write!(f, "@{}", self.revision)?;
        }
        self.quantisation.as_ref().map_or(Ok(()), |label| write!(f, ":{label}"))
    }
}

impl fmt::Display for OllamaReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = if self.namespace == "library" { String::new() } else { format!("{}/", self.namespace) };
        write!(f, "ollama:{owner}{}:{}", self.name, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> String {
        text.parse::<Reference>().map_or_else(|error| error.to_string(), |reference| reference.to_string())
    }

    #[test]
    fn every_way_of_writing_a_model_is_read() {
        for (text, read) in [
            ("hf:Org/Name", "hf:Org/Name"),
            ("Org/Name", "hf:Org/Name"),
            ("Org/Name@v1.0", "hf:Org/Name@v1.0"),
            ("hf:Org/Name@refs/pr/1:Q4_K_M", "hf:Org/Name@refs/pr/1:Q4_K_M"),
            ("Org/Name:q4_k_m", "hf:Org/Name:q4_k_m"),
            ("https://huggingface.co/Org/Name", "hf:Org/Name"),
            ("https://huggingface.co/Org/Name/tree/main", "hf:Org/Name"),
            ("https://hf.co/Org/Name/resolve/abc/sub/x.gguf?download=true", "hf:Org/Name@abc:sub/x.gguf"),
            ("hf.co/Org/Name:Q8_0", "hf:Org/Name:Q8_0"),
            ("ollama:smollm2", "ollama:smollm2:latest"),
            ("ollama:smollm2:360m", "ollama:smollm2:360m"),
            ("ollama:me/smollm2:x", "ollama:me/smollm2:x"),
        ] {
            assert_eq!(parsed(text), read, "{text}");
        }
    }

    #[test]
    fn what_names_no_model_is_told_why() {
        for (text, why) in [
            ("smollm3", "expected org/name"),
            ("a/b/c", "one slash"),
            ("../b", "names on the hub"),
            ("a/..", "names on the hub"),
            ("a--b/c", "names on the hub"),
            ("a/b@../../x", "the revision"),
            ("a/b@", "the revision"),
            ("a/b:", "no quantisation"),
            ("a/b:../x", "no quantisation"),
            ("ollama:", "expected ollama"),
            ("ollama:a/b/c", "expected ollama"),
            ("ollama:a:../x", "the tag"),
        ] {
            assert!(parsed(text).contains(why), "{text}: {}", parsed(text));
        }
    }

    proptest! {
        #[test]
        fn what_was_read_is_read_again_the_same(text in "(hf:|ollama:)?[a-z.]{1,3}/?[a-zA-Z.-]{1,4}(@[a-z/.]{1,5})?(:[A-Z0-9_.]{1,6})?") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
            }
        }
    }
}
