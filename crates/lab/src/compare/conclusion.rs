//! One sentence: what the evidence supports, and what it does not.

use crate::record::{
    Clause, ClauseKind, Conclusion, Difference, Measurement, ModelFacts, ModelRecord, Piece, Side, Words, listed,
};

/// The sentence for what was found.
pub fn conclusion(models: &[ModelRecord; 2], differences: &[Difference]) -> Conclusion {
    let writer = Writer { models, differences };
    let mut clauses = vec![writer.accuracy()];
    clauses.extend(writer.decode());
    clauses.extend(writer.memory());
    clauses.extend(writer.exceptions());
    clauses.extend(writer.kept());
    clauses.extend(writer.unseen());
    clauses.extend(writer.not_ruled_out());
    clauses.push(writer.beyond());
    join(&mut clauses);
    let sentence = clauses.iter().flat_map(|clause| &clause.pieces).map(|piece| piece.text.as_str()).collect();
    Conclusion { sentence, clauses }
}

/// Puts before each clause what joins it to the one before, and ends the last.
fn join(clauses: &mut [Clause]) {
    let kinds: Vec<ClauseKind> = clauses.iter().map(|clause| clause.kind).collect();
    for (index, clause) in clauses.iter_mut().enumerate().skip(1) {
        let turns = kinds[index - 1] != kinds[index];
        let ends = kinds.get(index + 1).is_none_or(|after| *after != kinds[index]);
        let joint = match (turns, ends) {
            (true, _) => "; the evidence ",
            (false, true) => ", and ",
            (false, false) => ", ",
        };
        clause.pieces.insert(0, Piece { text: joint.to_owned(), from: None });
    }
    if let Some(last) = clauses.last_mut() {
        last.pieces.push(Piece { text: ".".to_owned(), from: None });
    }
}

struct Writer<'a> {
    models: &'a [ModelRecord; 2],
    differences: &'a [Difference],
}

impl Writer<'_> {
    /// Who is right more often.
    fn accuracy(&self) -> Clause {
        let [a, b] = self.models;
        let (a_rate, b_rate) = (&a.quality.overall.rate, &b.quality.overall.rate);
        let found = self.differences.iter().find(|difference| difference.metric == a_rate.metric);
        let winner = found.and_then(Difference::winner);
        let (first, second) = match winner {
            Some(Side::B) => ((Side::B, b_rate), (Side::A, a_rate)),
            _ => ((Side::A, a_rate), (Side::B, b_rate)),
        };
        let clause =
            supported().words("On this machine and these ").number(&a_rate.n.to_string(), a_rate).words(" questions ");
        let clause = clause.model(first.0, &self.models[first.0.index()].facts);
        let clause = match winner {
            Some(_) => clause.words(" is right more often than "),
            None => clause.words(" and "),
        };
        let clause = clause.model(second.0, &self.models[second.0.index()].facts);
        let kept = found.filter(|found| found.words == Words::NoLossBeyondMargin);
        let clause = match (winner, kept.and_then(|found| Some((found, found.equivalence?)))) {
            (Some(_), _) => clause.words(", "),
            (None, Some((found, equivalence))) => {
                clause.words(" show no loss beyond ").margin(equivalence.margin, found).words(" in accuracy, ")
            }
            (None, None) => clause.words(" show no difference in accuracy, "),
        };
        let clause = clause.number(&first.1.text(), first.1).words(" against ").number(&second.1.text(), second.1);
        if let Some((found, equivalence)) = kept.and_then(|found| Some((found, found.equivalence?))) {
            let difference = &found.difference;
            let shown =
                difference.unit.scale(&[difference.value]).show_interval(equivalence.interval, difference.value);
            return clause.words(" (A minus B ").number(&shown, difference).words(")").done();
        }
        match found.map(|found| (&found.difference, found.difference.interval_text(), found.detectable)) {
            Some((difference, Some(interval), _)) if winner.is_some() => clause
                .words(" (A minus B ")
                .number(&difference.text(), difference)
                .words(", ")
                .number(&interval, difference)
                .words(")")
                .done(),
            Some((difference, _, Some(detectable))) => {
                let scale = difference.unit.scale(&[detectable]);
                let shown = format!("{} {}", scale.show(detectable).trim_start_matches('+'), scale.suffix);
                clause.words(" (one of ").number(&shown, difference).words(" would mostly have shown)").done()
            }
            _ => clause.done(),
        }
    }

    /// How fast each writes, at the smallest depth.
    fn decode(&self) -> Option<Clause> {
        let found = self.differences.iter().find(|difference| difference.metric.starts_with("decode@"))?;
        Some(match found.words {
            Words::NoDifferenceSeen => supported().words("no difference in decode speed was seen").done(),
            _ => supported()
                .words("A decodes at ")
                .number(&found.difference.text(), &found.difference)
                .words(" the speed of B")
                .done(),
        })
    }

    fn memory(&self) -> Option<Clause> {
        let found = self.differences.iter().find(|difference| difference.metric == "peak_memory")?;
        Some(match found.words {
            Words::NoDifferenceSeen => supported().words("no difference in peak memory was seen").done(),
            _ => supported()
                .words("A takes ")
                .number(&found.difference.text(), &found.difference)
                .words(" the memory of B at its peak")
                .done(),
        })
    }

    /// The categories in which it is the other way round.
    fn exceptions(&self) -> Option<Clause> {
        let contrary = match self.overall()? {
            Words::ABetter => Words::BBetter,
            Words::BBetter => Words::ABetter,
            Words::NoDifferenceSeen | Words::NoLossBeyondMargin => return None,
        };
        let (names, winner) = (self.categories(contrary), if contrary == Words::ABetter { "A" } else { "B" });
        (!names.is_empty())
            .then(|| supported().words(&format!("yet {winner} is right more often in {}", listed(&names))).done())
    }

    /// The categories that do not tell the models apart.
    fn unseen(&self) -> Option<Clause> {
        let names = self.categories(Words::NoDifferenceSeen);
        if names.is_empty() || !matches!(self.overall()?, Words::ABetter | Words::BBetter) {
            return None;
        }
        let clause = open().words(&format!("shows no difference in {}", listed(&names)));
        Some(clause.words(", which is not to say that there is none").done())
    }

    /// The categories in which the declared margin was kept.
    fn kept(&self) -> Option<Clause> {
        let names = self.categories(Words::NoLossBeyondMargin);
        let found = self.differences.iter().find(|difference| difference.words == Words::NoLossBeyondMargin)?;
        let clause = supported().words("no loss beyond ").margin(found.equivalence?.margin, found);
        (!names.is_empty()).then(|| clause.words(&format!(" was seen in {}", listed(&names))).done())
    }

    /// That too few items were asked to say more than that no difference was seen.
    fn not_ruled_out(&self) -> Option<Clause> {
        let overall = self.differences.iter().find(|difference| difference.metric == "accuracy")?;
        let is_open = overall.words == Words::NoDifferenceSeen;
        let margin = overall.equivalence.filter(|_| is_open)?.margin;
        Some(open().words("does not rule out a loss beyond ").margin(margin, overall).done())
    }

    fn overall(&self) -> Option<Words> {
        self.differences.iter().find(|difference| difference.metric == "accuracy").map(|overall| overall.words)
    }

    fn categories(&self, words: Words) -> Vec<&str> {
        let found = self.differences.iter().filter(|difference| difference.words == words);
        found.filter_map(|difference| difference.metric.strip_prefix("accuracy.")).collect()
    }

    /// What no run of this program can show.
    fn beyond(&self) -> Clause {
        open().words("says nothing of other tasks, other prompts or other machines").done()
    }
}

struct Draft(Clause);

fn supported() -> Draft {
    Draft(Clause { kind: ClauseKind::Supported, pieces: Vec::new() })
}

fn open() -> Draft {
    Draft(Clause { kind: ClauseKind::NotSupported, pieces: Vec::new() })
}

impl Draft {
    fn words(mut self, text: &str) -> Draft {
        self.0.pieces.push(Piece { text: text.to_owned(), from: None });
        self
    }

    fn number(mut self, text: &str, from: &Measurement) -> Draft {
        self.0.pieces.push(Piece { text: text.to_owned(), from: Some(from.id.clone()) });
        self
    }

    /// The margin of equivalence that a difference was held against.
    fn margin(self, margin: f64, held_against: &Difference) -> Draft {
        let scale = held_against.difference.unit.scale(&[margin]);
        let shown = format!("{} {}", scale.show(margin).trim_start_matches('+'), scale.suffix);
        self.words("the declared margin of ").number(&shown, &held_against.difference)
    }

    fn model(self, side: Side, facts: &ModelFacts) -> Draft {
        self.words(&format!("{} ({})", side.letter(), facts.name))
    }

    fn done(self) -> Clause {
        self.0
    }
}
