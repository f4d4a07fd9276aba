//! What a model's licence allows, for people and for machines.

use plimsoll_catalog::{
    Answer, DeclaredUse, Gate, ModelCard, Outcome, Reading, Recognition, Statement, Terms, Text, Topic, gate, people,
};
use plimsoll_formats::LicenceFacts;
use plimsoll_models::Checkpoint;
use serde_json::{Value, json};

use crate::catalogue;

/// The terms of a model, and how a declared use stands to them.
pub struct Licensing {
    pub terms: Terms,
    gate: Option<(DeclaredUse, Gate)>,
}

impl Licensing {
    /// From a checkpoint's files, and from its card if the catalogue has one.
    ///
    /// # Errors
    /// The catalogue cannot be read.
    pub fn of(
        files: Option<&LicenceFacts>,
        card: Option<&ModelCard>,
        usage: Option<DeclaredUse>,
    ) -> anyhow::Result<Licensing> {
        let (declared, texts) = files.map(facts).unwrap_or_default();
        let terms = catalogue::open()?.terms(&declared, &texts, card);
        let gate = usage.map(|usage| {
            let gate = gate(&terms, &usage);
            (usage, gate)
        });
        Ok(Licensing { terms, gate })
    }

    /// The use that was declared.
    pub fn usage(&self) -> Option<&DeclaredUse> {
        self.gate.as_ref().map(|(usage, _)| usage)
    }

    /// Whether the licence allows the declared use, or nobody can tell, or no use was declared.
    pub fn allows(&self) -> bool {
        self.gate.as_ref().is_none_or(|(_, gate)| gate.outcome != Outcome::Failed)
    }

    /// Where sources disagree, then each condition with its clause; neighbours that say the same stand together.
    pub fn term_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.terms.conflicts.iter().map(|conflict| format!("conflict: {conflict}")).collect();
        let said = |topic: &Topic| {
            let condition = self.terms.conditions.get(*topic);
            (condition.answer, condition.limit, &condition.regions, &condition.clause)
        };
        for alike in Topic::ALL.chunk_by(|a, b| said(a) == said(b)) {
            let (answer, limit, regions, clause) = said(&alike[0]);
            let topics: Vec<&str> = alike.iter().map(|topic| topic.words()).collect();
            let mut line = format!("{}: {answer}", topics.join(", "));
            if let Some(limit) = limit {
                line += &format!(", {}", people(limit));
            }
            // A region that only models that see are kept from, of one that does not.
            if alike == [Topic::Region] && answer == Answer::No && !regions.is_empty() {
                let words = "no, as it reads text only";
                lines.push(format!(
                    "{}: {words} ({} is excluded for models that see)",
                    Topic::Region.words(),
                    regions.join(", ")
                ));
                continue;
            }
            if !regions.is_empty() {
                line += &format!(", {}", regions.join(", "));
            }
            lines.push(with_clause(line, clause.as_deref()));
        }
        lines
    }

    /// How each licence text was known, for a title is less than a text.
    pub fn text_lines(&self) -> Vec<String> {
        let line = |reading: &Reading| match (reading.how, &reading.read_as) {
            (Recognition::TextHash, Some(licence)) => Some(format!("{} is the text of {licence}", reading.source)),
            (Recognition::TextTitle, Some(licence)) => {
                Some(format!("{} begins as {licence} does; the rest was not compared", reading.source))
            }
            _ => None,
        };
        self.terms.sources.iter().filter_map(line).collect()
    }

    /// What they were taken for.
    pub fn taken_for(&self) -> String {
        match &self.terms.expression {
            Some(expression) => expression.clone(),
            None if self.terms.sources.is_empty() => "nothing is said of it".to_owned(),
            None => "not a licence that is known here: read its text".to_owned(),
        }
    }

    /// The outcome, why, and what is owed; nothing where no use was declared.
    pub fn gate_lines(&self) -> Vec<String> {
        let Some((usage, gate)) = &self.gate else { return Vec::new() };
        let mut lines = vec![format!("{usage}: {}", gate.outcome)];
        lines.extend(gate.reasons.iter().map(|reason| {
            let mark = match reason.outcome {
                Outcome::Passed => "passed",
                Outcome::Failed => "FAILED",
                Outcome::Unknown => "unknown",
            };
            with_clause(format!("{mark}: {}", reason.words), reason.clause.as_deref())
        }));
        lines.extend(
            gate.duties.iter().map(|duty| with_clause(format!("duty: {}", duty.words), duty.clause.as_deref())),
        );
        lines
    }

    /// For machines: the terms, the use and the gate.
    pub fn add_to(&self, value: &mut Value) {
        value["terms"] = json!(self.terms);
        value["use"] = json!(self.gate.as_ref().map(|(usage, _)| usage));
        value["gate"] = json!(self.gate.as_ref().map(|(_, gate)| gate));
    }

    /// What whoever runs the model should have read: that it may not be used to earn money, or that nobody here can tell.
    pub fn warning(&self) -> Option<String> {
        let commercial = &self.terms.conditions.commercial;
        let words = match commercial.answer {
            Answer::Yes => return None,
            Answer::No => "commercial use is not allowed",
            Answer::Unknown if self.terms.sources.is_empty() => return None,
            Answer::Unknown => "whether commercial use is allowed is not known",
        };
        Some(with_clause(format!("licence {}: {words}", self.taken_for()), commercial.clause.as_deref()))
    }
}

fn with_clause(line: String, clause: Option<&str>) -> String {
    match clause {
        Some(clause) => format!("{line} ({clause})"),
        None => line,
    }
}

/// The facts of files as the catalogue takes them.
fn facts(licence: &LicenceFacts) -> (Vec<Statement>, Vec<Text>) {
    let declared = licence.declared.iter().map(|declared| Statement {
        source: declared.source.clone(),
        kind: declared.kind.to_owned(),
        value: declared.value.clone(),
    });
    let texts = licence.texts.iter().map(|text| Text {
        file: text.file.clone(),
        sha256: text.words_sha256.clone(),
        head: text.head.clone(),
    });
    (declared.collect(), texts.collect())
}

/// The licensing of a checkpoint that was opened as `argument`, and its card.
///
/// # Errors
/// As [`Licensing::of`].
pub fn of_checkpoint(
    argument: &str,
    checkpoint: &Checkpoint,
    usage: Option<DeclaredUse>,
) -> anyhow::Result<(Licensing, Option<&'static ModelCard>)> {
    let card = catalogue::card_of(argument, checkpoint)?;
    Ok((Licensing::of(Some(&checkpoint.licence), card, usage)?, card))
}
