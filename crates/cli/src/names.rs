//! Names that somebody wrote, and those that were most likely meant.

/// The known name that `name` was most likely meant for; none where nothing is near.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&name, &known.to_lowercase());
    let (distance, found) = known.into_iter().map(|known| (distance(known), known)).min_by_key(|(far, _)| *far)?;
    (distance <= 1 + name.chars().count() / 6).then(|| found.to_owned())
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
    fn a_slip_is_found_and_another_name_is_not() {
        let known = ["smollm3", "smolvlm-3b", "demo:large", "qwen3-4b"];
        assert_eq!(nearest("smolm3", known).as_deref(), Some("smollm3"));
        assert_eq!(nearest("demo:larg", known).as_deref(), Some("demo:large"));
        assert_eq!(nearest("Qwen3-4B", known).as_deref(), Some("qwen3-4b"));
        assert_eq!(nearest("mixtral", known), None);
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
