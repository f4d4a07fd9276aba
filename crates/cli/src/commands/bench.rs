//! `plimsoll bench`

use std::io::Write;

use plimsoll_graph::cost::{Cost, Machine};
use plimsoll_kernels::Activations;
use plimsoll_lab::bench::{self, Plan, ProgramTimer, Timings};
use plimsoll_lab::predict::SpeedPrediction;
use plimsoll_lab::record::Unit;
use plimsoll_lab::stats::Median;
use plimsoll_panel::shown_text;
use plimsoll_runtime::{CacheType, Program, measure_machine};
use serde_json::json;

use crate::args::Bench;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::output;
use crate::settings::Settings;
use crate::style::Style;
use crate::{model, progress};

/// Measures one model and prints a row for each depth.
pub fn run(command: &Bench, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let checkpoint = model::open(&command.model)?;
    let cost = Program::cost(&checkpoint)?;
    let mut program = model::program(&checkpoint, settings.clone())?;
    let plan = plan(command, checkpoint.hyperparams.max_seq_len)?;
    let machine = measure_machine(program.cpu(), &cost.products());
    let cache = CacheType::from(command.cache);

    let bar = progress::bar(bench::n_steps(1, &plan) as u64, "measuring");
    let mut timer = ProgramTimer::new(&mut program, plan.longest(), plan.sequences, cache)?;
    let rows = bench::interleaved(&mut [&mut timer], &plan, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let rows: Vec<Row> =
        rows.into_iter().flatten().filter_map(|timings| Row::new(timings, &cost, &machine, &plan, cache)).collect();
    if as_json {
        print_json(command, settings, &plan, &machine, &rows)
    } else {
        print(command, settings, &plan, &machine, &rows)
    }
}

/// What was asked for; of the default depths those that fit the model's context.
fn plan(command: &Bench, context: usize) -> anyhow::Result<Plan> {
    let mut plan = Plan {
        prefill_tokens: command.prefill.get(),
        decode_tokens: command.decode.get(),
        sequences: command.batch.get(),
        repetitions: command.repeat.get(),
        ..Plan::default()
    };
    if command.depth.is_empty() {
        let usual = plan.depths.clone();
        plan = plan.within(context);
        for depth in usual.iter().filter(|depth| !plan.depths.contains(depth)) {
            say(format_args!("note: depth {depth} is left out, the context of {context} tokens does not hold it"));
        }
    } else {
        plan.depths = command.depth.clone();
    }
    let needed = plan.longest();
    if plan.depths.is_empty() || needed > context {
        return Err(Mistake::error(
            format!("{}: measuring takes {needed} tokens of context, the model has {context}", command.model),
            "the deepest --depth with --prefill or --decode has to fit; name smaller ones, such as --depth 0",
        ));
    }
    Ok(plan)
}

/// One depth, measured.
struct Row {
    timings: Timings,
    predicted: SpeedPrediction,
    /// Decoded tokens per second of all sequences if reading were all.
    decode_limit: f64,
    prefill: Median,
    decode: Median,
}

impl Row {
    fn new(timings: Timings, cost: &Cost, machine: &Machine, plan: &Plan, cache: CacheType) -> Option<Row> {
        let (prefill, decode) = (timings.prefill_median()?, timings.decode_median()?);
        let (depth, sequences) = (timings.depth, plan.sequences);
        let predicted = SpeedPrediction::new(cost, machine, depth, plan.prefill_tokens, cache);
        let step = cost.decode_limit_seconds(depth, sequences, |head_dim| cache.head_bytes(head_dim), machine);
        Some(Row { timings, predicted, decode_limit: sequences as f64 / step, prefill, decode })
    }
}

/// What the unit that multiplies prompts takes.
fn unit(machine: &Machine) -> &'static str {
    if machine.arithmetic == Activations::Bf16 { "bf16" } else { "f32" }
}

fn print_json(command: &Bench, settings: Settings, plan: &Plan, machine: &Machine, rows: &[Row]) -> anyhow::Result<()> {
    let row = |row: &Row| {
        json!({
            "depth": row.timings.depth,
            "prefill_tokens_per_s": row.prefill.value,
            "prefill_interval": [row.prefill.interval.low, row.prefill.interval.high],
            "prefill_share_of_arithmetic": row.prefill.value / row.predicted.prefill_limit,
            "decode_tokens_per_s": row.decode.value,
            "decode_interval": [row.decode.interval.low, row.decode.interval.high],
            "decode_share_of_bandwidth": row.decode.value / row.decode_limit,
            "limits": {
                "prefill_tokens_per_s": row.predicted.prefill_limit,
                "decode_tokens_per_s": row.decode_limit,
            },
            "predicted": {
                "prefill_tokens_per_s": row.predicted.prefill,
                "decode_tokens_per_s": (plan.sequences == 1).then_some(row.predicted.decode),
            },
            "samples": { "prefill_tokens_per_s": row.timings.prefill, "decode_tokens_per_s": row.timings.decode },
        })
    };
    output::print_json(&json!({
        "model": command.model, "isa": settings.isa.to_string(), "threads": settings.threads,
        "prefill_tokens": plan.prefill_tokens, "decode_tokens": plan.decode_tokens, "sequences": plan.sequences,
        "repetitions": plan.repetitions,
        "machine": { "read_bytes_per_s": machine.read_bandwidth, "flops": machine.arithmetic_rate, "flops_in": unit(machine) },
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    }))
}

fn print(command: &Bench, settings: Settings, plan: &Plan, machine: &Machine, rows: &[Row]) -> anyhow::Result<()> {
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    let (bandwidth, rate) = (machine.read_bandwidth / 1e9, machine.arithmetic_rate / 1e9);
    writeln!(out, "{}  {} {} threads", style.bold(&shown_text(&command.model, 50)), settings.isa, settings.threads)?;
    writeln!(out, "this machine: {bandwidth:.1} GB/s read, {rate:.0} GFLOP/s in {}\n", unit(machine))?;
    writeln!(
        out,
        "          prefill of {:<5} tokens       decode of {} tokens{}",
        plan.prefill_tokens,
        plan.decode_tokens,
        if plan.sequences == 1 { String::new() } else { format!(", {} sequences", plan.sequences) }
    )?;
    writeln!(
        out,
        "{:>6}  {:>9}  {:>17} {:>5}  {:>9}  {:>17} {:>5}",
        "depth", "tokens/s", "interval", "limit", "tokens/s", "interval", "limit"
    )?;
    for row in rows {
        let interval =
            |median: &Median| Unit::TokensPerSecond.scale(&[median.value]).show_interval(median.interval, median.value);
        let share = |value: f64, limit: f64| format!("{:.0} %", 100.0 * value / limit);
        let (p, d) = (&row.prefill, &row.decode);
        writeln!(
            out,
            "{:>6}  {:>9.1}  {:>17} {:>5}  {:>9.1}  {:>17} {:>5}",
            row.timings.depth,
            p.value,
            interval(p),
            share(p.value, row.predicted.prefill_limit),
            d.value,
            interval(d),
            share(d.value, row.decode_limit),
        )?;
    }
    let in_cache = rows.iter().any(|row| row.decode.value > row.decode_limit);
    writeln!(
        out,
        "\nMedian of {} repetitions; its interval holds 95 % where no other level stands there.",
        plan.repetitions
    )?;
    writeln!(out, "limit: share of what arithmetic (prefill) or reading weights and cache from")?;
    writeln!(
        out,
        "memory (decode) would allow.{}",
        if in_cache { " Above 100 %: the weights stay in cache." } else { "" }
    )?;
    Ok(())
}
