//! Locks of a lake in a folder: the kernel's own on an open file, so a dead holder holds nothing. What the file says is for
//! people.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::LockError;

/// A locked file.
#[derive(Debug)]
pub(super) struct KernelLock {
    file: File,
    path: PathBuf,
}

impl KernelLock {
    /// Locks a file, or says at once who has it.
    pub(super) fn take(path: &Path, holder: &str) -> Result<Self, LockError> {
        let mut lock = Self::open(path.to_owned())?;
        match lock.file.try_lock() {
            Ok(()) => lock.sign(holder),
            Err(TryLockError::WouldBlock) => {
                let holder = lock.read_holder();
                Err(LockError::Held { path: lock.path, holder })
            }
            Err(TryLockError::Error(source)) => Err(LockError::Io { path: lock.path, source }),
        }
    }

    /// Locks a file as soon as nobody has it.
    pub(super) async fn wait(path: PathBuf, holder: &str) -> Result<Self, LockError> {
        let holder = holder.to_owned();
        // The kernel's lock blocks the thread that waits for it, so that must not be one that polls others.
        let waiting = tokio::task::spawn_blocking(move || {
            let lock = Self::open(path)?;
            match lock.file.lock() {
                Ok(()) => lock.sign(&holder),
                Err(source) => Err(LockError::Io { path: lock.path, source }),
            }
        });
        waiting.await.expect("waiting does not panic")
    }

    /// Lets go. Closing the file would do as well.
    pub(super) fn release(&self) -> Result<(), LockError> {
        self.file.unlock().map_err(|source| LockError::Io { path: self.path.clone(), source })
    }

    fn open(path: PathBuf) -> Result<Self, LockError> {
        let open = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            // Not truncated: until the lock is ours, the text is the holder's.
            File::options().create(true).truncate(false).read(true).write(true).open(&path)
        };
        match open() {
            Ok(file) => Ok(Self { file, path }),
            Err(source) => Err(LockError::Io { path, source }),
        }
    }

    fn sign(mut self, holder: &str) -> Result<Self, LockError> {
        let written = self
            .file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(holder.as_bytes()));
        match written {
            Ok(()) => Ok(self),
            Err(source) => Err(LockError::Io { path: self.path, source }),
        }
    }

    fn read_holder(&mut self) -> String {
        const HOLDER_LENGTH_MAX: u64 = 500;
        let mut text = String::new();
        match (&self.file).take(HOLDER_LENGTH_MAX).read_to_string(&mut text) {
            Ok(_) if !text.is_empty() => text,
            _ => "another process".to_owned(),
        }
    }
}
