//! The cards, licences and devices that come inside, and those that a user adds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::builtin;
use crate::card::ModelCard;
use crate::device::DeviceProfile;
use crate::error::CatalogError;
use crate::licence::Licence;
use crate::names::{names_of_path, normal, without_owner};

/// What is longer is no card, whatever its name.
const MAX_FILE: u64 = 1 << 20;

/// A key of a file, and what is wrong with it.
pub(crate) type Wrong = (String, String);

/// Models by id, licences by id, and devices by id.
#[derive(Debug, Clone)]
pub struct Catalog {
    cards: BTreeMap<String, ModelCard>,
    licences: BTreeMap<String, Licence>,
    devices: BTreeMap<String, DeviceProfile>,
    /// Ids of the cards that a user added or replaced: they are asked first.
    own: BTreeSet<String>,
}

impl Catalog {
    /// What comes inside.
    pub fn builtin() -> Catalog {
        let mut catalog = Catalog {
            cards: BTreeMap::new(),
            licences: BTreeMap::new(),
            devices: BTreeMap::new(),
            own: BTreeSet::new(),
        };
        for (file, text) in builtin::LICENCES {
            let licence: Licence = parse(file, text).expect("a test reads every licence that comes inside");
            catalog.licences.insert(licence.id.clone(), licence);
        }
        for (file, text) in builtin::MODELS {
            let card: ModelCard = parse(file, text).expect("a test reads every card that comes inside");
            catalog.cards.insert(card.id.clone(), card);
        }
        for (file, text) in builtin::DEVICES {
            let device: DeviceProfile = parse(file, text).expect("a test reads every device that comes inside");
            catalog.devices.insert(device.id.clone(), device);
        }
        catalog
    }

    /// Adds the cards in `dir` (`*.toml`), the licences in its folder `licences` and the devices in its folder `devices`;
    /// what has the id of one that is there takes its place.
    ///
    /// # Errors
    /// The folder cannot be read, or a file in it is no card; the error names the file and the key.
    pub fn with_folder(mut self, dir: &Path) -> Result<Catalog, CatalogError> {
        let licences = dir.join("licences");
        if is_there(&licences) {
            for path in toml_files(&licences)? {
                let licence: Licence = parse(&path.display().to_string(), &read(&path)?)?;
                self.licences.insert(licence.id.clone(), licence);
            }
        }
        let devices = dir.join("devices");
        if is_there(&devices) {
            for path in toml_files(&devices)? {
                let device = read_device(&path)?;
                self.devices.insert(device.id.clone(), device);
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
        let wrong = |(key, what): Wrong| CatalogError::key(file, &key, what);
        check_id(&card.id).map_err(wrong)?;
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
        for (i, shape) in card.shapes.iter().enumerate() {
            shape.check().map_err(|(key, what)| wrong((format!("shapes[{i}].{key}"), what)))?;
            if shape.hub.as_ref().is_some_and(|hub| !card.hub.contains(hub)) {
                return Err(wrong((format!("shapes[{i}].hub"), "expected one of the names in `hub`".to_owned())));
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

    /// Every device, by id.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceProfile> {
        self.devices.values()
    }

    /// The device of this id, name or alias, in any case and spelling.
    pub fn device(&self, name: &str) -> Option<&DeviceProfile> {
        let name = normal(name);
        let called = |device: &&DeviceProfile| {
            let mut names = [&device.id, &device.name].into_iter().chain(&device.aliases);
            names.any(|other| normal(other) == name)
        };
        self.devices.get(&name).or_else(|| self.devices.values().find(called))
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

    /// The card whose id, alias or name on the hub this is, in any case; the owner may be left out of a name on the hub that
    /// is then still one card's alone. A user's cards are asked before those that come inside.
    pub fn resolve(&self, name: &str) -> Option<&ModelCard> {
        let is = |other: &String| other.eq_ignore_ascii_case(name.trim());
        let find = |own: bool| {
            let mut cards = self.cards.values().filter(move |card| self.own.contains(&card.id) == own);
            cards.find(|card| is(&card.id)).or_else(|| {
                let mut cards = self.cards.values().filter(move |card| self.own.contains(&card.id) == own);
                cards.find(|card| card.aliases.iter().any(is) || card.hub.iter().any(is))
            })
        };
        let without_owner = || {
            let mut cards =
                self.cards.values().filter(|card| card.checkpoints().any(|own| own.eq_ignore_ascii_case(name.trim())));
            cards.next().filter(|_| cards.next().is_none())
        };
        find(true).or_else(|| find(false)).or_else(without_owner)
    }

    /// The cards in which every word of `query` stands: in an id, an alias, a name on the hub, a maker, a family, a licence,
    /// a category, what it is best for or what it can do, spelling aside. All of them where there is no word.
    pub fn search(&self, query: &str) -> Vec<&ModelCard> {
        let words: Vec<String> = query.split_whitespace().map(letters).filter(|word| !word.is_empty()).collect();
        let holds = |card: &&ModelCard| {
            let licence = card.licence.iter().flat_map(|id| {
                let known = self.licence(id);
                known.into_iter().flat_map(|licence| [&licence.name].into_iter().chain(&licence.tags)).chain([id])
            });
            let texts = [&card.id, &card.name, &card.maker, &card.family, &card.best_for].into_iter();
            let texts = texts.chain(&card.aliases).chain(&card.hub).chain(licence);
            let texts = texts.chain(&card.licence_as_announced).map(String::as_str).chain([card.category.words()]);
            let mut texts: Vec<String> = texts.map(letters).collect();
            texts.extend(card.asks.abilities().map(letters));
            words.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
        };
        self.cards.values().filter(holds).collect()
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

/// Reads the profile of one device.
///
/// # Errors
/// The file cannot be read, or is no profile; the error names the file and the key.
pub fn read_device(path: &Path) -> Result<DeviceProfile, CatalogError> {
    let file = path.display().to_string();
    let device: DeviceProfile = parse(&file, &read(path)?)?;
    device.check().map_err(|(key, what)| CatalogError::key(&file, &key, what))?;
    Ok(device)
}

/// Ids are parts of addresses and of file names.
pub(crate) fn check_id(id: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._:".contains(c);
    if !id.is_empty() && id.chars().all(fits) {
        return Ok(());
    }
    Err(("id".to_owned(), "expected lower-case letters, digits, `-`, `.`, `_` and `:`".to_owned()))
}

/// The letters and digits of a text, in lower case: `gemma3` stands in `Gemma 3`.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A card, a licence or a device from TOML.
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

/// Whether something has this name, were it no folder or a link to nothing: reading it says so then.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn toml_files(dir: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| CatalogError::io(dir, e))? {
        let path = entry.map_err(|e| CatalogError::io(dir, e))?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|extension| extension == "toml") && !is_hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, CatalogError> {
    let io = |e| CatalogError::io(path, e);
    let malformed = |what: String| CatalogError::Malformed { file: path.display().to_string(), what };
    // A pipe would be waited for without an end.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(malformed("is no file that can be read from its beginning to its end".to_owned()));
    }
    let mut text = String::new();
    std::fs::File::open(path).map_err(io)?.take(MAX_FILE + 1).read_to_string(&mut text).map_err(io)?;
    if text.len() as u64 > MAX_FILE {
        return Err(malformed(format!("has more than {MAX_FILE} bytes, which is more than any card has")));
    }
    Ok(text)
}
