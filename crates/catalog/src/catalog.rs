//! The cards and licences that come inside, and those that a user adds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::builtin;
use crate::card::ModelCard;
use crate::error::CatalogError;
use crate::licence::Licence;
use crate::names::{names_of_path, normal, without_owner};

/// What is longer is no card, whatever its name.
const MAX_FILE: u64 = 1 << 20;

/// Models by id, and licences by id.
#[derive(Debug, Clone)]
pub struct Catalog {
    cards: BTreeMap<String, ModelCard>,
    licences: BTreeMap<String, Licence>,
    /// Ids of the cards that a user added or replaced: they are asked first.
    own: BTreeSet<String>,
}

impl Catalog {
    /// What comes inside.
    pub fn builtin() -> Catalog {
        let mut catalog = Catalog { cards: BTreeMap::new(), licences: BTreeMap::new(), own: BTreeSet::new() };
        for (file, text) in builtin::LICENCES {
            let licence: Licence = parse(file, text).expect("a test reads every licence that comes inside");
            catalog.licences.insert(licence.id.clone(), licence);
        }
        for (file, text) in builtin::MODELS {
            let card: ModelCard = parse(file, text).expect("a test reads every card that comes inside");
            catalog.cards.insert(card.id.clone(), card);
        }
        catalog
    }

    /// Adds the cards in `dir` (`*.toml`) and the licences in its folder `licences`; what has the id of one that is there
    /// takes its place.
    ///
    /// # Errors
    /// The folder cannot be read, or a file in it is no card; the error names the file and the key.
    pub fn with_folder(mut self, dir: &Path) -> Result<Catalog, CatalogError> {
        let licences = dir.join("licences");
        if licences.is_dir() {
            for path in toml_files(&licences)? {
                let licence: Licence = parse(&path.display().to_string(), &read(&path)?)?;
                self.licences.insert(licence.id.clone(), licence);
            }
        }
        for path in toml_files(dir)? {
            let file = path.display().to_string();
            let mut card: ModelCard = parse(&file, &read(&path)?)?;
            self.check(&file, &card)?;
            card.artifact = card.artifact.map(|artifact| dir.join(artifact));
            self.own.insert(card.id.clone());
            self.cards.insert(card.id.clone(), card);
        }
        Ok(self)
    }

    /// What types cannot tell.
    pub(crate) fn check(&self, file: &str, card: &ModelCard) -> Result<(), CatalogError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._:".contains(c);
        if card.id.is_empty() || !card.id.chars().all(fits) {
            let what = "expected lower-case letters, digits, `-`, `.`, `_` and `:`";
            return Err(CatalogError::key(file, "id", what));
        }
        if let Some(licence) = card.licence.as_ref().filter(|id| self.licence(id).is_none()) {
            let what = format!("no licence `{licence}` is in the catalogue; `licence_as_announced` takes any words");
            return Err(CatalogError::key(file, "licence", what));
        }
        for (i, price) in card.prices.iter().enumerate() {
            let prices = [price.usd_per_million_input, price.usd_per_million_output];
            if prices.into_iter().flatten().any(|usd| !usd.is_finite() || usd < 0.0) {
                return Err(CatalogError::key(file, &format!("prices[{i}]"), "expected 0 or more dollars"));
            }
        }
        Ok(())
    }

    /// Every card, by id.
    pub fn cards(&self) -> impl Iterator<Item = &ModelCard> {
        self.cards.values()
    }

    /// The card of this id.
    pub fn card(&self, id: &str) -> Option<&ModelCard> {
        self.cards.get(id)
    }

    /// Every licence, by id.
    pub fn licences(&self) -> impl Iterator<Item = &Licence> {
        self.licences.values()
    }

    /// The licence of this id, in any case.
    pub fn licence(&self, id: &str) -> Option<&Licence> {
        self.licences.get(id).or_else(|| self.licences.values().find(|licence| licence.id.eq_ignore_ascii_case(id)))
    }

    /// The licence of this id, tag or name, in any case.
    pub(crate) fn licence_called(&self, name: &str) -> Option<&Licence> {
        let name = name.trim();
        self.licence(name).or_else(|| {
            self.licences.values().find(|licence| {
                licence.name.eq_ignore_ascii_case(name) || licence.tags.iter().any(|tag| tag.eq_ignore_ascii_case(name))
            })
        })
    }

    /// The card whose id, alias or name on the hub this is, in any case. A user's cards are asked before those that come
    /// inside.
    pub fn resolve(&self, name: &str) -> Option<&ModelCard> {
        let is = |other: &String| other.eq_ignore_ascii_case(name.trim());
        let find = |own: bool| {
            let mut cards = self.cards.values().filter(move |card| self.own.contains(&card.id) == own);
            cards.find(|card| is(&card.id)).or_else(|| {
                let mut cards = self.cards.values().filter(move |card| self.own.contains(&card.id) == own);
                cards.find(|card| card.aliases.iter().any(is) || card.hub.iter().any(is))
            })
        };
        find(true).or_else(|| find(false))
    }

    /// The card of a model that was opened as `argument` (a path, or a name) and calls itself `declared_name`. Names must
    /// agree whole, spelling aside; where two cards could be meant, neither is.
    pub fn card_of(&self, argument: &str, declared_name: &str) -> Option<&ModelCard> {
        if let Some(card) = self.resolve(argument) {
            return Some(card);
        }
        let by_path = names_of_path(argument).iter().find_map(|name| self.only_card_called(name));
        let declared = self.only_card_called(declared_name);
        match (by_path, declared) {
            (Some(a), Some(b)) if a.id != b.id => None,
            (a, b) => a.or(b),
        }
    }

    fn only_card_called(&self, name: &str) -> Option<&ModelCard> {
        let name = normal(name);
        if name.is_empty() {
            return None;
        }
        let called = |card: &&ModelCard| {
            let hub = card.hub.iter().flat_map(|hub| [hub.as_str(), without_owner(hub)]);
            [card.id.as_str()]
                .into_iter()
                .chain(card.aliases.iter().map(String::as_str))
                .chain(hub)
                .any(|n| normal(n) == name)
        };
        let mut found = self.cards.values().filter(called);
        match (found.next(), found.next()) {
            (Some(card), None) => Some(card),
            _ => None,
        }
    }
}

/// A card or a licence from TOML.
pub(crate) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, CatalogError> {
    let malformed =
        |error: &toml::de::Error| CatalogError::Malformed { file: file.to_owned(), what: one_line(error, text) };
    let table = toml::Deserializer::parse(text).map_err(|error| malformed(&error))?;
    serde_path_to_error::deserialize(table).map_err(|error| match error.path().to_string().as_str() {
        "." => malformed(error.inner()),
        key => CatalogError::key(file, key, error.inner().message().replace('\n', ", ")),
    })
}

/// What is wrong, and in which line.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let what = error.message().replace('\n', ", ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) if !before.is_empty() => format!("line {}: {what}", before.lines().count().max(1)),
        _ => what,
    }
}

fn toml_files(dir: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| CatalogError::io(dir, e))? {
        let path = entry.map_err(|e| CatalogError::io(dir, e))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, CatalogError> {
    let io = |e| CatalogError::io(path, e);
    let length = std::fs::metadata(path).map_err(io)?.len();
    if length > MAX_FILE {
        let what = format!("has {length} bytes, expected {MAX_FILE} at most of a card");
        return Err(CatalogError::Malformed { file: path.display().to_string(), what });
    }
    std::fs::read_to_string(path).map_err(io)
}
