//! What kind of machine it is and what state it is in, as its operating system tells: nothing that tells one machine of a
//! kind from another, no name of it or of who uses it, no serial number, no path.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::load::throttled;
use crate::record::{MachineFacts, Momentary};
use crate::suite::hash::hex;

/// Words that makers of virtual machines put where a computer's maker and model stand.
const HYPERVISORS: [(&str, &str); 9] = [
    ("KVM", "KVM"),
    ("QEMU", "QEMU"),
    ("VMware", "VMware"),
    ("VirtualBox", "VirtualBox"),
    ("Xen", "Xen"),
    ("Microsoft Corporation", "Hyper-V"),
    ("Amazon EC2", "Amazon EC2"),
    ("Google", "Google Compute Engine"),
    ("Firecracker", "Firecracker"),
];

/// The machine at hand.
pub(super) fn machine_facts() -> MachineFacts {
    MachineFacts { program_sha256: program_sha256(), ..facts_under(Path::new("/")) }
}

/// Clock and throttling at this moment.
pub(super) fn momentary() -> Momentary {
    Momentary { clock_mhz: clock_mhz(Path::new("/")), throttled: throttled() }
}

/// What stands in `/proc` and `/sys` under `root`.
fn facts_under(root: &Path) -> MachineFacts {
    let cpuinfo = fs::read_to_string(root.join("proc/cpuinfo")).unwrap_or_default();
    let field = |key: &str| {
        let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|name| name.trim() == key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let dmi = |name: &str| line(&root.join("sys/devices/virtual/dmi/id").join(name));
    let model = dmi("product_name").or_else(|| line(&root.join("proc/device-tree/model")));
    let by = [dmi("sys_vendor"), model.clone(), line(&root.join("sys/hypervisor/type"))];
    let is_virtual = field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    MachineFacts {
        virtualisation: virtualisation(&by.map(Option::unwrap_or_default).join("\n"), is_virtual),
        model,
        microcode: field("microcode"),
        governor: line(&root.join("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        power: power(&root.join("sys/class/power_supply")),
        before: None,
        after: None,
        program_sha256: None,
    }
}

/// The hypervisor that `makers` name, if the machine is a virtual one.
fn virtualisation(makers: &str, is_virtual: bool) -> Option<String> {
    let named = HYPERVISORS.iter().find(|(word, _)| makers.contains(word)).map(|(_, name)| (*name).to_owned());
    match (named, is_virtual) {
        // Google, Microsoft and Amazon make computers too.
        (Some(name), true) => Some(name),
        (Some(name), false) if matches!(name.as_str(), "KVM" | "QEMU" | "VMware" | "VirtualBox" | "Xen") => Some(name),
        (None, true) => Some("unnamed hypervisor".to_owned()),
        (_, false) => None,
    }
}

/// `mains` or `battery`; `None` where no supply is told of, as of most machines without a battery.
fn power(folder: &Path) -> Option<String> {
    let supplies: Vec<_> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    let is = |kind: &str, key: &str, value: &str| {
        let has = |path: &Path, key: &str, value: &str| line(&path.join(key)).is_some_and(|found| found == value);
        supplies.iter().any(|path| has(path, "type", kind) && has(path, key, value))
    };
    if is("Battery", "status", "Discharging") {
        Some("battery".to_owned())
    } else if is("Mains", "online", "1") || is("USB", "online", "1") {
        Some("mains".to_owned())
    } else {
        None
    }
}

/// The median clock of all processors.
fn clock_mhz(root: &Path) -> Option<f64> {
    let cpus = fs::read_dir(root.join("sys/devices/system/cpu")).into_iter().flatten().flatten();
    let khz = cpus.filter_map(|cpu| line(&cpu.path().join("cpufreq/scaling_cur_freq"))?.parse::<f64>().ok());
    let mut clocks: Vec<f64> = khz.map(|khz| khz / 1000.0).collect();
    if clocks.is_empty() {
        let cpuinfo = fs::read_to_string(root.join("proc/cpuinfo")).ok()?;
        let stated = cpuinfo.lines().filter(|line| line.starts_with("cpu MHz"));
        clocks = stated.filter_map(|line| line.split_once(':')?.1.trim().parse().ok()).collect();
    }
    clocks.sort_by(f64::total_cmp);
    clocks.get(clocks.len() / 2).copied()
}

/// The first line of a small file, without the zeros that end a device tree's strings; `None` where it says nothing.
fn line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().next()?.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    (!line.is_empty()).then(|| line.to_owned())
}

/// SHA-256 of the running program's file.
fn program_sha256() -> Option<String> {
    let mut file = File::open(std::env::current_exe().ok()?).ok()?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(hex(&hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_laptop_on_its_battery_says_so() {
        let root = root(&[
            ("proc/cpuinfo", "processor\t: 0\nmicrocode\t: 0xf0\ncpu MHz\t\t: 800.0\nflags\t\t: fpu sse\n"),
            ("sys/devices/virtual/dmi/id/product_name", "ThinkPad X1\n"),
            ("sys/devices/virtual/dmi/id/product_serial", "PF-SECRET\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1900000\n"),
            ("sys/class/power_supply/AC/type", "Mains\n"),
            ("sys/class/power_supply/AC/online", "0\n"),
            ("sys/class/power_supply/BAT0/type", "Battery\n"),
            ("sys/class/power_supply/BAT0/status", "Discharging\n"),
            ("sys/class/power_supply/BAT0/serial_number", "BAT-SECRET\n"),
        ]);
        let found = facts_under(root.path());
        let told = [&found.model, &found.microcode, &found.governor, &found.power].map(|found| found.as_deref());
        assert_eq!(told, [Some("ThinkPad X1"), Some("0xf0"), Some("powersave"), Some("battery")]);
        assert_eq!((found.virtualisation.as_ref(), clock_mhz(root.path())), (None, Some(1900.0)));
        assert!(!serde_json::to_string(&found).unwrap().contains("SECRET"));
    }

    #[test]
    fn a_virtual_machine_and_a_board_are_named_and_silence_is_not_filled() {
        let cpuinfo = ("proc/cpuinfo", "cpu MHz\t: 2100.5\nflags\t: fpu hypervisor\n");
        let vendor = ("sys/devices/virtual/dmi/id/sys_vendor", "QEMU\n");
        assert_eq!(facts_under(root(&[cpuinfo, vendor]).path()).virtualisation.as_deref(), Some("QEMU"));
        let unnamed = root(&[cpuinfo]);
        assert_eq!(facts_under(unnamed.path()).virtualisation.as_deref(), Some("unnamed hypervisor"));
        assert_eq!(clock_mhz(unnamed.path()), Some(2100.5));
        let board = root(&[("proc/device-tree/model", "Raspberry Pi 5\0")]);
        assert_eq!(facts_under(board.path()).model.as_deref(), Some("Raspberry Pi 5"));
        let nothing = facts_under(root(&[]).path());
        assert!([nothing.model, nothing.power, nothing.governor].iter().all(Option::is_none));
    }

    #[test]
    fn the_running_program_has_a_hash() {
        assert_eq!(machine_facts().program_sha256.map(|hash| hash.len()), Some(64));
    }
}
