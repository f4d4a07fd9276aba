//! The registry that Ollama pulls from, which is one of container images.

use std::collections::HashSet;

use serde::Serialize;

use super::manifest::{self, Layer};
use super::store::{OllamaModel, OllamaStore};
use crate::address::Address;
use crate::blob::{Fetching, Job, Parts};
use crate::disk::free_at;
use crate::error::FetchError;
use crate::event::Event;
use crate::hub::HubOptions;
use crate::patience::Cancel;
use crate::plan::{Disk, State};
use crate::reference::OllamaReference;
use crate::wire::{Answer, Wire};

/// Ollama's own registry.
pub const OLLAMA: &str = "https://registry.ollama.ai";
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A registry that speaks Ollama's protocol.
#[derive(Debug, Clone)]
pub struct OllamaRegistry {
    wire: Wire,
    parts: Parts,
}

/// What a pull would do. Made by [`OllamaRegistry::plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OllamaPlan {
    /// `ollama:name:tag`.
    pub name: String,
    /// The blobs, the small ones first.
    pub layers: Vec<PlannedLayer>,
    /// Room on the disk.
    pub disk: Disk,
    #[serde(skip)]
    reference: OllamaReference,
    /// As the registry has it, byte by byte: Ollama compares it.
    #[serde(skip)]
    manifest: Vec<u8>,
}

/// A blob to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedLayer {
    /// Which.
    #[serde(flatten)]
    pub layer: Layer,
    /// How much of it is on this machine.
    pub state: State,
}

impl OllamaPlan {
    /// Bytes of all blobs.
    pub fn bytes(&self) -> u64 {
        self.layers.iter().map(|planned| planned.layer.bytes).fold(0, u64::saturating_add)
    }

    /// Bytes that have to come over the network.
    pub fn to_fetch(&self) -> u64 {
        self.disk.needed
    }

    /// Whether nothing has to be fetched.
    pub fn is_here(&self) -> bool {
        self.layers.iter().all(|planned| planned.state == State::Here)
    }
}

impl OllamaRegistry {
    /// The registry at `endpoint`, such as [`OLLAMA`]. Nothing is asked yet.
    ///
    /// # Errors
    /// That is no address, or a token would be sent there unencrypted.
    pub fn new(endpoint: &str, options: HubOptions) -> Result<OllamaRegistry, FetchError> {
        let HubOptions { token, patience, proxying, parts } = options;
        Ok(OllamaRegistry { wire: Wire::new(Address::parse(endpoint)?, token, patience, proxying)?, parts })
    }

    /// What a pull would do. Of the blobs nothing is fetched.
    ///
    /// # Errors
    /// There is no such model, its manifest is none, or the registry cannot be reached.
    pub fn plan(
        &self,
        reference: &OllamaReference,
        store: &OllamaStore,
        cancel: &Cancel,
    ) -> Result<OllamaPlan, FetchError> {
        let OllamaReference { namespace, name, tag } = reference;
        let address = self.wire.home().below(&format!("/v2/{namespace}/{name}/manifests/{tag}"));
        let judge = |answer: &Answer| self.judge(answer, "model");
        let manifest = self.wire.text(&address, &[("accept", MANIFEST)], cancel, judge)?;
        let layers = manifest::read(&manifest).map_err(|problem| FetchError::Answer { address, problem })?;
        let mut layers: Vec<PlannedLayer> =
            layers.into_iter().map(|layer| self.planned(reference, store, layer)).collect();
        layers.sort_by_key(|planned| planned.layer.bytes);
        let mut seen = HashSet::new();
        let first = layers.iter().filter(|planned| seen.insert(&planned.layer.digest));
        let missing = first.map(|planned| planned.state.missing(planned.layer.bytes));
        let folder = store.root().to_owned();
        let disk = Disk { needed: missing.fold(0, u64::saturating_add), free: free_at(&folder), folder };
        Ok(OllamaPlan { name: reference.to_string(), layers, disk, reference: reference.clone(), manifest })
    }

    fn planned(&self, reference: &OllamaReference, store: &OllamaStore, layer: Layer) -> PlannedLayer {
        let judge = |_: &Answer| Ok(());
        let job = self.job(reference, store, &layer, &judge);
        let state = if job.blob.metadata().is_ok_and(|found| found.is_file() && found.len() == layer.bytes) {
            State::Here
        } else {
            match job.kept() {
                0 => State::Missing,
                bytes => State::Partly { bytes },
            }
        };
        PlannedLayer { layer, state }
    }

    fn job<'a>(
        &self,
        reference: &OllamaReference,
        store: &OllamaStore,
        layer: &'a Layer,
        judge: &'a (dyn Fn(&Answer) -> Result<(), FetchError> + Sync),
    ) -> Job<'a> {
        let OllamaReference { namespace, name, .. } = reference;
        let path = format!("/v2/{namespace}/{name}/blobs/sha256:{}", layer.digest.hex());
        let blob = store.blob(&layer.digest);
        Job {
            name: layer.kind.name(),
            address: self.wire.home().below(&path),
            size: layer.bytes,
            digest: Some(&layer.digest),
            lock: store.lock(&layer.digest),
            blob,
            elsewhere: None,
            judge,
        }
    }

    /// Does what the plan says. The model has its name once all of its blobs are whole.
    ///
    /// # Errors
    /// The disk has no room, a blob does not come or is another one, or somebody said to stop. What came is kept.
    pub fn pull(
        &self,
        plan: &OllamaPlan,
        store: &OllamaStore,
        tell: &mut dyn FnMut(Event<'_>),
        cancel: &Cancel,
    ) -> Result<OllamaModel, FetchError> {
        plan.disk.require()?;
        store.prepare()?;
        let judge = |answer: &Answer| self.judge(answer, "blob");
        let mut fetching = Fetching { wire: &self.wire, parts: self.parts, cancel, tell };
        for planned in &plan.layers {
            fetching.fetch(&self.job(&plan.reference, store, &planned.layer, &judge))?;
        }
        let path = store.place(&plan.reference, &plan.manifest)?;
        let layers = manifest::read(&plan.manifest).unwrap_or_default();
        Ok(store.model(&plan.reference, path, layers))
    }

    fn judge(&self, answer: &Answer, what: &'static str) -> Result<(), FetchError> {
        answer.failure(what, self.wire.has_token()).map_or(Ok(()), Err)
    }
}
