//! Who may write: one collector for each scope of a lake, one publication and one request of the journal at a time for
//! the whole of it.
//!
//! Local locks are the kernel's own on an open file, so a dead holder holds nothing. What the file says is for people.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::model::Scope;

/// A lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("`{}` is held by {holder}", path.display())]
    Held {
        /// The file that stands for the lock.
        path: PathBuf,
        /// What the holder wrote about itself.
        holder: String,
    },
    /// The file that stands for the lock can't be used.
    #[error("cannot lock `{}`", path.display())]
    Io {
        /// The file that stands for the lock.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes a scope for one collector, or says at once who has it. `holder` is one line about who asks.
    ///
    /// # Errors
    /// [`LockError::Held`] while another process collects this scope of this lake.
    pub fn scope(lake: &Path, scope: &Scope, holder: &str) -> Result<Self, LockError> {
        let path = locks(lake).join(scope.account_id.as_str()).join(scope.region.as_str());
        let mut lock = Self::open(path)?;
        match lock.file.try_lock() {
            Ok(()) => lock.sign(holder),
            Err(TryLockError::WouldBlock) => {
                let holder = lock.read_holder();
                Err(LockError::Held { path: lock.path, holder })
            }
            Err(TryLockError::Error(source)) => Err(LockError::Io { path: lock.path, source }),
        }
    }

    /// Waits for the turn to write to the register. Whoever has it needs seconds.
    ///
    /// # Errors
    /// [`LockError::Io`] where the file can't be used.
    pub async fn publish(lake: &Path, holder: &str) -> Result<Self, LockError> {
        Self::wait(locks(lake).join("publish"), holder).await
    }

    /// Waits for the turn to write to the journal. Whoever has it needs a moment.
    ///
    /// # Errors
    /// [`LockError::Io`] where the file can't be used.
    pub async fn journal(lake: &Path, holder: &str) -> Result<Self, LockError> {
        Self::wait(locks(lake).join("journal"), holder).await
    }

    async fn wait(path: PathBuf, holder: &str) -> Result<Self, LockError> {
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

fn locks(lake: &Path) -> PathBuf {
    lake.join("_locks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StageArn;

    fn scope(account: &str) -> Scope {
        let arn = format!("arn:aws:ivs:us-west-2:{account}:stage/a");
        StageArn::parse(&arn).unwrap().scope().clone()
    }

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let lake = tempfile::tempdir().unwrap();
        let first = Lock::scope(lake.path(), &scope("111122223333"), "run 1 on host a").unwrap();
        match Lock::scope(lake.path(), &scope("111122223333"), "run 2") {
            Err(LockError::Held { holder, .. }) => assert_eq!(holder, "run 1 on host a"),
            other => panic!("{other:?}"),
        }
        Lock::scope(lake.path(), &scope("444455556666"), "another scope").unwrap();
        drop(first);
        Lock::scope(lake.path(), &scope("111122223333"), "run 3").unwrap();
    }
}
