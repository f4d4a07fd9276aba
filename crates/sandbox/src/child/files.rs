//! Landlock: read and execute what is there, write below `/tmp` at most, no TCP, no signals or sockets out of here.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

/// The first version, which every kernel with Landlock has; without it nothing runs.
const LEAST: ABI = ABI::V1;
/// The newest version whose further walls are taken where the kernel has them.
const MOST: ABI = ABI::V6;

#[derive(Debug, thiserror::Error)]
pub(super) enum LandlockError {
    #[error("Landlock: {0}")]
    Ruleset(#[from] RulesetError),
    #[error("Landlock: {0}")]
    Path(#[from] landlock::PathFdError),
    #[error("Landlock is not switched on in this kernel")]
    Off,
}

/// Sets it on this process, for good; without `scratch` nothing can be written.
pub(super) fn limit(scratch: bool) -> Result<(), LandlockError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(MOST))?
        .handle_access(AccessNet::from_all(MOST))?
        .scope(Scope::from_all(MOST))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new("/")?, AccessFs::from_read(MOST)))?;
    if scratch {
        ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new("/tmp")?, AccessFs::from_all(MOST)))?;
    }
    match ruleset.restrict_self()?.ruleset {
        RulesetStatus::NotEnforced => Err(LandlockError::Off),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}
