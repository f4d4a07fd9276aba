//! From a listing to a plan, and from a plan to files in the cache.

use std::path::{Path, PathBuf};

use crate::blob::{Fetching, Job};
use crate::cache::{Cache, symlink};
use crate::choice::{COMPANIONS, Want, choose};
use crate::digest::Digest;
use crate::disk::free_at;
use crate::error::FetchError;
use crate::event::Event;
use crate::hub::{Hub, HubFile, Listing};
use crate::names;
use crate::patience::Cancel;
use crate::plan::{Disk, LeftOut, Plan, PlannedFile, Role, State, to_fetch};
use crate::quantisation::is_projector;
use crate::wire::Answer;

/// Files that are on this machine now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The folder of the commit.
    pub folder: PathBuf,
    /// The weights, in order.
    pub weights: Vec<PathBuf>,
    /// What a GGUF sees with.
    pub mmproj: Option<PathBuf>,
    /// Bytes that came over the network.
    pub fetched: u64,
}

impl Pulled {
    /// What is opened: the first GGUF, or the folder that safetensors lie in.
    pub fn model(&self) -> &Path {
        match self.weights.first() {
            Some(first) if first.extension().is_some_and(|extension| extension == "gguf") => first,
            _ => &self.folder,
        }
    }
}

impl Hub {
    /// What a pull of `listing` would do. Of the files themselves nothing is fetched; `elsewhere` is asked for files of
    /// other programs with a hash.
    ///
    /// # Errors
    /// The repository has nothing for what is wanted, or a file whose name or size cannot be used.
    pub fn plan(
        &self,
        listing: &Listing,
        want: &Want,
        cache: &Cache,
        elsewhere: &dyn Fn(&Digest) -> Option<PathBuf>,
        cancel: &Cancel,
    ) -> Result<Plan, FetchError> {
        let all: Vec<&str> = listing.files.iter().map(|file| file.name.as_str()).collect();
        let choice = choose(&all, want)
            .map_err(|problem| FetchError::Choice { repository: listing.repository.clone(), problem })?;
        let chosen: Vec<(&str, Role)> = choice
            .companions
            .iter()
            .map(|name| (name.as_str(), Role::Companion))
            .chain(choice.mmproj.iter().map(|name| (name.as_str(), Role::Projector)))
            .chain(choice.weights.iter().map(|name| (name.as_str(), Role::Weights)))
            .collect();
        chosen.iter().try_for_each(|(name, _)| names::check(name))?;
        names::check_apart(chosen.iter().map(|(name, _)| *name))?;
        let mut files = Vec::new();
        for (name, role) in &chosen {
            files.push(self.planned(listing, name, *role, cache, elsewhere, cancel)?);
        }
        let is_chosen = |file: &&HubFile| chosen.iter().any(|(name, _)| *name == file.name);
        let others = listing.files.iter().filter(|file| !is_chosen(file));
        let left_out = others.fold(LeftOut::default(), |sum, file| LeftOut {
            files: sum.files + 1,
            bytes: sum.bytes.saturating_add(file.size.unwrap_or(0)),
        });
        let absent = COMPANIONS.into_iter().filter(|name| listing.file(name).is_none()).collect();
        let folder = cache.root().to_owned();
        let disk = Disk { needed: to_fetch(&files), free: free_at(&folder), folder };
        Ok(Plan {
            repository: listing.repository.clone(),
            revision: listing.revision.clone(),
            commit: listing.commit.clone(),
            licence: listing.licence.clone(),
            gated: listing.gated,
            has_other_projector: choice.mmproj.is_none() && all.iter().any(|name| is_projector(name)),
            quantisation: choice.quantisation,
            files,
            left_out,
            folder: cache.snapshot(&listing.repository, &listing.commit),
            disk,
            absent,
        })
    }

    fn planned(
        &self,
        listing: &Listing,
        name: &str,
        role: Role,
        cache: &Cache,
        elsewhere: &dyn Fn(&Digest) -> Option<PathBuf>,
        cancel: &Cancel,
    ) -> Result<PlannedFile, FetchError> {
        let listed = listing.file(name).filter(|file| file.size.is_some() && file.etag.is_some());
        let file = match listed {
            Some(file) => file.clone(),
            None => self.identify(listing, name, cancel)?,
        };
        let (bytes, etag) = (file.size.unwrap_or_default(), file.etag.unwrap_or_default());
        let digest = file.digest;
        let mut planned = PlannedFile { name: name.to_owned(), role, bytes, digest, state: State::Missing, etag };
        let judge = |_: &Answer| Ok(());
        let job = self.job(&listing.repository, &listing.commit, &planned, cache, &judge);
        planned.state = if job.blob.metadata().is_ok_and(|found| found.is_file() && found.len() == bytes) {
            State::Here
        } else if let Some(path) = planned.digest.as_ref().and_then(elsewhere) {
            State::Elsewhere { path }
        } else {
            match job.kept() {
                0 => State::Missing,
                bytes => State::Partly { bytes },
            }
        };
        Ok(planned)
    }

    fn job<'a>(
        &self,
        repository: &str,
        commit: &str,
        file: &'a PlannedFile,
        cache: &Cache,
        judge: &'a (dyn Fn(&Answer) -> Result<(), FetchError> + Sync),
    ) -> Job<'a> {
        let elsewhere = match &file.state {
            State::Elsewhere { path } => Some(path.as_path()),
            _ => None,
        };
        Job {
            name: &file.name,
            address: self.address_of(repository, commit, &file.name),
            size: file.bytes,
            digest: file.digest.as_ref(),
            blob: cache.blob(repository, &file.etag),
            lock: cache.lock(repository, &file.etag),
            elsewhere,
            judge,
        }
    }

    /// Does what the plan says. A file has its name in the commit's folder once it is whole and its hash is right; the
    /// branch points to the commit once all are.
    ///
    /// # Errors
    /// The disk has no room, a file does not come or is another one, or somebody said to stop. What came is kept.
    pub fn pull(
        &self,
        plan: &Plan,
        cache: &Cache,
        tell: &mut dyn FnMut(Event<'_>),
        cancel: &Cancel,
    ) -> Result<Pulled, FetchError> {
        plan.disk.require()?;
        let Plan { repository, commit, .. } = plan;
        cache.prepare(repository)?;
        let judge = |answer: &Answer| self.judge(answer, repository, "file");
        let mut fetching = Fetching { wire: &self.wire, parts: self.parts, cancel, tell };
        let mut pulled = Pulled { folder: plan.folder.clone(), weights: Vec::new(), mmproj: None, fetched: 0 };
        for file in &plan.files {
            pulled.fetched += fetching.fetch(&self.job(repository, commit, file, cache, &judge))?;
            let path = cache.place(repository, commit, &file.name, &file.etag, symlink)?;
            match file.role {
                Role::Weights => pulled.weights.push(path),
                Role::Projector => pulled.mmproj = Some(path),
                Role::Companion => {}
            }
        }
        plan.absent.iter().try_for_each(|name| cache.place_absent(repository, commit, name))?;
        cache.place_ref(repository, &plan.revision, commit)?;
        Ok(pulled)
    }
}
