//! `plimsoll catalog`

use std::io::Write;

use plimsoll_catalog::{Catalog, Category, DeclaredUse, DeviceProfile, EngineThere, ModelCard, Shape, VisionShape};
use plimsoll_lab::predict::before::Prediction;
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_panel::judge::{AtLeast, Demand, Question, Veto, Wish};
use plimsoll_panel::predicted::{Costs, context_words};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::shown_text;
use serde_json::json;

use crate::args::{CatalogArgs, DEFAULT_USE};
use crate::card::write_card;
use crate::catalogue;
use crate::device::{Device, NoDevice, bytes};
use crate::licence::Licensing;
use crate::model::{self, NoModel, known_as};
use crate::output;
use crate::predicted::{self, CONTEXT};
use crate::rows::Rows;
use crate::style::Style;

/// Lists the cards or the devices, searches them, or shows one.
pub fn run(command: &CatalogArgs, as_json: bool) -> anyhow::Result<()> {
    let catalog = catalogue::open()?;
    let query = command.name.join(" ");
    if command.devices {
        return devices(catalog, &query, as_json);
    }
    if query.is_empty() {
        return list(catalog.cards().collect(), as_json);
    }
    if let Some(card) = catalog.resolve(known_as(&query)) {
        let artifact = model::locate(&card.id).ok();
        return show(card, artifact.as_deref(), &Licensing::of(None, Some(card), None)?, None, as_json);
    }
    let found = catalog.search(&query);
    if found.is_empty() {
        return Err(NoModel::of(&query, catalog).into());
    }
    list(found, as_json)
}

/// The devices, or one of them with everything that is known.
fn devices(catalog: &Catalog, query: &str, as_json: bool) -> anyhow::Result<()> {
    if query.is_empty() {
        if as_json {
            return output::print_json(&json!({ "devices": catalog.devices().collect::<Vec<_>>() }));
        }
        let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
        writeln!(out, "{}", style.dim(&device_line("id", "kind", "an app may take", "reads", "by Plimsoll")))?;
        for device in catalog.devices() {
            let reads = device.read_bandwidth.as_ref();
            let reads = reads.map_or("not known".to_owned(), |figure| format!("{:.0} GB/s", figure.value / 1e9));
            let runs = if device.engine == EngineThere::Processor { "yes" } else { "no" };
            let (id, takes) = (shown_text(&device.id, 24), bytes(device.app_memory.value));
            writeln!(out, "{}", device_line(&id, device.kind.words(), &takes, &reads, runs))?;
        }
        return Ok(());
    }
    let Some(device) = catalog.device(query) else {
        return Err(NoDevice::of(query, catalog).into());
    };
    if as_json { output::print_json(device) } else { show_device(device) }
}

fn device_line(id: &str, kind: &str, takes: &str, reads: &str, runs: &str) -> String {
    format!("{id:<24} {kind:<14} {takes:>15}  {reads:<10} {runs}")
}

fn show_device(device: &DeviceProfile) -> anyhow::Result<()> {
    let mut rows = Rows::new(std::io::stdout().lock(), Style::stdout());
    rows.many("device", &Device::There(Box::new(device.clone())).lines())?;
    rows.many("memory", &[format!("{} in all ({})", bytes(device.memory.value), device.memory.words())])?;
    for reach in device.reach.iter().skip(1) {
        let share = format!("{:.0} % of the bandwidth ({})", 100.0 * reach.four_bit.value, reach.four_bit.words());
        rows.many("also", &[format!("its {} reaches {share}", reach.unit)])?;
    }
    for compute in &device.compute {
        let rate = format!("{:.1} T operations a second", compute.rate.value / 1e12);
        rows.many("computes", &[format!("{} {}: {rate} ({})", compute.unit, compute.of, compute.rate.words())])?;
    }
    rows.many("processor", &device.processor.iter().cloned().collect::<Vec<_>>())?;
    rows.many("also called", &device.aliases)?;
    rows.many("next", &[format!("`plimsoll fit --device {}` lists the models that would float on it", device.id)])?;
    Ok(())
}

fn list(cards: Vec<&ModelCard>, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::print_json(&json!({ "cards": cards }));
    }
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    writeln!(out, "{}", style.dim(&line("id", "maker", "sees", "licence")))?;
    for card in cards {
        let licence = card.licence.as_deref().or(card.licence_as_announced.as_deref()).unwrap_or("unknown");
        let sees = match card.category {
            Category::Text => "",
            Category::VisionLanguage => "yes",
        };
        let licence = licence.strip_prefix("LicenseRef-").unwrap_or(licence);
        writeln!(
            out,
            "{}",
            line(&shown_text(&card.id, 26), &shown_text(&card.maker, 14), sees, &shown_text(licence, 32))
        )?;
    }
    Ok(())
}

fn line(id: &str, maker: &str, sees: &str, licence: &str) -> String {
    format!("{id:<26} {maker:<14} {sees:<5} {licence}")
}

/// One card with the terms of its licence; where no files of it are known it is said to be unmeasured. What is `asked` of a
/// device is predicted from the shapes on the card.
pub fn show(
    card: &ModelCard,
    artifact: Option<&str>,
    licensing: &Licensing,
    asked: Option<On<'_>>,
    as_json: bool,
) -> anyhow::Result<()> {
    if as_json {
        let mut value = json!({ "card": card, "artifact": artifact });
        if let Some(on) = &asked {
            value["device"] = on.device.as_value();
            value["predicted"] = json!(on.predictions(card)?);
        }
        licensing.add_to(&mut value);
        return output::print_json(&value);
    }
    let mut rows = Rows::new(std::io::stdout().lock(), Style::stdout());
    write_card(&mut rows, card)?;
    let announced = card.licence_as_announced.iter().map(|words| format!("announced: {words}"));
    let licence: Vec<String> = announced.chain([format!("taken for {}", licensing.taken_for())]).collect();
    rows.many("licence", &licence)?;
    rows.many("terms", &licensing.term_lines())?;
    rows.many("gate", &licensing.gate_lines())?;
    let least = card.size.as_deref().filter(|_| card.shapes.is_empty());
    let least = least.and_then(|size| AtLeast::of(size, None, None)).map(|least| {
        let takes = bytes(least.bytes as f64);
        format!("at least {takes} as {}: its announced parameters alone", least.quantisation)
    });
    rows.many("memory", &least.into_iter().collect::<Vec<_>>())?;
    let here = artifact.unwrap_or("unmeasured: no artifact known here");
    rows.many("here", &[here.to_owned()])?;
    if let Some(on) = asked {
        on.write(&mut rows, card)?;
        rows.many("panel", &on.panel(card, licensing.usage())?)?;
    }
    Ok(())
}

/// What is asked of a card before there are files.
pub struct On<'a> {
    /// Where it is to run.
    pub device: &'a Device,
    /// Tokens of context.
    pub context: Option<usize>,
}

impl On<'_> {
    fn predictions(&self, card: &ModelCard) -> anyhow::Result<Vec<serde_json::Value>> {
        let one = |shape| -> anyhow::Result<serde_json::Value> {
            Ok(json!({ "hub": shape_name(card, shape), "quantisations": self.of_shape(card, shape)? }))
        };
        card.shapes.iter().map(one).collect()
    }

    fn of_shape(&self, card: &ModelCard, shape: &Shape) -> anyhow::Result<Vec<Prediction>> {
        let asked = predicted::asked(shape, self.context.unwrap_or(CONTEXT), Wish::default().pictures);
        predicted::of_shape(card, shape, self.device, self.device.room(None), asked)
    }

    /// What the panel says of the first checkpoint, by what is predicted of it.
    fn panel(&self, card: &ModelCard, usage: Option<&DeclaredUse>) -> anyhow::Result<Vec<String>> {
        let target = self.device.target();
        let usage = usage.cloned().unwrap_or(DEFAULT_USE);
        let (rubric, costs) = (Rubric::builtin(), Costs::default());
        let demand = Demand { workload: target.workload(), ..Demand::from(usage) };
        let wish = Wish { context: self.context.unwrap_or(CONTEXT), ..Wish::default() };
        let question = Question { target, wish, demand: &demand, rubric: &rubric, costs: &costs };
        let found = question.of(catalogue::open()?, card, card.shapes.first())?;
        let verdict = &found.review.verdict;
        let stored = found.quantisation().map_or(String::new(), |stored| format!(", as {stored}"));
        let said =
            format!("{} ({}){stored}, for {}; {}", verdict.marked(), verdict.counts(), demand.usage, demand.workload);
        Ok(std::iter::once(said).chain(found.review.vetoes.iter().map(Veto::text)).collect())
    }

    fn write(&self, rows: &mut Rows<impl Write>, card: &ModelCard) -> anyhow::Result<()> {
        if card.shapes.is_empty() {
            rows.many("predicted", &["little: its shape is not published".to_owned()])?;
            return Ok(());
        }
        rows.many("device", &self.device.lines())?;
        for shape in &card.shapes {
            let predictions = self.of_shape(card, shape)?;
            let context = predictions.first().map_or(CONTEXT, |prediction| prediction.context);
            let counted = predicted::asked(shape, context, Wish::default().pictures).pictures;
            let of = format!("{}, a context of {}", shape_name(card, shape), context_words(context, counted));
            rows.many("predicted", &[of])?;
            for line in predicted::lines(&predictions, shape) {
                rows.one("", line.trim_end())?;
            }
            let shown = predictions.iter().find(|prediction| prediction.quantisation == Quantisation::Q4_K_M);
            if let Some(prediction) = shown {
                let runner = predicted::runner_words(card, prediction, self.device);
                rows.many("", &runner.into_iter().collect::<Vec<_>>())?;
                let how = prediction.derived.iter().map(|line| format!("{}, {line}", Quantisation::Q4_K_M));
                rows.many("how", &how.collect::<Vec<_>>())?;
            }
            if let Some(vision) = &shape.vision {
                rows.many("pictures", &[pictures(vision)])?;
            }
            rows.many("figures", &[shape.provenance.words()])?;
        }
        rows.many("~", &["a size that is predicted; without it, it is published".to_owned()])?;
        Ok(())
    }
}

fn pictures(vision: &VisionShape) -> String {
    let tower = format!("counted with {} for the tower", bytes(2.0 * vision.parameters as f64));
    match (vision.picture_tokens, &vision.picture) {
        (Some(tokens), Some(picture)) => format!("{tower}, and {tokens} tokens each ({picture})"),
        (Some(tokens), None) => format!("{tower}, and {tokens} tokens each"),
        (None, _) => format!("{tower}; how many tokens each takes is not known"),
    }
}

fn shape_name(card: &ModelCard, shape: &Shape) -> String {
    shape.hub.clone().unwrap_or_else(|| card.id.clone())
}
