//! What a hub says of a repository.

use serde::Deserialize;
use serde_json::Value;

use crate::cache::is_commit;
use crate::digest::Digest;

/// Most files that a repository is believed to have.
const MOST_FILES: usize = 200_000;

/// A repository at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// `org/name`.
    pub repository: String,
    /// As it was asked for.
    pub revision: String,
    /// What it stands for now.
    pub commit: String,
    /// Every file, by name. Names are as the hub has them: none is a path before [`crate::names::check`].
    pub files: Vec<HubFile>,
    /// What its card declares: an SPDX id in lower case, `other`, or the name of a licence.
    pub licence: Option<String>,
    /// Whether its maker asks to accept terms first.
    pub gated: bool,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFile {
    /// Its path in the repository, as the hub has it.
    pub name: String,
    /// Bytes, where the listing says.
    pub size: Option<u64>,
    /// Its hash, where the listing says.
    pub digest: Option<Digest>,
    /// What the cache calls it by; a name of one file.
    pub etag: Option<String>,
}

#[derive(Deserialize)]
struct Info {
    sha: Option<String>,
    #[serde(default)]
    siblings: Vec<Sibling>,
    #[serde(default)]
    gated: Value,
    #[serde(default, rename = "cardData")]
    card: Option<Value>,
    #[serde(default)]
    tags: Vec<Value>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
    oid: Option<String>,
    size: Option<u64>,
}

impl Listing {
    /// Reads the answer of a hub to what it holds at a revision. No name in it is looked at yet: see
    /// [`crate::names::check`].
    ///
    /// # Errors
    /// It is no listing, in words.
    pub fn read(repository: &str, revision: &str, text: &[u8]) -> Result<Listing, String> {
        let info: Info = serde_json::from_slice(text).map_err(|error| format!("no listing of files: {error}"))?;
        let commit = info.sha.filter(|sha| is_commit(sha)).ok_or("the listing does not say of which commit it is")?;
        if info.siblings.len() > MOST_FILES {
            return Err(format!("{} files are more than any model has", info.siblings.len()));
        }
        let licence = licence(info.card.as_ref(), &info.tags);
        let gated = !matches!(info.gated, Value::Null | Value::Bool(false));
        let mut files: Vec<HubFile> = info.siblings.into_iter().map(HubFile::of).collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let (repository, revision) = (repository.to_owned(), revision.to_owned());
        Ok(Listing { repository, revision, commit, files, licence, gated })
    }

    /// A file by its name.
    pub fn file(&self, name: &str) -> Option<&HubFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

impl HubFile {
    fn of(sibling: Sibling) -> HubFile {
        let Sibling { rfilename: name, size, blob_id, lfs } = sibling;
        let digest = match &lfs {
            Some(lfs) => lfs.sha256.as_deref().or(lfs.oid.as_deref()).and_then(Digest::sha256),
            None => blob_id.as_deref().and_then(Digest::git),
        };
        let size = lfs.and_then(|lfs| lfs.size).or(size);
        let etag = digest.as_ref().map(|digest| digest.hex().to_owned());
        HubFile { name, size, digest, etag }
    }

    /// From what an answer of the file's own address says of it.
    pub(crate) fn of_headers(name: &str, length: Option<&str>, etag: Option<&str>) -> Result<HubFile, String> {
        let size =
            length.and_then(|length| length.parse().ok()).ok_or("the answer does not say how long the file is")?;
        let etag = etag.map(bare_etag).filter(|etag| is_commit(etag)).ok_or("the answer has no entity tag to use")?;
        let digest = Digest::sha256(etag).or_else(|| Digest::git(etag));
        Ok(HubFile { name: name.to_owned(), size: Some(size), digest, etag: Some(etag.to_owned()) })
    }
}

/// An entity tag without its quotes.
pub(crate) fn bare_etag(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}

fn licence(card: Option<&Value>, tags: &[Value]) -> Option<String> {
    let of_card = card.and_then(|card| {
        let text = |key: &str| match &card[key] {
            Value::String(text) => Some(text.clone()),
            Value::Array(all) => all.first().and_then(Value::as_str).map(str::to_owned),
            _ => None,
        };
        text("license")
            .filter(|licence| licence != "other")
            .or_else(|| text("license_name"))
            .or_else(|| text("license"))
    });
    let of_tags = || tags.iter().filter_map(Value::as_str).find_map(|tag| tag.strip_prefix("license:"));
    let licence = of_card.or_else(|| of_tags().map(str::to_owned))?;
    Some(licence.chars().filter(|c| !c.is_control()).take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_says_commit_sizes_and_hashes() {
        let (sha, git) = ("ab".repeat(32), "cd".repeat(20));
        let text = serde_json::json!({
            "sha": "c0ffee", "gated": "manual", "cardData": { "license": "other", "license_name": "llama3.2" },
            "siblings": [
                { "rfilename": "model.safetensors", "size": 7, "blobId": "00", "lfs": { "sha256": sha, "size": 9, "pointerSize": 130 } },
                { "rfilename": "config.json", "size": 3, "blobId": git },
                { "rfilename": "bare.txt" },
            ],
        });
        let listing = Listing::read("o/n", "main", text.to_string().as_bytes()).unwrap();
        assert_eq!(
            (listing.commit.as_str(), listing.gated, listing.licence.as_deref()),
            ("c0ffee", true, Some("llama3.2"))
        );
        let file = |name: &str| listing.file(name).unwrap();
        assert_eq!((file("config.json").size, file("config.json").digest.clone()), (Some(3), Digest::git(&git)));
        assert_eq!(file("model.safetensors").etag.as_deref(), Some(sha.as_str()));
        assert_eq!((file("model.safetensors").size, file("bare.txt").etag.clone()), (Some(9), None));
    }

    #[test]
    fn a_commit_that_leads_elsewhere_is_refused() {
        for text in ["{}", "[]", "{\"sha\":\"../..\"}", "{\"sha\":\"\"}", "<html>"] {
            assert!(Listing::read("o/n", "main", text.as_bytes()).is_err(), "{text}");
        }
        assert!(HubFile::of_headers("f", Some("3"), Some("\"../x\"")).is_err());
        assert!(HubFile::of_headers("f", None, Some("\"abc\"")).is_err());
        assert_eq!(HubFile::of_headers("f", Some("3"), Some("W/\"abc\"")).unwrap().etag.as_deref(), Some("abc"));
    }
}
