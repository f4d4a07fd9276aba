//! Models that were fetched, found by what they were fetched as. No socket is opened.

use std::path::PathBuf;

use plimsoll_fetch::{Cache, HubReference, OllamaReference, Reference, Want, choose};

use crate::{hub, places};

/// The path of `name`, such as `hf:org/name:Q4_K_M` or `ollama:name`, if that is here.
pub fn find(name: &str) -> Option<PathBuf> {
    match name.parse().ok()? {
        Reference::Hub(reference) => in_cache(&Cache::at(places::hub_cache()?), &reference),
        Reference::Ollama(reference) => in_ollama(&reference),
    }
}

/// The folder of a model, or its GGUF where the folder has several.
pub fn in_cache(cache: &Cache, reference: &HubReference) -> Option<PathBuf> {
    let folder = cache.find(reference)?;
    let commit = folder.file_name()?.to_string_lossy().into_owned();
    let model = cache.model(&reference.repository)?;
    let revision = model.revisions.into_iter().find(|revision| revision.commit == commit)?;
    let there: Vec<&str> =
        revision.files.iter().filter(|file| file.bytes.is_some()).map(|file| file.name.as_str()).collect();
    let want = Want { quantisation: reference.quantisation.clone(), mmproj: false };
    // What cannot be chosen from is left to who opens the folder.
    match choose(&there, &want) {
        Ok(choice) => {
            let first = choice.weights.first()?;
            Some(if first.ends_with(".gguf") { folder.join(first) } else { folder })
        }
        Err(_) => reference.quantisation.is_none().then_some(folder),
    }
}

fn in_ollama(reference: &OllamaReference) -> Option<PathBuf> {
    let model = hub::ollama_store()?.find(reference).ok()??;
    model.is_complete().then_some(model.weights)
}
