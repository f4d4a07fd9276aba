//! The device that a page is about: this machine, whose limits are measured once, or one of the catalogue.

use std::sync::Arc;

use plimsoll_catalog::DeviceProfile;
use plimsoll_lab::compare::processor;
use plimsoll_lab::predict::before::{Place, Range};
use plimsoll_lab::predict::here::{self, Here};
use plimsoll_panel::judge::Target;
use plimsoll_panel::predicted::{bytes, device_lines};

use crate::app::App;
use crate::error::Problem;

/// The device that a page is about.
pub enum Device {
    /// This machine, and its limits once they are measured.
    Here(Option<Arc<Here>>),
    /// Another, by published figures.
    There(Box<DeviceProfile>),
}

impl Device {
    /// The device of this name in an address; this machine where there is none.
    ///
    /// # Errors
    /// [`Problem::Bad`] where no device is called so.
    pub fn of(app: &App, name: &str) -> Result<Device, Problem> {
        if matches!(name, "" | "here") {
            return Ok(Device::Here(app.here.get().cloned()));
        }
        let found = app.catalog.device(name).cloned();
        let unknown =
            || Problem::Bad(format!("no device is called `{name}` here; the form on the first page lists all"));
        found.map(|profile| Device::There(Box::new(profile))).ok_or_else(unknown)
    }

    pub fn place(&self) -> Place<'_> {
        match self {
            Device::Here(Some(here)) => here.place(),
            Device::Here(None) => Place::Unmeasured,
            Device::There(profile) => Place::There(profile),
        }
    }

    /// What a model may take of its memory.
    pub fn room(&self) -> Option<Range> {
        match self {
            Device::Here(_) => here::room(),
            Device::There(profile) => {
                let app_memory = &profile.app_memory;
                Some(Range { low: app_memory.least(), value: app_memory.value, high: app_memory.most() })
            }
        }
    }

    /// As the panel judges for it before anything was measured.
    pub fn target(&self) -> Target<'_> {
        match self {
            Device::Here(_) => Target::here(self.place()),
            Device::There(profile) => Target::there(profile),
        }
    }

    /// What is known of it, each figure with how it is known.
    pub fn lines(&self) -> Vec<String> {
        let here = || [self.words()].into_iter().chain(self.pending().map(str::to_owned)).collect();
        self.profile().map_or_else(here, device_lines)
    }

    /// Its profile, where it is not this machine.
    pub fn profile(&self) -> Option<&DeviceProfile> {
        match self {
            Device::Here(_) => None,
            Device::There(profile) => Some(profile),
        }
    }

    /// Whether what was measured on `cpu` was measured on it.
    pub fn is(&self, cpu: &str) -> bool {
        matches!(self, Device::Here(_)) && processor() == cpu
    }

    /// What it is and how its figures are known, in a sentence without its full stop.
    pub fn words(&self) -> String {
        let room = self.room().map_or("how much memory is free is not known".to_owned(), |room| {
            let free = if room.low < room.high {
                format!("{} to {}", bytes(room.low), bytes(room.high))
            } else {
                bytes(room.high)
            };
            match self {
                Device::Here(_) => format!("{} free of {}", bytes(room.low), bytes(room.high)),
                Device::There(_) => format!("an app may take {free}"),
            }
        });
        match self {
            Device::Here(Some(here)) => {
                let noisy = here.noisy().map_or(String::new(), |noisy| format!("; {noisy}"));
                format!("this machine ({}, {}; {room}; {}{noisy})", here.cpu, here.processor, here.reads())
            }
            Device::Here(None) => format!("this machine ({}; {room})", processor()),
            Device::There(profile) => {
                format!(
                    "{} ({}; {room}), by published figures; nothing was measured on one",
                    profile.name,
                    profile.kind.words()
                )
            }
        }
    }

    /// What of it is not known yet and will be in a moment.
    pub fn pending(&self) -> Option<&'static str> {
        let told = "Its speed is being measured: load the page again in a few seconds.";
        matches!(self, Device::Here(None)).then_some(told)
    }
}
