//! The staging of one scope, shared by those who fetch and the one who writes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Appended, Listing, Record, SessionView, StagedSession, Staging, StagingError};
use crate::model::{Scope, SessionKey};

/// What is staged of one scope. Clones share it. Whoever opens it holds the scope's lock.
#[derive(Clone, Debug)]
pub struct SharedStaging(Arc<Mutex<Staging>>);

impl SharedStaging {
    /// The folder of a scope within a lake.
    #[must_use]
    pub fn folder(lake: &Path, scope: &Scope) -> PathBuf {
        lake.join("_inflight").join(scope.account_id.as_str()).join(scope.region.as_str())
    }

    /// Whether anything was left in a scope's folder, told without opening it.
    #[must_use]
    pub fn holds_anything(lake: &Path, scope: &Scope) -> bool {
        let entries = std::fs::read_dir(Self::folder(lake, scope));
        entries.is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Opens a scope's staging and reads what is there.
    ///
    /// # Errors
    /// As [`Staging::open`].
    pub async fn open(lake: &Path, scope: &Scope) -> Result<Self, StagingError> {
        let folder = Self::folder(lake, scope);
        let opened = tokio::task::spawn_blocking(move || Staging::open(&folder));
        let (staging, cuts) = opened.await.expect("opening does not panic")?;
        for cut in cuts {
            let (path, bytes) = (cut.path.display(), cut.bytes_n);
            tracing::info!("`{path}` was cut by {bytes} bytes that were not whole");
        }
        Ok(Self(Arc::new(Mutex::new(staging))))
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
    /// As [`Staging::append`] and [`Staging::flush`].
    pub async fn append(
        &self,
        key: &SessionKey,
        record: &Record,
    ) -> Result<Appended, StagingError> {
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
    /// As [`Staging::append_listing`] and [`Staging::flush`].
    pub async fn append_listing(&self, listing: &Listing) -> Result<(), StagingError> {
        self.lock().append_listing(listing)?;
        self.flush().await
    }

    /// Writes everything through to the disk.
    ///
    /// # Errors
    /// As [`Staging::flush`].
    pub async fn flush(&self) -> Result<(), StagingError> {
        if !self.lock().is_dirty() {
            return Ok(());
        }
        self.in_background(Staging::flush).await
    }

    /// Lets sessions go that are in the lake.
    ///
    /// # Errors
    /// As [`Staging::remove`].
    pub async fn remove(&self, sessions: Vec<SessionKey>) -> Result<(), StagingError> {
        self.in_background(move |staging| sessions.iter().try_for_each(|key| staging.remove(key)))
            .await
    }

    /// The listings so far, and the files that they are in: these are to be removed when the listings are in the lake.
    ///
    /// # Errors
    /// As [`Staging::take_listings`].
    pub async fn take_listings(
        &self,
    ) -> Result<(Vec<Listing>, Vec<super::ListingsFile>), StagingError> {
        self.in_background(|staging| {
            let files = staging.take_listings()?;
            let mut listings = Vec::new();
            for file in &files {
                for listing in file.listings()? {
                    listings.push(listing?);
                }
            }
            Ok((listings, files))
        })
        .await
    }

    /// Lets listings go that are in the lake.
    ///
    /// # Errors
    /// As [`Staging::remove_listings`].
    pub async fn remove_listings(
        &self,
        files: Vec<super::ListingsFile>,
    ) -> Result<(), StagingError> {
        self.in_background(move |staging| {
            files.iter().try_for_each(|file| staging.remove_listings(file))
        })
        .await
    }

    async fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Staging) -> Result<T, StagingError> + Send + 'static,
    ) -> Result<T, StagingError> {
        let staging = self.clone();
        tokio::task::spawn_blocking(move || work(&mut staging.lock()))
            .await
            .expect("staging does not panic")
    }

    fn lock(&self) -> MutexGuard<'_, Staging> {
        self.0.lock().expect("no holder panics")
    }
}
