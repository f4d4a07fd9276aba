//! `--template`: another template than the model's own.

use std::path::PathBuf;
use std::str::FromStr;

/// Which template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateArg {
    /// ChatML.
    Chatml,
    /// The one in this file.
    File(PathBuf),
}

impl FromStr for TemplateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<TemplateArg, String> {
        match text {
            "chatml" => Ok(TemplateArg::Chatml),
            path if path.ends_with(".jinja") || path.contains('/') => Ok(TemplateArg::File(PathBuf::from(path))),
            _ => Err("expected chatml, or the path of a .jinja file".to_owned()),
        }
    }
}
