//! `plimsoll models`

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use plimsoll_fetch::{CachedModel, Cancel, Digest, OllamaModel, Reference, Verdict};
use plimsoll_lab::standing::Standing;
use plimsoll_panel::shown_text;
use serde_json::{Value, json};

use super::pull;
use crate::args::{Models, ModelsAction};
use crate::device::bytes;
use crate::hub;
use crate::mistake::Mistake;
use crate::output::{print_json, status_of};
use crate::style::Style;

/// Characters of a name in the list.
const NAME: usize = 54;

/// A model on this machine.
enum Here {
    Hub(CachedModel),
    Ollama(OllamaModel),
}

/// Lists, checks or removes what is on this machine.
///
/// # Errors
/// There is no such model, or it cannot be read or removed.
pub fn run(command: &Models, as_json: bool) -> anyhow::Result<ExitCode> {
    match &command.action {
        None | Some(ModelsAction::List) => list(as_json).map(|()| ExitCode::SUCCESS),
        Some(ModelsAction::Verify { models }) => verify(models, as_json),
        Some(ModelsAction::Remove { model, yes }) => remove(model, *yes, as_json).map(|()| ExitCode::SUCCESS),
    }
}

fn all() -> anyhow::Result<Vec<Here>> {
    let cached = hub::cache()?.models().into_iter().map(Here::Hub);
    let ollama = hub::ollama_store().map(|store| store.models()).unwrap_or_default();
    Ok(cached.chain(ollama.into_iter().map(Here::Ollama)).collect())
}

fn named(name: &str) -> anyhow::Result<Here> {
    let none =
        || Mistake::error(format!("no model on this machine is called `{name}`"), "`plimsoll models` lists them");
    let wanted = match name.parse::<Reference>() {
        Ok(Reference::Hub(reference)) => reference.repository,
        Ok(Reference::Ollama(reference)) => reference.to_string(),
        // A name of the catalogue stands for the repository that it would be fetched from.
        Err(_) => match pull::repository(name) {
            Some(repository) => repository,
            None => return Err(none()),
        },
    };
    let is_wanted = |here: &Here| match here {
        Here::Hub(model) => model.repository.eq_ignore_ascii_case(&wanted),
        Here::Ollama(model) => model.name == wanted,
    };
    all()?.into_iter().find(is_wanted).ok_or_else(none)
}

impl Here {
    fn name(&self) -> String {
        match self {
            Here::Hub(model) => format!("hf:{}", model.repository),
            Here::Ollama(model) => model.name.clone(),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Here::Hub(model) => model.bytes,
            Here::Ollama(model) => model.bytes(),
        }
    }

    /// What is to be known of it beside its size.
    fn remark(&self) -> &'static str {
        let unfinished = match self {
            Here::Hub(model) => model.is_unfinished,
            Here::Ollama(model) => !model.is_complete(),
        };
        if unfinished { "unfinished" } else { "" }
    }

    fn as_value(&self) -> Value {
        let mut value = match self {
            Here::Hub(model) => json!(model),
            Here::Ollama(model) => json!(model),
        };
        value["name"] = json!(self.name());
        value["bytes"] = json!(self.bytes());
        value["finished"] = json!(self.remark().is_empty());
        value
    }

    /// Each file with how it stands.
    fn verified(&self) -> anyhow::Result<Vec<(String, Verdict)>> {
        let cancel = Cancel::default();
        match self {
            Here::Hub(model) => {
                let files = model.revisions.iter().flat_map(|revision| &revision.files);
                files.map(|file| Ok((file.name.clone(), file.verify(&cancel)?))).collect()
            }
            Here::Ollama(model) => {
                let files = model.layers.iter().zip(&model.files);
                files.map(|(layer, path)| Ok((layer.kind.name().to_owned(), of_file(path, &layer.digest)?))).collect()
            }
        }
    }
}

fn of_file(path: &std::path::Path, expected: &Digest) -> anyhow::Result<Verdict> {
    let Ok(mut file) = std::fs::File::open(path) else { return Ok(Verdict::Missing) };
    let found = expected.of_file(&mut file, |_| true)?;
    Ok(if found == *expected { Verdict::Whole } else { Verdict::Damaged { found } })
}

fn list(as_json: bool) -> anyhow::Result<()> {
    let models = all()?;
    if as_json {
        return print_json(&json!({ "models": models.iter().map(Here::as_value).collect::<Vec<_>>() }));
    }
    let mut out = std::io::stdout().lock();
    if models.is_empty() {
        writeln!(out, "no models are on this machine; `plimsoll pull NAME` fetches one")?;
        return Ok(());
    }
    for model in &models {
        let line = format!(
            "{:<NAME$} {:>9}  {}",
            shown_text(&model.name(), NAME),
            bytes(model.bytes() as f64),
            model.remark()
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn verify(names: &[String], as_json: bool) -> anyhow::Result<ExitCode> {
    let models =
        if names.is_empty() { all()? } else { names.iter().map(|name| named(name)).collect::<Result<_, _>>()? };
    let (style, mut standing, mut documents) = (Style::stdout(), Standing::Passed, Vec::new());
    for model in &models {
        let verdicts = model.verified()?;
        let bad: Vec<_> = verdicts.iter().filter(|(_, verdict)| *verdict != Verdict::Whole).collect();
        let own = match bad.iter().any(|(_, verdict)| *verdict != Verdict::Unknown) {
            true => Standing::Failed,
            false if bad.is_empty() => Standing::Passed,
            false => Standing::Inconclusive,
        };
        standing = match (standing, own) {
            (Standing::Failed, _) | (_, Standing::Failed) => Standing::Failed,
            (Standing::Inconclusive, _) | (_, Standing::Inconclusive) => Standing::Inconclusive,
            _ => Standing::Passed,
        };
        if as_json {
            let files: Vec<_> =
                verdicts.iter().map(|(file, verdict)| json!({ "file": file, "found": verdict })).collect();
            documents.push(json!({ "name": model.name(), "standing": own, "files": files }));
            continue;
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{:<NAME$} {}", shown_text(&model.name(), NAME), style.standing(own))?;
        for (file, verdict) in bad {
            writeln!(out, "  {}: {}", shown_text(file, NAME), words(verdict))?;
        }
    }
    if as_json {
        print_json(&json!({ "standing": standing, "models": documents }))?;
    }
    Ok(status_of(standing))
}

fn words(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Whole => "whole",
        Verdict::Damaged { .. } => "its bytes do not have its hash",
        Verdict::Missing => "it is not there",
        Verdict::Unknown => "it is called by no hash",
    }
}

fn remove(name: &str, yes: bool, as_json: bool) -> anyhow::Result<()> {
    let model = named(name)?;
    pull::ask(&format!("remove {}, {}?", model.name(), bytes(model.bytes() as f64)), yes)?;
    let freed = match &model {
        Here::Hub(cached) => hub::cache()?.remove(&cached.repository)?,
        Here::Ollama(cached) => match hub::ollama_store() {
            Some(store) => store.remove(cached)?,
            None => bail!("there is no folder for Ollama's store"),
        },
    };
    if as_json {
        return print_json(&json!({ "name": model.name(), "freed": freed }));
    }
    writeln!(std::io::stdout(), "removed {}: {} came free", model.name(), bytes(freed as f64))?;
    Ok(())
}
