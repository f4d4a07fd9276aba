//! What a model of Ollama is made of: a list of blobs, each with what it is for.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Longest manifest that is read, in bytes.
pub(super) const LONGEST: usize = 1 << 20;
/// More layers than any model has.
const MOST_LAYERS: usize = 10_000;
const IMAGE: &str = "application/vnd.ollama.image.";

/// A blob of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// What it is for.
    pub kind: LayerKind,
    /// Its SHA-256, which it is called by.
    pub digest: Digest,
    /// Bytes.
    pub bytes: u64,
}

/// What a blob is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// Weights, in GGUF.
    Model,
    /// What it sees with, in GGUF.
    Projector,
    /// A template in Go's language.
    Template,
    /// Sampling settings, in JSON.
    Params,
    /// A system message.
    System,
    /// The text of a licence.
    Licence,
    /// Weights that change those of the model.
    Adapter,
    /// A conversation that every other begins with, in JSON.
    Messages,
    /// The description of all, in JSON.
    Config,
    /// Something else, by its media type.
    Other(String),
}

#[derive(Deserialize)]
struct Written {
    config: Option<WrittenLayer>,
    #[serde(default)]
    layers: Vec<WrittenLayer>,
}

#[derive(Deserialize)]
struct WrittenLayer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
    size: u64,
}

impl LayerKind {
    fn of(media_type: &str) -> LayerKind {
        match media_type.strip_prefix(IMAGE) {
            Some("model") => LayerKind::Model,
            Some("projector") => LayerKind::Projector,
            Some("template") => LayerKind::Template,
            Some("params") => LayerKind::Params,
            Some("system") => LayerKind::System,
            Some("license") => LayerKind::Licence,
            Some("adapter") => LayerKind::Adapter,
            Some("messages") => LayerKind::Messages,
            _ if media_type == "application/vnd.docker.container.image.v1+json" => LayerKind::Config,
            _ => LayerKind::Other(media_type.chars().filter(|c| !c.is_control()).take(100).collect()),
        }
    }

    /// In a word.
    pub fn name(&self) -> &str {
        match self {
            LayerKind::Model => "model",
            LayerKind::Projector => "projector",
            LayerKind::Template => "template",
            LayerKind::Params => "params",
            LayerKind::System => "system",
            LayerKind::Licence => "licence",
            LayerKind::Adapter => "adapter",
            LayerKind::Messages => "messages",
            LayerKind::Config => "config",
            LayerKind::Other(media_type) => media_type,
        }
    }
}

/// The layers of a manifest, its description among them.
pub(super) fn read(text: &[u8]) -> Result<Vec<Layer>, String> {
    if text.len() > LONGEST {
        return Err("the manifest is longer than any".to_owned());
    }
    let written: Written = serde_json::from_slice(text).map_err(|error| format!("no manifest: {error}"))?;
    if written.layers.len() > MOST_LAYERS {
        return Err(format!("{} layers are more than any model has", written.layers.len()));
    }
    let layer = |written: WrittenLayer| {
        let digest = written.digest.strip_prefix("sha256:").and_then(Digest::sha256);
        let digest = digest.ok_or_else(|| "a layer is called by no SHA-256".to_owned())?;
        Ok(Layer { kind: LayerKind::of(&written.media_type), digest, bytes: written.size })
    };
    let layers: Result<Vec<Layer>, String> = written.config.into_iter().chain(written.layers).map(layer).collect();
    let layers = layers?;
    if !layers.iter().any(|layer| layer.kind == LayerKind::Model) {
        return Err("the manifest has no weights in GGUF".to_owned());
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_read_and_what_is_none_is_refused() {
        let sha = format!("sha256:{}", "ab".repeat(32));
        let text = |media: &str, digest: &str| {
            serde_json::json!({ "schemaVersion": 2, "layers": [{ "mediaType": media, "digest": digest, "size": 5 }] })
                .to_string()
        };
        let model = text("application/vnd.ollama.image.model", &sha);
        assert_eq!(read(model.as_bytes()).unwrap()[0].kind, LayerKind::Model);
        for other in [
            text("application/vnd.ollama.image.model", "sha256:../../x"),
            text("application/vnd.ollama.image.model", &sha[7..]),
            text("application/vnd.ollama.image.license", &sha),
            "{}".to_owned(),
            "<html>".to_owned(),
        ] {
            assert!(read(other.as_bytes()).is_err(), "{other}");
        }
    }
}
