//! The models that are served.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use plimsoll_api::{Models, Offer, Served, WorkerOptions};
use plimsoll_engine::Session;
use plimsoll_engine::batch::BatchOptions;
use plimsoll_runtime::CacheType;

use crate::args::Serve;
use crate::model;
use crate::settings::Settings;

/// The models that are to answer; as many as there is room for are loaded.
pub fn offered(command: &Serve, settings: &Settings) -> anyhow::Result<Models> {
    let memory = command.memory.map(|gigabytes| (gigabytes * 1e9) as u64);
    let mut models = Models::within(memory, command.keep_alive);
    for name in &command.models {
        let offer = offer(name, command, settings).with_context(|| format!("`{name}`"))?;
        models.offer(&served_name(name), offer)?;
    }
    for alias in &command.alias {
        let (alias, model) = alias.split_once('=').unwrap_or((alias, &command.models[0]));
        anyhow::ensure!(
            command.models.iter().any(|served| served == model),
            "--alias {alias}: `{model}` is not served"
        );
        models.alias(alias, &served_name(model))?;
    }
    let names: Vec<String> = command.models.iter().map(|name| served_name(name)).collect();
    models.load_what_fits(names.iter().map(String::as_str))?;
    Ok(models)
}

/// A model that is loaded when it is asked for. Loaded it takes its files and what its caches may.
fn offer(name: &str, command: &Serve, settings: &Settings) -> anyhow::Result<Offer> {
    let checkpoint = model::open(name)?;
    let context = model::context(&checkpoint, command.context)?;
    let cache_bytes = (command.cache_memory * 1e9) as u64;
    let batch = BatchOptions { sequences: command.parallel.into(), cache_bytes, ..BatchOptions::default() };
    let options = WorkerOptions { batch, ..WorkerOptions::default() };
    let session = model::session_options(settings.clone(), command.context, CacheType::default());
    let bytes = checkpoint.file_bytes() + cache_bytes;
    let name = name.to_owned();
    // What is open already is what is loaded first; later the files are opened again.
    let opened = Mutex::new(Some(checkpoint.clone()));
    let load = move || {
        let loaded = || -> anyhow::Result<Served> {
            let first = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
            let checkpoint = first.map_or_else(|| model::open(&name), Ok)?;
            let session = Session::open(&checkpoint, &session)?;
            Ok(Served::start(&checkpoint, session, options.clone())?)
        };
        loaded().map_err(|error| format!("{error:#}"))
    };
    Ok(Offer::new(&checkpoint, context, bytes, load))
}

/// What clients call a model: its name, or the last part of its path.
fn served_name(model: &str) -> String {
    let path = Path::new(model);
    match path.file_name().filter(|_| path.exists()) {
        Some(name) => name.to_string_lossy().trim_end_matches(".gguf").to_owned(),
        None => model.to_owned(),
    }
}
