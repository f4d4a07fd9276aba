//! Names that a hub gives to files. A listing comes from whoever owns the repository: a name that would lead out of its
//! folder, or that some system reads as something else, is refused before it becomes a path.

/// Longest name of a folder or file that all file systems take, in bytes.
const LONGEST_PART: usize = 255;
/// Longest path inside a repository, in bytes.
const LONGEST: usize = 1000;
/// Names of devices on Windows, whatever their extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the repository has a file called {name:?}, which is refused: {why}")]
pub struct HostileName {
    /// The name, escaped where it is shown.
    pub name: String,
    /// In words.
    pub why: &'static str,
}

/// Looks whether `name` is a path below a folder, on every system.
///
/// # Errors
/// It is not.
pub fn check(name: &str) -> Result<(), HostileName> {
    match objection(name) {
        Some(why) => Err(HostileName { name: name.chars().take(200).collect(), why }),
        None => Ok(()),
    }
}

/// Looks whether `names` are files of their own where upper and lower case are one.
///
/// # Errors
/// The second of two that would be one file.
pub fn check_apart<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), HostileName> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if !seen.insert(name.to_lowercase()) {
            let why = "another file differs from it in upper and lower case only";
            return Err(HostileName { name: name.to_owned(), why });
        }
    }
    Ok(())
}

fn objection(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > LONGEST {
        return Some("it is empty or too long");
    }
    if name.chars().any(char::is_control) {
        return Some("it has a control character in it");
    }
    if name.contains(['\\', ':', '<', '>', '"', '|', '?', '*']) {
        return Some("it has a character in it that a path has a meaning for on some system");
    }
    if name.starts_with('/') {
        return Some("it begins at the root");
    }
    name.split('/').find_map(objection_to_part)
}

fn objection_to_part(part: &str) -> Option<&'static str> {
    let stem = part.split('.').next().unwrap_or_default().trim_end_matches(' ').to_lowercase();
    let numbered = |device: &str| {
        let digit = stem.strip_prefix(device);
        digit.is_some_and(|d| ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "¹", "²", "³"].contains(&d))
    };
    match part {
        "" => Some("a part of it is empty"),
        "." | ".." => Some("it leads out of its folder"),
        _ if part.len() > LONGEST_PART => Some("a part of it is too long for a file system"),
        _ if part.ends_with(['.', ' ']) || part.starts_with(' ') => Some("Windows would change its name"),
        _ if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") => {
            Some("it is a device on Windows")
        }
        _ if part.eq_ignore_ascii_case(".git") => Some("it would be read as a repository of Git"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let long = "a".repeat(256);
        let hostile = [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/./b",
            "a//b",
            "a\\b",
            "..\\x",
            "C:x",
            "c:/x",
            "a\0b",
            "a\nb",
            "nul",
            "NUL.txt",
            "sub/aux.json",
            "COM1",
            "lpt9.gguf",
            "com¹",
            "a.",
            "a ",
            " a",
            "a?",
            "a*",
            "x|y",
            ".git/config",
            "CONIN$",
            "nul .txt",
            &long,
        ];
        for name in hostile {
            assert!(check(name).is_err(), "{name:?}");
        }
        let error = check("a\u{1b}[2J").unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "a name cannot write to the terminal: {error:?}");
    }

    #[test]
    fn names_that_repositories_have_are_taken() {
        for name in [
            "config.json",
            "model-00001-of-00002.safetensors",
            "onnx/model.onnx",
            "Q4_K_M/a b.gguf",
            ".gitattributes",
            "auxiliary.txt",
            "com10.txt",
            "模型.gguf",
            "console",
            "a..b",
        ] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn two_names_that_are_one_file_elsewhere_are_refused() {
        assert!(check_apart(["README.md", "a/b", "A/b"]).is_err());
        assert_eq!(check_apart(["README.md", "a/b", "c/b"]), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_taken_stays_below_its_folder(name in "\\PC{0,12}(/\\PC{0,6}){0,3}") {
            if check(&name).is_ok() {
                prop_assert!(Path::new(&name).components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}
