//! What a reader wants, as an address carries it and as the fields of a form hold it: one form for all pages.

use plimsoll_catalog::{Catalog, DeclaredUse, DeviceKind, Purpose, region_code};
use serde::Deserialize;

use crate::judge::{Demand, Need, Workload};

/// The fields as they were sent; an empty one was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DemandQuery {
    /// `research`, `internal` or `commercial`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Monthly users.
    pub users: String,
    /// Two letters, or `EU`.
    pub region: String,
    /// `chat`, `batch` or `phone`; what suits the device where it is empty.
    pub workload: String,
    /// Memory at most: gigabytes, or a size with its unit.
    pub memory: String,
    /// Decode speed at least, in tokens/s.
    pub decode: String,
    /// Right answers at least, in %.
    pub accuracy: String,
    /// Further needs in the grammar of `--need`.
    pub need: String,
    /// A device of the catalogue; this machine where it is empty or `here`.
    pub device: String,
}

/// More than there are people.
pub const MOST_USERS: u64 = 10_000_000_000;

impl DemandQuery {
    /// What is demanded of this machine: commercial use, which has the most conditions, and a chat where nothing is said.
    ///
    /// # Errors
    /// Which field cannot be read and what it may hold, in words.
    pub fn demand(&self) -> Result<Demand, String> {
        self.demand_or(Workload::default())
    }

    /// The same, with `workload` where none is named.
    ///
    /// # Errors
    /// As [`DemandQuery::demand`].
    pub fn demand_or(&self, workload: Workload) -> Result<Demand, String> {
        let workload = match self.workload.as_str() {
            "" => workload,
            "chat" => Workload::Chat,
            "batch" => Workload::Batch,
            "phone" => Workload::Phone,
            other => return Err(format!("`{other}` is no kind of work; expected chat, batch or phone")),
        };
        let needs = self.needs_text();
        let needs =
            if needs.is_empty() { Vec::new() } else { Need::read(&needs).map_err(|error| error.to_string())? };
        Ok(Demand { usage: self.declared()?, workload, needs })
    }

    fn declared(&self) -> Result<DeclaredUse, String> {
        let purpose = match self.usage.as_str() {
            "research" => Purpose::Research,
            "internal" => Purpose::Internal,
            "commercial" | "" => Purpose::Commercial,
            other => return Err(format!("`{other}` is no use; expected research, internal or commercial")),
        };
        let users = match self.users.trim() {
            "" => None,
            text => {
                let users = text.parse().ok().filter(|users| *users <= MOST_USERS);
                let expected = format!("expected a whole number up to {MOST_USERS}");
                Some(users.ok_or_else(|| format!("`{text}` is no number of users; {expected}"))?)
            }
        };
        let region = match self.region.trim() {
            "" => None,
            text => Some(
                region_code(text)
                    .ok_or_else(|| format!("`{text}` is no region; expected two letters, such as DE, or EU"))?,
            ),
        };
        Ok(DeclaredUse { purpose, users, region })
    }

    /// All needs in the grammar of `--need`; a bare number has the unit that stands beside its field.
    fn needs_text(&self) -> String {
        let bare = |text: &str| text.ends_with(|c: char| c.is_ascii_digit() || c == '.');
        let with = |field: &str, name: &str, unit: &str| match field.trim() {
            "" => None,
            text if bare(text) => Some(format!("{name}{text}{unit}")),
            text => Some(format!("{name}{text}")),
        };
        let fields = [
            with(&self.memory, "memory<", "GB"),
            with(&self.decode, "decode>", ""),
            with(&self.accuracy, "accuracy>", "%"),
            with(&self.need, "", ""),
        ];
        fields.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The fields that ask for something else than an empty form does, by their names.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("use", &self.usage),
            ("users", &self.users),
            ("region", &self.region),
            ("workload", &self.workload),
            ("memory", &self.memory),
            ("decode", &self.decode),
            ("accuracy", &self.accuracy),
            ("need", &self.need),
            ("device", &self.device),
        ];
        let asked = fields.into_iter().map(|(name, value)| (name, value.as_str()));
        asked.filter(|field| !matches!(field, (_, "") | ("use", "commercial")))
    }

    /// As the end of an address that asks for the same of another page: `?use=research`, or nothing.
    pub fn query(&self) -> String {
        let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(self.fields()).finish();
        if written.is_empty() { written } else { format!("?{written}") }
    }

    /// Whether anything was asked for that the form folds away.
    fn has_more(&self) -> bool {
        self.fields().any(|(name, _)| !matches!(name, "use" | "device"))
    }
}

/// Devices of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceGroup {
    /// The kind, as a heading: `Phones`.
    pub about: &'static str,
    /// Id and name of each.
    pub devices: Vec<(String, String)>,
}

/// The devices of a catalogue by kind, those that people carry first.
pub fn device_groups(catalog: &Catalog) -> Vec<DeviceGroup> {
    let kinds = [
        (DeviceKind::Phone, "Phones"),
        (DeviceKind::Board, "Boards"),
        (DeviceKind::Laptop, "Laptops"),
        (DeviceKind::Desktop, "Desktops"),
        (DeviceKind::Card, "Graphics cards"),
        (DeviceKind::Server, "Servers"),
    ];
    let of = |(kind, about)| {
        let devices = catalog.devices().filter(|device| device.kind == kind);
        let mut devices: Vec<(String, String)> =
            devices.map(|device| (device.id.clone(), device.name.clone())).collect();
        devices.sort_by(|a, b| a.1.cmp(&b.1));
        DeviceGroup { about, devices }
    };
    kinds.into_iter().map(of).filter(|group| !group.devices.is_empty()).collect()
}

/// The form: what was asked for, and the devices that can be. `templates/demand.html` writes it.
#[derive(Debug, Clone, Copy)]
pub struct DemandForm<'a> {
    /// What was asked for.
    pub query: &'a DemandQuery,
    /// What can be chosen besides this machine.
    pub devices: &'a [DeviceGroup],
}

impl DemandForm<'_> {
    pub(super) fn is_use(&self, purpose: &str) -> bool {
        self.query.usage == purpose || (self.query.usage.is_empty() && purpose == "commercial")
    }

    pub(super) fn is_workload(&self, workload: &str) -> bool {
        self.query.workload == workload
    }

    pub(super) fn is_device(&self, id: &str) -> bool {
        self.query.device == id
    }

    /// Whether the folded part was used.
    pub(super) fn is_open(&self) -> bool {
        self.query.has_more()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_the_command_line_reads_its_flags() {
        let query = DemandQuery {
            usage: "research".to_owned(),
            users: "50000".to_owned(),
            region: "de".to_owned(),
            workload: "phone".to_owned(),
            memory: "2".to_owned(),
            decode: "10".to_owned(),
            accuracy: "80".to_owned(),
            need: "load<3s".to_owned(),
            device: String::new(),
        };
        let demand = query.demand().unwrap();
        assert_eq!((demand.usage.purpose, demand.usage.users), (Purpose::Research, Some(50_000)));
        assert_eq!((demand.usage.region.as_deref(), demand.workload), (Some("DE"), Workload::Phone));
        assert_eq!(demand.needs, Need::read("memory<2GB, decode>10, accuracy>80%, load<3s").unwrap());
        assert_eq!(
            DemandQuery { memory: "512MB".to_owned(), ..DemandQuery::default() }.demand().unwrap().needs[0].limit,
            512e6
        );
    }

    #[test]
    fn what_no_field_may_hold_is_named() {
        let with = |set: fn(&mut DemandQuery)| {
            let mut query = DemandQuery::default();
            set(&mut query);
            query.demand().unwrap_err()
        };
        assert!(with(|query| query.usage = "war".to_owned()).contains("`war` is no use"));
        assert!(with(|query| query.users = "many".to_owned()).contains("`many` is no number"));
        assert!(with(|query| query.region = "Atlantis".to_owned()).contains("`Atlantis` is no region"));
        assert!(with(|query| query.workload = "tea".to_owned()).contains("`tea` is no kind of work"));
        assert!(with(|query| query.memory = "much".to_owned()).contains("memory"));
    }

    #[test]
    fn an_address_asks_for_the_same_again() {
        let query = DemandQuery { usage: "research".to_owned(), need: "load<3s".to_owned(), ..DemandQuery::default() };
        assert_eq!(query.query(), "?use=research&need=load%3C3s");
        let default = DemandQuery { usage: "commercial".to_owned(), ..DemandQuery::default() };
        assert_eq!([DemandQuery::default().query(), default.query()], ["", ""]);
    }

    #[test]
    fn a_chat_that_is_named_is_a_chat_wherever_it_is() {
        let query = DemandQuery { workload: "chat".to_owned(), ..DemandQuery::default() };
        assert_eq!(query.demand_or(Workload::Phone).unwrap().workload, Workload::Chat);
        assert_eq!(DemandQuery::default().demand_or(Workload::Phone).unwrap().workload, Workload::Phone);
        assert_eq!(query.query(), "?workload=chat", "and a link from the page says so too");
    }
}
