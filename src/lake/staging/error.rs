//! What can go wrong with staged files.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;

use super::super::batch::BatchError;

/// A staged file that can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// There is no room left; what was to be written stays in memory.
    #[error("no room left to write `{}`", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system refused.
    #[error("can't {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A newer version of the program wrote it.
    #[error("`{}` has format {version}, newer than this program's {known}", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// It is an Arrow stream, and none of staged records.
    #[error("`{}` does not say what it is about", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A record that was whole when it was written can't be decoded.
    #[error("a record at byte {offset} of `{}` can't be decoded", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What Arrow says.
        source: ArrowError,
    },
    /// A record does not hold what its kind has to.
    #[error("a record at byte {offset} of `{}` is malformed", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong.
        source: BatchError,
    },
    /// Arrow refused to encode.
    #[error("can't encode a record for `{}`", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// What Arrow says.
        source: ArrowError,
    },
}

impl StagingError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, source }
            }
            _ => Self::Io { action, path, source },
        }
    }
}
