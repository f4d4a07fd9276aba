//! What a name stands for: a repository of the hub, or a model of Ollama's.

use std::path::Path;

use plimsoll_catalog::{Availability, ModelCard};
use plimsoll_fetch::{FetchError, HubReference, OllamaReference, Reference};

use crate::mistake::Mistake;
use crate::model::{self, NoModel};
use crate::{catalogue, demo};

/// Where a model is fetched from.
pub enum Source {
    /// A repository, with what the catalogue knows of it.
    Hub { reference: HubReference, card: Option<&'static ModelCard> },
    /// A model of Ollama's registry.
    Ollama(OllamaReference),
}

impl Source {
    /// What `name` stands for. A card stands for the first repository that it names, or for that which was asked for.
    ///
    /// # Errors
    /// It stands for nothing that can be fetched.
    pub fn of(name: &str) -> anyhow::Result<Source> {
        if demo::files(name).is_some() {
            let hint = format!("`plimsoll run {name}` asks it");
            return Err(Mistake::error(format!("`{name}` is part of this program: there is nothing to fetch"), hint));
        }
        let is_path = name.starts_with(['.', '~']) || name.ends_with(".gguf") && Path::new(name).exists();
        if is_path || Path::new(name).is_absolute() {
            let hint = format!("`plimsoll info {name}` tells what it is");
            return Err(Mistake::error(format!("`{name}` is a path of this machine: there is nothing to fetch"), hint));
        }
        let catalog = catalogue::open()?;
        let parsed = name.parse::<Reference>();
        if let Ok(Reference::Ollama(reference)) = parsed {
            return Ok(Source::Ollama(reference));
        }
        if let Ok(Reference::Hub(reference)) = parsed {
            let card = catalog.resolve(&reference.repository);
            return Ok(Source::Hub { reference, card });
        }
        // A name of the catalogue, with a quantisation or without.
        let (own, label) = match name.split_once(':') {
            Some((own, label)) if !own.contains('/') => (own, Some(label)),
            _ => (name, None),
        };
        let Some(card) = catalog.resolve(model::known_as(own)) else {
            // Who writes a slash or a scheme means no name of the catalogue.
            return Err(match parsed {
                Err(error) if name.contains('/') || name.contains(':') => FetchError::from(error).into(),
                _ => NoModel::of(name, catalog).into(),
            });
        };
        of_card(card, own, label)
    }

    /// As it is written.
    pub fn name(&self) -> String {
        match self {
            Source::Hub { reference, .. } => reference.to_string(),
            Source::Ollama(reference) => reference.to_string(),
        }
    }
}

fn of_card(card: &'static ModelCard, asked: &str, label: Option<&str>) -> anyhow::Result<Source> {
    let Some(repository) =
        model::asked_of_hub(card, asked).next().filter(|_| card.availability != Availability::Announced)
    else {
        let hint = format!("`plimsoll info {}` shows what is known of it", card.id);
        return Err(Mistake::error(
            format!("no files of `{}` are published where this program knows of", card.id),
            hint,
        ));
    };
    let written = label.map_or_else(|| format!("hf:{repository}"), |label| format!("hf:{repository}:{label}"));
    match written.parse().map_err(FetchError::from)? {
        Reference::Hub(reference) => Ok(Source::Hub { reference, card: Some(card) }),
        Reference::Ollama(reference) => Ok(Source::Ollama(reference)),
    }
}
