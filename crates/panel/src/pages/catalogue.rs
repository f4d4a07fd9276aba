//! Every model that is known, held against one device: what it takes, how fast it is, and whether it floats.

use askama::Template;
use plimsoll_catalog::{Category, Gate, ModelCard};
use plimsoll_lab::predict::before::{Floats, Prediction, Range};
use plimsoll_lab::record::{Measurement, Unit};

use super::shown::use_words;
use super::waterline::waterline;
use super::{Chrome, DemandForm};
use crate::chart::{Dot, scatter};
use crate::judge::{AtLeast, Demand, OtherEngine, Verdict, VerdictKind};
use crate::predicted::{CONTEXT, bytes, licence_words, speed};
use crate::store::Listed;

/// Models that float which the first page lists before it folds: ten screens of a phone.
const FIRST: usize = 60;

/// A model in the catalogue.
pub struct Entry<'a> {
    /// In addresses.
    pub id: String,
    /// Its card.
    pub card: &'a ModelCard,
    /// What its licence says to the use asked for.
    pub gate: Gate,
    /// The checkpoint that is predicted, where the card has several.
    pub checkpoint: Option<String>,
    /// What is predicted of the way to store it that suits the device; none where its shape is not published.
    pub predicted: Option<Prediction>,
    /// What its weights take at least, where no more than its parameters is announced.
    pub at_least: Option<AtLeast>,
    /// Why another engine would have to run it there, if one would.
    pub engine: Option<OtherEngine>,
    /// What the panel says by what is predicted.
    pub foreseen: Verdict,
    /// How memory and needs stand, as far as is known.
    pub floats: Option<Floats>,
    /// What was measured of it, if it was.
    pub measured: Option<Afloat>,
    /// Why nothing measured is shown although something is in the store.
    pub rejected: Option<String>,
}

/// What was measured of a model, and what the panel says of it.
pub struct Afloat {
    /// The comparison.
    pub comparison: String,
    /// Whether it was measured on the device that the page is about.
    pub is_here: bool,
    /// The machine.
    pub device: String,
    /// Types of its weights.
    pub stored: String,
    /// The questions.
    pub suite: String,
    /// Peak memory of a short answer.
    pub memory: Measurement,
    /// Decode speed after nothing.
    pub decode: Option<Measurement>,
    /// Right answers over all questions.
    pub right: Measurement,
    /// For the use and the needs asked for.
    pub verdict: Verdict,
}

impl Entry<'_> {
    /// What the panel says: of what was measured, if that was on the device that the page is about; else of predictions.
    fn verdict(&self) -> &Verdict {
        self.here().map_or(&self.foreseen, |measured| &measured.verdict)
    }

    /// What was measured on the device that the page is about.
    fn here(&self) -> Option<&Afloat> {
        self.measured.as_ref().filter(|measured| measured.is_here)
    }

    fn mark(&self) -> String {
        let room = self.predicted.as_ref().and_then(|predicted| predicted.room);
        waterline(self.predicted.as_ref().map(|predicted| predicted.memory.total), room, self.floats)
    }

    fn floats_words(&self) -> &'static str {
        match self.floats {
            Some(Floats::Yes) => "floats",
            Some(Floats::Perhaps) => "perhaps",
            Some(Floats::No) if self.is_unmet() => "misses a need",
            Some(Floats::No) => "sinks",
            None => "not known",
        }
    }

    /// Whether it fails by a need of the reader's, not by the device's memory.
    fn is_unmet(&self) -> bool {
        let is_too_large = self.predicted.as_ref().map_or(self.at_least.is_some(), |found| found.fits == Floats::No);
        self.floats == Some(Floats::No) && !is_too_large
    }

    /// Its figures and where they are from, for a sentence.
    fn in_short(&self) -> String {
        let (mut said, how): (Vec<String>, _) = match (self.here(), &self.predicted) {
            (Some(found), _) => {
                let right = format!("{} right", found.right.text());
                let speed = found.decode.as_ref().map(Measurement::text);
                ([Some(found.memory.text()), speed, Some(right)].into_iter().flatten().collect(), "measured")
            }
            (None, Some(_)) => {
                let speed = self.range().map(|range| format!("{range} tokens/s"));
                (std::iter::once(self.memory()).chain(speed).collect(), "predicted")
            }
            (None, None) => (Vec::new(), "neither measured nor predicted"),
        };
        said.push(how.to_owned());
        said.extend(self.engine.as_ref().map(|_| "another engine would be needed".to_owned()));
        said.join(", ")
    }

    fn floats_class(&self) -> &'static str {
        match self.floats {
            Some(Floats::Yes) => "floats",
            Some(Floats::Perhaps) => "perhaps",
            Some(Floats::No) => "sinks",
            None => "unknown",
        }
    }

    /// The memory that is predicted.
    fn memory(&self) -> String {
        self.predicted.as_ref().map_or(String::new(), |predicted| bytes(predicted.memory.total.high))
    }

    /// Tokens of context that it is predicted for, where its own context ends before the usual one.
    fn shorter(&self) -> Option<usize> {
        self.predicted.as_ref().map(|predicted| predicted.context).filter(|tokens| *tokens < CONTEXT)
    }

    /// The least that its weights take, where no more is known.
    fn least(&self) -> Option<String> {
        self.at_least.map(|least| format!("{} as {}", bytes(least.bytes as f64), least.quantisation))
    }

    /// The speed that was measured on this device, and of which types of weights.
    fn speed(&self) -> Option<(String, &str)> {
        let here = self.here()?;
        Some((here.decode.as_ref()?.text(), &here.stored))
    }

    /// The speed that is predicted.
    fn range(&self) -> Option<String> {
        self.predicted.as_ref()?.decode.map(|range| speed(Some(range)))
    }

    fn licence(&self) -> String {
        licence_words(&self.gate)
    }

    fn licence_name(&self) -> &str {
        let known = self.card.licence.as_deref().or(self.card.licence_as_announced.as_deref());
        known.map_or("none known", |id| id.strip_prefix("LicenseRef-").unwrap_or(id))
    }
}

/// By what the list is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sorted {
    /// By the panel's word; then how few of it are against it; then what floats; then what the licence allows; then what
    /// needs no other engine; then the larger model.
    #[default]
    Panel,
    /// By name.
    Name,
    /// The smallest first.
    Memory,
    /// The fastest first.
    Speed,
    /// The one that is right most often first.
    Right,
    /// What is allowed first.
    Licence,
}

impl Sorted {
    /// All, each with its name in addresses and as it is read.
    pub const ALL: [(Sorted, &'static str, &'static str); 6] = [
        (Sorted::Panel, "panel", "what to try first"),
        (Sorted::Name, "name", "name"),
        (Sorted::Memory, "memory", "memory"),
        (Sorted::Speed, "speed", "speed"),
        (Sorted::Right, "right", "right answers"),
        (Sorted::Licence, "licence", "licence"),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Sorted> {
        Sorted::ALL.iter().find(|(_, known, _)| *known == name).map(|(sorted, ..)| *sorted)
    }

    /// Puts the list in order; what is not known stands last.
    pub fn sort(self, entries: &mut [Entry<'_>]) {
        let allowed = |entry: &Entry<'_>| match entry.licence().as_str() {
            "allowed" => 0,
            words if words.starts_with("allowed") => 1,
            "not allowed" => 3,
            _ => 2,
        };
        let size = |entry: &Entry<'_>| entry.card.shapes.first().map_or(0, |shape| shape.parameters);
        let known = |value: Option<f64>| value.unwrap_or(f64::INFINITY);
        let name = |entry: &Entry<'_>| entry.card.name.to_lowercase();
        entries.sort_by(|a, b| {
            let by = match self {
                Sorted::Panel => {
                    let word = |entry: &Entry<'_>| entry.verdict().word.hope();
                    let floats = |entry: &Entry<'_>| entry.floats.map_or(3, |floats| floats as u8);
                    let for_it = |entry: &Entry<'_>| entry.verdict().in_favour();
                    let by = word(b).cmp(&word(a)).then(for_it(b).cmp(&for_it(a))).then(floats(a).cmp(&floats(b)));
                    let is_foreign = |entry: &Entry<'_>| entry.engine.is_some();
                    let by = by.then(allowed(a).cmp(&allowed(b))).then(is_foreign(a).cmp(&is_foreign(b)));
                    by.then(size(b).cmp(&size(a)))
                }
                Sorted::Name => std::cmp::Ordering::Equal,
                Sorted::Memory => known(a.takes()).total_cmp(&known(b.takes())),
                Sorted::Speed => known(a.decodes().map(|n| -n)).total_cmp(&known(b.decodes().map(|n| -n))),
                Sorted::Right => {
                    let right =
                        |entry: &Entry<'_>| known(entry.measured.as_ref().map(|measured| -measured.right.value));
                    right(a).total_cmp(&right(b))
                }
                Sorted::Licence => allowed(a).cmp(&allowed(b)),
            };
            by.then_with(|| name(a).cmp(&name(b)))
        });
    }
}

impl Entry<'_> {
    ///, in bytes.
    fn takes(&self) -> Option<f64> {
        let measured = || self.here().map(|measured| measured.memory.value);
        self.predicted.as_ref().map(|predicted| predicted.memory.total.high).or_else(measured)
    }

    ///, in tokens/s.
    fn decodes(&self) -> Option<f64> {
        let measured = self.here().and_then(|measured| measured.decode.as_ref()).map(|decode| decode.value);
        measured.or_else(|| self.predicted.as_ref()?.decode.map(|range: Range| range.value))
    }
}

/// Models of one kind, for a select: a heading, and id and name of each.
pub type Choices = Vec<(&'static str, Vec<(String, String)>)>;

/// What else the list is filtered by.
pub struct Filters<'a> {
    /// What was searched for.
    pub query: &'a str,
    /// The category asked for.
    pub category: Option<Category>,
    /// Whether only models with a passing licence are shown.
    pub only_allowed: bool,
    /// Whether only models that float, perhaps at least, are shown.
    pub only_floating: bool,
    /// How weights are stored, where the reader chose; by name.
    pub stored: &'a str,
    /// By what the list is sorted.
    pub sorted: Sorted,
}

/// The first page.
#[derive(Template)]
#[template(path = "catalogue.html")]
pub struct CataloguePage<'a> {
    /// What stands around it.
    pub chrome: Chrome<'a>,
    /// What else was asked for.
    pub filters: Filters<'a>,
    /// What the models are wanted for.
    pub demand: &'a Demand,
    /// The form that asks for it.
    pub form: DemandForm<'a>,
    /// The device by name: `Google Pixel 10`, `this machine`.
    pub device_name: &'a str,
    /// The device in words, with how its figures are known.
    pub device: String,
    /// What is missing of this machine's limits at this moment, if anything is.
    pub pending: Option<&'static str>,
    /// Names by which weights can be stored.
    pub stores: Vec<String>,
    /// What was found.
    pub entries: Vec<Entry<'a>>,
    /// How many there are in all.
    pub known: usize,
    /// The latest comparisons.
    pub latest: &'a [Listed],
    /// Models for the form that compares two, by kind.
    pub choices: Choices,
    /// The two that it starts with.
    pub start: [String; 2],
}

/// A measured model in the charts and the list beside them.
struct Drawn<'a> {
    number: usize,
    id: &'a str,
    name: &'a str,
    afloat: &'a Afloat,
}

/// What was measured on one machine over one set of questions, which can be compared.
struct Field<'a> {
    device: &'a str,
    suite: &'a str,
    drawn: Vec<Drawn<'a>>,
    /// Measured elsewhere or over other questions.
    left_out: usize,
    memory: String,
    speed: String,
}

impl CataloguePage<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> &'static str {
        "Which open-weight model should I ship?"
    }

    fn description(&self) -> &'static str {
        "Open-weight models held against one device: what each takes, how fast it answers, whether it floats, and whether \
         its licence allows your use."
    }

    fn is_sorted(&self, name: &str) -> bool {
        Sorted::named(name) == Some(self.filters.sorted)
    }

    fn is_category(&self, category: &Category) -> bool {
        self.filters.category == Some(*category)
    }

    /// Whether anything was asked for that the form folds away.
    fn is_open(&self) -> bool {
        let filters = &self.filters;
        let own = filters.category.is_some() || filters.only_allowed || filters.only_floating;
        own || !filters.stored.is_empty() || self.form.is_open()
    }

    /// Whether anything at all was asked for.
    fn is_filtered(&self) -> bool {
        let is_sorted = self.filters.sorted != Sorted::default();
        is_sorted || !self.filters.query.is_empty() || self.is_open() || self.form.query.fields().next().is_some()
    }

    /// The model to try first of those listed, after what is said of it; none where the panel would skip every one.
    fn first(&self) -> Option<(&'static str, &Entry<'_>)> {
        let best = self.entries.iter().find(|entry| entry.id == self.start[0])?;
        let said = match best.verdict().word {
            VerdictKind::Ship => "ship",
            VerdictKind::Try => "try first:",
            VerdictKind::Perhaps => "perhaps try first:",
            VerdictKind::Mixed => "nothing is better than what the panel is divided on:",
            VerdictKind::Unmeasured => "too little is known to choose; the list begins with",
            VerdictKind::Skip => return None,
        };
        Some((said, best))
    }

    fn wanted(&self) -> String {
        use_words(&self.demand.usage)
    }

    /// The first of those that float, perhaps at least; and the others, which are folded away. Who searches or sorts has one
    /// list.
    fn sides(&self) -> (Vec<&Entry<'_>>, Vec<&Entry<'_>>) {
        let is_one = self.filters.sorted != Sorted::default() || !self.filters.query.is_empty();
        let floats = |entry: &&Entry<'_>| is_one || matches!(entry.floats, Some(Floats::Yes | Floats::Perhaps));
        let (mut afloat, mut others): (Vec<_>, Vec<_>) = self.entries.iter().partition(floats);
        if !is_one && afloat.len() > FIRST {
            let further = afloat.split_off(FIRST);
            others.splice(..0, further);
        }
        (afloat, others)
    }

    /// How many stand how.
    fn count(&self) -> String {
        self.count_of(&self.entries.iter().collect::<Vec<_>>())
    }

    /// How many of these stand how.
    fn count_of(&self, entries: &[&Entry<'_>]) -> String {
        let of = |floats: Option<Floats>| entries.iter().filter(|entry| entry.floats == floats).count();
        let unmet = entries.iter().filter(|entry| entry.is_unmet()).count();
        let all = [
            (of(Some(Floats::Yes)), "float", "floats"),
            (of(Some(Floats::Perhaps)), "perhaps", "perhaps"),
            (of(Some(Floats::No)) - unmet, "sink", "sinks"),
            (unmet, "miss a need", "misses a need"),
            (of(None), "not known", "not known"),
        ];
        let words = all
            .iter()
            .filter(|(n, ..)| *n > 0)
            .map(|(n, many, one)| format!("{n} {}", if *n == 1 { one } else { many }));
        words.collect::<Vec<_>>().join(", ")
    }

    /// Whether right answers of the list are to different questions, and so beside each other say little.
    fn is_over_several(&self) -> bool {
        let mut suites = self.entries.iter().filter_map(|entry| Some(&entry.measured.as_ref()?.suite));
        let first = suites.next();
        suites.any(|other| Some(other) != first)
    }

    /// The charts, of the machine and the questions that most models share.
    fn field(&self) -> Option<Field<'_>> {
        let measured = || self.entries.iter().filter_map(|entry| Some((entry, entry.measured.as_ref()?)));
        let key = |afloat: &'_ Afloat| (afloat.device.clone(), afloat.suite.clone());
        let most = measured().max_by_key(|(_, one)| {
            let sharing = measured().filter(|(_, other)| key(one) == key(other)).count();
            (one.is_here, sharing)
        });
        let (_, chosen) = most?;
        let of_it: Vec<(&Entry<'_>, &Afloat)> = measured().filter(|(_, one)| key(one) == key(chosen)).collect();
        let drawn: Vec<Drawn<'_>> = of_it
            .iter()
            .enumerate()
            .map(|(at, (entry, afloat))| Drawn { number: at + 1, id: &entry.id, name: &entry.card.name, afloat })
            .collect();
        let dots = |across: fn(&Afloat) -> Option<&Measurement>| -> Vec<Dot<'_>> {
            let all = of_it.iter().copied().enumerate();
            let dots = all.filter_map(|(at, (entry, afloat))| {
                let (name, up) = (entry.card.name.as_str(), &afloat.right);
                Some(Dot { number: at + 1, name, across: across(afloat)?, up })
            });
            dots.collect()
        };
        let memory = dots(|afloat| Some(&afloat.memory));
        let speed = dots(|afloat| afloat.decode.as_ref());
        Some(Field {
            device: &chosen.device,
            suite: &chosen.suite,
            left_out: measured().count() - drawn.len(),
            memory: scatter("by-memory", "Right answers against peak memory", Unit::Bytes, &memory),
            speed: scatter("by-speed", "Right answers against tokens a second", Unit::TokensPerSecond, &speed),
            drawn,
        })
    }
}
