//! `plimsoll info` for people.

use std::io::Write;

use plimsoll_engine::ChatTemplate;
use plimsoll_formats::LicenceFacts;
use plimsoll_lab::loss::MeasuredBy;
use plimsoll_panel::shown_text;

use super::{Facts, attention_words};
use crate::args::Info;
use crate::device::bytes;
use crate::rows::{Rows, WIDTH};
use crate::style::Style;
use crate::{identity, loss, predicted};

/// Prints everything in rows.
pub fn print(command: &Info, facts: &Facts<'_>) -> anyhow::Result<()> {
    let mut rows = Rows::new(std::io::stdout().lock(), Style::stdout());
    network(&mut rows, facts)?;
    lost(&mut rows, facts)?;
    licence(&mut rows, facts)?;
    here(&mut rows, facts)?;
    if let Some(vision) = &facts.vision {
        for (i, line) in vision.lines().into_iter().enumerate() {
            rows.one(if i == 0 { "vision" } else { "" }, &shown_text(&line, WIDTH))?;
        }
        for (path, line) in command.images.iter().zip(vision.picture_lines()) {
            rows.one("picture", &shown_text(&path.display().to_string(), WIDTH))?;
            rows.one("", &line)?;
        }
    }
    if let (true, Ok(Some(template))) = (command.show_template, &facts.template) {
        rows.end(template.source())?;
    }
    Ok(())
}

fn network(rows: &mut Rows<impl Write>, facts: &Facts<'_>) -> anyhow::Result<()> {
    let checkpoint = facts.checkpoint;
    let hp = &checkpoint.hyperparams;
    identity::print(rows, Style::stdout(), checkpoint)?;
    rows.one("layers", &format!("{} of width {}, MLP {}", hp.n_layers, hp.d_model, hp.d_ff))?;
    let (heads, kv_heads, head_dim) = (hp.n_heads, hp.n_kv_heads, hp.head_dim);
    let words = attention_words(hp);
    rows.one("attention", &format!("{heads} heads, {kv_heads} for keys and values, of {head_dim}; {words}"))?;
    let vocabulary = match &facts.vocabulary {
        Ok(tokens) => format!("{tokens} tokens"),
        Err(problem) => format!("not usable: {}", shown_text(problem, WIDTH)),
    };
    rows.one("vocabulary", &vocabulary)?;
    rows.one("context", &format!("{} tokens", hp.max_seq_len))?;
    rows.one("template", &shown_text(&template_words(&facts.template), 400))?;
    let unusable = checkpoint.generation.unusable.iter();
    rows.many("not honoured", &unusable.map(|setting| shown_text(&setting.what, WIDTH)).collect::<Vec<_>>())?;
    Ok(())
}

/// What a quantised file says that it lost.
fn lost(rows: &mut Rows<impl Write>, facts: &Facts<'_>) -> anyhow::Result<()> {
    match &facts.lost {
        Ok(None) => {}
        Ok(Some(MeasuredBy { engine, stored })) => {
            let through =
                engine.as_ref().map_or(String::new(), |engine| format!(" through {}", shown_text(engine, 40)));
            let from = format!("against {}{through}, by its own account:", shown_text(&stored.base, 60));
            let lines: Vec<String> = std::iter::once(from).chain(loss::lines(&stored.loss)).collect();
            rows.many("lost", &lines)?;
        }
        Err(problem) => rows.one("lost", &format!("not readable: {}", shown_text(problem, WIDTH)))?,
    }
    Ok(())
}

fn licence(rows: &mut Rows<impl Write>, facts: &Facts<'_>) -> anyhow::Result<()> {
    if let Some(card) = facts.card {
        rows.many("card", &[format!("{}, by {} (`plimsoll catalog {}`)", card.name, card.maker, card.id)])?;
    }
    for (i, line) in licence_lines(&facts.checkpoint.licence).into_iter().enumerate() {
        rows.one(if i == 0 { "licence" } else { "" }, &shown_text(&line, WIDTH))?;
    }
    rows.many("", &facts.licensing.text_lines())?;
    rows.many("", &[format!("taken for {}", facts.licensing.taken_for())])?;
    rows.many("terms", &facts.licensing.term_lines())?;
    rows.many("gate", &facts.licensing.gate_lines())?;
    Ok(())
}

fn here(rows: &mut Rows<impl Write>, facts: &Facts<'_>) -> anyhow::Result<()> {
    let Facts { memory, speed, settings, .. } = facts;
    rows.one("memory here", &format!("{} for {} tokens, predicted", bytes(memory.total() as f64), memory.tokens))?;
    let parts = [memory.weights, memory.cache, memory.buffers, memory.process].map(|part| bytes(part as f64));
    let [weights, cache, buffers, process] = parts;
    rows.one("", &format!("weights {weights}, cache {cache}, buffers {buffers}, process {process}"))?;
    let [prefill, decode] = [speed.prefill, speed.decode].map(|range| predicted::speed(Some(range)));
    rows.one("speed here", &format!("prefill {prefill}, decode {decode} tokens/s, predicted"))?;
    let on = format!("{}, {} threads", settings.isa, settings.threads);
    rows.one("", &format!("for {on}; decode from {} tokens in the cache to none", memory.tokens))?;
    Ok(())
}

fn template_words(template: &Result<Option<ChatTemplate>, String>) -> String {
    let template = match template {
        Ok(Some(template)) => template,
        Ok(None) => return "none: `run` needs --raw or --template".to_owned(),
        Err(problem) => return format!("not usable: {problem}"),
    };
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
