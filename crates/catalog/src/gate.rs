//! Whether a licence allows a use.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conditions::{Answer, Condition, Topic};
use crate::region::lies_in;
use crate::terms::Terms;

/// What a model is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Research that is not commercial.
    Research,
    /// Inside an organisation that offers it to nobody else.
    Internal,
    /// In products or services that earn money.
    Commercial,
}

impl Purpose {
    /// The permission that it needs.
    fn topic(self) -> Topic {
        match self {
            Purpose::Research => Topic::Research,
            Purpose::Internal => Topic::Internal,
            Purpose::Commercial => Topic::Commercial,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Purpose::Research => "research",
            Purpose::Internal => "internal",
            Purpose::Commercial => "commercial",
        })
    }
}

/// A use as it was declared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DeclaredUse {
    /// What for.
    pub purpose: Purpose,
    /// Monthly active users of everything that the user offers.
    pub users: Option<u64>,
    /// Where the user is established: a country's code (ISO 3166-1), or `EU`.
    pub region: Option<String>,
}

impl fmt::Display for DeclaredUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.purpose)?;
        if let Some(users) = self.users {
            write!(f, ", {users} user{}", if users == 1 { "" } else { "s" })?;
        }
        if let Some(region) = &self.region {
            write!(f, ", {region}")?;
        }
        Ok(())
    }
}

/// How a use stands to a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything that the declared use needs is granted.
    Passed,
    /// Something that it needs is denied.
    Failed,
    /// Nothing is denied, and something is not known.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Unknown => "unknown",
        })
    }
}

/// One condition held against the use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reason {
    /// Which.
    pub condition: Topic,
    /// How the use stands to it.
    pub outcome: Outcome,
    /// What the licence says.
    pub answer: Answer,
    /// Where it says so.
    pub clause: Option<String>,
    /// As a sentence without its full stop.
    pub words: String,
    /// The bound within which it would pass, where it is unknown only because something was not declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// What whoever uses the model has to do or to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Duty {
    /// Of what kind.
    pub condition: Topic,
    /// Unknown where it could not be told whether there is such a duty.
    pub answer: Answer,
    /// Where the licence says so.
    pub clause: Option<String>,
    /// As a sentence without its full stop.
    pub words: String,
}

/// What came of holding a licence against a use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gate {
    /// The worst of the reasons: failed, then unknown, then passed.
    pub outcome: Outcome,
    /// Each condition that was looked at.
    pub reasons: Vec<Reason>,
    /// What the licence asks of those who may use the model; none where the gate failed.
    pub duties: Vec<Duty>,
}

impl Gate {
    /// The reasons that made the outcome what it is.
    pub fn decisive(&self) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().filter(|reason| reason.outcome == self.outcome)
    }

    /// Within what the use is allowed, where all that is not known is what was not declared: a number of users, a region.
    /// The outcome stays what it is; this says what would make it a pass.
    pub fn allowed_within(&self) -> Option<String> {
        if self.outcome != Outcome::Unknown {
            return None;
        }
        let bounds: Option<Vec<&str>> = self.decisive().map(|reason| reason.within.as_deref()).collect();
        bounds.filter(|bounds| !bounds.is_empty()).map(|bounds| format!("allowed {}", bounds.join(", ")))
    }

    /// How the use stands, in a phrase.
    pub fn summary(&self) -> String {
        match self.outcome {
            Outcome::Passed => "the licence allows this use".to_owned(),
            Outcome::Failed => "the licence does not allow this use".to_owned(),
            Outcome::Unknown => {
                self.allowed_within().unwrap_or_else(|| "whether the licence allows this use cannot be told".to_owned())
            }
        }
    }
}

/// Holds `terms` against `usage`.
pub fn gate(terms: &Terms, usage: &DeclaredUse) -> Gate {
    let conditions = &terms.conditions;
    let reasons = vec![
        purpose(conditions.get(usage.purpose.topic()), usage.purpose),
        user_cap(&conditions.user_cap, usage),
        region(&conditions.region, usage),
    ];
    let is = |outcome| reasons.iter().any(|reason| reason.outcome == outcome);
    let outcome = match (is(Outcome::Failed), is(Outcome::Unknown)) {
        (true, _) => Outcome::Failed,
        (false, true) => Outcome::Unknown,
        (false, false) => Outcome::Passed,
    };
    let duties = if outcome == Outcome::Failed { Vec::new() } else { duties(terms) };
    Gate { outcome, reasons, duties }
}

fn reason(condition: &Condition, topic: Topic, outcome: Outcome, words: String) -> Reason {
    Reason {
        condition: topic,
        outcome,
        answer: condition.answer,
        clause: condition.clause.clone(),
        words,
        within: None,
    }
}

fn purpose(condition: &Condition, purpose: Purpose) -> Reason {
    let (outcome, words) = match condition.answer {
        Answer::Yes => (Outcome::Passed, format!("{purpose} use is allowed")),
        Answer::No => (Outcome::Failed, format!("{purpose} use is not allowed")),
        Answer::Unknown => (Outcome::Unknown, format!("whether {purpose} use is allowed is not known")),
    };
    reason(condition, purpose.topic(), outcome, words)
}

fn user_cap(condition: &Condition, usage: &DeclaredUse) -> Reason {
    // Who offers nothing has no users to count; a product's are to be declared.
    let users = usage.users.or((usage.purpose != Purpose::Commercial).then_some(0));
    let (outcome, words) = match (condition.answer, condition.limit, users) {
        (Answer::No, ..) => (Outcome::Passed, "there is no cap on users".to_owned()),
        (Answer::Yes, Some(limit), Some(users)) if users > limit => (
            Outcome::Failed,
            format!("{} users are more than the {} that the licence covers", people(users), people(limit)),
        ),
        (Answer::Yes, Some(limit), Some(_)) => (Outcome::Passed, format!("users stay within {}", people(limit))),
        (Answer::Yes, Some(limit), None) => {
            let within = format!("up to {} monthly users", people(limit));
            let words = format!("allowed {within}, and no number was declared");
            return Reason { within: Some(within), ..reason(condition, Topic::UserCap, Outcome::Unknown, words) };
        }
        (Answer::Yes, None, _) | (Answer::Unknown, ..) => {
            (Outcome::Unknown, "whether there is a cap on users is not known".to_owned())
        }
    };
    reason(condition, Topic::UserCap, outcome, words)
}

/// A number of people as it is spoken of, where it is round: `700 million`.
pub fn people(n: u64) -> String {
    if n > 0 && n.is_multiple_of(1_000_000) { format!("{} million", n / 1_000_000) } else { n.to_string() }
}

fn region(condition: &Condition, usage: &DeclaredUse) -> Reason {
    let excluded = condition.regions.join(", ");
    let (outcome, words) = match (condition.answer, usage.region.as_deref()) {
        (Answer::No, _) => (Outcome::Passed, "no region is excluded".to_owned()),
        (Answer::Yes, None) => {
            let words = format!("{excluded} is excluded, and no region was declared");
            let within = Some(format!("outside {excluded}"));
            return Reason { within, ..reason(condition, Topic::Region, Outcome::Unknown, words) };
        }
        (Answer::Yes, Some(place)) => {
            let lies: Vec<Answer> = condition.regions.iter().map(|region| lies_in(place, region)).collect();
            if lies.contains(&Answer::Yes) {
                (Outcome::Failed, format!("the licence is not granted in {place}"))
            } else if lies.contains(&Answer::Unknown) || lies.is_empty() {
                (Outcome::Unknown, format!("whether {place} is excluded is not known"))
            } else {
                (Outcome::Passed, format!("{place} is not excluded; {excluded} is"))
            }
        }
        (Answer::Unknown, place) => {
            // Where it is known which regions are in doubt, others are not.
            let clear = |place: &str| condition.regions.iter().all(|region| lies_in(place, region) == Answer::No);
            match place {
                Some(place) if !condition.regions.is_empty() && clear(place) => {
                    (Outcome::Passed, format!("{place} is not excluded"))
                }
                _ => (Outcome::Unknown, "whether regions are excluded is not known".to_owned()),
            }
        }
    };
    reason(condition, Topic::Region, outcome, words)
}

fn duties(terms: &Terms) -> Vec<Duty> {
    let topics = [Topic::AcceptableUse, Topic::Attribution, Topic::Naming, Topic::ShareAlike, Topic::Outputs];
    topics.into_iter().filter_map(|topic| duty(topic, terms.conditions.get(topic))).collect()
}

fn duty(topic: Topic, condition: &Condition) -> Option<Duty> {
    let none = if topic.is_permission() { Answer::Yes } else { Answer::No };
    if condition.answer == none {
        return None;
    }
    let words = match (topic, condition.answer) {
        (Topic::Outputs, Answer::No) => "outputs may not be used to improve other models".to_owned(),
        (Topic::AcceptableUse, Answer::Yes) => "a list of forbidden uses binds".to_owned(),
        (Topic::Attribution, Answer::Yes) => "notices or the origin must be passed on".to_owned(),
        (Topic::Naming, Answer::Yes) => "names of derived models are bound".to_owned(),
        (Topic::ShareAlike, Answer::Yes) => "modified versions stay under the same licence".to_owned(),
        (topic, _) => format!("{}: not known", topic.words()),
    };
    Some(Duty { condition: topic, answer: condition.answer, clause: condition.clause.clone(), words })
}
