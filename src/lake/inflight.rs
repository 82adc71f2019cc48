//! What is in flight in a lake: whose, and the records that are not of sessions.
//!
//! A record is a small file that is replaced whole, and read by whoever holds the scope next. In a bucket its name
//! carries the generation of its writer's lease: a holder that was paused can neither replace nor remove what another
//! has written meanwhile.

use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path as ObjectPath;

use super::LakeError;
use super::bucket::Bucket;
use super::place::Place;
use super::store::sync_path;
use crate::model::{AccountId, Region, Scope};

const FOLDER: &str = "_inflight";

/// What one scope has in flight.
#[derive(Clone, Debug)]
pub struct InFlight<'a> {
    place: &'a Place,
    name: String,
}

/// A record by its name: `stem.extension`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) stem: &'static str,
    pub(super) extension: &'static str,
}

/// A record that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) bytes: Bytes,
    pub(super) at: At,
}

/// Where a record is.
#[derive(Clone, Debug)]
pub(super) enum At {
    File(PathBuf),
    Object(ObjectPath),
}

impl<'a> InFlight<'a> {
    /// Of this scope.
    #[must_use]
    pub fn of(place: &'a Place, scope: &Scope) -> Self {
        Self { place, name: format!("{FOLDER}/{}/{}", scope.account_id, scope.region) }
    }

    /// Its folder, where it has one.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        match self.place {
            Place::Folder(lake) => Some(lake.join(&self.name)),
            Place::Bucket(_) => None,
        }
    }

    /// The prefix of its objects.
    pub(super) fn prefix(&self, bucket: &Bucket) -> ObjectPath {
        bucket.path(&self.name)
    }

    /// Whether anything was left there, told without opening it.
    ///
    /// # Errors
    /// Where the bucket can't be listed.
    pub async fn holds_anything(&self) -> Result<bool, LakeError> {
        match self.place {
            Place::Folder(lake) => {
                let entries = std::fs::read_dir(lake.join(&self.name));
                Ok(entries.is_ok_and(|mut entries| entries.next().is_some()))
            }
            Place::Bucket(bucket) => {
                let (objects, folders) = bucket.names(&self.prefix(bucket)).await?;
                Ok(!objects.is_empty() || !folders.is_empty())
            }
        }
    }

    /// Writes a record; it is durable, whole, when this returns. `generation` is that of the scope's lock.
    pub(super) async fn write(
        &self,
        name: Name,
        generation: u64,
        bytes: Vec<u8>,
    ) -> Result<(), LakeError> {
        match self.place {
            Place::Folder(lake) => {
                let path = lake.join(&self.name).join(name.file());
                replace_file(&path, &bytes).map_err(|source| LakeError::Io {
                    action: "write",
                    path,
                    source,
                })
            }
            Place::Bucket(bucket) => {
                let path = self.prefix(bucket).join(name.object(generation));
                let put = bucket.store().put(&path, bytes.into()).await;
                put.map(|_| ()).map_err(bucket.failed("write", &path))
            }
        }
    }

    /// The records of that name, the newest first: what was begun and not ended.
    pub(super) async fn read(&self, name: Name) -> Result<Vec<Found>, LakeError> {
        match self.place {
            Place::Folder(lake) => {
                let path = lake.join(&self.name).join(name.file());
                match std::fs::read(&path) {
                    Ok(bytes) => Ok(vec![Found { bytes: bytes.into(), at: At::File(path) }]),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
                    Err(source) => Err(LakeError::Io { action: "read", path, source }),
                }
            }
            Place::Bucket(bucket) => {
                let prefix = self.prefix(bucket);
                let (mut names, _) = bucket.names(&prefix).await?;
                names.retain(|found| name.is_name_of(found));
                names.sort();
                let mut found = Vec::new();
                for name in names.into_iter().rev() {
                    let path = prefix.clone().join(name);
                    found.extend(read_object(bucket, path).await?);
                }
                Ok(found)
            }
        }
    }

    /// Where a record is that a holder of this generation writes.
    pub(super) fn at(&self, name: Name, generation: u64) -> At {
        match self.place {
            Place::Folder(lake) => At::File(lake.join(&self.name).join(name.file())),
            Place::Bucket(bucket) => At::Object(self.prefix(bucket).join(name.object(generation))),
        }
    }

    /// Removes a record, durably.
    pub(super) async fn remove(&self, at: At) -> Result<(), LakeError> {
        match (at, self.place) {
            (At::File(path), _) => remove_file(&path).map_err(|source| LakeError::Io {
                action: "remove",
                path,
                source,
            }),
            (At::Object(path), Place::Bucket(bucket)) => bucket.remove(vec![path]).await,
            (At::Object(_), Place::Folder(_)) => Ok(()),
        }
    }
}

impl Name {
    fn file(self) -> String {
        format!("{}.{}", self.stem, self.extension)
    }

    fn object(self, generation: u64) -> String {
        format!("{}-{generation:012}.{}", self.stem, self.extension)
    }

    fn is_name_of(self, found: &str) -> bool {
        let number = found
            .strip_prefix(self.stem)
            .and_then(|rest| rest.strip_prefix('-')?.strip_suffix(self.extension))
            .and_then(|rest| rest.strip_suffix('.'));
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

impl At {
    /// The place as an error names it.
    pub(super) fn to_path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Object(path) => PathBuf::from(path.as_ref()),
        }
    }
}

async fn read_object(bucket: &Bucket, path: ObjectPath) -> Result<Option<Found>, LakeError> {
    let read = async { bucket.store().get(&path).await?.bytes().await };
    match read.await {
        Ok(bytes) => Ok(Some(Found { bytes, at: At::Object(path) })),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(bucket.failed("read", &path)(error)),
    }
}

fn replace_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let aside = path.with_extension("tmp");
    let mut file = std::fs::File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    sync_path(folder)
}

fn remove_file(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => sync_path(path.parent().unwrap_or(Path::new("."))),
    }
}

/// The scopes of a lake that have something in flight.
///
/// # Errors
/// Where the folder or bucket can't be listed.
pub async fn scopes(place: &Place) -> Result<Vec<Scope>, LakeError> {
    let mut scopes = Vec::new();
    for account in folders(place, FOLDER).await? {
        for region in folders(place, &format!("{FOLDER}/{account}")).await? {
            if let (Ok(account_id), Ok(region)) = (AccountId::new(&account), Region::new(&region)) {
                scopes.push(Scope { account_id, region });
            }
        }
    }
    scopes.sort();
    Ok(scopes)
}

/// The folders in one of the lake's own.
pub(super) async fn folders(place: &Place, name: &str) -> Result<Vec<String>, LakeError> {
    match place {
        Place::Folder(lake) => local_folders(&lake.join(name)),
        Place::Bucket(bucket) => Ok(bucket.names(&bucket.path(name)).await?.1),
    }
}

fn local_folders(path: &Path) -> Result<Vec<String>, LakeError> {
    let unreadable = |source| LakeError::Io { action: "read", path: path.to_owned(), source };
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(unreadable(source)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_dir() {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(found)
}
