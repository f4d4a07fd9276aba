//! A comparison with what the panel says of it: what is written to disk, kept and shown.

use plimsoll_catalog::{Catalog, ModelCard, Statement, Terms, Text};
use plimsoll_lab::record::{Comparison, Declared, LicenceText, Measurement, ModelFacts};
use serde::{Deserialize, Serialize};

use crate::judge::{Background, Demand, Judgement, Rival, judge};
use crate::rubric::Rubric;

/// A comparison, everything else the panel had before it, and what it said.
///
/// In JSON the comparison's fields stand at the top, as they did before there was a panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Report {
    /// What was measured.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// What was known of model A and model B besides.
    pub background: [Background; 2],
    /// What the panel says.
    pub judgement: Judgement,
}

impl Report {
    /// Has the panel judge a comparison.
    pub fn judged(comparison: Comparison, background: [Background; 2], demand: &Demand, rubric: &Rubric) -> Report {
        let judgement = judge(&comparison, background.each_ref(), demand, rubric);
        Report { comparison, background, judgement }
    }

    /// Names of model A and model B by which pages are found.
    pub fn ids(&self) -> [String; 2] {
        names(&self.comparison, self.background.each_ref())
    }
}

/// Names of both models of a comparison by which pages are found, where this was known of them.
pub(crate) fn names(comparison: &Comparison, background: [&Background; 2]) -> [String; 2] {
    [0, 1].map(|side| {
        let facts = &comparison.models[side].facts;
        model_id(background[side].card.as_ref(), &facts.path, &facts.name)
    })
}

/// What a model's files declare of its licence, and the texts beside them.
pub(crate) fn licence_of(facts: &ModelFacts) -> (Vec<Statement>, Vec<Text>) {
    let statement = |declared: &Declared| Statement {
        source: declared.source.clone(),
        kind: declared.kind.clone(),
        value: declared.value.clone(),
    };
    let text = |text: &LicenceText| Text {
        file: text.file.clone(),
        sha256: text.words_sha256.clone(),
        head: text.head.clone(),
    };
    (facts.licence.declared.iter().map(statement).collect(), facts.licence.texts.iter().map(text).collect())
}

impl Background {
    /// What the catalogue and a model's own files say of it.
    pub fn of(
        catalog: &Catalog,
        facts: &ModelFacts,
        card: Option<&ModelCard>,
        further: Vec<Measurement>,
    ) -> Background {
        let card = card.or_else(|| catalog.card_of(&facts.path, &facts.name)).cloned();
        let (statements, texts) = licence_of(facts);
        let terms: Terms = catalog.terms(&statements, &texts, card.as_ref());
        let rivals = Rival::of(catalog, card.as_ref());
        Background { terms, card, further, rivals }
    }
}

/// The name of a model in addresses: its card's id, else its own name with everything that has a meaning there replaced.
pub fn model_id(card: Option<&ModelCard>, path: &str, name: &str) -> String {
    let own = if path.starts_with("demo:") { path } else { name };
    let slug = slug(card.map_or(own, |card| &card.id));
    if slug.is_empty() { "unnamed".to_owned() } else { slug }
}

/// Lower-case letters, digits, dots and single dashes; never `-vs-`, which stands between two names.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '.' => slug.push(c),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    while slug.contains("-vs-") {
        slug = slug.replace("-vs-", "-versus-");
    }
    slug.trim_matches(['-', '.']).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_slug_is_fit_for_an_address() {
        assert_eq!(slug("HuggingFaceTB/SmolLM3-3B"), "huggingfacetb-smollm3-3b");
        assert_eq!(slug("demo:small"), "demo-small");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("a-vs-vs-b"), "a-versus-versus-b");
        assert_eq!(slug("東京"), "");
    }
}
