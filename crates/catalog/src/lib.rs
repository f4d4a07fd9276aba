//! What is known of models and of licences before anything is opened or measured: who makes a model, what is claimed of
//! it, what it costs, what reviewers elsewhere said, and what its licence allows.
//!
//! A model without files is a [`ModelCard`] like any other. What a licence says is kept as tri-state [`Conditions`] with
//! their clauses; [`Catalog::terms`] reads what a checkpoint's files, its card and the licence texts beside it say, and
//! [`gate`] holds the result against a [`DeclaredUse`]. This is a reading of licences, not legal advice.
//!
//! ```
//! use plimsoll_catalog::{Catalog, DeclaredUse, Outcome, Purpose, gate};
//! let catalog = Catalog::builtin();
//! let card = catalog.resolve("HuggingFaceTB/SmolLM3-3B").unwrap();
//! let terms = catalog.terms(&[], &[], Some(card));
//! let usage = DeclaredUse { purpose: Purpose::Commercial, users: Some(50_000), region: Some("EU".to_owned()) };
//! assert_eq!(gate(&terms, &usage).outcome, Outcome::Passed);
//! ```
#![forbid(unsafe_code)]

mod builtin;
mod card;
mod catalog;
mod conditions;
mod device;
mod error;
mod expression;
mod figure;
mod gate;
mod licence;
mod names;
mod recognise;
mod region;
mod shape;
mod terms;

pub use card::{Asks, Availability, Category, Claim, ClaimMetric, ModelCard, Price, PublishedPanel, PublishedReviewer};
pub use catalog::{Catalog, read_device};
pub use conditions::{Answer, Condition, Conditions, Topic};
pub use device::{ComputeRate, DeviceKind, DeviceProfile, EngineThere, Reach};
pub use error::CatalogError;
pub use figure::{Exception, Figure, Provenance, Standing};
pub use gate::{DeclaredUse, Duty, Gate, Outcome, Purpose, Reason, gate, people};
pub use licence::Licence;
pub use names::{nearest, of_address};
pub use region::region_code;
pub use shape::{CacheShape, ExpertsShape, PublishedFile, Shape, VisionShape};
pub use terms::{Reading, Recognition, Statement, Terms, Text};
