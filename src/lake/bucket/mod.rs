//! A lake in a bucket of S3.
//!
//! The boundary: what S3 does otherwise than a disk is dealt with here, so that the rest of the lake sees an object
//! store on which a write that succeeded is durable and a write that is refused was not ours. [`connect`] makes the
//! client, `timeouts` bounds each request by its size, `lost_answer` finds out what became of a conditional write whose
//! answer did not come.

mod connect;
mod lost_answer;
mod timeouts;

use std::fmt;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, PutMode, PutOptions};
use url::Url;

pub use self::connect::Access;
use self::lost_answer::CertainStore;
use super::LakeError;
use crate::clock::SharedClock;

/// Times that a request is sent whose outcome stays unknown.
const ATTEMPTS_MAX: u32 = 4;

/// A prefix of a bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    name: String,
    prefix: Path,
    clock: SharedClock,
}

impl Bucket {
    /// A prefix of a bucket that is reached as `access` says. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`LakeError::Bucket`] where no client can be made.
    pub fn open(
        name: &str,
        prefix: &str,
        access: &Access,
        clock: SharedClock,
    ) -> Result<Self, LakeError> {
        let store = connect::connect(name, access).map_err(|source| LakeError::Bucket {
            action: "use",
            place: format!("s3://{name}"),
            source,
        })?;
        Ok(Self::of(store, name, prefix, clock))
    }

    /// A prefix of whatever store behaves like a bucket.
    #[must_use]
    pub fn of(store: Arc<dyn ObjectStore>, name: &str, prefix: &str, clock: SharedClock) -> Self {
        let store = Arc::new(CertainStore::new(store));
        Self { store, name: name.to_owned(), prefix: Path::from(prefix), clock }
    }

    /// The store; its paths begin at the bucket, not at the prefix.
    pub(super) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// The path of something in the lake, `/` between its parts.
    pub(super) fn path(&self, name: &str) -> Path {
        self.prefix.parts().chain(Path::from(name).parts()).collect()
    }

    /// A path as a person reads it.
    pub(super) fn place(&self, path: &Path) -> String {
        format!("s3://{}/{path}", self.name)
    }

    pub(super) fn store_url(&self) -> Url {
        Url::parse(&format!("s3://{}", self.name)).expect("the name of a bucket is that of a host")
    }

    /// The URL of a table, with a slash at its end.
    pub(super) fn url(&self, name: &str) -> Url {
        let mut url = self.store_url();
        url.set_path(&format!("/{}/", self.path(name)));
        url
    }

    /// What went wrong with something in the lake.
    pub(super) fn failed(
        &self,
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(object_store::Error) -> LakeError + use<> {
        let place = self.place(path);
        move |source| LakeError::Bucket { action, place, source }
    }

    /// The names directly under a path: of objects, and of what would be folders.
    pub(super) async fn names(&self, path: &Path) -> Result<(Vec<String>, Vec<String>), LakeError> {
        let found =
            self.store.list_with_delimiter(Some(path)).await.map_err(self.failed("list", path))?;
        let name = |path: &Path| path.filename().unwrap_or_default().to_owned();
        let objects = found.objects.iter().map(|object| name(&object.location)).collect();
        Ok((objects, found.common_prefixes.iter().map(name).collect()))
    }

    /// Every object under a path.
    pub(super) async fn objects(&self, path: &Path) -> Result<Vec<ObjectMeta>, LakeError> {
        self.store.list(Some(path)).try_collect().await.map_err(self.failed("list", path))
    }

    /// Writes a small object, unless it is there.
    pub(super) async fn note(&self, path: &Path, text: &'static str) -> Result<(), LakeError> {
        let options = PutOptions::from(PutMode::Create);
        match self.store.put_opts(path, text.into(), options).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(self.failed("write", path)(error)),
        }
    }

    /// Removes objects, which need not be there.
    ///
    /// The client does not repeat a removal of many whose answer is lost; to remove them again does no harm.
    pub(super) async fn remove(&self, paths: Vec<Path>) -> Result<(), LakeError> {
        let Some(first) = paths.first() else { return Ok(()) };
        let mut attempts = 1;
        loop {
            match self.remove_once(paths.clone()).await {
                Ok(()) => return Ok(()),
                Err(object_store::Error::Generic { .. }) if attempts < ATTEMPTS_MAX => {
                    attempts += 1;
                }
                Err(error) => return Err(self.failed("remove", first)(error)),
            }
        }
    }

    async fn remove_once(&self, paths: Vec<Path>) -> object_store::Result<()> {
        let paths = futures::stream::iter(paths.into_iter().map(Ok));
        let removed = self.store.delete_stream(Box::pin(paths));
        let missing_is_fine = removed.map_ok(|_| ()).or_else(|error| async move {
            match error {
                object_store::Error::NotFound { .. } => Ok(()),
                error => Err(error),
            }
        });
        missing_is_fine.try_collect().await
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)
    }
}
