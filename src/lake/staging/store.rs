//! The folder: which files there are, what is appended to them, and when it is durable.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StagingError;
use super::listings::{Listing, ListingsFile, listings_schema};
use super::mirror::mirrored_file;
use super::record::Record;
use super::session::{SessionFile, SessionView, StagedSession};
use super::stream::{Encoder, Slot, Stream};
use crate::lake::LakeError;
use crate::lake::inflight::InFlight;
use crate::lake::place::Place;
use crate::model::{Scope, SessionKey};

/// Bytes in memory after which a flush is due, whatever the time.
const BUFFERED_BYTES_MAX: usize = 4 * 1024 * 1024;

const SESSION_PREFIX: &str = "session-";
const LISTINGS_PREFIX: &str = "listings-";
const EXTENSION: &str = ".arrows";

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is staged, in place of an earlier one where there was one.
    Kept,
    /// It holds less than what is staged, which stays: to be reported as `SHRUNK`.
    Shrunk {
        /// Participants or events that are staged.
        staged_n: usize,
        /// Participants or events of the answer that was refused.
        answered_n: usize,
    },
}

/// A file whose end was not sealed: what a crash left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub path: PathBuf,
    /// Bytes that were cut off.
    pub bytes_n: u64,
    /// Nothing of it counted, so it is gone.
    pub removed: bool,
}

/// What is staged of one scope.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    next_number: u64,
    encoder: Encoder,
    sessions: BTreeMap<SessionKey, SessionFile>,
    /// The file that listings are added to.
    listings: Option<(Stream, Vec<Slot>)>,
    /// Files of listings from before, not yet handed out.
    closed_listings: Vec<ListingsFile>,
    buffered_bytes: usize,
}

impl Staging {
    /// Opens the folder, which is made where it is not there, and reads what is staged. The second says which files
    /// lost an end that was never promised.
    ///
    /// # Errors
    /// [`StagingError`] where a file can't be read, or a newer program wrote one.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Cut>), StagingError> {
        create_durably(folder)?;
        let mut staging = Self {
            folder: folder.to_owned(),
            next_number: 1,
            encoder: Encoder::default(),
            sessions: BTreeMap::new(),
            listings: None,
            closed_listings: Vec::new(),
            buffered_bytes: 0,
        };
        let mut cuts = Vec::new();
        for (number, path) in staged_files(folder)? {
            staging.next_number = number + 1;
            cuts.extend(staging.load(&path)?);
        }
        Ok((staging, cuts))
    }

    fn load(&mut self, path: &Path) -> Result<Option<Cut>, StagingError> {
        let opened = Stream::open(path.to_owned())?;
        let (bytes_n, removed) = (opened.cut_bytes, opened.kept.is_none());
        match opened.kept {
            None => self.unlink(path)?,
            Some((stream, slots)) if is_named(path, LISTINGS_PREFIX) => {
                self.closed_listings.push(ListingsFile::new(stream, slots));
            }
            Some((stream, slots)) => {
                let (key, file) = SessionFile::load(stream, &slots)?;
                // Two files of one session: the removal of the older one never reached the disk.
                if let Some(removed) = self.sessions.insert(key, file) {
                    self.unlink(removed.stream.path())?;
                }
            }
        }
        let cut = bytes_n > 0 || removed;
        Ok(cut.then(|| Cut { path: path.to_owned(), bytes_n, removed }))
    }

    /// What is staged of each session.
    pub fn sessions(&self) -> impl Iterator<Item = (&SessionKey, &Arc<StagedSession>)> {
        self.sessions.iter().map(|(key, file)| (key, &file.index))
    }

    /// What is staged of a session.
    #[must_use]
    pub fn session(&self, key: &SessionKey) -> Option<&Arc<StagedSession>> {
        self.sessions.get(key).map(|file| &file.index)
    }

    /// Adds a record of a session; it is durable after the next [`Self::flush`].
    ///
    /// # Errors
    /// [`StagingError::Encode`]; nothing was added then.
    pub fn append(&mut self, key: &SessionKey, record: &Record) -> Result<Appended, StagingError> {
        let path = self.path_of(SESSION_PREFIX, self.next_number);
        let file = match self.sessions.entry(key.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let file = entry.insert(SessionFile::create(path, key)?);
                self.next_number += 1;
                file
            }
        };
        let before = file.stream.buffered_bytes();
        let appended = file.append(record, &mut self.encoder)?;
        self.buffered_bytes += file.stream.buffered_bytes() - before;
        Ok(appended)
    }

    /// Adds a listing; it is durable after the next [`Self::flush`].
    ///
    /// # Errors
    /// [`StagingError::Encode`]; nothing was added then.
    pub fn append_listing(&mut self, listing: &Listing) -> Result<(), StagingError> {
        let (mut stream, mut slots) = if let Some(listings) = self.listings.take() {
            listings
        } else {
            let path = self.path_of(LISTINGS_PREFIX, self.next_number);
            self.next_number += 1;
            (Stream::create(path, listings_schema())?, vec![])
        };
        let before = stream.buffered_bytes();
        let slot = stream.append(&listing.to_batch(), &mut self.encoder);
        self.buffered_bytes += stream.buffered_bytes() - before;
        slots.extend(slot.as_ref().ok());
        self.listings = Some((stream, slots));
        slot.map(|_| ())
    }

    /// Whether so much waits in memory that a flush is due before its time.
    #[must_use]
    pub fn needs_flush(&self) -> bool {
        self.buffered_bytes >= BUFFERED_BYTES_MAX
    }

    /// Whether anything waits for a flush.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.streams().any(|stream| stream.buffered_bytes() > 0)
    }

    /// Writes everything that was appended through to the disk. On failure the rest is still tried, and what
    /// failed stays in memory for the next attempt.
    ///
    /// # Errors
    /// The first failure; [`StagingError::DiskFull`] where there is no room.
    pub fn flush(&mut self) -> Result<(), StagingError> {
        let mut created = false;
        let mut failure = None;
        let listings = self.listings.iter_mut().map(|(stream, _)| stream);
        let sessions = self.sessions.values_mut().map(|file| &mut file.stream);
        for stream in listings.chain(sessions) {
            match stream.flush() {
                Ok(is_new) => created |= is_new,
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        self.buffered_bytes = self.streams().map(Stream::buffered_bytes).sum();
        if created {
            sync_folder(&self.folder)?;
        }
        failure.map_or(Ok(()), Err)
    }

    /// What is staged of a session, to be read; it is written through to the disk first.
    ///
    /// # Errors
    /// [`StagingError`] where the file can't be written or opened.
    pub fn view(&mut self, key: &SessionKey) -> Result<Option<SessionView>, StagingError> {
        let Some(file) = self.sessions.get_mut(key) else { return Ok(None) };
        let waiting_bytes = file.stream.buffered_bytes();
        if file.stream.flush()? {
            sync_folder(&self.folder)?;
        }
        self.buffered_bytes = self.buffered_bytes.saturating_sub(waiting_bytes);
        file.view().map(Some)
    }

    /// Forgets a session, durably.
    ///
    /// # Errors
    /// [`StagingError`] where the file can't be removed.
    pub fn remove(&mut self, key: &SessionKey) -> Result<(), StagingError> {
        let Some(file) = self.sessions.remove(key) else { return Ok(()) };
        self.buffered_bytes = self.buffered_bytes.saturating_sub(file.stream.buffered_bytes());
        self.unlink(file.stream.path())
    }

    /// Hands out the files of listings so far, durable; further listings go to a new one. Each is to be removed
    /// with [`Self::remove_listings`] when its listings are in the lake.
    ///
    /// # Errors
    /// [`StagingError`] where they can't be written.
    pub fn take_listings(&mut self) -> Result<Vec<ListingsFile>, StagingError> {
        if self.listings.is_some() {
            self.flush()?;
        }
        let current = self.listings.take().map(|(stream, slots)| ListingsFile::new(stream, slots));
        self.closed_listings.extend(current);
        Ok(std::mem::take(&mut self.closed_listings))
    }

    /// Forgets listings that are in the lake, durably.
    ///
    /// # Errors
    /// [`StagingError`] where the file can't be removed.
    pub fn remove_listings(&self, listings: &ListingsFile) -> Result<(), StagingError> {
        self.unlink(&listings.path())
    }

    /// The files with their bytes that are on the disk, sealed.
    pub(super) fn durable_files(&self) -> Vec<(PathBuf, u64)> {
        let closed = self.closed_listings.iter().map(ListingsFile::durable);
        let open = self.streams().map(Stream::durable);
        open.chain(closed).filter(|(_, bytes)| *bytes > 0).collect()
    }

    fn streams(&self) -> impl Iterator<Item = &Stream> {
        let listings = self.listings.iter().map(|(stream, _)| stream);
        listings.chain(self.sessions.values().map(|file| &file.stream))
    }

    fn path_of(&self, prefix: &str, number: u64) -> PathBuf {
        self.folder.join(format!("{prefix}{number:08}{EXTENSION}"))
    }

    fn unlink(&self, path: &Path) -> Result<(), StagingError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StagingError::io("remove", path)(error))
            }
            _ => sync_folder(&self.folder),
        }
    }
}

fn is_named(path: &Path, prefix: &str) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
}

/// What lies in a scope's part of what is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StagedSize {
    /// Sessions of which something is staged.
    pub sessions: u64,
    /// Bytes of all staged files.
    pub bytes: u64,
}

impl StagedSize {
    /// Told by names and sizes alone: whoever holds the scope may be writing them.
    ///
    /// # Errors
    /// Where the folder or bucket can't be listed.
    pub async fn of(place: &Place, scope: &Scope) -> Result<Self, LakeError> {
        let in_flight = InFlight::of(place, scope);
        match place {
            Place::Folder(_) => {
                Ok(Self::in_folder(&in_flight.folder().expect("a folder has folders"))?)
            }
            Place::Bucket(bucket) => {
                let prefix = in_flight.prefix(bucket);
                let found = bucket.objects(&prefix).await?;
                let mut sessions = BTreeSet::new();
                let mut size = Self::default();
                for object in found {
                    let Some(name) = mirrored_file(&prefix, &object.location) else { continue };
                    size.bytes += object.size;
                    if name.starts_with(SESSION_PREFIX) {
                        sessions.insert(name);
                    }
                }
                size.sessions = sessions.len() as u64;
                Ok(size)
            }
        }
    }

    fn in_folder(folder: &Path) -> Result<Self, StagingError> {
        let mut size = Self::default();
        if !folder.is_dir() {
            return Ok(size);
        }
        for (_, path) in staged_files(folder)? {
            // A file that has gone meanwhile was published.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            size.bytes += metadata.len();
            size.sessions += u64::from(is_named(&path, SESSION_PREFIX));
        }
        Ok(size)
    }
}

/// The files of staged records with their numbers, in that order. The folder may hold others, which are not ours.
fn staged_files(folder: &Path) -> Result<Vec<(u64, PathBuf)>, StagingError> {
    let list = || StagingError::io("list", folder);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(list())? {
        let entry = entry.map_err(list())?;
        let name = entry.file_name();
        let number = name.to_str().and_then(number_of);
        files.extend(number.map(|number| (number, entry.path())));
    }
    files.sort();
    Ok(files)
}

/// The number in the name of a staged file.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let name = name.strip_suffix(EXTENSION)?;
    let number = name.strip_prefix(SESSION_PREFIX);
    number.or_else(|| name.strip_prefix(LISTINGS_PREFIX))?.parse().ok()
}

/// Makes a folder and those above it, each written through to the one that it is in.
fn create_durably(folder: &Path) -> Result<(), StagingError> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_durably(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(StagingError::io("create", folder)(error))
        }
        _ => sync_folder(parent.unwrap_or(Path::new("."))),
    }
}

fn sync_folder(folder: &Path) -> Result<(), StagingError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(StagingError::io("write", folder))
}
