//! What systems without `/proc` tell of their machine.

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// Memory that is free, and all, in bytes.
pub fn memory() -> Option<(u64, u64)> {
    let asked = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(asked).ok()?;
    let (free, all) = (system.available_memory(), system.total_memory());
    (all > 0).then_some((free, all))
}

/// The processor as it names itself.
pub fn processor() -> Option<String> {
    let system = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing())).ok()?;
    let name = system.cpus().first()?.brand().trim();
    (!name.is_empty()).then(|| name.to_owned())
}
