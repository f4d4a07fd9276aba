//! `plimsoll verify`

mod against_base;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use plimsoll_engine::{ChatTemplate, Clock, Special, Tokenizer, VisionEncoder, VisionEncoderError};
use plimsoll_lab::compare::Verified;
use plimsoll_lab::standing::Standing;
use plimsoll_lab::verify::{
    self, BUILT_IN_TEXT, CaseReport, ChatReport, FastReport, Files, Golden, GoldenCase, GoldenPixels, GoldenVision,
    Greedy, KL_BOUND, LEVELS, PicturesReport,
};
use plimsoll_models::{Checkpoint, Vision};
use plimsoll_panel::shown_text;
use plimsoll_runtime::{Arithmetic, Program};
use serde_json::json;

use crate::args::Verify;
use crate::images::require_tower;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::output;
use crate::settings::Settings;
use crate::style::Style;
use crate::{demo, model, progress};

/// Compares with a golden file, and fast arithmetic with exact where that is asked for; status 0 if everything agrees, 1 if
/// something does not, 2 if something was not compared.
pub fn run(command: &Verify, settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    if let Some(base) = &command.base {
        return against_base::run(&command.model, base, &settings, as_json);
    }
    require_tower(command.mmproj.as_deref())?;
    let checkpoint = model::open(&command.model)?;
    let golden = golden(command, &checkpoint)?;
    let tokenizer = Tokenizer::of(&checkpoint, settings.pre.as_deref())?;
    let mut program = Program::load(&checkpoint, settings.isa, settings.threads, Arithmetic::Exact)?;

    let reference = match &golden {
        Some(golden) => {
            let mut vision = vision(command, golden, &checkpoint, &tokenizer, &settings)?;
            Some(against_reference(command, golden, &checkpoint, &tokenizer, &mut program, vision.as_mut())?)
        }
        None => None,
    };
    let fast = match command.fast {
        true => Some(fast(command, golden.as_ref(), &checkpoint, &settings, &tokenizer, &mut program)?),
        false => None,
    };
    // Without a golden file nothing was held against the reference, whatever fast arithmetic costs.
    let against = reference.as_ref().map_or(Standing::Inconclusive, |found| found.standing);
    let standing = Standing::all(std::iter::once(against).chain(fast.iter().map(FastReport::standing)));
    if as_json {
        let none = Reference::of(Vec::new(), Vec::new(), Vec::new(), None, command.tolerance);
        let found = reference.as_ref().unwrap_or(&none);
        let Reference { cases, pictures, chats, unseen, .. } = found;
        output::print_json(&json!({
            "model": command.model, "isa": settings.isa.to_string(), "threads": settings.threads,
            "tolerance": command.tolerance, "passed": standing == Standing::Passed, "standing": standing,
            "skipped": found.skipped(), "unseen": unseen, "cases": cases, "pictures": pictures, "chats": chats,
            "fast": fast, "kl_bound": KL_BOUND, "cache": fast.map(|_| command.cache.name()),
        }))?;
    } else {
        let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
        let model = style.bold(&shown_text(&command.model, 120));
        writeln!(out, "{model}  {} {} threads", settings.isa, settings.threads)?;
        if let (Some(golden), Some(found)) = (&golden, &reference) {
            print_reference(&mut out, command, golden, found)?;
        }
        if let Some(fast) = &fast {
            print_fast(&mut out, command, fast)?;
        }
        if reference.is_none() {
            let word = style.standing(Standing::Inconclusive);
            writeln!(out, "{word}: no golden file lies beside the weights: nothing was held against the reference")?;
        }
    }
    Ok(output::status_of(standing))
}

/// What came of comparing a model with the golden outputs beside its weights, if there are any; `compare` shows it. Where
/// something was not compared, that is said, and the model counts as never verified.
pub fn beside_weights(model: &str, checkpoint: &Checkpoint, settings: &Settings) -> anyhow::Result<Option<Verified>> {
    let command = Verify::of(model);
    let is_there = demo::golden(model).is_some() || golden_path(&command, checkpoint).exists();
    let Some(golden) = is_there.then(|| golden(&command, checkpoint)).transpose()?.flatten() else { return Ok(None) };
    let tokenizer = Tokenizer::of(checkpoint, settings.pre.as_deref())?;
    let mut program = Program::load(checkpoint, settings.isa, settings.threads, Arithmetic::Exact)?;
    let mut vision = vision(&command, &golden, checkpoint, &tokenizer, settings)?;
    let found = against_reference(&command, &golden, checkpoint, &tokenizer, &mut program, vision.as_mut())?;
    if found.standing == Standing::Inconclusive {
        let (model, skipped) = (shown_text(model, 120), found.skipped());
        let why = found.unseen.as_ref().map_or_else(|| format!("{skipped} cases were skipped"), ToString::to_string);
        say(format_args!("note: the verification of {model} is inconclusive: {why}; `plimsoll verify` tells more"));
        return Ok(None);
    }
    Ok(Some(Verified {
        passed: found.standing == Standing::Passed,
        reference: golden.made_with.clone().unwrap_or_else(|| "the reference implementation".to_owned()),
        tolerance: command.tolerance,
        max_deltas: found.cases.iter().filter_map(|case| case.max_delta).collect(),
    }))
}

/// The golden file named, or the one beside the weights; fast arithmetic can be measured without.
fn golden(command: &Verify, checkpoint: &Checkpoint) -> anyhow::Result<Option<Golden>> {
    if let (None, Some(bytes)) = (&command.golden, demo::golden(&command.model)) {
        return Ok(Some(verify::read_golden(&command.model, bytes)?));
    }
    let path = golden_path(command, checkpoint);
    if !path.exists() {
        if command.fast && command.golden.is_none() {
            return Ok(None);
        }
        return Err(Mistake::error(
            format!("{}: no such golden file", path.display()),
            "tools/make_golden.py of the project writes the reference's numbers\n\
             beside the weights of any checkpoint; without them\n\
             `plimsoll verify MODEL --fast` measures what fast arithmetic costs,\n\
             and nothing else",
        ));
    }
    let mut bytes = Vec::new();
    let read = |mut file: std::fs::File| file.read_to_end(&mut bytes);
    plimsoll_formats::open_regular(&path).and_then(read).with_context(|| path.display().to_string())?;
    Ok(Some(verify::read_golden(&path.display().to_string(), &bytes)?))
}

fn golden_path(command: &Verify, checkpoint: &Checkpoint) -> PathBuf {
    match (&command.golden, &checkpoint.path) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) if path.is_dir() => path.join("golden.json"),
        (None, Some(path)) => path.with_file_name("golden.json"),
        (None, None) => PathBuf::from("golden.json"),
    }
}

/// The vision encoder, if the golden file shows pictures and the model has one; and the reference's pixels where they lie
/// beside the golden file.
fn vision(
    command: &Verify,
    golden: &Golden,
    checkpoint: &Checkpoint,
    tokenizer: &Tokenizer,
    settings: &Settings,
) -> anyhow::Result<Option<GoldenVision>> {
    if !golden.cases.iter().chain(&golden.video_cases).any(shows) {
        return Ok(None);
    }
    let (mmproj, isa, threads) = (command.mmproj.as_deref(), settings.isa, settings.threads);
    let encoder = match VisionEncoder::open(checkpoint, tokenizer, mmproj, isa, threads, Arithmetic::Exact) {
        Err(VisionEncoderError::TextOnly { .. }) => return Ok(None),
        opened => opened?,
    };
    let golden_path = golden_path(command, checkpoint);
    let path = golden_path.with_file_name("golden_pixels.safetensors");
    let pixels = match demo::golden_pixels(&command.model) {
        Some(bytes) if command.golden.is_none() => Some(GoldenPixels::embedded(&command.model, bytes)?),
        _ => path.exists().then(|| GoldenPixels::open(&path)).transpose()?,
    };
    let is_embedded = command.golden.is_none() && demo::golden(&command.model).is_some();
    let files = match path.parent() {
        _ if is_embedded => Files::Inside(demo::golden_picture),
        folder => Files::Below(folder.unwrap_or(Path::new(".")).to_owned()),
    };
    Ok(Some(GoldenVision { encoder, pixels, files }))
}

fn shows(case: &GoldenCase) -> bool {
    !case.images.is_empty() || case.frames_dir.is_some()
}

/// What the comparison with the reference implementation showed.
struct Reference {
    cases: Vec<CaseReport>,
    pictures: Vec<PicturesReport>,
    chats: Vec<ChatReport>,
    /// Why its vision encoder was not compared, if it has one.
    unseen: Option<String>,
    standing: Standing,
}

impl Reference {
    fn of(
        cases: Vec<CaseReport>,
        pictures: Vec<PicturesReport>,
        chats: Vec<ChatReport>,
        unseen: Option<String>,
        tolerance: f32,
    ) -> Reference {
        let each = cases.iter().map(|case| case.standing(tolerance));
        let each = each.chain(pictures.iter().map(PicturesReport::standing));
        let each = each.chain(chats.iter().map(|chat| Standing::of(true, chat.passed())));
        let standing = Standing::all(each.chain(unseen.iter().map(|_| Standing::Inconclusive)));
        Reference { cases, pictures, chats, unseen, standing }
    }

    /// Cases that were not compared, in either way.
    fn skipped(&self) -> usize {
        let pictures = self.pictures.iter().filter(|case| case.skipped.is_some()).count();
        self.cases.iter().filter(|case| case.skipped.is_some()).count() + pictures
    }
}

/// Why a vision encoder is not compared; nothing where a model reads text only, or a case that shows something was compared.
fn unseen(command: &Verify, checkpoint: &Checkpoint, cases: &[CaseReport]) -> Option<String> {
    if cases.iter().any(|case| case.sees && case.skipped.is_none()) {
        return None;
    }
    match Vision::of(checkpoint, command.mmproj.as_deref()) {
        Err(error) => Some(error.to_string()),
        Ok(Some(_)) => Some("no case that shows pictures was compared".to_owned()),
        Ok(None) if Vision::is_in(checkpoint) => Some("its vision tower is none that is known here".to_owned()),
        Ok(None) => None,
    }
}

fn against_reference(
    command: &Verify,
    golden: &Golden,
    checkpoint: &Checkpoint,
    tokenizer: &Tokenizer,
    program: &mut Program,
    mut vision: Option<&mut GoldenVision>,
) -> anyhow::Result<Reference> {
    let bar = progress::bar((golden.cases.len() + golden.video_cases.len()) as u64, "verifying");
    let mut cases = Vec::new();
    for (index, case) in golden.cases.iter().enumerate() {
        cases.push(verify::verify_case(program, tokenizer, vision.as_deref_mut(), index, case)?);
        bar.inc(1);
    }
    for (index, case) in golden.video_cases.iter().enumerate() {
        cases.push(verify::verify_video(program, vision.as_deref_mut(), index, case)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let pictures = match vision {
        Some(vision) => from_pictures(golden, checkpoint, tokenizer, program, vision)?,
        None => Vec::new(),
    };
    let mut chats = Vec::new();
    if !golden.chats.is_empty() {
        let template = ChatTemplate::of(checkpoint, tokenizer.template_variables())?;
        let template = template.with_context(|| format!("{}: no chat template for chats", checkpoint.display()))?;
        let now = golden.now.as_deref().map(Clock::parse).transpose()?;
        for chat in &golden.chats {
            chats.push(verify::verify_chat(&template, tokenizer, chat, now)?);
        }
    }
    let unseen = unseen(command, checkpoint, &cases);
    Ok(Reference::of(cases, pictures, chats, unseen, command.tolerance))
}

/// The cases that show something, from the files that they show.
fn from_pictures(
    golden: &Golden,
    checkpoint: &Checkpoint,
    tokenizer: &Tokenizer,
    program: &mut Program,
    vision: &mut GoldenVision,
) -> anyhow::Result<Vec<PicturesReport>> {
    let template = ChatTemplate::of(checkpoint, tokenizer.template_variables())?;
    let pictures = golden.cases.iter().enumerate().map(|(index, case)| (format!("case{index}"), case));
    let videos = golden.video_cases.iter().enumerate().map(|(index, case)| (format!("video{index}"), case));
    let cases = pictures.chain(videos).filter(|(_, case)| shows(case));
    let run = |(name, case): (String, &GoldenCase)| {
        verify::verify_pictures(program, tokenizer, template.as_ref(), vision, &name, case)
    };
    Ok(cases.map(run).collect::<Result<_, _>>()?)
}

/// Fast arithmetic on the sequences of the golden file, or on the built-in text.
fn fast(
    command: &Verify,
    golden: Option<&Golden>,
    checkpoint: &Checkpoint,
    settings: &Settings,
    tokenizer: &Tokenizer,
    exact: &mut Program,
) -> anyhow::Result<FastReport> {
    let built_in = match golden {
        Some(_) => Vec::new(),
        None => tokenizer.with_bos(tokenizer.encode(BUILT_IN_TEXT, Special::AsText)?),
    };
    let texts: Vec<&[u32]> = match golden {
        Some(golden) => {
            golden.cases.iter().filter(|case| case.images.is_empty()).map(|case| &case.input_ids[..]).collect()
        }
        None => vec![&built_in[..built_in.len().min(checkpoint.hyperparams.max_seq_len)]],
    };
    let mut fast = Program::load(checkpoint, settings.isa, settings.threads, Arithmetic::Fast)?;
    let bar = progress::bar(texts.iter().map(|text| text.len() as u64).sum(), "fast and exact");
    let report =
        verify::verify_fast(exact, &mut fast, command.cache.into(), &texts, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    Ok(report)
}

fn print_reference(out: &mut impl Write, command: &Verify, golden: &Golden, found: &Reference) -> anyhow::Result<()> {
    let (style, Reference { cases, pictures, chats, unseen, standing }) = (Style::stdout(), found);
    let reference = shown_text(golden.made_with.as_deref().unwrap_or("unnamed"), 120);
    writeln!(out, "reference: {reference}")?;
    writeln!(out, "logits agree within {:.0e}\n", command.tolerance)?;
    let sees = cases.iter().any(|case| case.features_delta.is_some());
    let image = |shown: &str| if sees { format!(" {shown:>9}") } else { String::new() };
    let heading = image("image |Δ|");
    writeln!(
        out,
        "{:<24} {:>6}  {:<4}{heading} {:>7} {:>6} {:>7}  greedy",
        "case", "tokens", "ids", "max |Δ|", "argmax", "nll |Δ|"
    )?;
    for case in cases {
        if let Some(why) = &case.skipped {
            writeln!(out, "{:<24} {:>6}  skipped: {why}", case.name, case.tokens)?;
            continue;
        }
        let mark = if case.passed(command.tolerance) { String::new() } else { style.red("  differs") };
        let ids = shown(case.ids_equal, |equal| if equal { "same" } else { "DIFF" }.to_owned());
        let features = image(&shown(case.features_delta, |delta| format!("{delta:.1e}")));
        let delta = shown(case.max_delta, |delta| format!("{delta:.1e}"));
        let argmax =
            shown(case.argmax_wrong, |wrong| if wrong == 0 { "same".to_owned() } else { format!("{wrong} diff") });
        let nll = shown(case.nll_delta, |delta| format!("{delta:.1e}"));
        let greedy = shown(case.greedy, greedy_words);
        writeln!(
            out,
            "{:<24} {:>6}  {ids:<4}{features} {delta:>7} {argmax:>6} {nll:>7}  {greedy}{mark}",
            case.name, case.tokens
        )?;
    }
    print_pictures(out, pictures)?;
    for chat in chats {
        let (text, ids) = (same(chat.rendered_equal), same(chat.ids_equal));
        let problem = shown_text(chat.error.as_deref().unwrap_or(""), 400);
        writeln!(out, "{:<24} {:>6}  {ids:<4} template {text} {problem}", chat.name, "chat")?;
    }
    let worst = cases.iter().filter_map(|case| case.max_delta).reduce(f32::max);
    let worst = shown(worst, |delta| format!("{delta:.1e}"));
    if let Some(why) = unseen {
        writeln!(out, "\nwhat it sees with was not compared: {}", shown_text(why, 400))?;
    }
    let (verdict, skipped) = (style.standing(*standing), found.skipped());
    let (compared, chats) = (cases.len() + pictures.len() - skipped, chats.len());
    writeln!(out, "\n{verdict}: max |Δ| {worst}; cases compared {compared}, skipped {skipped}; chats {chats}")?;
    Ok(())
}

fn print_pictures(out: &mut impl Write, pictures: &[PicturesReport]) -> anyhow::Result<()> {
    if pictures.is_empty() {
        return Ok(());
    }
    let style = Style::stdout();
    writeln!(out, "\nfrom the picture files; pixels agree within {LEVELS} of 255 levels\n")?;
    writeln!(out, "{:<24} {:<6}  {:<4} {:>9} {:>9}", "case", "prompt", "ids", "pixel |Δ|", "max |Δ|")?;
    for case in pictures {
        if let Some(why) = &case.skipped {
            writeln!(out, "{:<24} skipped: {}", case.name, shown_text(why, 120))?;
            continue;
        }
        let word = |equal| same(equal).to_owned();
        let mark = if case.passed() { String::new() } else { style.red("  differs") };
        let (prompt, ids) = (shown(case.rendered_equal, word), shown(case.ids_equal, word));
        let pixels = shown(case.pixels_delta, |delta| format!("{delta:.2}"));
        let delta = shown(case.max_delta, |delta| format!("{delta:.1e}"));
        writeln!(out, "{:<24} {prompt:<6}  {ids:<4} {pixels:>9} {delta:>9}{mark}", case.name)?;
    }
    writeln!(out)?;
    Ok(())
}

fn print_fast(out: &mut impl Write, command: &Verify, report: &FastReport) -> anyhow::Result<()> {
    let positions = report.prefill.positions;
    let cache = command.cache.name();
    writeln!(out, "\nfast arithmetic, cache in {cache}, against f32, {positions} positions")?;
    writeln!(out, "KL divergence in nats\n")?;
    writeln!(out, "{:<8} {:>9} {:>9} {:>9} {:>9}", "phase", "KL mean", "KL 99.9 %", "same top", "max |Δ|")?;
    for (phase, found) in [("prefill", &report.prefill), ("decode", &report.decode)] {
        let (mean, high, top) = (found.kl_mean, found.kl_high, 100.0 * found.same_top);
        writeln!(out, "{phase:<8} {mean:>9.1e} {high:>9.1e} {top:>7.1} % {:>9.1e}", found.max_delta)?;
    }
    let verdict = Style::stdout().standing(report.standing());
    writeln!(out, "\n{verdict}: a mean KL divergence of at most {KL_BOUND:.0e}")?;
    Ok(())
}

fn shown<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

fn same(equal: bool) -> &'static str {
    if equal { "same" } else { "DIFF" }
}

fn greedy_words(greedy: Greedy) -> String {
    match greedy {
        Greedy::Equal { tokens } => format!("{tokens} same"),
        Greedy::EqualUntilTie { step } => format!("tie at {step}"),
        Greedy::Differs { step } => format!("DIFF at {step}"),
    }
}
