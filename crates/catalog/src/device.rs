//! What is known of a device without having it: memory, how fast it reads, and how much of that engines reach there.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::catalog::Wrong;
use crate::figure::Figure;

/// A device as published figures describe it. Nothing here was measured by this program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceProfile {
    /// Lower-case letters, digits, `.`, `-`, `_`.
    pub id: String,
    /// As its maker writes it.
    pub name: String,
    /// What kind of device.
    pub kind: DeviceKind,
    /// Its processor or card.
    pub chip: String,
    /// Other names by which people ask for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What would run a model there.
    pub engine: EngineThere,
    /// Memory in all; low and high where it is sold with less and with more, in bytes.
    pub memory: Figure,
    /// What one app may hold of it: weights, keys and values, buffers, in bytes.
    pub app_memory: Figure,
    /// Bytes per second that its memory gives by its data sheet; none where it is not known.
    pub read_bandwidth: Option<Figure>,
    /// The share of that which engines were seen to reach when they decode, by unit; the first is predicted with.
    #[serde(default)]
    pub reach: Vec<Reach>,
    /// Arithmetic rates by type.
    #[serde(default)]
    pub compute: Vec<ComputeRate>,
    /// Cores and instruction sets, in words.
    pub processor: Option<String>,
    /// What else a reader should know.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What kind of device it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A telephone.
    Phone,
    /// A single-board computer or a module.
    Board,
    /// A laptop, or a small computer with a laptop's chip.
    Laptop,
    /// A desktop's processor.
    Desktop,
    /// A graphics card.
    Card,
    /// A server or a virtual machine.
    Server,
}

impl DeviceKind {
    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            DeviceKind::Phone => "phone",
            DeviceKind::Board => "board",
            DeviceKind::Laptop => "laptop",
            DeviceKind::Desktop => "desktop",
            DeviceKind::Card => "graphics card",
            DeviceKind::Server => "server",
        }
    }
}

/// What would run a model on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineThere {
    /// A processor that this program has kernels for.
    Processor,
    /// Something that this program does not run on: the figures hold for another engine.
    Other,
}

/// How much of the bandwidth engines reach on one unit of a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// `CPU`, `GPU`, `NPU`.
    pub unit: String,
    /// Of weights of about 4 bits.
    pub four_bit: Figure,
    /// Of weights of 8 or 16 bits, where that was seen too.
    pub wide: Option<Figure>,
}

/// A rate of arithmetic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputeRate {
    /// `CPU`, `GPU`, `NPU`.
    pub unit: String,
    /// `int8`, `fp16`, `fp32`.
    pub of: String,
    /// Operations per second.
    pub rate: Figure,
}

/// From a megabyte to a petabyte: what has less runs no model, and what has more is a slip, in bytes.
const MEMORY: RangeInclusive<f64> = 1e6..=1e15;
/// From a megabyte to a petabyte in a second, in bytes/s.
const BANDWIDTH: RangeInclusive<f64> = 1e6..=1e15;
/// Below the least part of a bandwidth that any engine was seen to reach, and all of it.
const SHARE: RangeInclusive<f64> = 0.001..=1.0;
/// From a million operations to a quintillion in a second.
const RATE: RangeInclusive<f64> = 1e6..=1e18;

impl DeviceProfile {
    /// What types cannot tell.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        crate::catalog::check_id(&self.id)?;
        self.memory.check("memory", &MEMORY)?;
        self.app_memory.check("app_memory", &MEMORY)?;
        let high = |figure: &Figure| figure.high.unwrap_or(figure.value);
        if high(&self.app_memory) > high(&self.memory) {
            return Err(("app_memory".to_owned(), "expected no more than `memory`".to_owned()));
        }
        if let Some(bandwidth) = &self.read_bandwidth {
            bandwidth.check("read_bandwidth", &BANDWIDTH)?;
        }
        for (i, reach) in self.reach.iter().enumerate() {
            let shares = [Some(("four_bit", &reach.four_bit)), reach.wide.as_ref().map(|wide| ("wide", wide))];
            for (name, share) in shares.into_iter().flatten() {
                share.check(&format!("reach[{i}].{name}"), &SHARE)?;
            }
        }
        for (i, compute) in self.compute.iter().enumerate() {
            compute.rate.check(&format!("compute[{i}].rate"), &RATE)?;
        }
        Ok(())
    }

    /// The share that weights of so many bits reach: the first unit's. Where only weights of 4 bits were seen, theirs, which
    /// is the smaller one.
    pub fn share(&self, is_wide: bool) -> Option<&Figure> {
        let reach = self.reach.first()?;
        Some(reach.wide.as_ref().filter(|_| is_wide).unwrap_or(&reach.four_bit))
    }
}
