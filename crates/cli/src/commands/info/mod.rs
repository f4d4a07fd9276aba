//! `plimsoll info`

mod text;
mod vision;

use anyhow::bail;
use plimsoll_catalog::ModelCard;
use plimsoll_engine::{ChatTemplate, Tokenizer};
use plimsoll_kernels::Cpu;
use plimsoll_lab::loss::MeasuredBy;
use plimsoll_lab::predict::MemoryPrediction;
use plimsoll_lab::predict::before::SpeedHere;
use plimsoll_models::{Checkpoint, Hyperparams, LayerKind};
use plimsoll_runtime::{CacheType, Program, measure_machine, resident_bytes};
use serde_json::{Value, json};

use super::catalog::{self, On};
use crate::args::Info;
use crate::catalogue;
use crate::device::Device;
use crate::images::require_tower;
use crate::licence::{self, Licensing};
use crate::loss;
use crate::mistake::Mistake;
use crate::model::{self, NoArtifact, NoModel};
use crate::output;
use crate::predicted::require_context;
use crate::settings::Settings;
use vision::VisionFacts;

/// Everything that is shown.
struct Facts<'a> {
    checkpoint: &'a Checkpoint,
    /// The chat template, or why it cannot be used: the rest is told all the same.
    template: Result<Option<ChatTemplate>, String>,
    /// Tokens of the vocabulary, or why the tokenizer cannot be used: a model can be looked at without one.
    vocabulary: Result<usize, String>,
    memory: MemoryPrediction,
    speed: SpeedHere,
    vision: Option<VisionFacts>,
    settings: Settings,
    card: Option<&'static ModelCard>,
    licensing: Licensing,
    /// What it lost against the model that it was made from, as its file says; or why that cannot be read.
    lost: Result<Option<MeasuredBy>, String>,
}

/// Prints what a model is, what its licence allows, and what it will take here; of a model without files, its card.
pub fn run(command: &Info, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    require_tower(command.mmproj.as_deref())?;
    if command.on.device.is_some() {
        let catalog = catalogue::open()?;
        let Some(card) = catalog.resolve(model::known_as(&command.model)) else {
            let near = NoModel::of(&command.model, catalog)
                .near
                .map_or(String::new(), |near| format!("did you mean `{near}`?\n"));
            return Err(Mistake::error(
                format!("--device predicts from the shape on a card, and no card is called `{}`", command.model),
                format!("{near}`plimsoll catalog` lists the cards; `plimsoll catalog WORD` searches them"),
            ));
        };
        return before(command, card, &settings, as_json);
    }
    let checkpoint = match model::open(&command.model) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let Some(NoArtifact { card, .. }) = error.downcast_ref() else { return Err(error) };
            return before(command, card, &settings, as_json);
        }
    };
    let facts = facts(command, settings, &checkpoint)?;
    if as_json { output::print_json(&as_value(&facts)) } else { text::print(command, &facts) }
}

/// What is known of a card, and what it would take on the device asked for.
fn before(command: &Info, card: &ModelCard, settings: &Settings, as_json: bool) -> anyhow::Result<()> {
    if !command.images.is_empty() {
        bail!(
            "--image is looked at by a model's files, and this is predicted from a card; `plimsoll fit --pictures N` counts pictures"
        );
    }
    let licensing = Licensing::of(None, Some(card), command.usage.declared())?;
    if card.shapes.is_empty() {
        return catalog::show(card, None, &licensing, None, as_json);
    }
    card.shapes.iter().try_for_each(|shape| require_context(card, shape, command.context))?;
    let device = Device::of(command.on.device.as_deref(), settings)?;
    let artifact = model::locate(&card.id).ok();
    let on = On { device: &device, context: command.context };
    catalog::show(card, artifact.as_deref(), &licensing, Some(on), as_json)
}

fn facts<'a>(command: &Info, settings: Settings, checkpoint: &'a Checkpoint) -> anyhow::Result<Facts<'a>> {
    let tokenizer = Tokenizer::of(checkpoint, settings.pre.as_deref());
    let template = match &tokenizer {
        Ok(tokenizer) => {
            ChatTemplate::of(checkpoint, tokenizer.template_variables()).map_err(|error| error.to_string())
        }
        Err(_) => Ok(None),
    };
    let vocabulary = tokenizer.as_ref().map(Tokenizer::vocab_size).map_err(ToString::to_string);
    let process = resident_bytes().map_or(0, |resident| resident.now);
    let cost = Program::cost(checkpoint)?;
    let cpu = Cpu::new(settings.isa, settings.threads)?;
    let machine = measure_machine(&cpu, &cost.products());
    let context = model::context(checkpoint, command.context)?;
    let cache = CacheType::from(command.cache);
    let memory = MemoryPrediction::new(&cost, process, context, cache);
    let speed = SpeedHere::of(&cost, &machine, context, cache);
    let vision = VisionFacts::new(command, checkpoint, &settings, &cpu)?;
    let (licensing, card) = licence::of_checkpoint(&command.model, checkpoint, command.usage.declared())?;
    let lost = loss::stored(checkpoint).map_err(|error| error.to_string());
    Ok(Facts { checkpoint, template, vocabulary, memory, speed, vision, settings, card, licensing, lost })
}

fn as_value(facts: &Facts<'_>) -> Value {
    let Facts { checkpoint, memory, speed, .. } = facts;
    let hp = &checkpoint.hyperparams;
    let licence = &checkpoint.licence;
    let mut value = json!({
        "name": checkpoint.name,
        "path": checkpoint.path,
        "format": checkpoint.format.to_string(),
        "architecture": hp.arch_name,
        "parameters": checkpoint.n_params(),
        "file_bytes": checkpoint.file_bytes(),
        "types": checkpoint.bytes_by_type().iter().map(|(t, bytes)| json!({ "type": t.name(), "bytes": bytes })).collect::<Vec<_>>(),
        "layers": hp.n_layers, "d_model": hp.d_model, "d_ff": hp.d_ff,
        "heads": hp.n_heads, "kv_heads": hp.n_kv_heads, "head_dim": hp.head_dim,
        "attention": attention_words(hp),
        "vocabulary": facts.vocabulary.as_ref().ok(),
        "tokenizer_error": facts.vocabulary.as_ref().err(),
        "context": hp.max_seq_len,
        "lost": facts.lost.as_ref().ok().and_then(Option::as_ref).map(|MeasuredBy { engine, stored: lost }| json!({
            "engine": engine, "base": lost.base, "base_sha256": lost.base_sha256, "held_out_sha256": lost.held_out_sha256,
            "calibration_sha256": lost.calibration_sha256, "loss": lost.loss,
        })),
        "lost_error": facts.lost.as_ref().err(),
        "licence": {
            "spdx": licence.spdx,
            "declared": licence.declared.iter().map(|d| json!({ "source": d.source, "kind": d.kind, "value": d.value })).collect::<Vec<_>>(),
            "texts": licence.texts.iter().map(|t| json!({
                "file": t.file, "sha256": t.sha256, "words_sha256": t.words_sha256,
            })).collect::<Vec<_>>(),
            "conflicts": licence.conflicts,
        },
        "template": facts.template.as_ref().ok().and_then(Option::as_ref).map(|t| json!({
            "thinking": t.supports_thinking(), "tools": t.supports_tools(), "source": t.source(),
        })),
        "template_error": facts.template.as_ref().err(),
        "vision": facts.vision.as_ref().map(VisionFacts::as_value),
        "predicted": { "memory": memory, "memory_bytes": memory.total(), "speed": speed },
        "isa": facts.settings.isa.to_string(), "threads": facts.settings.threads,
        "card": facts.card,
    });
    facts.licensing.add_to(&mut value);
    value
}

fn attention_words(hp: &Hyperparams) -> String {
    let layers = |kind| hp.layer_kinds.iter().filter(|k| **k == kind).count();
    match (layers(LayerKind::Sliding), layers(LayerKind::Chunked), hp.sliding_window) {
        (0, 0, _) => "full".to_owned(),
        (0, chunked, _) => format!("chunked in {chunked} layers"),
        (sliding, _, window) => format!("window of {} in {sliding} layers", window.unwrap_or_default()),
    }
}
