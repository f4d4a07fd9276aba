//! `plimsoll info`

mod sight;

use std::io::Write;

use plimsoll_catalog::ModelCard;
use plimsoll_engine::{ChatTemplate, Tokenizer};
use plimsoll_formats::{Checkpoint, Format, Hyperparams, LayerKind, LicenceFacts};
use plimsoll_kernels::Cpu;
use plimsoll_lab::predict::{MemoryPrediction, SpeedPrediction};
use plimsoll_panel::shown_text;
use plimsoll_runtime::{CacheType, Program, measure_machine, resident_bytes};
use serde_json::{Value, json};

use super::catalog;
use crate::args::Info;
use crate::licence::{self, Licensing};
use crate::model::{self, NoArtifact};
use crate::rows::{WIDTH, write_rows};
use crate::settings::Settings;
use crate::style::Style;
use sight::SightFacts;

/// Tokens of the prompt that prefill is predicted for.
const PREFILL_TOKENS: usize = 256;

/// Everything that is shown.
struct Facts<'a> {
    checkpoint: &'a Checkpoint,
    template: Option<ChatTemplate>,
    /// Tokens of the vocabulary, or why the tokenizer cannot be used: a model can be looked at without one.
    vocabulary: Result<usize, String>,
    memory: MemoryPrediction,
    speed: SpeedPrediction,
    sight: Option<SightFacts>,
    settings: Settings,
    card: Option<&'static ModelCard>,
    licensing: Licensing,
}

/// Prints what a model is, what its licence allows, and what it will take here; of a model without files, its card.
pub fn run(command: &Info, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let checkpoint = match model::open(&command.model) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let Some(NoArtifact { card, .. }) = error.downcast_ref() else { return Err(error) };
            return catalog::show(card, &Licensing::of(None, Some(card), command.usage.declared())?, as_json);
        }
    };
    let facts = facts(command, settings, &checkpoint)?;
    if as_json { super::print_json(&as_value(&facts)) } else { print(command, &facts) }
}

fn facts<'a>(command: &Info, settings: Settings, checkpoint: &'a Checkpoint) -> anyhow::Result<Facts<'a>> {
    let tokenizer = Tokenizer::of(checkpoint, settings.pre.as_deref());
    let template = match &tokenizer {
        Ok(tokenizer) => ChatTemplate::of(checkpoint, tokenizer)?,
        Err(_) => None,
    };
    let vocabulary = tokenizer.as_ref().map(Tokenizer::vocab_size).map_err(ToString::to_string);
    let process = resident_bytes().map_or(0, |resident| resident.now);
    let cost = Program::cost(checkpoint)?;
    let cpu = Cpu::new(settings.isa, settings.threads)?;
    let machine = measure_machine(&cpu, &cost.products());
    let context = model::context(checkpoint, command.context)?;
    let cache = CacheType::from(command.cache);
    let memory = MemoryPrediction::new(&cost, process, context, cache);
    let speed = SpeedPrediction::new(&cost, &machine, 0, PREFILL_TOKENS.min(context), cache);
    let sight = SightFacts::new(command, checkpoint, &settings, &cpu)?;
    let (licensing, card) = licence::of_checkpoint(&command.model, checkpoint, command.usage.declared())?;
    Ok(Facts { checkpoint, template, vocabulary, memory, speed, sight, settings, card, licensing })
}

fn as_value(facts: &Facts<'_>) -> Value {
    let Facts { checkpoint, memory, speed, .. } = facts;
    let hp = &checkpoint.hyperparams;
    let licence = &checkpoint.licence;
    let mut value = json!({
        "name": checkpoint.name,
        "path": checkpoint.path,
        "format": format_name(checkpoint.format),
        "architecture": hp.arch.as_str(),
        "parameters": checkpoint.n_params(),
        "file_bytes": checkpoint.file_bytes(),
        "types": checkpoint.bytes_by_type().iter().map(|(t, bytes)| json!({ "type": t.name(), "bytes": bytes })).collect::<Vec<_>>(),
        "layers": hp.n_layers, "d_model": hp.d_model, "d_ff": hp.d_ff,
        "heads": hp.n_heads, "kv_heads": hp.n_kv_heads, "head_dim": hp.head_dim,
        "attention": attention_words(hp),
        "vocabulary": facts.vocabulary.as_ref().ok(),
        "tokenizer_error": facts.vocabulary.as_ref().err(),
        "context": hp.max_seq_len,
        "licence": {
            "spdx": licence.spdx,
            "declared": licence.declared.iter().map(|d| json!({ "source": d.source, "kind": d.kind, "value": d.value })).collect::<Vec<_>>(),
            "texts": licence.texts.iter().map(|t| json!({
                "file": t.file, "sha256": t.sha256, "words_sha256": t.words_sha256,
            })).collect::<Vec<_>>(),
            "conflicts": licence.conflicts,
        },
        "template": facts.template.as_ref().map(|t| json!({
            "thinking": t.supports_thinking(), "tools": t.supports_tools(), "source": t.source(),
        })),
        "vision": facts.sight.as_ref().map(SightFacts::as_value),
        "predicted": { "memory": memory, "memory_bytes": memory.total(), "speed": speed },
        "isa": facts.settings.isa.to_string(), "threads": facts.settings.threads,
        "card": facts.card.map(|card| &card.id),
    });
    facts.licensing.add_to(&mut value);
    value
}

fn print(command: &Info, facts: &Facts<'_>) -> anyhow::Result<()> {
    let Facts { checkpoint, memory, speed, settings, .. } = facts;
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    let hp = &checkpoint.hyperparams;
    let mut row = row_writer(&mut out, style);
    row("model", style.bold(&shown_text(&checkpoint.display(), WIDTH)))?;
    row("architecture", format!("{} ({})", hp.arch.as_str(), format_name(checkpoint.format)))?;
    row("parameters", count(checkpoint.n_params()))?;
    row("file", bytes(checkpoint.file_bytes()))?;
    let types: Vec<_> = checkpoint.bytes_by_type().iter().map(|(t, n)| format!("{} {}", t.name(), bytes(*n))).collect();
    row("types", types.join(", "))?;
    row("layers", format!("{} of width {}, MLP {}", hp.n_layers, hp.d_model, hp.d_ff))?;
    row(
        "attention",
        format!(
            "{} heads, {} for keys and values, of {}; {}",
            hp.n_heads,
            hp.n_kv_heads,
            hp.head_dim,
            attention_words(hp)
        ),
    )?;
    row(
        "vocabulary",
        match &facts.vocabulary {
            Ok(tokens) => format!("{tokens} tokens"),
            Err(problem) => format!("not usable: {}", shown_text(problem, WIDTH)),
        },
    )?;
    row("context", format!("{} tokens", hp.max_seq_len))?;
    row("template", template_words(facts.template.as_ref()))?;
    for (i, line) in licence_lines(&checkpoint.licence).into_iter().enumerate() {
        row(if i == 0 { "licence" } else { "" }, shown_text(&line, WIDTH))?;
    }
    row("", format!("taken for {}", shown_text(&facts.licensing.taken_for(), WIDTH - 10)))?;
    write_rows(&mut out, style, "terms", &facts.licensing.term_lines())?;
    write_rows(&mut out, style, "gate", &facts.licensing.gate_lines())?;
    let mut row = row_writer(&mut out, style);
    row("memory here", format!("{} for {} tokens, predicted", bytes(memory.total()), memory.tokens))?;
    row(
        "",
        format!(
            "weights {}, cache {}, buffers {}, process {}",
            bytes(memory.weights),
            bytes(memory.cache),
            bytes(memory.buffers),
            bytes(memory.process)
        ),
    )?;
    row(
        "speed here",
        format!(
            "prefill {:.0}, decode {:.1} tokens/s, predicted for {} {} threads",
            speed.prefill, speed.decode, settings.isa, settings.threads
        ),
    )?;
    if let Some(sight) = &facts.sight {
        for (i, line) in sight.lines().into_iter().enumerate() {
            row(if i == 0 { "vision" } else { "" }, shown_text(&line, WIDTH))?;
        }
        for (path, line) in command.images.iter().zip(sight.picture_lines()) {
            row("picture", shown_text(&path.display().to_string(), WIDTH))?;
            row("", line)?;
        }
    }
    if let (true, Some(template)) = (command.show_template, &facts.template) {
        writeln!(out, "\n{}", template.source())?;
    }
    Ok(())
}

/// Writes a row whose value is no longer than a line.
fn row_writer(out: &mut impl Write, style: Style) -> impl FnMut(&str, String) -> std::io::Result<()> {
    move |name, value| writeln!(out, "{:<14} {value}", style.dim(&format!("{name:<14}")).trim_end())
}

fn format_name(format: Format) -> String {
    match format {
        Format::Safetensors => "safetensors".to_owned(),
        Format::Gguf { version } => format!("GGUF v{version}"),
    }
}

fn attention_words(hp: &Hyperparams) -> String {
    let layers = |kind| hp.layer_kinds.iter().filter(|k| **k == kind).count();
    match (layers(LayerKind::Sliding), layers(LayerKind::Chunked), hp.sliding_window) {
        (0, 0, _) => "full".to_owned(),
        (0, chunked, _) => format!("chunked in {chunked} layers"),
        (sliding, _, window) => format!("window of {} in {sliding} layers", window.unwrap_or_default()),
    }
}

fn template_words(template: Option<&ChatTemplate>) -> String {
    let Some(template) = template else { return "none: `run` needs --raw".to_owned() };
    let mut words = vec!["chat"];
    if template.supports_tools() {
        words.push("tools");
    }
    if template.supports_thinking() {
        words.push("reasoning switch");
    }
    words.join(", ")
}

fn licence_lines(licence: &LicenceFacts) -> Vec<String> {
    let declared = licence.declared.iter().map(|d| format!("{}: {} ({})", d.kind, d.value, d.source));
    let texts = licence
        .texts
        .iter()
        .map(|text| format!("text {} sha256 {}…", text.file, &text.sha256[..12.min(text.sha256.len())]));
    let lines: Vec<String> = declared.chain(texts).collect();
    if lines.is_empty() { vec!["nothing is said of it in these files".to_owned()] } else { lines }
}

/// Three figures and a unit.
fn count(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.0} thousand", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} million", n as f64 / 1e6),
        _ => format!("{:.2} billion", n as f64 / 1e9),
    }
}

fn bytes(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.0} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}
