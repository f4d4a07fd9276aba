//! What a checkpoint says about its licence. Facts only: who says what, and which licence texts lie beside it.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::error::FormatError;
use crate::folder::Folder;
use crate::gguf::{GgufFile, MetaValue, NewValue};

/// Everything that a checkpoint declares about its licence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LicenceFacts {
    /// Each statement with its source.
    pub declared: Vec<Declaration>,
    /// The SPDX identifier, if all licence ids that are declared agree on one that SPDX has.
    pub spdx: Option<String>,
    /// Files that hold a licence's text.
    pub texts: Vec<LicenceText>,
    /// Contradictions between the declarations, one sentence each.
    pub conflicts: Vec<String>,
}

impl LicenceFacts {
    /// What follows where the files declare this and hold no text.
    pub fn of(declared: Vec<Declaration>) -> LicenceFacts {
        let mut facts = LicenceFacts { declared, ..LicenceFacts::default() };
        conclude(&mut facts);
        facts
    }

    /// What is declared, the first statement of each kind, as keys of a GGUF.
    pub fn metadata(&self) -> Vec<(String, NewValue)> {
        let first = |kind: &str| self.declared.iter().find(|declared| declared.kind == kind);
        let key = |(key, kind): (&str, &str)| Some((key.to_owned(), first(kind)?.value.as_str().into()));
        GGUF_KEYS.into_iter().filter_map(key).collect()
    }

    /// Whether a sentence in `conflicts` tells of a file that was not read, which no declaration bears out.
    pub fn is_of_unread(conflict: &str) -> bool {
        conflict.starts_with('`') && conflict.contains(UNREAD)
    }
}

/// Between a file that leads elsewhere and where it leads.
const UNREAD: &str = "` was not read: it is ";

/// Kinds of statements, as [`Declaration::kind`] has them.
pub const STATEMENT_KINDS: [&str; 3] = ["license", "license_name", "license_link"];

/// One statement about the licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Path of the file and the key in it.
    pub source: String,
    /// `license`, `license_name` or `license_link`.
    pub kind: &'static str,
    /// What it says, verbatim.
    pub value: String,
}

/// A file that holds a licence's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenceText {
    /// File name.
    pub file: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// SHA-256 of its words, in hex: see [`normalised_text`].
    pub words_sha256: String,
    /// Its first words, up to [`MAX_HEAD`] bytes.
    pub head: String,
}

/// Bytes of a licence's first words that are kept.
pub const MAX_HEAD: usize = 400;

/// What is longer is no licence's text, whatever its name.
const MAX_TEXT: usize = 1 << 20;

/// Hugging Face's licence ids (lower case) that SPDX knows, with SPDX's spelling. Ids of SPDX itself also count.
const SPDX: [(&str, &str); 26] = [
    ("apache-2.0", "Apache-2.0"),
    ("mit", "MIT"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("bsd-3-clause-clear", "BSD-3-Clause-Clear"),
    ("isc", "ISC"),
    ("cc0-1.0", "CC0-1.0"),
    ("cc-by-3.0", "CC-BY-3.0"),
    ("cc-by-4.0", "CC-BY-4.0"),
    ("cc-by-sa-3.0", "CC-BY-SA-3.0"),
    ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
    ("cc-by-nc-3.0", "CC-BY-NC-3.0"),
    ("cc-by-nc-4.0", "CC-BY-NC-4.0"),
    ("cc-by-nd-4.0", "CC-BY-ND-4.0"),
    ("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"),
    ("cc-by-nc-nd-4.0", "CC-BY-NC-ND-4.0"),
    ("gpl-2.0", "GPL-2.0-only"),
    ("gpl-3.0", "GPL-3.0-only"),
    ("agpl-3.0", "AGPL-3.0-only"),
    ("lgpl-3.0", "LGPL-3.0-only"),
    ("mpl-2.0", "MPL-2.0"),
    ("epl-2.0", "EPL-2.0"),
    ("unlicense", "Unlicense"),
    ("zlib", "Zlib"),
    ("wtfpl", "WTFPL"),
    ("bsl-1.0", "BSL-1.0"),
];

fn spdx_id(value: &str) -> Option<&'static str> {
    let lower = value.trim().to_ascii_lowercase();
    SPDX.iter().find(|(hf, spdx)| *hf == lower || spdx.to_ascii_lowercase() == lower).map(|(_, spdx)| *spdx)
}

/// Gathers the facts from the model card and the licence files of `folder`, and from the GGUF's metadata.
///
/// # Errors
/// A file cannot be read.
pub fn gather(folder: Option<&Folder>, gguf: Option<&GgufFile>) -> Result<LicenceFacts, FormatError> {
    let mut facts = LicenceFacts::default();
    if let Some(gguf) = gguf {
        from_gguf(gguf, &mut facts);
    }
    if let Some(folder) = folder {
        from_folder(folder, &mut facts)?;
    }
    conclude(&mut facts);
    Ok(facts)
}

/// GGUF's keys and the kinds of statements that they hold.
const GGUF_KEYS: [(&str, &str); 3] = [
    ("general.license", "license"),
    ("general.license.name", "license_name"),
    ("general.license.link", "license_link"),
];

fn from_gguf(gguf: &GgufFile, facts: &mut LicenceFacts) {
    for (key, kind) in GGUF_KEYS {
        if let Some(MetaValue::Text(bytes)) = gguf.get(key) {
            let value = String::from_utf8_lossy(bytes).into_owned();
            facts.declared.push(Declaration { source: format!("{}, key `{key}`", gguf.name()), kind, value });
        }
    }
}

fn from_folder(folder: &Folder, facts: &mut LicenceFacts) -> Result<(), FormatError> {
    for name in folder.names()? {
        let upper = name.to_ascii_uppercase();
        let is_text = ["LICENSE", "LICENCE", "COPYING", "USE_POLICY", "NOTICE"].iter().any(|p| upper.starts_with(p));
        if name != "README.md" && !is_text {
            continue;
        }
        if let Some(what) = folder.led_away(&name) {
            facts.conflicts.push(format!("`{}{UNREAD}{what}.", folder.display_file(&name)));
        } else if name == "README.md" {
            // A card in another encoding has no front matter that could be read; it is not the model's fault.
            let Some(bytes) = folder.open(&name)? else { continue };
            for (kind, value) in front_matter(&String::from_utf8_lossy(&bytes)) {
                let source = format!("{}, key `{kind}`", folder.display_file(&name));
                facts.declared.push(Declaration { source, kind, value });
            }
        } else {
            let Some(bytes) = folder.open(&name)?.filter(|bytes| bytes.len() <= MAX_TEXT) else { continue };
            facts.texts.push(text_facts(name, &bytes));
        }
    }
    Ok(())
}

/// What is kept of a licence file of this name and these bytes.
pub fn text_facts(file: String, bytes: &[u8]) -> LicenceText {
    let words = normalised_text(&String::from_utf8_lossy(bytes));
    let mut head = words.clone();
    head.truncate(words.floor_char_boundary(MAX_HEAD));
    LicenceText { file, sha256: hex_sha256(bytes), words_sha256: hex_sha256(words.as_bytes()), head }
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// The words of a licence's text in lower case, one space between them: line breaks, numbering marks, quotation marks and
/// mark-up differ between copies of one licence. Lines that tell whose work it is are left out for the same reason.
///
/// ```
/// use plimsoll_formats::normalised_text;
/// let text = "# MIT License\n\nCopyright (c) 2026 Somebody\n\nPermission is hereby granted, \u{201c}as is\u{201d}";
/// assert_eq!(normalised_text(text), "mit license permission is hereby granted as is");
/// ```
pub fn normalised_text(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let lower = line.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        if names_the_owner(&words) {
            continue;
        }
        for word in words {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    out
}

/// `Copyright (c) 2026 Somebody`, `Copyright [yyyy] [name]`, `All rights reserved.`
fn names_the_owner(words: &[&str]) -> bool {
    let is_year = |word: &&str| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    match words {
        ["copyright"] | ["copyright", "c" | "yyyy" | "year", ..] => true,
        ["copyright", rest @ ..] => rest.iter().any(is_year),
        _ => words == ["all", "rights", "reserved"],
    }
}

/// The licence keys of a model card's YAML front matter: plain scalars and lists of them.
fn front_matter(card: &str) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let mut lines = card.trim_start_matches('\u{feff}').lines();
    if lines.next().map(str::trim_end) != Some("---") {
        return out;
    }
    let mut open_list = None;
    for line in lines.take_while(|l| l.trim_end() != "---") {
        if let Some(item) = line.trim_start().strip_prefix("- ") {
            if let Some(kind) = open_list {
                out.push((kind, unquoted(item)));
            }
            continue;
        }
        open_list = None;
        let Some((key, value)) = line.split_once(':') else { continue };
        let Some(kind) = STATEMENT_KINDS.into_iter().find(|k| *k == key) else { continue };
        let value = value.trim();
        match value.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
            Some(list) => out.extend(list.split(',').map(|v| (kind, unquoted(v)))),
            None if value.is_empty() => open_list = Some(kind),
            None => out.push((kind, unquoted(value))),
        }
    }
    out.retain(|(_, value)| !value.is_empty());
    out
}

/// A YAML scalar without its quotes or its trailing comment.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|v| v.split(quote).next()) {
            return inner.to_owned();
        }
    }
    value.split(" #").next().unwrap_or_default().trim().to_owned()
}

fn conclude(facts: &mut LicenceFacts) {
    let licences: Vec<&Declaration> = facts.declared.iter().filter(|d| d.kind == "license").collect();
    let ids: BTreeSet<String> = licences
        .iter()
        .map(|d| spdx_id(&d.value).map_or_else(|| d.value.trim().to_ascii_lowercase(), str::to_owned))
        .collect();
    if ids.len() > 1 {
        let said: Vec<String> = licences.iter().map(|d| format!("{} says `{}`", d.source, d.value)).collect();
        facts.conflicts.push(format!("The licence is declared in more than one way: {}.", said.join("; ")));
    }
    facts.spdx = match ids.len() {
        1 => licences.first().and_then(|d| spdx_id(&d.value)).map(str::to_owned),
        _ => None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_gives_licence_keys_verbatim() {
        let card = "---\nlanguage: en\nlicense: other\nlicense_name: \"llama3.1\" # theirs\nlicense_link: https://x.y/LICENSE\n---\nlicense: mit\n";
        let expected = [("license", "other"), ("license_name", "llama3.1"), ("license_link", "https://x.y/LICENSE")];
        assert_eq!(front_matter(card), expected.map(|(k, v)| (k, v.to_owned())));
        assert_eq!(
            front_matter("---\nlicense:\n- mit\n- apache-2.0\ntags:\n- x\n---"),
            [("license", "mit".to_owned()), ("license", "apache-2.0".to_owned())]
        );
        assert_eq!(front_matter("# A card\nlicense: mit"), []);
        assert_eq!(front_matter("---\nlicense: mit"), [("license", "mit".to_owned())]);
    }

    #[test]
    fn copies_of_one_licence_have_the_same_words() {
        let one = "MIT License\n\nCopyright (c) 2019 A\nAll rights reserved.\n\nThe \"Software\" is  provided";
        let other =
            "# MIT License\r\n\r\nCopyright 2024 B <b@c.d>\r\n\r\nThe \u{201c}Software\u{201d} is\r\nprovided\r\n";
        let [one, other] = [one, other].map(|text| text_facts("LICENSE".to_owned(), text.as_bytes()));
        assert_eq!(one.head, "mit license the software is provided");
        assert_eq!(one.words_sha256, other.words_sha256);
        assert_ne!(one.sha256, other.sha256);
    }

    #[test]
    fn what_speaks_of_copyright_and_names_nobody_is_kept() {
        assert_eq!(normalised_text("Copyright and related rights\nare"), "copyright and related rights are");
    }

    #[test]
    fn a_long_head_ends_between_characters() {
        let facts = text_facts("LICENSE".to_owned(), "é".repeat(1000).as_bytes());
        assert_eq!(facts.head.len(), MAX_HEAD);
    }

    #[test]
    fn an_id_that_leaves_the_variant_open_is_no_spdx_id() {
        assert_eq!((spdx_id("bsd"), spdx_id("bsd-3-clause")), (None, Some("BSD-3-Clause")));
    }

    #[test]
    fn agreeing_declarations_give_the_spdx_id_and_others_a_conflict() {
        let declared = |value: &str, source: &str| Declaration {
            source: source.to_owned(),
            kind: "license",
            value: value.to_owned(),
        };
        let mut facts = LicenceFacts::of(vec![declared("MIT", "a"), declared("mit", "b")]);
        assert_eq!((facts.spdx.as_deref(), facts.conflicts.len()), (Some("MIT"), 0));
        facts.declared.push(declared("llama3", "c"));
        conclude(&mut facts);
        assert_eq!(facts.spdx, None);
        assert!(facts.conflicts[0].contains("c says `llama3`"), "{:?}", facts.conflicts);
    }
}
