//! The staging of one scope, shared by those who fetch and the one who writes.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::mirror::Mirror;
use super::{
    Appended, Listing, ListingsFile, Record, SessionView, StagedSession, Staging, StagingError,
};
use crate::lake::LakeError;
use crate::lake::inflight::InFlight;
use crate::lake::lock::Lock;
use crate::lake::place::Place;
use crate::model::{Scope, SessionKey};

/// How often what was fetched is written through to a disk: it is durable within 5 seconds, however busy that is.
const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// The same for a bucket, where each time costs requests: durable within 30 seconds.
const MIRROR_EVERY: Duration = Duration::from_secs(25);

/// What is staged of one scope. Clones share it. Whoever opens it holds the scope's lock.
#[derive(Clone, Debug)]
pub struct SharedStaging {
    staging: Arc<Mutex<Staging>>,
    /// Where the files are copied to; none where they are at home on this disk.
    mirror: Option<Arc<Mirror>>,
}

impl SharedStaging {
    /// Opens a scope's staging and reads what is there.
    ///
    /// # Errors
    /// As [`Staging::open`], and where the bucket can't be read.
    pub async fn open(place: &Place, scope: &Scope, lock: &Arc<Lock>) -> Result<Self, LakeError> {
        let in_flight = InFlight::of(place, scope);
        let (folder, mirror) = match place {
            Place::Folder(_) => (in_flight.folder().expect("a folder has folders"), None),
            Place::Bucket(bucket) => {
                let prefix = in_flight.prefix(bucket);
                let mirror = Mirror::open(bucket, prefix, Arc::clone(lock)).await?;
                (mirror.folder().to_owned(), Some(Arc::new(mirror)))
            }
        };
        let opened = tokio::task::spawn_blocking(move || Staging::open(&folder));
        let (staging, cuts) = opened.await.expect("opening does not panic")?;
        for cut in &cuts {
            let (path, bytes) = (cut.path.display(), cut.bytes_n);
            tracing::info!("`{path}` was cut by {bytes} bytes that were not whole");
        }
        if let Some(mirror) = &mirror {
            mirror.begin(&staging.durable_files(), &cuts).await?;
        }
        Ok(Self { staging: Arc::new(Mutex::new(staging)), mirror })
    }

    /// How long what was fetched may be in memory, or on this disk, alone.
    #[must_use]
    pub fn flush_every(&self) -> Duration {
        if self.mirror.is_some() { MIRROR_EVERY } else { FLUSH_EVERY }
    }

    /// What is staged of a session, without reading it.
    #[must_use]
    pub fn index(&self, key: &SessionKey) -> Arc<StagedSession> {
        self.lock().session(key).map(Arc::clone).unwrap_or_default()
    }

    /// What is staged of a session, to be read; none where nothing is.
    ///
    /// # Errors
    /// As [`Staging::view`].
    pub fn view(&self, key: &SessionKey) -> Result<Option<SessionView>, StagingError> {
        self.lock().view(key)
    }

    /// The sessions of which something is staged.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionKey> {
        self.lock().sessions().map(|(key, _)| key.clone()).collect()
    }

    /// Adds a record. It is durable after the next flush, which is due when enough waits in memory.
    ///
    /// # Errors
    /// As [`Staging::append`] and [`Self::flush`].
    pub async fn append(&self, key: &SessionKey, record: &Record) -> Result<Appended, LakeError> {
        let (appended, is_due) = {
            let mut staging = self.lock();
            (staging.append(key, record)?, staging.needs_flush())
        };
        if is_due {
            self.flush().await?;
        }
        Ok(appended)
    }

    /// Adds a listing; it is durable when this returns.
    ///
    /// # Errors
    /// As [`Staging::append_listing`] and [`Self::flush`].
    pub async fn append_listing(&self, listing: &Listing) -> Result<(), LakeError> {
        self.lock().append_listing(listing)?;
        self.flush().await
    }

    /// Makes everything durable that was added before.
    ///
    /// # Errors
    /// As [`Staging::flush`], and where the bucket can't be written or the scope is not held any more.
    pub async fn flush(&self) -> Result<(), LakeError> {
        if self.lock().is_dirty() {
            self.in_background(Staging::flush).await?;
        }
        if let Some(mirror) = &self.mirror {
            mirror.upload(|| self.lock().durable_files()).await?;
        }
        Ok(())
    }

    /// Lets sessions go that are in the lake.
    ///
    /// # Errors
    /// As [`Staging::remove`], and where the bucket can't be written or the scope is not held any more.
    pub async fn remove(&self, sessions: Vec<SessionKey>) -> Result<(), LakeError> {
        self.in_background(move |staging| sessions.iter().try_for_each(|key| staging.remove(key)))
            .await?;
        self.forget_removed().await
    }

    /// The listings so far, and the files that they are in: these are to be removed when the listings are in the lake.
    ///
    /// # Errors
    /// As [`Staging::take_listings`].
    pub async fn take_listings(&self) -> Result<(Vec<Listing>, Vec<ListingsFile>), LakeError> {
        let taken = self.in_background(|staging| {
            let files = staging.take_listings()?;
            let mut listings = Vec::new();
            for file in &files {
                for listing in file.listings()? {
                    listings.push(listing?);
                }
            }
            Ok((listings, files))
        });
        Ok(taken.await?)
    }

    /// Lets listings go that are in the lake.
    ///
    /// # Errors
    /// As [`Staging::remove_listings`], and where the bucket can't be written or the scope is not held any more.
    pub async fn remove_listings(&self, files: Vec<ListingsFile>) -> Result<(), LakeError> {
        self.in_background(move |staging| {
            files.iter().try_for_each(|file| staging.remove_listings(file))
        })
        .await?;
        self.forget_removed().await
    }

    /// What is gone from the folder goes from the mirror.
    async fn forget_removed(&self) -> Result<(), LakeError> {
        match &self.mirror {
            Some(mirror) => mirror.forget_removed().await,
            None => Ok(()),
        }
    }

    async fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Staging) -> Result<T, StagingError> + Send + 'static,
    ) -> Result<T, StagingError> {
        let staging = Arc::clone(&self.staging);
        let done = tokio::task::spawn_blocking(move || {
            work(&mut staging.lock().expect("no holder panics"))
        });
        done.await.expect("staging does not panic")
    }

    fn lock(&self) -> MutexGuard<'_, Staging> {
        self.staging.lock().expect("no holder panics")
    }
}
