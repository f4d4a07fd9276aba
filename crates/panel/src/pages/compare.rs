//! The page of two models side by side, measured or not.

mod before;

use askama::Template;
use plimsoll_catalog::{DeclaredUse, ModelCard, Outcome, PublishedPanel, Terms};
use plimsoll_lab::record::{Measurement, ModelRecord, Piece, listed};
use plimsoll_lab::suite::Suite;

use super::bars::Quantity;
use super::items::{Asked, asked};
use before::Before;

use super::measured::{Measured, Pair, Sample, drawn, glance, marked, sample, with_unit};
use super::shown::{Shelf, bytes, count, entry_price, summary, use_words};
use super::{Chrome, DemandForm, Site};
use crate::command::quoted;
use crate::judge::{
    Advice, Demand, NeedFound, Opinion, Part, Preferred, Recommendation, Review, Scored, Workload, open_needs,
    range_text, reservations,
};
use crate::report::{Report, model_id};
use crate::store::{Judged, Tally};
use crate::table::Cell;

/// Verdicts of the history that are shown unfolded.
const RECENT: usize = 4;

/// One of the two models.
pub struct Contender<'a> {
    /// In addresses.
    pub id: String,
    /// As it is read.
    pub name: String,
    /// What the catalogue knows.
    pub card: Option<&'a ModelCard>,
    /// What was measured.
    pub record: Option<&'a ModelRecord>,
    /// What its licence says.
    pub terms: &'a Terms,
    /// What the panel says.
    pub review: &'a Review,
}

impl Contender<'_> {
    /// What the command line calls it: `demo:small`, which is `demo-small` in addresses.
    fn argument(&self) -> &str {
        self.card.map_or(&self.id, |card| &card.id)
    }
}

/// What readers prefer.
pub struct Community {
    /// The reader's own vote, if there is one; counts are shown only then.
    pub voted: Option<String>,
    /// Counts by choice.
    pub tallies: Vec<Tally>,
}

impl Community {
    /// How many votes count, and why others do not.
    fn summary(&self) -> String {
        let (counted, cast) = (self.counted(), self.raw());
        match cast - counted {
            0 => format!("Community votes: {counted}"),
            left_out => format!(
                "Community votes: {counted} of the {cast} cast count; {left_out} came from a network that had voted often \
                 enough already"
            ),
        }
    }

    fn counted(&self) -> i64 {
        self.tallies.iter().map(|tally| tally.counted).sum()
    }

    fn raw(&self) -> i64 {
        self.tallies.iter().map(|tally| tally.raw).sum()
    }

    fn counted_for(&self, choice: &str) -> i64 {
        self.tallies.iter().filter(|tally| tally.choice == choice).map(|tally| tally.counted).sum()
    }

    fn per_cent_of(&self, choice: &str) -> i64 {
        self.tallies.iter().find(|tally| tally.choice == choice).map_or(0, |tally| self.per_cent(tally))
    }

    fn per_cent(&self, tally: &Tally) -> i64 {
        if self.counted() == 0 { 0 } else { (100 * tally.counted + self.counted() / 2) / self.counted() }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "compare.html")]
pub struct ComparePage<'a> {
    chrome: Chrome<'a>,
    heading: String,
    shelf: Shelf,
    page: String,
    usage: &'a DeclaredUse,
    workload: Workload,
    models: [Model<'a>; 2],
    advice: Option<&'a Advice>,
    /// What to do, and then what it gains and costs.
    lead: Vec<Part>,
    trade: Vec<Part>,
    bars: Vec<Quantity>,
    glance: Vec<Pair>,
    conclusion: Vec<&'a Piece>,
    measured: Option<Measured<'a>>,
    before: Option<Before<'a>>,
    asked: Option<Asked<'a>>,
    rubric: &'a str,
    prices: bool,
    community: Option<Community>,
    history: &'a [Judged],
    command: String,
    refusal: Option<String>,
    form: Option<DemandForm<'a>>,
    samples: Vec<Sample<'a>>,
    record: Option<String>,
}

/// A reviewer with what is said of A and of B.
struct Reviewer<'a> {
    opinions: [(&'static str, &'a Opinion); 2],
}

impl Reviewer<'_> {
    fn name(&self) -> &str {
        &self.opinions[0].1.name
    }

    fn asks(&self) -> &str {
        &self.opinions[0].1.asks
    }

    fn has_scored(&self) -> bool {
        self.opinions.iter().any(|(_, opinion)| !opinion.scored.is_empty())
    }

    /// A forecast that is not scored; it is the same for every model.
    fn forecast(&self) -> Option<&str> {
        self.opinions.iter().find_map(|(_, opinion)| opinion.opinion.as_deref())
    }
}

/// A criterion as a reviewer scored it.
struct Arithmetic {
    about: String,
    measured: Option<Cell>,
    worth: String,
    weight: String,
}

/// A contender with its facts in words.
struct Model<'a> {
    letter: &'static str,
    of: Contender<'a>,
    facts: Vec<(&'static str, String)>,
    licence: String,
    fit: Option<(Cell, String)>,
    declared: Vec<String>,
}

impl Model<'_> {
    fn published(&self) -> Option<&PublishedPanel> {
        self.of.card.and_then(|card| card.published.as_ref())
    }

    fn gate(&self) -> String {
        let licence = &self.of.review.licence;
        match licence.outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed => "failed".to_owned(),
            Outcome::Unknown => licence.allowed_within().unwrap_or_else(|| "cannot be told".to_owned()),
        }
    }

    /// That its verdict is predicted, if it is.
    fn mark(&self) -> &'static str {
        if self.of.review.verdict.marked().ends_with("predicted") { "predicted" } else { "" }
    }

    fn entry(&self) -> String {
        entry_price(self.of.card, self.of.terms)
    }

    /// The days on which its prices were so.
    fn priced(&self) -> Option<String> {
        let prices = self.of.card.map(|card| &card.prices[..]).unwrap_or_default();
        let shown: Vec<String> =
            prices.iter().map(|price| format!("{}: {} on {}", price.what, price.text, price.date)).collect();
        (!shown.is_empty()).then(|| shown.join("; "))
    }

    fn best_for(&self) -> &str {
        self.of.card.map_or("not known", |card| card.best_for.as_str())
    }

    fn category(&self) -> &'static str {
        self.of.card.map_or("not known", |card| card.category.words())
    }

    fn break_even(&self) -> Option<Cell> {
        self.of.review.derived.iter().find(|derived| derived.metric == "break_even").map(marked)
    }
}

impl<'a> ComparePage<'a> {
    /// The page of a report. `suite` holds its questions, to be shown with both answers.
    pub fn of_report(report: &'a Report, suite: Option<&'a Suite>, rubric: &'a str, chrome: Chrome<'a>) -> Self {
        let contenders = [0, 1].map(|side| {
            let (record, known) = (&report.comparison.models[side], &report.background[side]);
            Contender {
                id: model_id(known.card.as_ref(), &record.facts.path, &record.facts.name),
                name: record.facts.name.clone(),
                card: known.card.as_ref(),
                record: Some(record),
                terms: &known.terms,
                review: &report.judgement.reviews[side],
            }
        });
        let mut page = ComparePage::of_cards(contenders, &report.judgement.usage, rubric, chrome);
        let comparison = &report.comparison;
        page.advice = Some(&report.judgement.advice);
        (page.lead, page.trade) = first_sentence(&report.judgement.advice.paragraph);
        page.bars = drawn(comparison);
        page.glance = glance(comparison);
        page.conclusion = comparison.conclusion.clauses.iter().flat_map(|clause| &clause.pieces).collect();
        page.asked = suite.map(|suite| asked(comparison, suite));
        page.command.clone_from(&comparison.reproduce);
        for (side, model) in page.models.iter_mut().enumerate() {
            model.facts.splice(0..0, facts(&comparison.models[side]));
            let peak = &comparison.models[side].memory.peak;
            model.fit = Some((with_unit(peak), format!("of {}", bytes(comparison.device.memory_bytes))));
            let declared = &comparison.models[side].facts.licence.declared;
            model.declared = declared.iter().map(|said| format!("“{}” in {}", said.value, said.source)).collect();
        }
        let mut all: Vec<&Measurement> = comparison.measurements();
        all.extend(report.judgement.reviews.iter().flat_map(|review| &review.derived));
        all.extend(report.background.iter().flat_map(|known| &known.further));
        page.samples = all.into_iter().map(sample).collect();
        page.measured = Some(Measured::of(comparison));
        page
    }

    /// The page of two models that were not measured against each other.
    pub fn of_cards(
        contenders: [Contender<'a>; 2],
        usage: &'a DeclaredUse,
        rubric: &'a str,
        chrome: Chrome<'a>,
    ) -> Self {
        let [a, b] = &contenders;
        let measured = contenders.iter().flat_map(|of| of.record.map(ModelRecord::measurements).unwrap_or_default());
        let derived = contenders.iter().flat_map(|of| &of.review.derived);
        let samples = measured.chain(derived).map(sample).collect();
        let needs = a.review.needs.iter().map(|found| found.need.clone()).collect();
        let demand = Demand { usage: usage.clone(), workload: a.review.workload, needs };
        ComparePage {
            heading: format!("{} vs {}", a.name, b.name),
            shelf: Shelf::of(contenders.each_ref().map(|of| of.card.map(|card| card.category))),
            page: format!("{}-vs-{}", a.id, b.id),
            command: format!("plimsoll compare {} {}{}", quoted(a.argument()), quoted(b.argument()), demand.flags()),
            prices: contenders.iter().any(|of| of.review.derived.iter().any(|derived| derived.metric == "break_even")),
            chrome,
            usage,
            workload: contenders[0].review.workload,
            models: contenders.map(|of| Model {
                letter: "A",
                facts: card_facts(&of),
                licence: licence(of.terms),
                fit: None,
                declared: Vec::new(),
                of,
            }),
            advice: None,
            lead: Vec::new(),
            trade: Vec::new(),
            bars: Vec::new(),
            glance: Vec::new(),
            conclusion: Vec::new(),
            measured: None,
            before: None,
            asked: None,
            rubric,
            community: None,
            history: &[],
            refusal: None,
            form: None,
            samples,
            record: None,
        }
        .lettered()
    }

    /// With the form by which a reader says what the models are wanted for.
    ///
    /// What is predicted for another device is predicted again by a command that names it.
    pub fn with_form(mut self, form: DemandForm<'a>) -> Self {
        if self.before.is_some() && !matches!(form.query.device.as_str(), "" | "here") {
            self.command += &format!(" --device {}", quoted(&form.query.device));
        }
        self.form = Some(form);
        self
    }

    /// With what readers prefer.
    pub fn with_community(mut self, community: Community) -> Self {
        self.community = Some(community);
        self
    }

    /// With earlier verdicts on these models.
    pub fn with_history(mut self, history: &'a [Judged]) -> Self {
        self.history = history;
        self
    }

    /// With why the two cannot be measured from this page, if they cannot.
    pub fn with_refusal(mut self, refusal: Option<String>) -> Self {
        self.refusal = refusal;
        self
    }

    /// With the record that everything on the page was read off, so that a page alone can be checked.
    pub fn with_record(mut self, record: String) -> Self {
        self.record = Some(record);
        self
    }

    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn lettered(mut self) -> Self {
        self.models[1].letter = "B";
        self
    }

    fn title(&self) -> String {
        format!("{}: which one should you ship?", self.heading)
    }

    fn description(&self) -> String {
        match self.advice {
            Some(advice) => summary(&advice.text()),
            None if self.before.is_some() => self.foretold().unwrap_or_default(),
            None => {
                let said =
                    self.models.each_ref().map(|model| format!("{}: {}.", model.of.name, model.of.review.verdict));
                format!("{} Licences, prices and published reviews side by side.", said.join(" "))
            }
        }
    }

    /// The use in words, such as `commercial use, 1000 users`.
    fn wanted(&self) -> String {
        use_words(self.usage)
    }

    /// What to do, in two words.
    fn answer(&self) -> String {
        if let Some(answer) = self.foretold_answer() {
            return answer;
        }
        let [a, b] = self.models.each_ref().map(|model| model.of.review);
        let (answer, shipped) = match self.advice.map(|advice| advice.preferred) {
            Some(Preferred::A) => ("Ship A", vec![a]),
            Some(Preferred::B) => ("Ship B", vec![b]),
            Some(Preferred::NotToldApart) => ("Ship either", vec![a, b]),
            Some(Preferred::Neither) => ("Ship neither", Vec::new()),
            None => ("Not measured", Vec::new()),
        };
        let hangs = match open_needs(&shipped).len() {
            0 => "",
            1 => ", if a need proves met",
            _ => ", if needs prove met",
        };
        format!("{answer}{}{hangs}", reservations(&shipped))
    }

    /// What scores rest on, as a table's heading.
    fn basis(&self) -> &'static str {
        if self.before.is_some() { "Predicted" } else { "Measured" }
    }

    /// Why a need is neither met nor unmet.
    fn undecided(&self, need: &NeedFound) -> &'static str {
        match (need.measurement.is_some(), self.before.is_some()) {
            (true, true) => "not decided, the predicted range lies on both sides of it",
            (true, false) => "not decided, the interval lies on both sides of it",
            (false, true) => "it cannot be predicted",
            (false, false) => "nothing was measured of it",
        }
    }

    /// How many verdicts of the history are shown unfolded.
    fn recent(&self) -> usize {
        self.history.len().min(RECENT)
    }

    fn is_published(&self) -> bool {
        self.models.iter().any(|model| model.published().is_some())
    }

    /// Each reviewer with both opinions, A's first.
    fn reviewers(&self) -> Vec<Reviewer<'_>> {
        let [a, b] = self.models.each_ref().map(|model| &model.of.review.opinions);
        a.iter().zip(b).map(|(a, b)| Reviewer { opinions: [("A", a), ("B", b)] }).collect()
    }

    /// Where reviewers call the two differently, in a sentence.
    fn split(&self) -> String {
        let call = |call: Recommendation| match call {
            Recommendation::Abstain => "abstains on",
            Recommendation::Ship => "would ship",
            Recommendation::Skip => "would skip",
            Recommendation::Try => "would try",
            Recommendation::Perhaps => "would perhaps try",
        };
        let reviewers = self.reviewers();
        let (apart, alike): (Vec<_>, Vec<_>) =
            reviewers.iter().map(|by| by.opinions.map(|(_, opinion)| opinion)).partition(|[a, b]| a.call != b.call);
        let mut said: Vec<String> =
            apart.iter().map(|[a, b]| format!("{} {} A and {} B", a.name, call(a.call), call(b.call))).collect();
        let names: Vec<&str> = alike.iter().map(|[a, _]| a.name.as_str()).collect();
        if !names.is_empty() {
            let verb = if names.len() == 1 { "says" } else { "say" };
            said.push(format!("{} {verb} the same of both", listed(&names)));
        }
        said.join("; ") + "."
    }

    /// What an opinion was calculated from.
    fn arithmetic(&self, opinion: &Opinion) -> Vec<Arithmetic> {
        let row = |found: &Scored| Arithmetic {
            about: found.about.clone(),
            measured: found.measurement.as_ref().and_then(|id| {
                let sample = self.samples.iter().find(|sample| sample.record.id == *id)?;
                Some(marked(sample.record))
            }),
            worth: range_text(found.utility, found.utility_high),
            weight: format!("{:.0}", found.weight),
        };
        opinion.scored.iter().map(row).collect()
    }

    fn site(&self) -> Option<Site<'a>> {
        self.chrome.site()
    }

    fn name_of(&self, choice: &str) -> &str {
        self.models.iter().find(|model| model.of.id == choice).map_or("Neither", |model| model.of.name.as_str())
    }
}

/// The first sentence of a paragraph, and the rest.
fn first_sentence(paragraph: &[Part]) -> (Vec<Part>, Vec<Part>) {
    let ends = paragraph.iter().enumerate().find_map(|(at, part)| match part {
        // Names and figures may have full stops of their own.
        Part::Words { text } => text.split_once(". ").map(|(first, rest)| (at, first, rest)),
        _ => None,
    });
    let Some((at, first, rest)) = ends else { return (paragraph.to_vec(), Vec::new()) };
    let mut lead = paragraph[..at].to_vec();
    lead.push(Part::Words { text: format!("{first}.") });
    let mut others = vec![Part::Words { text: rest.to_owned() }];
    others.extend_from_slice(&paragraph[at + 1..]);
    (lead, others)
}

fn facts(record: &ModelRecord) -> Vec<(&'static str, String)> {
    let facts = &record.facts;
    let types: Vec<&str> = facts.types.iter().map(|stored| stored.dtype.as_str()).collect();
    let sha256 = facts.sha256.get(..12).unwrap_or(&facts.sha256);
    vec![
        ("Architecture", facts.architecture.clone()),
        ("Parameters", count(facts.parameters)),
        ("Files", format!("{}, {}", facts.files(), bytes(facts.file_bytes))),
        ("Stored as", types.join(", ")),
        ("Context", format!("{} tokens", facts.context)),
        ("SHA-256", format!("{sha256}…")),
    ]
}

fn card_facts(of: &Contender) -> Vec<(&'static str, String)> {
    let Some(card) = of.card else { return Vec::new() };
    let mut facts = vec![("Maker", card.maker.clone()), ("Family", card.family.clone())];
    facts.push(("Size", card.size.clone().unwrap_or_else(|| "not stated".to_owned())));
    facts.push(("Availability", card.availability.words().to_owned()));
    facts
}

/// The licence by name; whether it permits a use is the gate's to say.
fn licence(terms: &Terms) -> String {
    let said = terms.sources.first().map(|reading| format!("“{}”", reading.said));
    let base = terms.expression.clone().or(said).unwrap_or_else(|| "none declared".to_owned());
    if terms.conflicts.is_empty() { base } else { format!("{base}; sources disagree") }
}
