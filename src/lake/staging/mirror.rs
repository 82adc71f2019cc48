//! Staged files in a bucket: a scratch folder on this disk, and each file's bytes as objects, one for each time that
//! sealed bytes of it were added: `<file>/<offset>-<generation>`.
//!
//! A piece counts once it is uploaded. Who opens the scope puts the files together again: from offset 0, each piece where
//! the last one ended. Generations are those of the scope's lease, and never go down along a file; of two pieces at one
//! offset the later generation's counts. So what a holder wrote whose lease was lost either comes at the end of what
//! everybody knew, and is what the service answered; or in the place of what its successor wrote, and is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutMode, PutOptions};

use super::store::number_of;
use super::{Cut, StagingError};
use crate::lake::LakeError;
use crate::lake::bucket::Bucket;
use crate::lake::lock::Lock;

/// Pieces that are moved at once.
const AT_ONCE: usize = 8;
/// Bytes of a piece at most: what is in memory while it is moved.
const PIECE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The scratch folder of one scope and its copy.
#[derive(Debug)]
pub(super) struct Mirror {
    bucket: Bucket,
    prefix: ObjectPath,
    lock: Arc<Lock>,
    scratch: Scratch,
    /// By the name of the file. Whoever moves something holds it.
    files: tokio::sync::Mutex<BTreeMap<String, Copied>>,
}

/// What of a file is in the bucket.
#[derive(Debug, Default)]
struct Copied {
    bytes: u64,
    pieces: Vec<ObjectPath>,
}

/// An object that holds a part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    offset: u64,
    generation: u64,
    bytes: u64,
    path: ObjectPath,
}

impl Mirror {
    /// Fetches what is there into a scratch folder. What fits nowhere is removed.
    pub(super) async fn open(
        bucket: &Bucket,
        prefix: ObjectPath,
        lock: Arc<Lock>,
    ) -> Result<Self, LakeError> {
        let scratch = Scratch::create_in(&std::env::temp_dir())?;
        let (mut chains, mut strays) = (BTreeMap::new(), Vec::new());
        for (name, pieces) in pieces_of(bucket, &prefix).await? {
            let (chain, others) = chain(pieces);
            strays.extend(others.into_iter().map(|piece| piece.path));
            if !chain.is_empty() {
                chains.insert(name, chain);
            }
        }
        if !strays.is_empty() {
            lock.confirm().await?;
            bucket.remove(strays).await?;
        }
        let mut files = BTreeMap::new();
        for (name, chain) in chains {
            scratch.fetch(bucket, &name, &chain).await?;
            let bytes = chain.iter().map(|piece| piece.bytes).sum();
            let pieces = chain.into_iter().map(|piece| piece.path).collect();
            files.insert(name, Copied { bytes, pieces });
        }
        let files = tokio::sync::Mutex::new(files);
        Ok(Self { bucket: bucket.clone(), prefix, lock, scratch, files })
    }

    /// The scratch folder.
    pub(super) fn folder(&self) -> &Path {
        &self.scratch.path
    }

    /// Goes on from what was opened: files that were cut are copied anew, those that are gone are removed.
    pub(super) async fn begin(
        &self,
        durable: &[(PathBuf, u64)],
        cuts: &[Cut],
    ) -> Result<(), LakeError> {
        for cut in cuts {
            if let Some(copied) = self.files.lock().await.get_mut(&name_of(&cut.path)) {
                copied.bytes = 0;
            }
        }
        self.forget_removed().await?;
        if cuts.is_empty() { Ok(()) } else { self.upload(|| durable.to_vec()).await }
    }

    /// Copies what was added to files. `durable` tells their sizes once nobody else copies.
    pub(super) async fn upload(
        &self,
        durable: impl FnOnce() -> Vec<(PathBuf, u64)>,
    ) -> Result<(), LakeError> {
        let mut files = self.files.lock().await;
        let grown: Vec<(PathBuf, u64, u64)> = durable()
            .into_iter()
            .map(|(path, end)| {
                let begin = files.get(&name_of(&path)).map_or(0, |copied| copied.bytes);
                (path, begin, end)
            })
            .filter(|(_, begin, end)| begin < end)
            .collect();
        if grown.is_empty() {
            return Ok(());
        }
        self.lock.check()?;
        let mut failure = None;
        let mut copies = futures::stream::iter(grown)
            .map(|(path, begin, end)| async move {
                let mut pieces = Vec::new();
                let copied = self.copy(&path, begin..end, &mut pieces).await;
                (name_of(&path), pieces, copied)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((name, pieces, copied)) = copies.next().await {
            let file = files.entry(name).or_default();
            for piece in pieces {
                file.bytes = piece.offset + piece.bytes;
                file.pieces.push(piece.path);
            }
            failure = failure.or(copied.err());
        }
        failure.map_or(Ok(()), Err)
    }

    /// Copies a part of a file, piece by piece; `pieces` tells how far that went.
    async fn copy(
        &self,
        path: &Path,
        part: Range<u64>,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), LakeError> {
        let generation = self.lock.generation();
        let mut offset = part.start;
        while offset < part.end {
            let bytes = match read(path, offset, (part.end - offset).min(PIECE_BYTES_MAX)) {
                Ok(bytes) => bytes,
                // It was published meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(StagingError::io("read", path)(error).into()),
            };
            let name = format!("{offset:016}-{generation:012}");
            let object = self.prefix.clone().join(name_of(path)).join(name);
            let bytes = self.put(&object, bytes).await?;
            pieces.push(Piece { offset, generation, bytes, path: object });
            offset += bytes;
        }
        Ok(())
    }

    /// Gives the bytes that are there then. A piece that is there was begun by an earlier attempt of ours, whose end
    /// was not seen: it holds the same bytes, as many as the file had then.
    async fn put(&self, object: &ObjectPath, bytes: Bytes) -> Result<u64, LakeError> {
        let bytes_n = bytes.len() as u64;
        let options = PutOptions::from(PutMode::Create);
        let there = match self.bucket.store().put_opts(object, bytes.into(), options).await {
            Ok(_) => return Ok(bytes_n),
            Err(object_store::Error::AlreadyExists { .. }) => {
                self.bucket.store().head(object).await.map(|meta| meta.size)
            }
            Err(error) => Err(error),
        };
        there.map_err(self.bucket.failed("write", object))
    }

    /// Removes the copies of files that are no longer in the folder.
    pub(super) async fn forget_removed(&self) -> Result<(), LakeError> {
        let mut files = self.files.lock().await;
        let is_gone = |name: &String| !self.scratch.path.join(name).exists();
        let gone: BTreeSet<String> = files.keys().filter(|name| is_gone(name)).cloned().collect();
        let pieces: Vec<ObjectPath> =
            gone.iter().flat_map(|name| files[name].pieces.clone()).collect();
        if !pieces.is_empty() {
            self.lock.confirm().await?;
            self.bucket.remove(pieces).await?;
        }
        files.retain(|name, _| !gone.contains(name));
        Ok(())
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path, offset: u64, bytes_n: u64) -> std::io::Result<Bytes> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; usize::try_from(bytes_n).unwrap_or(usize::MAX)];
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

/// The file that an object is a piece of.
pub(super) fn mirrored_file(prefix: &ObjectPath, path: &ObjectPath) -> Option<String> {
    let mut parts = path.prefix_match(prefix)?;
    let name = parts.next()?.as_ref().to_owned();
    parts.next()?;
    number_of(&name).map(|_| name)
}

async fn pieces_of(
    bucket: &Bucket,
    prefix: &ObjectPath,
) -> Result<BTreeMap<String, Vec<Piece>>, LakeError> {
    let mut files: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
    for object in bucket.objects(prefix).await? {
        let path = object.location;
        let Some(name) = mirrored_file(prefix, &path) else { continue };
        let numbers = path.filename().and_then(|name| name.split_once('-'));
        let numbers =
            numbers.and_then(|(at, by)| Some((at.parse::<u64>().ok()?, by.parse::<u64>().ok()?)));
        let Some((offset, generation)) = numbers else { continue };
        let piece = Piece { offset, generation, bytes: object.size, path };
        files.entry(name).or_default().push(piece);
    }
    Ok(files)
}

/// The pieces that make up a file, in order, and the others.
fn chain(mut pieces: Vec<Piece>) -> (Vec<Piece>, Vec<Piece>) {
    let mut chain: Vec<Piece> = Vec::new();
    loop {
        let (end, generation) =
            chain.last().map_or((0, 0), |last| (last.offset + last.bytes, last.generation));
        let next = pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.offset == end && piece.generation >= generation)
            .filter(|(_, piece)| piece.bytes > 0)
            .max_by_key(|(_, piece)| piece.generation)
            .map(|(at, _)| at);
        match next {
            Some(at) => chain.push(pieces.swap_remove(at)),
            None => return (chain, pieces),
        }
    }
}

/// A folder of this process alone, which is removed when it is dropped; that of a process that was killed, by the next.
#[derive(Debug)]
struct Scratch {
    path: PathBuf,
    /// Locked as long as somebody works in the folder.
    used: File,
}

const SCRATCH_PREFIX: &str = "ivsight-staging-";
const USED: &str = "used";

impl Scratch {
    fn create_in(parent: &Path) -> Result<Self, StagingError> {
        Self::sweep(parent);
        loop {
            let path = parent.join(format!("{SCRATCH_PREFIX}{}", uuid::Uuid::new_v4()));
            let mut builder = std::fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&path).map_err(StagingError::io("create", &path))?;
            let used = File::create(path.join(USED)).and_then(|file| file.lock().map(|()| file));
            let scratch = Self { used: used.map_err(StagingError::io("lock", &path))?, path };
            // Whoever sweeps may have come before the lock, and took the folder for one left behind: then it is gone,
            // since the lock is given back when all of it is. Each process sweeps once, so that this ends.
            if scratch.path.join(USED).exists() {
                return Ok(scratch);
            }
        }
    }

    /// Removes the folders in which nobody works any more. What can't be removed stays: it is not ours to fail for.
    fn sweep(parent: &Path) {
        let Ok(entries) = std::fs::read_dir(parent) else { return };
        for entry in entries.flatten() {
            let is_scratch = entry.file_name().to_string_lossy().starts_with(SCRATCH_PREFIX);
            let Ok(used) = File::open(entry.path().join(USED)) else { continue };
            if is_scratch && used.try_lock().is_ok() {
                let removed = std::fs::remove_dir_all(entry.path());
                tracing::debug!("`{}` was left behind: {removed:?}", entry.path().display());
            }
        }
    }

    /// Puts a file together from its pieces.
    async fn fetch(&self, bucket: &Bucket, name: &str, chain: &[Piece]) -> Result<(), LakeError> {
        let path = self.path.join(name);
        let mut file = File::create(&path).map_err(StagingError::io("create", &path))?;
        let paths: Vec<ObjectPath> = chain.iter().map(|piece| piece.path.clone()).collect();
        let mut pieces = futures::stream::iter(paths)
            .map(|path| async move {
                let read = async { bucket.store().get(&path).await?.bytes().await };
                read.await.map_err(bucket.failed("read", &path))
            })
            .buffered(AT_ONCE);
        while let Some(bytes) = pieces.try_next().await? {
            file.write_all(&bytes).map_err(StagingError::io("write", &path))?;
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        match self.used.unlock().and_then(|()| std::fs::remove_dir_all(&self.path)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!("`{}` stays behind: {error}", self.path.display());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
