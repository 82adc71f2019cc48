//! What can go wrong with a lake.

use std::path::PathBuf;

use deltalake_core::DeltaTableError;

use super::lock::LockError;
use super::tables::Table;

/// A lake that can't be used, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// There is nothing at this path.
    #[error("there is no lake at `{}`", path.display())]
    Missing {
        /// The path of the lake.
        path: PathBuf,
    },
    /// The name of the lake is neither a path nor that of a bucket.
    #[error("`{text}` is neither a folder nor `s3://BUCKET/PREFIX`")]
    Address {
        /// The name as it was given.
        text: String,
    },
    /// The bucket refuses, or can't be reached.
    #[error("cannot {action} `{place}`")]
    Bucket {
        /// What was tried.
        action: &'static str,
        /// On what.
        place: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// The path of the lake is that of a file.
    #[error("the lake `{}` is a file, not a folder", path.display())]
    NotAFolder {
        /// The path of the lake.
        path: PathBuf,
    },
    /// The path of the lake could not be made absolute.
    #[error("the path `{}` can't be made absolute", path.display())]
    NotAbsolute {
        /// The path.
        path: PathBuf,
    },
    /// The folder refuses to be written or read.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A table's log can't be read.
    #[error("cannot open table `{}`", table.name())]
    Open {
        /// The table.
        table: Table,
        /// What Delta's library said.
        source: Box<DeltaTableError>,
    },
    /// A table can't be written.
    #[error("cannot write table `{}`", table.name())]
    Commit {
        /// The table.
        table: Table,
        /// What Delta's library said.
        source: Box<DeltaTableError>,
    },
    /// Another writer has committed what this one was about to.
    #[error("table `{}` was written by another collector: {reason}", table.name())]
    Outrun {
        /// The table.
        table: Table,
        /// The conflict.
        reason: String,
    },
    /// The table was made by a newer version of this program.
    #[error("table `{}` has schema version {version}, newer than this program knows", table.name())]
    NewerSchema {
        /// The table.
        table: Table,
        /// Its version.
        version: u32,
    },
    /// The table was not made by this program.
    #[error("table `{}` was not made by ivsight", table.name())]
    Foreign {
        /// The table.
        table: Table,
    },
    /// A file of a table can't be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file, from the lake's folder.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of a table holds rows that are not those of the table.
    #[error("a file of table `{}` holds rows of another shape", table.name())]
    Shape {
        /// The table.
        table: Table,
        /// What is wrong with them.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was staged of a session is not what its publication was begun with.
    #[error("what is staged of {key} is not whole any more")]
    StagedMissing {
        /// The session.
        key: crate::model::SessionKey,
    },
    /// A table can't be made ready for a query.
    #[error("cannot plan a scan of table `{}`", table.name())]
    Plan {
        /// The table.
        table: Table,
        /// What DataFusion said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Simulated and real data in one lake.
    #[error("the lake holds {present} data, and this run collects {asked} data")]
    Mixed {
        /// What is there.
        present: &'static str,
        /// What was to be added.
        asked: &'static str,
    },
    /// A lock could not be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is in flight can't be read or written.
    #[error(transparent)]
    Staging(#[from] super::staging::StagingError),
}

impl LakeError {
    pub(super) fn open(table: Table, source: DeltaTableError) -> Self {
        Self::Open { table, source: Box::new(source) }
    }

    pub(super) fn commit(table: Table, source: DeltaTableError) -> Self {
        Self::Commit { table, source: Box::new(source) }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        if let Some(hint) = store_hint(self) {
            return Some(hint.to_owned());
        }
        let hint = match self {
            Self::Missing { path } => {
                return Some(format!(
                    "run `ivsight collect --lake {}` first, or name another lake with `--lake`",
                    path.display()
                ));
            }
            Self::Address { .. } => "name a folder or `s3://BUCKET/PREFIX` with `--lake`",
            Self::NotAFolder { .. } => "name a folder with `--lake`",
            Self::Bucket { .. } | Self::Lock(LockError::Store { .. }) => {
                "check the bucket, its region and AWS_ENDPOINT_URL_S3"
            }
            Self::Io { .. } | Self::Lock(LockError::Io { .. }) => {
                "check the path, its owner and the free space of the disk"
            }
            Self::Commit { .. } | Self::Staging(_) => {
                "nothing that was fetched is lost: mend the cause and run the same command again"
            }
            Self::Open { .. }
            | Self::Plan { .. }
            | Self::Unreadable { .. }
            | Self::Shape { .. } => "restore the file from a backup, or collect into a new lake",
            Self::Lock(LockError::Held { path, .. }) if path.starts_with("s3:") => {
                "let the other run finish, then run the same command again; one that was killed \
                 holds it for 3 minutes"
            }
            Self::Outrun { .. } | Self::Lock(LockError::Held { .. }) => {
                "let the other run finish, then run the same command again"
            }
            Self::Lock(LockError::Lost { .. } | LockError::Lapsed { .. }) => {
                "nothing that was fetched is lost: another run goes on from here; check the \
                 network between this machine and the bucket"
            }
            Self::StagedMissing { .. } => {
                "files in `_inflight` were removed or damaged: restore them from a backup"
            }
            Self::NewerSchema { .. } => {
                "install the version of ivsight that wrote it, or a newer one"
            }
            Self::Foreign { .. } => "name an empty or new folder with `--lake`",
            Self::Mixed { .. } => "name another folder with `--lake`",
            Self::NotAbsolute { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// What to do about what the store said, where that is at the bottom of it.
fn store_hint(error: &LakeError) -> Option<&'static str> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<object_store::Error>() {
            return hint_of(error);
        }
        cause = error.source();
    }
    None
}

fn hint_of(error: &object_store::Error) -> Option<&'static str> {
    let text = error.to_string();
    let says = |codes: &[&str]| codes.iter().any(|code| text.contains(code));
    if says(&["ExpiredToken", "TokenRefreshRequired", "RequestExpired"]) {
        return Some("renew the credentials (for SSO `aws sso login`) and run again");
    }
    if says(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"]) {
        return Some(
            "the bucket does not accept these credentials: set AWS_PROFILE or give `--lake-profile`",
        );
    }
    if says(&["NoSuchBucket", "Bucket '"]) {
        return Some("create the bucket, or name another with `--lake`");
    }
    if says(&["redirect", "PermanentRedirect", "AuthorizationHeaderMalformed"]) {
        return Some(
            "the bucket is in another region: give `--lake-profile` with a profile of its region",
        );
    }
    if says(&["403 Forbidden", "AccessDenied"]) {
        return Some(
            "allow what `ivsight schema --iam --lake s3://BUCKET/PREFIX` prints for these credentials",
        );
    }
    // A folder's store has such errors too.
    if !says(&["Error performing", "HTTP error", "no answer within", "AWS credentials"]) {
        return None;
    }
    match error {
        object_store::Error::Unauthenticated { .. } => {
            Some("set AWS_PROFILE or give `--lake-profile` (for SSO run `aws sso login` first)")
        }
        object_store::Error::Generic { .. } => {
            Some("check the network and AWS_ENDPOINT_URL_S3; nothing that was fetched is lost")
        }
        _ => None,
    }
}
