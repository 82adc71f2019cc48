//! A store whose conditional writes have a certain end.
//!
//! The answer to a write can be lost after the write was carried out. Tried again, a write that creates finds its own
//! object there, and one that replaces finds another version than it expected: both look like somebody else's work.
//! So where such a write is refused, or ends without an answer, the object is read back: if its bytes are ours, the write
//! went through. What is written this way therefore differs from writer to writer; a commit holds the id of its
//! operation, a lease that of its holder.
//!
//! Large objects go in parts, so that a failure costs a part.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, Result,
};

use super::ATTEMPTS_MAX;

/// Bytes from which an object is written in parts, and of each of these.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// A store that knows what became of its conditional writes.
#[derive(Debug)]
pub(super) struct CertainStore {
    inner: Arc<dyn ObjectStore>,
}

/// What a look at the object told.
enum Found {
    /// Our bytes: the write went through.
    Ours(PutResult),
    /// Nothing, or what was there before: it did not.
    Unchanged,
    /// Somebody else's.
    Another,
}

impl CertainStore {
    pub(super) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner }
    }

    async fn put_certainly(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let mut attempts = 1;
        loop {
            let refused =
                match self.inner.put_opts(location, payload.clone(), options.clone()).await {
                    Ok(result) => return Ok(result),
                    Err(error) => error,
                };
            // A refusal of who is asking says that nothing was done.
            if matches!(refused, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) {
                return Err(refused);
            }
            match self.look(location, &payload, &options.mode).await? {
                Found::Ours(result) => return Ok(result),
                Found::Another if !is_refusal(&refused) => {
                    return Err(refusal(location, &options.mode, refused));
                }
                Found::Another => return Err(refused),
                Found::Unchanged if attempts >= ATTEMPTS_MAX => return Err(refused),
                Found::Unchanged => attempts += 1,
            }
        }
    }

    async fn look(&self, location: &Path, payload: &PutPayload, mode: &PutMode) -> Result<Found> {
        let found = match self.inner.get(location).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => {
                return Ok(match mode {
                    PutMode::Update(_) => Found::Another,
                    PutMode::Create | PutMode::Overwrite => Found::Unchanged,
                });
            }
            Err(error) => return Err(error),
        };
        let (e_tag, version) = (found.meta.e_tag.clone(), found.meta.version.clone());
        if found.meta.size == payload.content_length() as u64 {
            let bytes = found.bytes().await?;
            if bytes == Bytes::from(payload.clone()) {
                return Ok(Found::Ours(PutResult { e_tag, version }));
            }
        }
        Ok(match mode {
            PutMode::Update(expected) if expected.e_tag == e_tag => Found::Unchanged,
            _ => Found::Another,
        })
    }

    async fn put_in_parts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let PutOptions { tags, attributes, extensions, .. } = options;
        let options = PutMultipartOptions { tags, attributes, extensions };
        let mut upload = self.inner.put_multipart_opts(location, options).await?;
        let mut rest = Bytes::from(payload);
        let written = async {
            while !rest.is_empty() {
                let part = rest.split_to(PART_BYTES.min(rest.len()));
                upload.put_part(part.into()).await?;
            }
            upload.complete().await
        }
        .await;
        if written.is_err()
            && let Err(error) = upload.abort().await
        {
            tracing::debug!("parts of `{location}` stay behind: {error}");
        }
        written
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. })
}

/// Another object is there, whatever the answer was that did not come.
fn refusal(location: &Path, mode: &PutMode, cause: Error) -> Error {
    let (path, source) = (location.to_string(), Box::new(cause));
    match mode {
        PutMode::Update(_) => Error::Precondition { path, source },
        PutMode::Create | PutMode::Overwrite => Error::AlreadyExists { path, source },
    }
}

impl fmt::Display for CertainStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertainStore({})", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for CertainStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        match options.mode {
            PutMode::Overwrite if payload.content_length() > 2 * PART_BYTES => {
                self.put_in_parts(location, payload, options).await
            }
            PutMode::Overwrite => self.inner.put_opts(location, payload, options).await,
            PutMode::Create | PutMode::Update(_) => {
                self.put_certainly(location, payload, options).await
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests;
