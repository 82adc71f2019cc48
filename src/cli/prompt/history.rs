//! Where what was typed is kept: in the user's state folder, for the user alone.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::super::error::Failure;

/// The file, made if there was none; `None` without a home.
pub(super) fn file() -> Result<Option<PathBuf>, Failure> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    path(folder("XDG_STATE_HOME"), folder("HOME")).map(|path| private(&path)).transpose()
}

/// The place by the XDG base directory specification, which bids to ignore a relative one.
fn path(state_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let given = state_home.filter(|folder| folder.is_absolute());
    let own = || home.filter(|home| home.is_absolute()).map(|home| home.join(".local/state"));
    Some(given.or_else(own)?.join("ivsight/history"))
}

/// Statements name people and may hold secrets: nobody else reads them.
fn private(path: &Path) -> Result<PathBuf, Failure> {
    let made = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))
    };
    made().map(|()| path.to_owned()).map_err(|error| {
        Failure::new(format!("cannot keep a history in `{}`", path.display())).because(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_in_the_state_folder() {
        let [state, home] = ["/s", "/h"].map(|path| Some(PathBuf::from(path)));
        let expected = |path: &str| Some(PathBuf::from(path));
        assert_eq!(path(state, home.clone()), expected("/s/ivsight/history"));
        let default = expected("/h/.local/state/ivsight/history");
        assert_eq!(path(None, home.clone()), default);
        assert_eq!(path(Some("relative".into()), home), default);
        assert_eq!(path(None, None), None);
    }

    #[test]
    fn nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/history");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        private(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        private(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }
}
