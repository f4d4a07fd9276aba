//! Models measured in turn, judged and kept: what `compare` and `gate` both do.

use std::num::NonZeroUsize;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use plimsoll_lab::bench::{Plan, Start};
use plimsoll_lab::compare::{self, FreshStart, ModelUnderTest, Options};
use plimsoll_lab::journal::Journal;
use plimsoll_lab::prompting::Prompting;
use plimsoll_lab::record::{Comparison, Side};
use plimsoll_lab::suite::{self, Suite};
use plimsoll_models::Vision;
use plimsoll_panel::command::quoted;
use plimsoll_panel::judge::{Background, Demand};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::Store;
use plimsoll_panel::{FieldReport, Report, shown_text};
use plimsoll_runtime::CacheType;

use crate::args::{BenchmarkArg, FillingArgs, MeasureArgs, QuestionArgs};
use crate::commands::verify;
use crate::evidence::{self, StoreJournal};
use crate::notice::say;
use crate::progress::Waiting;
use crate::questions::{check_askable, say_what_is_short};
use crate::settings::Settings;
use crate::{catalogue, interrupt, model};

/// Fresh processes in which each model is started.
const STARTS: usize = 7;

type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Models measured and judged.
pub struct ComparisonRun<R> {
    /// What was seen and said.
    pub report: R,
    /// What the panel judged by.
    pub rubric: Rubric,
}

/// How a measurement tells how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    /// To people: a bar on a terminal.
    Bar,
    /// To a program: JSON lines on standard error.
    JsonLines,
}

/// Measures `a` and `b`, has the panel judge them, and keeps everything in the store.
///
/// # Errors
/// A model cannot be opened or measured, the rubric cannot be read, or the store fails.
pub fn measured(
    a: &str,
    b: &str,
    args: &MeasureArgs,
    settings: &Settings,
    progress_style: ProgressStyle,
) -> anyhow::Result<ComparisonRun<Report>> {
    run(&[a, b], args, settings, progress_style, |under_test, options, journal, fresh_start, progress| {
        let [a, b] = under_test else { unreachable!("two were named") };
        Ok(vec![compare::compare(&[a.clone(), b.clone()], options, journal, fresh_start, progress)?])
    })?
    .map(|mut reports| Ok(reports.remove(0)))
}

/// The same of three models or more: the best beside each of the others.
///
/// # Errors
/// As [`measured`]; `--base` is for two.
pub fn measured_field(
    models: &[&str],
    args: &MeasureArgs,
    settings: &Settings,
    progress_style: ProgressStyle,
) -> anyhow::Result<ComparisonRun<FieldReport>> {
    if args.base.is_some() {
        bail!("--base is for two models: compare a model with the one that it was made from alone");
    }
    run(models, args, settings, progress_style, |under_test, options, journal, fresh_start, progress| {
        Ok(compare::compare_field(under_test, options, journal, fresh_start, progress)?)
    })?
    .map(|reports| Ok(FieldReport::of(reports)?))
}

impl ComparisonRun<Vec<Report>> {
    fn map<R>(self, of: impl FnOnce(Vec<Report>) -> anyhow::Result<R>) -> anyhow::Result<ComparisonRun<R>> {
        Ok(ComparisonRun { report: of(self.report)?, rubric: self.rubric })
    }
}

/// Measures with `measure`, and judges and keeps every comparison that it gives.
fn run(
    models: &[&str],
    args: &MeasureArgs,
    settings: &Settings,
    progress_style: ProgressStyle,
    measure: impl FnOnce(
        &[ModelUnderTest],
        &Options,
        &mut dyn Journal,
        &mut FreshStart,
        &mut dyn FnMut(compare::Progress),
    ) -> anyhow::Result<Vec<Comparison>>,
) -> anyhow::Result<ComparisonRun<Vec<Report>>> {
    let under_test: Vec<ModelUnderTest> =
        models.iter().map(|model| tested(model, settings)).collect::<anyhow::Result<_>>()?;
    let rubric = args.rubric.as_deref().map_or_else(|| Ok(Rubric::builtin()), Rubric::open)?;
    let demand = args.demand();
    let mut store = evidence::open(&args.store)?;
    let options = options(args, settings, &under_test)?;

    interrupt::say_what_is_kept()?;
    let mut waiting = Waiting::new();
    let mut on_progress = |now: compare::Progress| match progress_style {
        ProgressStyle::JsonLines => {
            let line = serde_json::json!({ "stage": now.title(), "done": now.done, "of": now.of });
            say(format_args!("{line}"));
        }
        ProgressStyle::Bar => waiting.hear(now),
    };
    // The process is not told of a folder of cards.
    let files: Vec<String> = models.iter().map(|model| model::locate(model)).collect::<anyhow::Result<_>>()?;
    let mut fresh_start = |model: usize| start_in_a_process(&files[model], &args.filling, settings);
    let mut journal = StoreJournal::new(&mut store);
    let found = measure(&under_test, &options, &mut journal, &mut fresh_start, &mut on_progress);
    journal.flush()?; // also of a comparison that failed: the next one goes on from there
    let run = journal.into_run();
    waiting.done();
    let mut reports = Vec::new();
    for comparison in found? {
        reports.push(judged(&store, comparison, &under_test, &demand, &rubric)?);
    }
    for report in &reports {
        store.keep_report(report, &rubric)?;
    }
    if let Some(run) = run {
        store.forget_steps(&run)?; // only now: until here they were all that there was of it
    }
    Ok(ComparisonRun { report: reports, rubric })
}

fn tested(argument: &str, settings: &Settings) -> anyhow::Result<ModelUnderTest> {
    let checkpoint = model::open(argument)?;
    let verified = verify::beside_weights(argument, &checkpoint, settings)?;
    Ok(ModelUnderTest { argument: argument.to_owned(), checkpoint, verified })
}

/// Has the panel judge what was measured.
fn judged(
    store: &Store,
    comparison: Comparison,
    under_test: &[ModelUnderTest],
    demand: &Demand,
    rubric: &Rubric,
) -> anyhow::Result<Report> {
    let catalog = catalogue::open()?;
    let mut background = [Background::default(), Background::default()];
    for (known, model) in background.iter_mut().zip(&comparison.models) {
        let is_it = |tested: &&ModelUnderTest| tested.argument == model.facts.path;
        let tested = under_test.iter().find(is_it).context("a comparison of a model that was not measured")?;
        let card = catalogue::card_of(&tested.argument, &tested.checkpoint)?;
        *known = Background::of(catalog, &model.facts, card, store.measurements_of(&model.facts.sha256)?);
    }
    Ok(Report::judged(comparison, background, demand, rubric))
}

fn options(args: &MeasureArgs, settings: &Settings, under_test: &[ModelUnderTest]) -> anyhow::Result<Options> {
    let context = under_test.iter().map(|c| c.checkpoint.hyperparams.max_seq_len).min().unwrap_or(0);
    // A model with a short context is timed on what fits it.
    let plan = Plan {
        prefill_tokens: 256.min(context / 2).max(1),
        decode_tokens: 32.min(context / 2).max(1),
        repetitions: args.repeat.get(),
        ..Plan::default()
    };
    let filling = args.filling.read()?;
    args.filling.check(&filling, under_test)?;
    let plan = filling.tokens.map_or(plan.clone(), |context| plan.up_to(context));
    Ok(Options {
        session: model::session_options(settings.clone(), None, CacheType::default()),
        plan,
        starts: STARTS,
        filling,
        suite: suite(args, under_test)?,
        base: args.base.as_deref().map(|named| base(named, under_test)).transpose()?,
        margin: args.margin,
        program: concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned(),
        reproduce: reproduce(args, settings, under_test, std::env::var("PLIMSOLL_ISA").ok().as_deref()),
    })
}

/// The model that `--base` names.
fn base(named: &str, under_test: &[ModelUnderTest]) -> anyhow::Result<Side> {
    let is_meant = |side: &Side| {
        let ModelUnderTest { argument, checkpoint, .. } = &under_test[side.index()];
        named == side.letter() || named == argument || named == checkpoint.name
    };
    match Side::BOTH.into_iter().filter(is_meant).collect::<Vec<_>>()[..] {
        [side] => Ok(side),
        [] => bail!("--base is `{named}`, expected A, B or one of the two models as it was named"),
        _ => bail!("--base is `{named}`, which names both models; say A or B"),
    }
}

/// The questions that were named, else the built-in ones.
fn suite(args: &MeasureArgs, under_test: &[ModelUnderTest]) -> anyhow::Result<Suite> {
    let questions = &args.questions;
    if !questions.are_given() {
        let each = questions.each()?.map_or(suite::DEFAULT_ITEMS, NonZeroUsize::get);
        let suite = Suite::builtin(suite_for(under_test)?, args.seed, each)?;
        say_what_is_short(&suite, each);
        return Ok(suite);
    }
    // The same words for all: what only one of them can be asked in would compare the words too.
    let chats = under_test.iter().all(|tested| tested.checkpoint.chat_template.is_some());
    let prompting = match (args.prompting, chats) {
        (Some(asked), _) => asked.into(),
        (None, true) => Prompting::Chat,
        (None, false) => Prompting::Base,
    };
    let suite = questions.suite(prompting, args.shots)?;
    for tested in under_test {
        check_askable(&suite, &tested.argument, &tested.checkpoint)?;
    }
    Ok(suite)
}

/// Questions of text, and about pictures where all models see. That only some do is said.
fn suite_for(under_test: &[ModelUnderTest]) -> anyhow::Result<&'static str> {
    let mut seeing = Vec::new();
    for tested in under_test {
        if Vision::of(&tested.checkpoint, None)?.is_some() {
            seeing.push(shown_text(&tested.argument, 120));
        }
    }
    match &seeing[..] {
        all if all.len() == under_test.len() => return Ok(suite::TEXT_AND_VISION),
        [] => {}
        [only] => say(format_args!("note: only {only} sees, so nothing is asked about pictures")),
        some => say(format_args!("note: only {} see, so nothing is asked about pictures", some.join(" and "))),
    }
    Ok(suite::ALL)
}

/// The command that makes the comparison again, as a shell takes it.
fn reproduce(
    args: &MeasureArgs,
    settings: &Settings,
    under_test: &[ModelUnderTest],
    forced_isa: Option<&str>,
) -> String {
    let isa = forced_isa.map_or(String::new(), |isa| format!("PLIMSOLL_ISA={} ", quoted(isa)));
    let models: Vec<_> = under_test.iter().map(|tested| quoted(&tested.argument)).collect();
    let models = models.join(" ");
    let filled: String = args.filling.flags().map(|flag| format!(" {}", quoted(&flag))).collect();
    let MeasureArgs { seed, repeat, .. } = args;
    let asked = asked(args);
    let settings: String = settings.flags().iter().map(|flag| format!(" {}", quoted(flag))).collect();
    // Needs stand as they were written.
    let demand = Demand { needs: Vec::new(), ..args.demand() }.flags();
    let rubric =
        args.rubric.as_ref().map_or(String::new(), |file| format!(" --rubric {}", quoted(&file.to_string_lossy())));
    let margin = args.margin.map_or(String::new(), |margin| format!(" --margin {margin}"));
    let needs: String = args.needs.iter().map(|needs| format!(" --need {}", quoted(&needs.text))).collect();
    let base = args.base.as_ref().map_or(String::new(), |base| format!(" --base {}", quoted(base)));
    format!(
        "{isa}plimsoll compare {models}{asked}{filled} --seed {seed} --repeat {repeat}{settings}{demand}{needs}{rubric}{margin}{base}"
    )
}

/// The flags that name the questions.
fn asked(args: &MeasureArgs) -> String {
    let QuestionArgs { items, benchmark, shots_from } = &args.questions;
    let mut flags = String::new();
    if !args.questions.are_given() && items.is_empty() {
        flags += &format!(" --items {}", suite::DEFAULT_ITEMS);
    }
    flags.extend(items.iter().map(|items| format!(" --items {}", quoted(&items.to_string()))));
    let named = |one: &BenchmarkArg| quoted(&format!("{}={}", one.benchmark, one.path.display())).into_owned();
    flags.extend(benchmark.iter().map(|one| format!(" --benchmark {}", named(one))));
    flags.extend(args.prompting.map(|prompting| format!(" --prompting {}", Prompting::from(prompting))));
    flags.extend(args.shots.map(|shots| format!(" --shots {shots}")));
    flags.extend(shots_from.iter().map(|file| format!(" --shots-from {}", quoted(&file.to_string_lossy()))));
    flags
}

/// Has a process of its own load the model and answer once, so that its memory is its own.
fn start_in_a_process(model: &str, filling: &FillingArgs, settings: &Settings) -> Result<Start, StartError> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["measure-memory", model])
        .args(settings.flags())
        .args(filling.flags())
        .env("PLIMSOLL_ISA", settings.isa.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let held_while_we_live = child.stdin.take();
    let output = child.wait_with_output()?;
    drop(held_while_we_live);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.trim().trim_start_matches("error: ").to_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
