//! Locks of a lake in a bucket: an object that says who holds it, and that its holder renews.
//!
//! It is written by conditional writes alone, so of several who want it one gets it. It is stale when the store's own
//! clock is three minutes past the last renewal; no clock of ours is compared with that of another machine. Each
//! holder's generation is one more than the last, and a lease that is released stays, marked as free, so that the
//! number is never used twice.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use chrono::TimeDelta;
use object_store::path::Path;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutResult, UpdateVersion,
};
use serde::{Deserialize, Serialize};

use super::LockError;
use crate::clock::SharedClock;
use crate::lake::bucket::Bucket;
use crate::model::Timestamp;

/// How often a lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(30);
/// How soon again, where that failed.
const RENEW_AGAIN: Duration = Duration::from_secs(5);
/// How long after its last renewal others may take it, by the store's clock.
const STALE: TimeDelta = TimeDelta::minutes(3);
/// How long after its last renewal the holder stops, by its own: before anybody may take it.
const LAPSED: Duration = Duration::from_secs(150);
/// How often those who wait look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks after which they ask the store for the time.
const LOOKS_PER_PROBE: u32 = 15;

/// What the object says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Deed {
    /// The version of this shape.
    version: u32,
    /// Who holds it, for people.
    holder: String,
    /// One more than the last holder's.
    generation: u64,
    /// The holder let go.
    free: bool,
    /// No two writes are the same.
    written: String,
}

const DEED_VERSION: u32 = 1;

/// A lease that is held, and renewed until this is dropped.
#[derive(Debug)]
pub(super) struct Lease(Arc<Held>);

#[derive(Debug)]
struct Held {
    object: Object,
    holder: String,
    generation: u64,
    state: Mutex<State>,
    /// One who writes at a time.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// The object as it was written last.
    version: UpdateVersion,
    /// When the last renewal was begun, by the monotonic clock.
    renewed_at: Duration,
    /// Released, or taken by another.
    gone: bool,
}

/// The object that stands for a lease.
#[derive(Clone, Debug)]
struct Object {
    store: Arc<dyn ObjectStore>,
    clock: SharedClock,
    path: Path,
    /// The path as a person reads it.
    place: PathBuf,
}

/// What a look at the object told.
struct Found {
    deed: Deed,
    version: UpdateVersion,
    written_at: Timestamp,
}

/// What came of trying to take it.
enum Tried {
    Taken(Lease),
    HeldBy(String),
}

impl Lease {
    /// Takes it, or says at once who has it.
    pub(super) async fn take(bucket: &Bucket, path: Path, holder: &str) -> Result<Self, LockError> {
        let object = Object::of(bucket, path);
        match Self::attempt(&object, holder, true).await? {
            Tried::Taken(lease) => Ok(lease),
            Tried::HeldBy(holder) => Err(LockError::Held { path: object.place, holder }),
        }
    }

    /// Takes it as soon as nobody has it.
    pub(super) async fn wait(bucket: &Bucket, path: Path, holder: &str) -> Result<Self, LockError> {
        let object = Object::of(bucket, path);
        let mut looks = 0;
        loop {
            let may_ask_the_time = looks % LOOKS_PER_PROBE == 0;
            if let Tried::Taken(lease) = Self::attempt(&object, holder, may_ask_the_time).await? {
                return Ok(lease);
            }
            looks += 1;
            object.clock.sleep(LOOK_EVERY).await;
        }
    }

    async fn attempt(
        object: &Object,
        holder: &str,
        may_ask_the_time: bool,
    ) -> Result<Tried, LockError> {
        let found = object.read().await?;
        let (generation, mode) = match &found {
            None => (1, PutMode::Create),
            Some(found) => {
                let is_free = found.deed.free
                    || (may_ask_the_time && object.is_stale(found.written_at).await?);
                if !is_free {
                    return Ok(Tried::HeldBy(found.deed.holder.clone()));
                }
                (found.deed.generation + 1, PutMode::Update(found.version.clone()))
            }
        };
        let renewed_at = object.clock.monotonic();
        match object.write(Deed::new(holder, generation, false), mode).await {
            Ok(version) => {
                let state = Mutex::new(State { version, renewed_at, gone: false });
                let (object, holder) = (object.clone(), holder.to_owned());
                let writing = tokio::sync::Mutex::default();
                let held = Arc::new(Held { object, holder, generation, state, writing });
                tokio::spawn(keep_renewing(Arc::downgrade(&held)));
                Ok(Tried::Taken(Self(held)))
            }
            // Another was quicker.
            Err(error) if is_refusal(&error) => {
                let winner = object.read().await?.map(|found| found.deed.holder);
                Ok(Tried::HeldBy(winner.unwrap_or_else(|| "another process".to_owned())))
            }
            Err(error) => Err(object.failed(error)),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.0.generation
    }

    pub(super) fn check(&self) -> Result<(), LockError> {
        self.0.check()
    }

    /// Looks whether the object is still the one that was written last.
    pub(super) async fn confirm(&self) -> Result<(), LockError> {
        let held = &self.0;
        held.check()?;
        let _writing = held.writing.lock().await;
        match held.object.store.head(&held.object.path).await {
            Ok(meta) if meta.e_tag == held.state().version.e_tag => Ok(()),
            Ok(_) | Err(Error::NotFound { .. }) => {
                held.state().gone = true;
                held.check()
            }
            Err(error) => Err(held.object.failed(error)),
        }
    }

    pub(super) async fn release(&self) -> Result<(), LockError> {
        self.0.release().await
    }
}

impl Drop for Lease {
    /// Whoever forgets to release it need not keep others waiting; those who can't wait release it themselves.
    fn drop(&mut self) {
        if self.0.state().gone {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let held = Arc::clone(&self.0);
            runtime.spawn(async move { held.release().await });
        }
    }
}

/// Renews a lease for as long as somebody has it.
async fn keep_renewing(lease: Weak<Held>) {
    let mut pause = RENEW_EVERY;
    loop {
        let Some(clock) = lease.upgrade().map(|held| Arc::clone(&held.object.clock)) else {
            return;
        };
        clock.sleep(pause).await;
        let Some(held) = lease.upgrade() else { return };
        if held.state().gone {
            return;
        }
        pause = match held.renew().await {
            Ok(()) => RENEW_EVERY,
            Err(error) => {
                tracing::warn!(
                    "the lease `{}` was not renewed: {error}",
                    held.object.place.display()
                );
                RENEW_AGAIN
            }
        };
    }
}

impl Held {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn check(&self) -> Result<(), LockError> {
        let state = self.state();
        let path = || self.object.place.clone();
        if state.gone {
            return Err(LockError::Lost { path: path() });
        }
        if self.object.clock.monotonic().saturating_sub(state.renewed_at) > LAPSED {
            return Err(LockError::Lapsed { path: path() });
        }
        Ok(())
    }

    async fn renew(&self) -> Result<(), Error> {
        self.rewrite(false).await
    }

    async fn release(&self) -> Result<(), LockError> {
        if self.state().gone {
            return Ok(());
        }
        let released = self.rewrite(true).await;
        self.state().gone = true;
        released.map_err(|error| self.object.failed(error))
    }

    async fn rewrite(&self, free: bool) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        let renewed_at = self.object.clock.monotonic();
        let mode = {
            let state = self.state();
            if state.gone {
                return Ok(());
            }
            PutMode::Update(state.version.clone())
        };
        let deed = Deed::new(&self.holder, self.generation, free);
        let written = self.object.write(deed, mode).await;
        let mut state = self.state();
        match written {
            Ok(version) => {
                state.version = version;
                state.renewed_at = renewed_at;
                Ok(())
            }
            Err(error) => {
                state.gone |= is_refusal(&error);
                Err(error)
            }
        }
    }
}

impl Object {
    fn of(bucket: &Bucket, path: Path) -> Self {
        Self {
            store: Arc::clone(bucket.store()),
            clock: Arc::clone(bucket.clock()),
            place: PathBuf::from(bucket.place(&path)),
            path,
        }
    }

    fn failed(&self, source: Error) -> LockError {
        LockError::Store { path: self.place.clone(), source }
    }

    async fn read(&self) -> Result<Option<Found>, LockError> {
        let found = match self.store.get(&self.path).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let meta = found.meta.clone();
        let bytes = found.bytes().await.map_err(|error| self.failed(error))?;
        let deed = serde_json::from_slice(&bytes).map_err(|error| {
            self.failed(Error::Generic { store: "lease", source: error.into() })
        })?;
        let version = UpdateVersion { e_tag: meta.e_tag, version: meta.version };
        Ok(Some(Found { deed, version, written_at: meta.last_modified }))
    }

    async fn write(&self, deed: Deed, mode: PutMode) -> Result<UpdateVersion, Error> {
        let bytes = serde_json::to_vec(&deed).expect("texts and numbers make JSON");
        let options = PutOptions::from(mode);
        let PutResult { e_tag, version } =
            self.store.put_opts(&self.path, bytes.into(), options).await?;
        Ok(UpdateVersion { e_tag, version })
    }

    /// By the store's own clock, which a small object tells.
    async fn is_stale(&self, written_at: Timestamp) -> Result<bool, LockError> {
        let probe = Path::from(format!("{}.probe-{}", self.path, uuid::Uuid::new_v4()));
        let asked = async {
            self.store.put(&probe, "What time is it?".into()).await?;
            self.store.head(&probe).await
        };
        let told = asked.await;
        if let Err(error) = self.store.delete(&probe).await {
            tracing::debug!("`{probe}` stays behind: {error}");
        }
        let now = told.map_err(|error| self.failed(error))?.last_modified;
        Ok(now - written_at > STALE)
    }
}

impl Deed {
    fn new(holder: &str, generation: u64, free: bool) -> Self {
        Self {
            version: DEED_VERSION,
            holder: holder.to_owned(),
            generation,
            free,
            written: uuid::Uuid::new_v4().to_string(),
        }
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. })
}

#[cfg(test)]
mod tests;
