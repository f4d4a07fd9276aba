//! What a licence says on each matter: yes, no or unknown, with the clause.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A tri-state answer. What nobody wrote down is unknown, never a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// Not known.
    #[default]
    Unknown,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Unknown => "unknown",
        })
    }
}

/// A matter that licences of models speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Permission: research that is not commercial.
    Research,
    /// Permission: use inside an organisation that offers it to nobody else.
    Internal,
    /// Permission: in products and services that earn money.
    Commercial,
    /// Restriction: a number of users beyond which another licence is needed.
    UserCap,
    /// Restriction: naming the origin, or passing notices on.
    Attribution,
    /// Restriction: what derived models must or must not be called.
    Naming,
    /// Restriction: places in which the licence is not granted.
    Region,
    /// Restriction: a list of uses that are forbidden.
    AcceptableUse,
    /// Restriction: modified versions stay under the same licence.
    ShareAlike,
    /// Permission: using outputs to improve other models.
    Outputs,
}

impl Topic {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Topic; 10] = [
        Topic::Research,
        Topic::Internal,
        Topic::Commercial,
        Topic::UserCap,
        Topic::Region,
        Topic::AcceptableUse,
        Topic::Attribution,
        Topic::Naming,
        Topic::ShareAlike,
        Topic::Outputs,
    ];

    /// Whether [`Answer::Yes`] allows something; otherwise it asks or forbids something.
    pub fn is_permission(self) -> bool {
        matches!(self, Topic::Research | Topic::Internal | Topic::Commercial | Topic::Outputs)
    }

    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Topic::Research => "research use",
            Topic::Internal => "internal use",
            Topic::Commercial => "commercial use",
            Topic::UserCap => "user cap",
            Topic::Attribution => "attribution",
            Topic::Naming => "naming",
            Topic::Region => "excluded regions",
            Topic::AcceptableUse => "acceptable-use policy",
            Topic::ShareAlike => "share alike",
            Topic::Outputs => "outputs may train others",
        }
    }

    /// How strict an answer is: 2 denies or asks most.
    pub(crate) fn strictness(self, answer: Answer) -> u8 {
        match (answer, self.is_permission()) {
            (Answer::Unknown, _) => 1,
            (Answer::No, true) | (Answer::Yes, false) => 2,
            (Answer::Yes, true) | (Answer::No, false) => 0,
        }
    }
}

/// What is said on one matter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// Whether it is so; [`Topic`] tells what "it" is.
    pub answer: Answer,
    /// Where it is said, and what, paraphrased.
    pub clause: Option<String>,
    /// Users above which the licence is not granted.
    pub limit: Option<u64>,
    /// Where the licence is not granted: country codes, or `EU`.
    pub regions: Vec<String>,
    /// The condition binds only models that take more than text. [`Terms`](crate::Terms) have it resolved.
    pub multimodal_only: bool,
    /// The licences that say so; filled in [`Terms`](crate::Terms).
    pub licence: Option<String>,
}

/// What is said on every matter. The default knows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Conditions {
    /// See [`Topic::Research`].
    pub research: Condition,
    /// See [`Topic::Internal`].
    pub internal: Condition,
    /// See [`Topic::Commercial`].
    pub commercial: Condition,
    /// See [`Topic::UserCap`].
    pub user_cap: Condition,
    /// See [`Topic::Attribution`].
    pub attribution: Condition,
    /// See [`Topic::Naming`].
    pub naming: Condition,
    /// See [`Topic::Region`].
    pub region: Condition,
    /// See [`Topic::AcceptableUse`].
    pub acceptable_use: Condition,
    /// See [`Topic::ShareAlike`].
    pub share_alike: Condition,
    /// See [`Topic::Outputs`].
    pub outputs: Condition,
}

impl Conditions {
    /// What is said on `topic`.
    pub fn get(&self, topic: Topic) -> &Condition {
        match topic {
            Topic::Research => &self.research,
            Topic::Internal => &self.internal,
            Topic::Commercial => &self.commercial,
            Topic::UserCap => &self.user_cap,
            Topic::Attribution => &self.attribution,
            Topic::Naming => &self.naming,
            Topic::Region => &self.region,
            Topic::AcceptableUse => &self.acceptable_use,
            Topic::ShareAlike => &self.share_alike,
            Topic::Outputs => &self.outputs,
        }
    }

    pub(crate) fn get_mut(&mut self, topic: Topic) -> &mut Condition {
        match topic {
            Topic::Research => &mut self.research,
            Topic::Internal => &mut self.internal,
            Topic::Commercial => &mut self.commercial,
            Topic::UserCap => &mut self.user_cap,
            Topic::Attribution => &mut self.attribution,
            Topic::Naming => &mut self.naming,
            Topic::Region => &mut self.region,
            Topic::AcceptableUse => &mut self.acceptable_use,
            Topic::ShareAlike => &mut self.share_alike,
            Topic::Outputs => &mut self.outputs,
        }
    }

    /// What remains allowed when both hold.
    pub(crate) fn strictest(mut self, other: Conditions) -> Conditions {
        for topic in Topic::ALL {
            let mine = self.get_mut(topic);
            let theirs = other.get(topic);
            match topic.strictness(mine.answer).cmp(&topic.strictness(theirs.answer)) {
                std::cmp::Ordering::Greater => {}
                std::cmp::Ordering::Less => *mine = theirs.clone(),
                std::cmp::Ordering::Equal => mine.join(theirs),
            }
        }
        self
    }

    /// Compared matter by matter, the uses first: less is looser. A choice between licences is a choice of one of them
    /// whole, for nobody may take the best of each.
    pub(crate) fn strictness(&self) -> [u8; Topic::ALL.len()] {
        let order = [
            Topic::Commercial,
            Topic::Internal,
            Topic::Research,
            Topic::Region,
            Topic::UserCap,
            Topic::Outputs,
            Topic::AcceptableUse,
            Topic::ShareAlike,
            Topic::Naming,
            Topic::Attribution,
        ];
        order.map(|topic| topic.strictness(self.get(topic).answer))
    }
}

impl Condition {
    /// Takes over what another licence with the same answer adds.
    fn join(&mut self, other: &Condition) {
        self.limit = [self.limit, other.limit].into_iter().flatten().min();
        for region in &other.regions {
            if !self.regions.contains(region) {
                self.regions.push(region.clone());
            }
        }
        join_words(&mut self.clause, other.clause.as_deref(), "; ");
        join_words(&mut self.licence, other.licence.as_deref(), ", ");
    }
}

fn join_words(mine: &mut Option<String>, theirs: Option<&str>, between: &str) {
    let Some(theirs) = theirs else { return };
    match mine {
        Some(words) if words.split(between).any(|part| part == theirs) || words == theirs => {}
        Some(words) => *words = format!("{words}{between}{theirs}"),
        None => *mine = Some(theirs.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commercial(answer: Answer) -> Conditions {
        Conditions { commercial: Condition { answer, ..Condition::default() }, ..Conditions::default() }
    }

    #[test]
    fn a_permission_falls_to_no_and_a_restriction_rises_to_yes() {
        let both = commercial(Answer::Yes).strictest(commercial(Answer::No));
        assert_eq!(both.commercial.answer, Answer::No);
        assert_eq!(commercial(Answer::Yes).strictest(commercial(Answer::Unknown)).commercial.answer, Answer::Unknown);
        let cap = |answer, limit| Conditions {
            user_cap: Condition { answer, limit, ..Condition::default() },
            ..Conditions::default()
        };
        let both = cap(Answer::Yes, Some(700)).strictest(cap(Answer::No, None));
        assert_eq!((both.user_cap.answer, both.user_cap.limit), (Answer::Yes, Some(700)));
    }

    #[test]
    fn of_two_caps_the_lower_holds_and_both_clauses_are_kept() {
        let cap = |limit, clause: &str| Conditions {
            user_cap: Condition {
                answer: Answer::Yes,
                limit: Some(limit),
                clause: Some(clause.to_owned()),
                ..Condition::default()
            },
            ..Conditions::default()
        };
        let both = cap(700, "section 2").strictest(cap(100, "section 4")).user_cap;
        assert_eq!((both.limit, both.clause.as_deref()), (Some(100), Some("section 2; section 4")));
    }
}
