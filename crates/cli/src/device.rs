//! `--device`: where a model is to run, this machine or one of which only published figures are known.

use std::path::Path;

use plimsoll_catalog::{Catalog, DeviceProfile, nearest, read_device};
use plimsoll_kernels::Cpu;
use plimsoll_lab::predict::before::{Place, Range};
use plimsoll_lab::predict::here::{self, Here};
use plimsoll_panel::judge::Target;
pub use plimsoll_panel::predicted::bytes;
use plimsoll_panel::predicted::device_lines;
use serde_json::{Value, json};

use crate::catalogue;
use crate::settings::Settings;

/// Where a model is to run.
pub enum Device {
    /// This machine, measured.
    Here {
        here: Box<Here>,
        /// Bytes that are free now, and all that there are.
        memory: Option<(f64, f64)>,
    },
    /// Another, by its profile.
    There(Box<DeviceProfile>),
}

/// No device is called so.
#[derive(Debug, thiserror::Error)]
#[error("no device is called `{name}`")]
pub struct NoDevice {
    /// As it was asked for.
    pub name: String,
    /// What it was most likely meant for.
    pub near: Option<String>,
    /// All that there are.
    pub known: Vec<String>,
}

impl NoDevice {
    /// Of all that the catalogue knows, none is `name`.
    pub fn of(name: &str, catalog: &Catalog) -> NoDevice {
        let known: Vec<String> = catalog.devices().map(|device| device.id.clone()).collect();
        let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        NoDevice { name: name.to_owned(), near, known }
    }
}

impl Device {
    /// The device of this name, or of the profile in this file; without either this machine, which is measured.
    ///
    /// # Errors
    /// [`NoDevice`], or the file is no profile.
    pub fn of(named: Option<&str>, settings: &Settings) -> anyhow::Result<Device> {
        let Some(name) = named.filter(|name| *name != "here") else { return Device::here(settings) };
        if name.ends_with(".toml") || name.contains('/') {
            return Ok(Device::There(Box::new(read_device(Path::new(name))?)));
        }
        let catalog = catalogue::open()?;
        if let Some(device) = catalog.device(name) {
            return Ok(Device::There(Box::new(device.clone())));
        }
        Err(NoDevice::of(name, catalog).into())
    }

    fn here(settings: &Settings) -> anyhow::Result<Device> {
        let cpu = Cpu::new(settings.isa, settings.threads)?;
        Ok(Device::Here { here: Box::new(Here::measure(&cpu)), memory: here::memory() })
    }

    pub fn place(&self) -> Place<'_> {
        match self {
            Device::Here { here, .. } => here.place(),
            Device::There(profile) => Place::There(profile),
        }
    }

    /// As the panel judges for it.
    pub fn target(&self) -> Target<'_> {
        match self {
            Device::Here { here, .. } => Target::here(here.place()),
            Device::There(profile) => Target::there(profile),
        }
    }

    /// Its profile, where it is not this machine.
    pub fn profile(&self) -> Option<&DeviceProfile> {
        match self {
            Device::Here { .. } => None,
            Device::There(profile) => Some(profile),
        }
    }

    /// What a model may take: what was asked for, else what is known of the device.
    pub fn room(&self, asked: Option<f64>) -> Option<Range> {
        if let Some(bytes) = asked {
            return Some(Range { low: bytes, value: bytes, high: bytes });
        }
        match self {
            Device::Here { memory, .. } => memory.map(|(free, all)| Range { low: free, value: free, high: all }),
            Device::There(profile) => {
                let app = &profile.app_memory;
                Some(Range { low: app.least(), value: app.value, high: app.most() })
            }
        }
    }

    /// How it is asked for on a command line; nothing where it is this machine.
    pub fn flag(&self) -> String {
        match self {
            Device::Here { .. } => String::new(),
            Device::There(profile) => format!(" --device {}", profile.id),
        }
    }

    /// What is known of it, each figure with how it is known.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Device::Here { here, memory } => {
                // In one line, for whoever shows no more than the first.
                let noisy = here.noisy().map_or(String::new(), |noisy| format!("; {noisy}"));
                let mut lines = vec![format!("this machine, measured: {}, {}{noisy}", here.processor, here.reads())];
                lines.extend(memory.map(|(free, all)| format!("memory: {} free of {}", bytes(free), bytes(all))));
                lines
            }
            Device::There(profile) => device_lines(profile),
        }
    }

    /// The same for machines.
    pub fn as_value(&self) -> Value {
        match self {
            Device::Here { here, memory } => json!({
                "measured": true, "processor": here.processor, "read_bandwidth": here.machine.read_bandwidth,
                "readings": here.readings, "noisy": here.noisy(),
                "memory_free": memory.map(|memory| memory.0), "memory": memory.map(|memory| memory.1),
            }),
            Device::There(profile) => json!({ "measured": false, "profile": **profile }),
        }
    }
}
