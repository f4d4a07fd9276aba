//! The same page where nothing was measured: what is predicted of both, and marked so.

use plimsoll_catalog::Outcome;
use plimsoll_lab::predict::before::{Floats, Prediction};
use plimsoll_lab::record::{Measurement, Unit};

use super::{ComparePage, Pair, first_sentence, summary};
use crate::judge::{Foreseen, Outlook, Part, VerdictKind, marked_text, predicted_text};
use crate::pages::bars::{Amount, Quantity};
use crate::pages::measured::marked;
use crate::predicted::{bytes, context_words, fits_words};
use crate::table::Cell;

/// Ratios within this are not told as a difference: what counts of bytes may be off.
const ALIKE: f64 = 1.1;

/// What is predicted of both models, and of which device.
pub(super) struct Before<'a> {
    pub outlook: &'a Outlook,
    /// Whether something of the device is not known yet, so that nothing is advised.
    pub is_pending: bool,
    /// What is known of the device, each figure with how it is known.
    pub device: Vec<String>,
    /// Of which models there are measurements beside another one.
    pub seen: Vec<usize>,
    pub facts: Vec<Fact>,
    pub derived: Vec<Vec<String>>,
    pub next: Vec<String>,
    /// What those commands fetch.
    pub fetched: Option<String>,
}

/// A row of what is predicted.
pub(super) struct Fact {
    pub about: &'static str,
    pub of: [String; 2],
}

impl<'a> ComparePage<'a> {
    /// With what is predicted of the two, which has them in the page's order. `device` says what is known of the device.
    pub fn with_outlook(mut self, outlook: &'a Outlook, device: Vec<String>) -> Self {
        let [a, b] = &outlook.models[..] else { return self };
        (self.lead, self.trade) = first_sentence(&outlook.advice.paragraph);
        self.bars = bars(a, b);
        self.glance = glance(a, b);
        for (model, found) in self.models.iter_mut().zip(&outlook.models) {
            let room = found.figure("memory_room").map(|room| format!("of {}", marked_text(room)));
            let fits = fits_words(found.expected.fits());
            let about = |peak: &Measurement| (marked(peak), format!("{}: {fits}", room.clone().unwrap_or_default()));
            model.fit = found.figure("peak_memory").map(about);
        }
        let is_seen = |at: &usize| self.models[*at].of.record.is_some();
        self.before = Some(Before {
            outlook,
            is_pending: false,
            device,
            seen: [0, 1].into_iter().filter(is_seen).collect(),
            facts: facts(a, b, outlook.pictures),
            derived: [a, b].into_iter().map(derived).collect(),
            next: outlook.next(),
            fetched: outlook.fetched(),
        });
        self
    }

    /// With what of the device is not known yet: until then nothing is advised.
    pub fn with_pending(mut self, pending: Option<&'static str>) -> Self {
        if let Some(pending) = pending {
            self.lead = vec![Part::Words { text: format!("What to try cannot be told yet. {pending}") }];
            self.trade = Vec::new();
            self.before.iter_mut().for_each(|before| before.is_pending = true);
        }
        self
    }

    /// What is predicted, once enough is known to advise.
    fn told(&self) -> Option<&Before<'a>> {
        self.before.as_ref().filter(|before| !before.is_pending)
    }

    /// In a sentence, for those who see no more of the page.
    pub(super) fn foretold(&self) -> Option<String> {
        self.told().map(|before| summary(&format!("Predicted: {}", before.outlook.advice.text())))
    }

    /// What to do in a few words, by the letters of the page.
    pub(super) fn foretold_answer(&self) -> Option<String> {
        let outlook = self.told()?.outlook;
        let word = |at: usize| outlook.models[at].review.verdict.word;
        Some(match outlook.advice.first[..] {
            [] => "Try neither, predicted".to_owned(),
            [one] if word(one) == VerdictKind::Unmeasured => format!("If any, {}", ["A", "B"][one.min(1)]),
            [one] => format!("{} {}, predicted", word(one), ["A", "B"][one.min(1)]),
            [one, ..] if word(one) == VerdictKind::Unmeasured => "Nothing tells them apart".to_owned(),
            [one, ..] => format!("{} either, predicted", word(one)),
        })
    }
}

/// Memory, speed, and how soon it pays for itself, drawn from what is predicted.
fn bars(a: &Foreseen, b: &Foreseen) -> Vec<Quantity> {
    let quantity = |title: &str, metric: &str, better: &str| {
        let of = [a.figure(metric), b.figure(metric)];
        if of.iter().all(Option::is_none) {
            return None;
        }
        Some(Quantity::new(title, &note(of, better), of.map(|figure| figure.map(amount)), whole(of)))
    };
    let all = [
        quantity("Memory", "peak_memory", "less"),
        quantity("Writing, tokens/s", "decode@0", "faster"),
        quantity("Reading prompts, tokens/s", "prefill@0", "faster"),
        quantity("Memory left free", "memory_headroom", "more"),
    ];
    all.into_iter().flatten().collect()
}

fn whole(of: [Option<&Measurement>; 2]) -> Option<f64> {
    of.into_iter().flatten().any(|figure| figure.unit == Unit::Share).then_some(1.0)
}

/// What is to be made of the two: whose is the more, where they are clearly apart.
fn note(of: [Option<&Measurement>; 2], better: &str) -> String {
    let [Some(a), Some(b)] = of else { return "predicted; of one nothing is".to_owned() };
    let is_less = better == "less";
    let ends = a.interval.zip(b.interval);
    let are_apart = ends.is_some_and(|(a, b)| a.low > b.high || b.low > a.high);
    match a.value / b.value {
        ratio if are_apart && (1.0 / ALIKE..=ALIKE).contains(&ratio) => {
            let is_a = (ratio < 1.0) == is_less;
            format!("predicted: a little {better} for {}", if is_a { "A" } else { "B" })
        }
        ratio if ratio > ALIKE => format!("predicted: {better} for {}", if is_less { "B" } else { "A" }),
        ratio if ratio < 1.0 / ALIKE => format!("predicted: {better} for {}", if is_less { "A" } else { "B" }),
        _ => "predicted: about the same".to_owned(),
    }
}

fn amount(figure: &Measurement) -> Amount {
    Amount {
        value: figure.value,
        interval: figure.interval,
        // The unit stands in the title where it is a long one.
        text: predicted_text(figure).trim_end_matches(" tokens/s").to_owned(),
        id: Some(figure.id.clone()),
        is_predicted: true,
    }
}

fn glance(a: &Foreseen, b: &Foreseen) -> Vec<Pair> {
    let pair = |metric: &str| {
        let cell = |figure: &Measurement| Cell { value: predicted_text(figure), interval: None, id: figure.id.clone() };
        Some(Pair { about: "predicted".to_owned(), cells: [cell(a.figure(metric)?), cell(b.figure(metric)?)] })
    };
    ["peak_memory", "decode@0"].into_iter().filter_map(pair).collect()
}

/// What the predictions rest on and give, row by row.
fn facts(a: &Foreseen, b: &Foreseen, pictures: usize) -> Vec<Fact> {
    let row = |about: &'static str, of: &dyn Fn(&Foreseen) -> Option<String>| Fact {
        about,
        of: [a, b].map(|model| of(model).unwrap_or_else(|| "not known".to_owned())),
    };
    let predicted = |of: fn(&Prediction) -> Option<f64>| {
        move |model: &Foreseen| Some(bytes(of(model.expected.prediction.as_ref()?)?))
    };
    let figure = |metric: &'static str| move |model: &Foreseen| model.figure(metric).map(predicted_text);
    let stored = |model: &Foreseen| Some(format!("{}: {}", model.quantisation()?, model.chosen?.words()));
    let memory = |model: &Foreseen| {
        let bound = || {
            model
                .figure("memory_at_least")
                .map(|bound| format!("at least {}, its weights alone", predicted_text(bound)))
        };
        model.figure("peak_memory").map(predicted_text).or_else(bound)
    };
    let parameters = |model: &Foreseen| model.parameters.map(|n| format!("{:.2} billion", n as f64 / 1e9));
    let reading = |model: &Foreseen| {
        let most = model.figure("prefill_at_most").map(|most| format!("at most {}", predicted_text(most)));
        model.figure("prefill@0").map(predicted_text).or(most)
    };
    let engine = |model: &Foreseen| {
        model.expected.prediction.as_ref()?;
        Some(model.expected.engine.as_ref().map_or("Plimsoll".to_owned(), |engine| engine.words()))
    };
    let shape = |model: &Foreseen| model.figures.clone();
    let context = |model: &Foreseen| {
        let counted = if is_seeing(model) { pictures } else { 0 };
        Some(context_words(model.expected.prediction.as_ref()?.context, counted))
    };
    let tower = |model: &Foreseen| {
        let prediction = model.expected.prediction.as_ref()?;
        Some(if is_seeing(model) { bytes(prediction.memory.tower as f64) } else { "none".to_owned() })
    };
    let mut rows = vec![
        row("Checkpoint", &|model| model.hub.clone()),
        row("Parameters", &parameters),
        row("Stored as", &stored),
        row("Context", &context),
        row("Weights in memory", &predicted(|p| Some(p.memory.weights as f64))),
        row("Keys and values", &predicted(|p| Some(p.memory.cache as f64))),
        row("Buffers and program", &predicted(|p| Some((p.memory.buffers + p.memory.process) as f64))),
    ];
    if [a, b].iter().any(|model| is_seeing(model)) {
        rows.push(row("What pictures pass through", &tower));
    }
    rows.extend([
        row("Memory in all", &memory),
        row("A model may take", &figure("memory_room")),
        row("Writes", &figure("decode@0")),
        row("Reads prompts", &reading),
        row("Run by", &engine),
        row("The shape’s figures", &shape),
    ]);
    rows
}

/// Whether pictures are counted of it.
fn is_seeing(model: &Foreseen) -> bool {
    model.expected.prediction.as_ref().is_some_and(|prediction| prediction.memory.tower > 0)
}

fn derived(model: &Foreseen) -> Vec<String> {
    model.expected.prediction.iter().flat_map(|prediction| prediction.derived.clone()).collect()
}

impl Before<'_> {
    /// Parts of what a measurement would add.
    pub fn adds(&self) -> &[Part] {
        &self.outlook.advice.adds
    }

    /// Whether anything of the two is open that a measurement of memory would decide.
    pub fn is_open(&self) -> bool {
        let open = |model: &Foreseen| {
            model.expected.fits() == Floats::Perhaps
                || model.review.needs.iter().any(|need| need.outcome == Outcome::Unknown)
        };
        self.outlook.models.iter().any(open)
    }
}
