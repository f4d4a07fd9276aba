//! Commands that pages and reports tell a reader to run.

use std::borrow::Cow;

/// A word for a POSIX shell, in quotes where it needs them.
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,=@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_path_comes_back_whole_from_a_shell() {
        assert_eq!(quoted("./smollm3-q4.gguf"), "./smollm3-q4.gguf");
        for path in ["my models/it's $HOME.gguf", "", "a;b", "~/m"] {
            let script = format!("printf %s {}", quoted(path));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), path, "{script}");
        }
    }
}
