//! README.md of a folder of MLX: the front matter by which the hub knows it. Source: mlx-lm's `create_model_card`.

use std::fmt::{self, Display};

use plimsoll_formats::LicenceFacts;
use plimsoll_formats::mlx::Affine;

/// What the card tells.
#[derive(Debug, Clone, Copy)]
pub struct Card<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The name on the hub of the model that it was made of, if that is known.
    pub base_model: Option<&'a str>,
    /// What that says about its licence.
    pub licence: &'a LicenceFacts,
    /// How most weights are quantised; none where all are floats.
    pub usual: Option<Affine>,
    /// Whether they are the values that they were stored in before.
    pub is_exact: bool,
    /// Whether each weight has a width of its own.
    pub is_mixed: bool,
    /// Whether it has a vision tower.
    pub sees: bool,
}

impl Display for Card<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "---\nlibrary_name: mlx")?;
        writeln!(f, "pipeline_tag: {}", if self.sees { "image-text-to-text" } else { "text-generation" })?;
        writeln!(f, "tags:\n- mlx")?;
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
        writeln!(f, "# {name}\n")?;
        match self.usual {
            Some(Affine { bits, group }) if self.is_exact => {
                writeln!(f, "The very values of a quantised GGUF, most in {bits} bits, groups of {group}.")?;
            }
            Some(Affine { bits, group }) if self.is_mixed => {
                writeln!(
                    f,
                    "Each weight in a width of its own, most in {bits} bits, groups of {group}, chosen for what it loses"
                )?;
                writeln!(f, "and fitted to the least squared error.")?;
            }
            Some(Affine { bits, group }) => {
                writeln!(f, "Weights in {bits} bits, groups of {group}, fitted to the least squared error.")?;
            }
            None => writeln!(f, "Weights as floats.")?,
        }
        let package = if self.sees { "mlx-vlm" } else { "mlx-lm" };
        writeln!(f, "\nWritten by `plimsoll export mlx`; `{package}` loads this folder.")
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
        let usual = Some(Affine { bits: 4, group: 64 });
        let card = Card {
            name: "m",
            base_model: Some("a/b"),
            licence: &licence,
            usual,
            is_exact: false,
            is_mixed: false,
            sees: false,
        };
        let text = card.to_string();
        assert!(
            text.starts_with("---\nlibrary_name: mlx\npipeline_tag: text-generation\ntags:\n- mlx\nbase_model: a/b\n")
        );
        assert!(text.contains("\nlicense: apache-2.0\nlicense_link: \"x\\ntags: [a]\"\n---\n"), "{text}");
    }
}
