//! When two names are the same: spelling aside, never by a part of one; and which one was most likely meant.

use std::path::{Component, Path};

/// What a GGUF's file name may end with beside the model's name.
const STORED: [&str; 5] = ["f16", "f32", "bf16", "mxfp4", "fp16"];

/// Lower case, anything but letters, digits, dots and slashes as one dash: `SmolLM3 3B` is `smollm3-3b`.
pub(crate) fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if c.is_alphanumeric() || matches!(c, '.' | '/' | ':') {
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// The one of `known` that `name` was most likely meant for, by slips of the fingers and letters of either case; none where
/// nothing is near.
///
/// ```
/// use plimsoll_catalog::nearest;
/// assert_eq!(nearest("smolm3", ["smollm3", "qwen3-4b"]), Some("smollm3"));
/// assert_eq!(nearest("mixtral", ["smollm3", "qwen3-4b"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody's slip is so long; what a stranger sends has to cost little.
    const LONGEST: usize = 100;
    let (name, length) = (name.to_lowercase(), name.chars().take(LONGEST + 1).count());
    if length > LONGEST {
        return None;
    }
    let slips = |known: &str| strsim::damerau_levenshtein(&name, &known.to_lowercase());
    let (slips, found) = known.into_iter().map(|known| (slips(known), known)).min_by_key(|(slips, _)| *slips)?;
    (slips <= 1 + length / 5 && slips < length).then_some(found)
}

/// The last part of a hub id.
pub(crate) fn without_owner(hub: &str) -> &str {
    hub.rsplit('/').next().unwrap_or(hub)
}

/// Every name under which the files at `argument` may be known, the surest first.
pub(crate) fn names_of_path(argument: &str) -> Vec<String> {
    let parts: Vec<String> = Path::new(argument)
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    // A folder of the hub's cache tells the whole id.
    if let Some(id) = parts.iter().rev().find_map(|part| part.strip_prefix("models--")) {
        return id.split_once("--").map(|(owner, name)| vec![format!("{owner}/{name}")]).unwrap_or_default();
    }
    let Some(last) = parts.last() else { return Vec::new() };
    let stem = last.strip_suffix(".gguf").unwrap_or(last);
    let whole = without_part(stem);
    let mut names = Vec::new();
    if parts.len() >= 2 {
        names.push(format!("{}/{whole}", parts[parts.len() - 2]));
    }
    names.push(whole.to_owned());
    names.extend(without_stored_type(whole).map(str::to_owned));
    names
}

/// `name-00001-of-00003` as `name`.
fn without_part(stem: &str) -> &str {
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    match stem.rsplit_once("-of-") {
        Some((head, total)) if digits(total) => match head.rsplit_once('-') {
            Some((name, part)) if digits(part) => name,
            _ => stem,
        },
        _ => stem,
    }
}

/// `name-Q4_K_M` as `name`, if the last word names a stored type.
fn without_stored_type(stem: &str) -> Option<&str> {
    let at = stem.rfind(['-', '.'])?;
    let word = stem[at + 1..].to_ascii_lowercase();
    let numbered = ["iq", "tq", "q"].iter().any(|prefix| {
        word.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains('_'))
    });
    (numbered || STORED.contains(&word.as_str())).then(|| &stem[..at])
}

/// `owner/name` of an address or a name with a tag, as people copy them: `https://huggingface.co/owner/name`,
/// `hf.co/owner/name:Q4_K_M`. What is none comes back as it is.
pub fn of_address(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let Some(path) = ["huggingface.co/", "hf.co/"].iter().find_map(|site| text.strip_prefix(site)) else { return text };
    let end = path.match_indices('/').nth(1).map_or(path.len(), |(at, _)| at);
    let path = &path[..end];
    path.split_once(':').map_or(path, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_set_aside_and_nothing_else() {
        assert_eq!(normal("SmolLM3 3B"), normal("smollm3-3B"));
        assert_eq!(normal(" Meta Llama 3.1_8B  "), "meta-llama-3.1-8b");
        assert_ne!(normal("SmolLM3-3B-Base"), normal("SmolLM3-3B"));
    }

    #[test]
    fn a_slip_is_found_and_another_name_is_not() {
        let known = ["smollm3", "smolvlm-3b", "demo:large", "qwen3-4b", "gsm8k"];
        for (slip, meant) in [
            ("demo:larg", Some("demo:large")),
            ("Qwen3-4B", Some("qwen3-4b")),
            ("gsmk8", Some("gsm8k")),
            ("llama", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(slip, known), meant, "{slip}");
        }
    }

    #[test]
    fn a_path_gives_the_name_without_part_and_stored_type() {
        assert_eq!(
            names_of_path("/m/SmolLM3-3B-Q4_K_M.gguf"),
            ["m/SmolLM3-3B-Q4_K_M", "SmolLM3-3B-Q4_K_M", "SmolLM3-3B"]
        );
        assert_eq!(names_of_path("x.BF16-00001-of-00002.gguf"), ["x.BF16", "x"]);
        assert_eq!(names_of_path("org/name/"), ["org/name", "name"]);
        assert_eq!(names_of_path("/c/models--Org--Name/snapshots/0a1b"), ["Org/Name"]);
        assert_eq!(names_of_path("Qwen2.5-3B"), ["Qwen2.5-3B"]);
        assert!(names_of_path("").is_empty() && names_of_path("/").is_empty());
    }

    #[test]
    fn an_address_of_the_hub_is_a_name_of_the_hub() {
        for address in [
            "https://huggingface.co/Qwen/Qwen3-4B",
            "huggingface.co/Qwen/Qwen3-4B/tree/main",
            "hf.co/Qwen/Qwen3-4B:Q4_K_M",
        ] {
            assert_eq!(of_address(address), "Qwen/Qwen3-4B", "{address}");
        }
        assert_eq!(of_address("./model.gguf"), "./model.gguf");
        assert_eq!(of_address("demo:small"), "demo:small");
    }
}
