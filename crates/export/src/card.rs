//! README.md of an exported folder: the front matter by which the hub knows it, and its licence. Source: mlx-lm's
//! `create_model_card`.

use std::fmt::{self, Display};

use plimsoll_formats::LicenceFacts;

/// What the card tells.
#[derive(Debug, Clone, Copy)]
pub struct Card<'a> {
    /// The hub's name of the library that runs it.
    pub library: &'a str,
    /// The hub's tag of its format.
    pub tag: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// The name on the hub of the model that it was made of, if that is known.
    pub base_model: Option<&'a str>,
    /// What that says about its licence.
    pub licence: &'a LicenceFacts,
    /// Whether it has a vision tower.
    pub sees: bool,
    /// How weights are stored, and who wrote it: what stands below its name.
    pub about: &'a str,
}

impl Display for Card<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "---\nlibrary_name: {}", self.library)?;
        writeln!(f, "pipeline_tag: {}", if self.sees { "image-text-to-text" } else { "text-generation" })?;
        writeln!(f, "tags:\n- {}", self.tag)?;
        if let Some(base) = self.base_model {
            writeln!(f, "base_model: {}", quoted(base))?;
        }
        for kind in plimsoll_formats::STATEMENT_KINDS {
            if let Some(declared) = self.licence.declared.iter().find(|declared| declared.kind == kind) {
                writeln!(f, "{kind}: {}", quoted(&declared.value))?;
            }
        }
        writeln!(f, "---\n")?;
        let name: String = self.name.chars().filter(|c| !c.is_control()).collect();
        writeln!(f, "# {name}\n\n{}", self.about)
    }
}

/// A text as YAML has it: quoted as JSON quotes, which YAML takes, where it is more than a plain word.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&&text.to_ascii_lowercase()[..]);
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_formats::Declaration;

    #[test]
    fn what_foreign_files_say_stays_in_its_line() {
        let declared =
            |kind, value: &str| Declaration { source: "README.md".to_owned(), kind, value: value.to_owned() };
        let licence =
            LicenceFacts::of(vec![declared("license", "apache-2.0"), declared("license_link", "x\ntags: [a]")]);
        let card = Card {
            library: "mlx",
            tag: "mlx",
            name: "m\n# other",
            base_model: Some("a/b"),
            licence: &licence,
            sees: false,
            about: "Weights as floats.",
        };
        let text = card.to_string();
        assert!(
            text.starts_with("---\nlibrary_name: mlx\npipeline_tag: text-generation\ntags:\n- mlx\nbase_model: a/b\n")
        );
        assert!(text.contains("\nlicense: apache-2.0\nlicense_link: \"x\\ntags: [a]\"\n---\n"), "{text}");
        assert!(text.ends_with("\n# m# other\n\nWeights as floats.\n"), "{text}");
    }
}
