//! The local store of the lake: an object store whose writes are on the disk before they count.
//!
//! Delta's commits are files that appear; the library that writes them leaves their content to the operating system's
//! cache, and a power cut would leave a name without its bytes. Here each file is complete and flushed
//! before it gets its name, and the folder is flushed after.

use std::fmt;
use std::path::{Path as FilePath, PathBuf};

use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, Result, UploadPart,
};

/// A folder as an object store, synchronous with the disk.
#[derive(Debug)]
pub struct SyncedStore {
    inner: LocalFileSystem,
    root: PathBuf,
}

impl SyncedStore {
    /// The file system, of which folders from `root` on are ours to flush. Paths are absolute, as Delta's library
    /// wants it: it adds each table's prefix itself.
    #[must_use]
    pub fn new(root: &FilePath) -> Self {
        Self { inner: LocalFileSystem::new(), root: root.to_owned() }
    }

    async fn sync(&self, location: &Path) -> Result<()> {
        sync_whole(self.inner.path_to_filesystem(location)?, self.root.clone()).await
    }

    async fn sync_name(&self, location: &Path) -> Result<()> {
        let (path, root) = (self.inner.path_to_filesystem(location)?, self.root.clone());
        in_background(move || sync_parents(&path, &root)).await
    }

    /// Writes bytes to a neighbour of `location`, flushed, so that they are there before their name is.
    async fn put_aside(&self, location: &Path, payload: PutPayload) -> Result<(Path, PutResult)> {
        let aside = aside(location);
        let result = self.inner.put(&aside, payload).await?;
        self.sync(&aside).await?;
        Ok((aside, result))
    }
}

impl fmt::Display for SyncedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyncedStore({})", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for SyncedStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let (named, result) = match options.mode {
            PutMode::Create => {
                let (aside, result) = self.put_aside(location, payload).await?;
                let create = CopyOptions::new().with_mode(CopyMode::Create);
                let linked = self.inner.copy_opts(&aside, location, create).await;
                self.inner.delete(&aside).await?;
                (linked, result)
            }
            PutMode::Overwrite => {
                let (aside, result) = self.put_aside(location, payload).await?;
                (self.inner.rename(&aside, location).await, result)
            }
            PutMode::Update(_) => return self.inner.put_opts(location, payload, options).await,
        };
        named?;
        self.sync_name(location).await?;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, options).await?;
        let path = self.inner.path_to_filesystem(location)?;
        Ok(Box::new(SyncedUpload { upload, path, root: self.root.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[std::ops::Range<u64>],
    ) -> Result<Vec<bytes::Bytes>> {
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
        self.inner.list_with_offset(prefix, offset).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.sync(to).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await?;
        self.sync(to).await
    }
}

/// A neighbour of `location` that no reader takes for a file of the table.
fn aside(location: &Path) -> Path {
    let name = format!("_aside_{}", uuid::Uuid::new_v4());
    let mut parts: Vec<_> = location.parts().collect();
    parts.pop();
    parts.into_iter().collect::<Path>().join(name)
}

#[derive(Debug)]
struct SyncedUpload {
    upload: Box<dyn MultipartUpload>,
    path: PathBuf,
    root: PathBuf,
}

#[async_trait::async_trait]
impl MultipartUpload for SyncedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.upload.complete().await?;
        sync_whole(self.path.clone(), self.root.clone()).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

/// Flushes a file and the folders that hold it.
async fn sync_whole(path: PathBuf, root: PathBuf) -> Result<()> {
    in_background(move || {
        sync_path(&path)?;
        sync_parents(&path, &root)
    })
    .await
}

async fn in_background(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<()> {
    let failed = |source| object_store::Error::Generic { store: "SyncedStore", source };
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| failed(error.into())),
        Err(panicked) => Err(failed(panicked.into())),
    }
}

/// Flushes a file or a folder to the disk.
///
/// # Errors
/// What the operating system says.
pub fn sync_path(path: &FilePath) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// Flushes the folders that hold a new file, up to the lake's own: its partition's folders may be as new as the file is.
fn sync_parents(path: &FilePath, root: &FilePath) -> std::io::Result<()> {
    path.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).try_for_each(sync_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(folder: &tempfile::TempDir, name: &str) -> Path {
        Path::from_absolute_path(folder.path().join(name)).unwrap()
    }

    #[tokio::test]
    async fn a_name_that_is_taken_is_refused_and_keeps_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let store = SyncedStore::new(folder.path());
        let create = PutOptions::from(PutMode::Create);
        let name = path(&folder, "log/0.json");
        store.put_opts(&name, "first".into(), create.clone()).await.unwrap();
        let again = store.put_opts(&name, "second".into(), create).await;
        assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })));
        assert_eq!(std::fs::read(folder.path().join("log/0.json")).unwrap(), b"first");
        let left: Vec<_> = std::fs::read_dir(folder.path().join("log")).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left aside");
    }

    #[tokio::test]
    async fn an_upload_is_there_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let store = SyncedStore::new(folder.path());
        let name = path(&folder, "a/b/c.parquet");
        let mut upload = store.put_multipart(&name).await.unwrap();
        upload.put_part("abc".into()).await.unwrap();
        assert!(!folder.path().join("a/b/c.parquet").exists());
        upload.complete().await.unwrap();
        assert_eq!(std::fs::read(folder.path().join("a/b/c.parquet")).unwrap(), b"abc");
    }
}
