//! Names of GGUF files: what they say of how weights are stored, and of which file in pieces they are one.

use std::collections::BTreeMap;

/// A model in GGUF: one file, or its pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GgufSet {
    /// Path without the number of the piece and the extension.
    stem: String,
    /// Pieces by number; one whole file has the number 0.
    files: BTreeMap<u32, String>,
    /// How many there are.
    of: u32,
    /// `Q4_K_M`, in upper case, where the name says.
    pub(crate) label: Option<String>,
}

impl GgufSet {
    /// The label, else the name.
    pub(crate) fn called(&self) -> String {
        self.label.clone().unwrap_or_else(|| format!("{}.gguf", self.stem))
    }

    /// Whether `wanted` is its label, or the name of one of its files with or without the folder.
    pub(crate) fn is_called(&self, wanted: &str) -> bool {
        let of_file = |file: &String| file == wanted || file.rsplit('/').next() == Some(wanted);
        self.label.as_deref().is_some_and(|label| label.eq_ignore_ascii_case(wanted))
            || self.files.values().any(of_file)
    }

    /// All files in order, or the name of one that is not there.
    pub(crate) fn pieces(&self) -> Result<Vec<String>, String> {
        let missing = |number| format!("{}-{number:05}-of-{:05}.gguf", self.stem, self.of);
        let numbers = if self.of == 0 { 0..=0 } else { 1..=self.of };
        numbers.map(|number| self.files.get(&number).cloned().ok_or_else(|| missing(number))).collect()
    }
}

/// The models in GGUF among the files of a repository, by path.
pub(crate) fn gguf_sets(names: &[&str]) -> Vec<GgufSet> {
    let mut sets: BTreeMap<(String, u32), GgufSet> = BTreeMap::new();
    for name in names {
        let Some(path) = name.strip_suffix(".gguf") else { continue };
        if is_projector(name) || name.to_ascii_lowercase().contains("imatrix") {
            continue;
        }
        let (stem, number, of) = piece(path).unwrap_or((path, 0, 0));
        let set = sets.entry((stem.to_owned(), of)).or_insert_with(|| GgufSet {
            stem: stem.to_owned(),
            files: BTreeMap::new(),
            of,
            label: label_of(stem),
        });
        set.files.insert(number, (*name).to_owned());
    }
    sets.into_values().collect()
}

/// Whether a file is what a GGUF sees with.
pub(crate) fn is_projector(name: &str) -> bool {
    let own = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    own.ends_with(".gguf") && own.contains("mmproj")
}

/// Stem, number and count of `stem-00001-of-00002`.
pub(crate) fn piece(stem: &str) -> Option<(&str, u32, u32)> {
    let digits = |text: &str| (text.len() == 5).then(|| text.parse::<u32>().ok()).flatten();
    let (rest, of) = stem.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let (number, of) = (digits(number)?, digits(of)?);
    (number >= 1 && number <= of).then_some((stem, number, of))
}

/// The label at the end of a file's name, in upper case: `Q4_K_M`, `IQ2_XXS`, `UD-Q4_K_XL`, `BF16`.
pub(crate) fn label_of(path: &str) -> Option<String> {
    let own = path.rsplit('/').next().unwrap_or_default();
    let own = own.strip_suffix(".gguf").unwrap_or(own);
    let at = own.rfind(['-', '.']).map_or(0, |at| at + 1);
    let word = own[at..].to_ascii_uppercase();
    if !is_label(&word) {
        return None;
    }
    let dynamic = own[..at].to_ascii_uppercase();
    Some(if dynamic.ends_with("UD-") { format!("UD-{word}") } else { word })
}

fn is_label(word: &str) -> bool {
    if ["BF16", "F16", "F32", "FP16", "FP32", "MXFP4", "MXFP4_MOE", "NVFP4"].contains(&word) {
        return true;
    }
    let Some(rest) = ["IQ", "TQ", "Q"].iter().find_map(|prefix| word.strip_prefix(prefix)) else { return false };
    let Some(rest) = rest.strip_prefix(|c: char| c.is_ascii_digit()) else { return false };
    rest.starts_with('_') && rest[1..].chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && rest.len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_off_the_names_that_people_give() {
        for (name, label) in [
            ("SmolLM3-Q4_K_M.gguf", Some("Q4_K_M")),
            ("smollm3.q8_0.gguf", Some("Q8_0")),
            ("dir/x-UD-Q4_K_XL", Some("UD-Q4_K_XL")),
            ("x-IQ2_XXS.gguf", Some("IQ2_XXS")),
            ("x-bf16.gguf", Some("BF16")),
            ("model.gguf", None),
            ("Qwen3-4B.gguf", None),
            ("Q4_0.gguf", Some("Q4_0")),
        ] {
            assert_eq!(label_of(name).as_deref(), label, "{name}");
        }
    }

    #[test]
    fn pieces_belong_together_and_a_missing_one_is_named() {
        assert_eq!(piece("a-b-00002-of-00003"), Some(("a-b", 2, 3)));
        for other in ["a-00004-of-00003", "a-1-of-3", "a", "a-00000-of-00001"] {
            assert_eq!(piece(other), None, "{other}");
        }
        let sets = gguf_sets(&["a-00001-of-00003.gguf", "a-00003-of-00003.gguf", "imatrix.gguf", "mmproj-a.gguf"]);
        assert_eq!(sets.len(), 1);
        assert_eq!(sets[0].pieces(), Err("a-00002-of-00003.gguf".to_owned()));
    }
}
