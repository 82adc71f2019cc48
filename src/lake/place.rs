//! Where a lake is: a folder, or a prefix of a bucket in S3.
//!
//! Everything that reads or writes a lake goes through its place: it opens the tables, and says where locks and what is
//! in flight lie. A folder has the kernel's locks and flushes; a bucket has leases, conditional writes and a scratch
//! folder whose files are mirrored.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use url::Url;

use super::LakeError;
use super::bucket::Bucket;
use super::store::SyncedStore;
use super::tables::Table;

/// The name of a place, as it is given to `--lake`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A folder.
    Folder(PathBuf),
    /// A bucket of S3, and the prefix in it, without slashes at its ends.
    Bucket {
        /// The bucket.
        bucket: String,
        /// The prefix; empty for the whole bucket.
        prefix: String,
    },
}

impl Address {
    /// Reads `s3://bucket/prefix` or a path.
    ///
    /// # Errors
    /// [`LakeError::Address`] for a URL that is none of S3, or that names no bucket.
    pub fn parse(path: &Path) -> Result<Self, LakeError> {
        // `s3:/bucket` is a slip, and would be a folder of that name.
        let is_url = |text: &&str| text.contains("://") || text.starts_with("s3:");
        let Some(text) = path.to_str().filter(is_url) else {
            return Ok(Self::Folder(path.to_owned()));
        };
        let unreadable = || LakeError::Address { text: text.to_owned() };
        let rest = text.strip_prefix("s3://").ok_or_else(unreadable)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let is_bucket = (3..=63).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
        let is_prefix = prefix.is_empty()
            || prefix.split('/').all(|part| {
                !matches!(part, "" | "." | "..")
                    && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.=+@".contains(&b))
            });
        if !is_bucket || !is_prefix {
            return Err(unreadable());
        }
        Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// Where a lake is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a folder, by its absolute path.
    Folder(PathBuf),
    /// In a bucket.
    Bucket(Bucket),
}

impl Place {
    /// A folder, which need not be there yet.
    ///
    /// # Errors
    /// Where the path is that of a file, or of no file system.
    pub fn folder(path: &Path) -> Result<Self, LakeError> {
        if let Address::Bucket { .. } = Address::parse(path)? {
            return Err(LakeError::Address { text: path.display().to_string() });
        }
        if path.exists() && !path.is_dir() {
            return Err(LakeError::NotAFolder { path: path.to_owned() });
        }
        let path = std::path::absolute(path).map_err(|source| LakeError::Io {
            action: "find",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::Folder(path))
    }

    /// The URL of a table, with a slash at its end.
    pub(super) fn table_url(&self, table: Table) -> Result<Url, LakeError> {
        match self {
            Self::Folder(path) => {
                let folder = path.join(table.name());
                Url::from_directory_path(&folder)
                    .map_err(|()| LakeError::NotAbsolute { path: folder })
            }
            Self::Bucket(bucket) => Ok(bucket.url(table.name())),
        }
    }

    /// The store that tables lie in; its paths are those of their URLs.
    pub(super) fn table_store(&self) -> Arc<dyn ObjectStore> {
        match self {
            Self::Folder(path) => Arc::new(SyncedStore::new(path)),
            Self::Bucket(bucket) => Arc::clone(bucket.store()),
        }
    }

    /// The store that a query engine has to know, and its URL; none for folders, which every engine knows.
    #[must_use]
    pub fn engine_store(&self) -> Option<(Url, Arc<dyn ObjectStore>)> {
        match self {
            Self::Folder(_) => None,
            Self::Bucket(bucket) => Some((bucket.store_url(), Arc::clone(bucket.store()))),
        }
    }

    /// The place as an error names it: a folder below the working directory from there.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        match self {
            Self::Folder(path) => {
                let from_here = std::env::current_dir().ok();
                let below =
                    from_here.and_then(|here| Some(path.strip_prefix(here).ok()?.to_owned()));
                below.filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| path.clone())
            }
            Self::Bucket(bucket) => PathBuf::from(bucket.to_string()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_path().display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_folders_or_buckets() {
        let parse = |text: &str| Address::parse(Path::new(text));
        let bucket = |bucket: &str, prefix: &str| Address::Bucket {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        };
        for (text, address) in [
            ("./ivs-lake", Address::Folder("./ivs-lake".into())),
            ("s3/x", Address::Folder("s3/x".into())),
            ("s3://my-bucket", bucket("my-bucket", "")),
            ("s3://my-bucket/", bucket("my-bucket", "")),
            ("s3://my.bucket/a/b=1/", bucket("my.bucket", "a/b=1")),
        ] {
            assert_eq!(parse(text).unwrap(), address, "{text}");
        }
        for text in [
            "gs://bucket/x",
            "s3://",
            "s3:/my-bucket/x",
            "s3://A/x",
            "s3://bucket/a//b",
            "s3://bucket/../x",
        ] {
            assert!(matches!(parse(text), Err(LakeError::Address { .. })), "{text}");
        }
    }
}
