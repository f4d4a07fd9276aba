//! Names of models as people copy them from the hub.

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
