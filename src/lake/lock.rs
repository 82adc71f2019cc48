//! Who may write: one collector for each scope of a lake, one publication and one request of the journal at a time for
//! the whole of it.
//!
//! In a folder it is the kernel that says who; in a bucket it is a lease, an object that its holder renews. A lease can be
//! lost while its holder still works, so whoever writes asks [`Lock::confirm`] before each step. Nothing rests on that alone:
//! a commit of somebody whose lease was lost is refused by the numbers in the tables.

mod kernel;
mod lease;

use std::path::{Path, PathBuf};

use self::kernel::KernelLock;
use self::lease::Lease;
use super::place::Place;
use crate::model::Scope;

/// A lock could not be had, or kept.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("`{}` is held by {holder}", path.display())]
    Held {
        /// The file or object that stands for the lock.
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
    /// The object that stands for the lock can't be used.
    #[error("cannot lock `{}`", path.display())]
    Store {
        /// The object that stands for the lock.
        path: PathBuf,
        /// What the store said.
        source: object_store::Error,
    },
    /// It was taken by another process, after this one had not renewed it for minutes.
    #[error("`{}` was taken over by another process", path.display())]
    Lost {
        /// The object that stands for the lock.
        path: PathBuf,
    },
    /// It was not renewed for so long that another process may have taken it.
    #[error("`{}` could not be renewed in time", path.display())]
    Lapsed {
        /// The object that stands for the lock.
        path: PathBuf,
    },
}

/// A lock that is held until it is released or dropped.
#[derive(Debug)]
pub struct Lock(Kind);

#[derive(Debug)]
enum Kind {
    Kernel(KernelLock),
    Lease(Lease),
}

impl Lock {
    /// Takes a scope for one collector, or says at once who has it. `holder` is one line about who asks.
    ///
    /// # Errors
    /// [`LockError::Held`] while another process collects this scope of this lake.
    pub async fn scope(place: &Place, scope: &Scope, holder: &str) -> Result<Self, LockError> {
        let name = format!("{}/{}", scope.account_id, scope.region);
        Ok(Self(match place {
            Place::Folder(lake) => Kind::Kernel(KernelLock::take(&file(lake, &name), holder)?),
            Place::Bucket(bucket) => {
                let path = bucket.path(&format!("{FOLDER}/{name}"));
                Kind::Lease(Lease::take(bucket, path, holder).await?)
            }
        }))
    }

    /// Waits for the turn to write to the register. Whoever has it needs seconds.
    ///
    /// # Errors
    /// Where the file or object can't be used.
    pub async fn publish(place: &Place, holder: &str) -> Result<Self, LockError> {
        Self::wait(place, "publish", holder).await
    }

    /// Waits for the turn to write to the journal. Whoever has it needs a moment.
    ///
    /// # Errors
    /// Where the file or object can't be used.
    pub async fn journal(place: &Place, holder: &str) -> Result<Self, LockError> {
        Self::wait(place, "journal", holder).await
    }

    async fn wait(place: &Place, name: &str, holder: &str) -> Result<Self, LockError> {
        Ok(Self(match place {
            Place::Folder(lake) => Kind::Kernel(KernelLock::wait(file(lake, name), holder).await?),
            Place::Bucket(bucket) => {
                let path = bucket.path(&format!("{FOLDER}/{name}"));
                Kind::Lease(Lease::wait(bucket, path, holder).await?)
            }
        }))
    }

    /// How often it has changed hands; what a holder writes outside the tables carries this number, so that what an
    /// earlier holder wrote late is known as such. 0 where a dead holder holds nothing.
    #[must_use]
    pub fn generation(&self) -> u64 {
        match &self.0 {
            Kind::Kernel(_) => 0,
            Kind::Lease(lease) => lease.generation(),
        }
    }

    /// Whether it is still held, as far as this process can tell without asking.
    ///
    /// # Errors
    /// [`LockError::Lost`] or [`LockError::Lapsed`] where it is not.
    pub fn check(&self) -> Result<(), LockError> {
        match &self.0 {
            Kind::Kernel(_) => Ok(()),
            Kind::Lease(lease) => lease.check(),
        }
    }

    /// Makes sure that it is still held.
    ///
    /// # Errors
    /// [`LockError::Lost`] or [`LockError::Lapsed`] where it is not.
    pub async fn confirm(&self) -> Result<(), LockError> {
        match &self.0 {
            Kind::Kernel(_) => Ok(()),
            Kind::Lease(lease) => lease.confirm().await,
        }
    }

    /// Lets go, so that the next one need not wait. Where that fails, time does it.
    pub async fn release(&self) {
        let released = match &self.0 {
            Kind::Kernel(lock) => lock.release(),
            Kind::Lease(lease) => lease.release().await,
        };
        if let Err(error) = released {
            tracing::warn!("a lock was not released: {error}");
        }
    }
}

/// Where locks lie in a lake.
pub(super) const FOLDER: &str = "_locks";

fn file(lake: &Path, name: &str) -> PathBuf {
    lake.join(FOLDER).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StageArn;

    fn scope(account: &str) -> Scope {
        let arn = format!("arn:aws:ivs:us-west-2:{account}:stage/a");
        StageArn::parse(&arn).unwrap().scope().clone()
    }

    #[tokio::test]
    async fn the_second_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Place::folder(folder.path()).unwrap();
        let one = scope("111122223333");
        let first = Lock::scope(&lake, &one, "run 1 on host a").await.unwrap();
        match Lock::scope(&lake, &one, "run 2").await {
            Err(LockError::Held { holder, .. }) => assert_eq!(holder, "run 1 on host a"),
            other => panic!("{other:?}"),
        }
        Lock::scope(&lake, &scope("444455556666"), "another scope").await.unwrap();
        first.release().await;
        let third = Lock::scope(&lake, &one, "run 3").await.unwrap();
        drop(third);
        Lock::scope(&lake, &one, "run 4").await.unwrap();
    }
}
