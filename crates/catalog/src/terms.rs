//! What holds for one model, from everything that speaks of its licence.

use serde::{Deserialize, Serialize};

use crate::card::{Category, ModelCard};
use crate::catalog::Catalog;
use crate::conditions::{Answer, Conditions, Topic};
use crate::expression;
use crate::recognise::{Found, read_statement, read_text};

/// One statement about a licence, as `plimsoll_formats::Declaration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The file and the key in it.
    pub source: String,
    /// `license`, `license_name` or `license_link`.
    pub kind: String,
    /// What it says, verbatim.
    pub value: String,
}

/// A licence's text, as `plimsoll_formats::LicenceText`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// File name.
    pub file: String,
    /// SHA-256 of its normalised text, in hex.
    pub sha256: String,
    /// How its normalised text begins.
    pub head: String,
}

/// How it was told which licence is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recognition {
    /// By an SPDX expression, or an id or a tag of a licence in the catalogue.
    Identifier,
    /// By the hash of its text.
    TextHash,
    /// By the words that its text begins with; the rest was not compared.
    TextTitle,
    /// Not at all.
    Unrecognised,
}

/// What one source says, and what it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reading {
    /// The file and the key in it, or the catalogue's card.
    pub source: String,
    /// What it says.
    pub said: String,
    /// The licence or the SPDX expression that it was taken for.
    pub read_as: Option<String>,
    /// How.
    pub how: Recognition,
}

/// What holds for a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Terms {
    /// The strictest of what the sources say, matter by matter.
    pub conditions: Conditions,
    /// What each source says.
    pub sources: Vec<Reading>,
    /// Where sources disagree, a sentence each.
    pub conflicts: Vec<String>,
    /// All of it as one SPDX expression; none where something was not recognised.
    pub expression: Option<String>,
}

impl Catalog {
    /// What holds for a model whose files say `declared`, with licence `texts` beside them, and of which the catalogue has
    /// `card`. The strictest holds, and disagreement is told.
    pub fn terms(&self, declared: &[Statement], texts: &[Text], card: Option<&ModelCard>) -> Terms {
        combine(self.found(declared, texts, card), card.map(|card| card.category))
    }

    fn found(&self, declared: &[Statement], texts: &[Text], card: Option<&ModelCard>) -> Vec<Found> {
        let mut found = statements(self, declared);
        found.extend(card.and_then(|card| of_card(self, card)));
        let from_texts = texts.iter().filter_map(|text| read_text(self, text));
        found.extend(from_texts);
        // "other" is worth telling only where nothing tells more.
        if found.iter().any(|found| !found.is_placeholder) {
            found.retain(|found| !found.is_placeholder);
        }
        found
    }

    /// Licences in `terms` that this catalogue does not have, so that what they allow is not told again.
    pub fn licences_of_others<'t>(&self, terms: &'t Terms) -> Vec<&'t str> {
        let meant = terms.sources.iter().filter_map(|reading| reading.read_as.as_deref());
        meant.filter(|licence| expression::read(self, licence).is_none()).collect()
    }

    /// In what `terms` are not those of a model whose files say `declared`, with `texts` beside them, and of which `card` was
    /// known; `None` where they agree. A catalogue may know further licences: what this one does not recognise, another may.
    pub fn terms_doubt(
        &self,
        terms: &Terms,
        declared: &[Statement],
        texts: &[Text],
        card: Option<&ModelCard>,
    ) -> Option<String> {
        let said = declared.iter().map(|statement| read_statement(self, statement));
        let said = said.chain(card.and_then(|card| of_card(self, card)));
        let said: Vec<Reading> =
            said.chain(texts.iter().filter_map(|text| read_text(self, text))).map(|found| found.reading).collect();
        let is_of = |one: &Reading, other: &Reading| (&one.source, &one.said) == (&other.source, &other.said);
        if let Some(reading) = terms.sources.iter().find(|reading| !said.iter().any(|said| is_of(said, reading))) {
            return Some(format!("{} does not say `{}`", reading.source, reading.said));
        }
        let expected = self.terms(declared, texts, card);
        let mut recognised = expected.sources.iter().filter(|reading| reading.read_as.is_some());
        if let Some(reading) = recognised.find(|reading| !terms.sources.contains(reading)) {
            return Some(format!("{} says `{}`, which was taken for something else", reading.source, reading.said));
        }
        let mut taken = terms.sources.iter().filter(|reading| !expected.sources.contains(reading));
        let is_known = |reading: &&Reading| {
            reading.read_as.as_ref().is_none_or(|licence| expression::read(self, licence).is_some())
        };
        if let Some(Reading { source, said, read_as, .. }) = taken.find(is_known) {
            let licence = read_as.as_deref().unwrap_or("nothing that is known");
            return Some(format!("{source} says `{said}`, which was taken for {licence}"));
        }
        let mut known = self.found(declared, texts, card);
        known.retain(|found| found.reading.read_as.is_some());
        let known = combine(known, card.map(|card| card.category)).conditions;
        let is_other = if terms.sources == expected.sources { *terms != expected } else { terms.is_looser(&known) };
        is_other.then(|| "what it allows is not what this program's catalogue says of it".to_owned())
    }
}

impl Terms {
    /// Whether something is allowed, or not asked for, that `known` holds against it.
    fn is_looser(&self, known: &Conditions) -> bool {
        let answers = |topic: Topic| (self.conditions.get(topic).answer, known.get(topic).answer);
        Topic::ALL.into_iter().any(|topic| {
            let (said, held) = answers(topic);
            held != Answer::Unknown && topic.strictness(said) < topic.strictness(held)
        })
    }
}

/// What the files declare. A name or a link is asked only where the id of the same file says nothing.
fn statements(catalog: &Catalog, declared: &[Statement]) -> Vec<Found> {
    let read = |kind: &'static str| declared.iter().filter(move |statement| statement.kind == kind);
    let mut found: Vec<Found> = read("license").map(|statement| read_statement(catalog, statement)).collect();
    for statement in read("license_name") {
        let named = read_statement(catalog, statement);
        let told = |id: &Statement| file(&id.source) == file(&statement.source) && !is_placeholder(&id.value);
        if named.reading.read_as.is_some() || !read("license").any(told) {
            found.push(named);
        }
    }
    if found.is_empty() {
        found.extend(read("license_link").map(|statement| read_statement(catalog, statement)));
    }
    found
}

/// The file of a source such as "folder/README.md, key `license`".
fn file(source: &str) -> &str {
    source.rsplit_once(", key ").map_or(source, |(file, _)| file)
}

/// What hubs write where none of their ids fits.
pub(crate) fn is_placeholder(value: &str) -> bool {
    ["other", "unknown", "custom", ""].contains(&value.trim().to_ascii_lowercase().as_str())
}

fn of_card(catalog: &Catalog, card: &ModelCard) -> Option<Found> {
    let value = card.licence.as_ref().or(card.licence_as_announced.as_ref())?;
    let source = format!("catalogue, card `{}`", card.id);
    Some(read_statement(catalog, &Statement { source, kind: "license".to_owned(), value: value.clone() }))
}

fn combine(found: Vec<Found>, category: Option<Category>) -> Terms {
    let conflicts = conflicts(&found);
    let mut expressions: Vec<&str> = Vec::new();
    for expression in found.iter().filter_map(|found| found.reading.read_as.as_deref()) {
        if !expressions.contains(&expression) {
            expressions.push(expression);
        }
    }
    let complete = !found.is_empty() && found.iter().all(|found| found.reading.read_as.is_some());
    let expression = complete.then(|| match expressions[..] {
        [one] => one.to_owned(),
        _ => expressions.iter().map(|e| bracketed(e)).collect::<Vec<_>>().join(" AND "),
    });
    let (readings, conditions): (Vec<Reading>, Vec<Conditions>) =
        found.into_iter().map(|found| (found.reading, resolved(found.conditions, category))).unzip();
    let conditions = conditions.into_iter().reduce(Conditions::strictest).unwrap_or_default();
    Terms { conditions, sources: readings, conflicts, expression }
}

fn bracketed(expression: &str) -> String {
    if expression.contains(" OR ") { format!("({expression})") } else { expression.to_owned() }
}

/// Conditions that bind multimodal models only: gone for text models, in doubt where it is not known what the model is.
fn resolved(mut conditions: Conditions, category: Option<Category>) -> Conditions {
    for topic in Topic::ALL {
        let condition = conditions.get_mut(topic);
        if std::mem::take(&mut condition.multimodal_only) {
            condition.answer = match category {
                Some(Category::Text) => Answer::No,
                Some(Category::VisionLanguage) => condition.answer,
                None => Answer::Unknown,
            };
        }
    }
    conditions
}

/// One sentence, if the sources do not say the same.
fn conflicts(found: &[Found]) -> Vec<String> {
    let declared = |found: &&Found| !found.is_text && found.reading.read_as.is_none();
    let unknown = found.iter().find(declared).map(|found| found.reading.said.to_lowercase());
    let meant = |found: &Found| match &found.reading.read_as {
        Some(licence) => Some(licence.to_lowercase()),
        // A text that is not known may well be that of a licence that is not known.
        None if found.is_text => unknown.clone(),
        None => Some(found.reading.said.to_lowercase()),
    };
    if !found.iter().any(|other| meant(other) != meant(&found[0])) {
        return Vec::new();
    }
    let said = |Found { reading, .. }: &Found| match &reading.read_as {
        Some(licence) if reading.how == Recognition::TextTitle => {
            format!("{} holds a text that begins as {licence} does", reading.source)
        }
        Some(licence) if reading.how == Recognition::TextHash => {
            format!("{} holds the text of {licence}", reading.source)
        }
        Some(licence) => format!("{} says {licence}", reading.source),
        None => format!("{} says `{}`, which is not known", reading.source, reading.said),
    };
    let said: Vec<String> = found.iter().map(said).collect();
    vec![format!("{}: the strictest holds.", said.join("; "))]
}
