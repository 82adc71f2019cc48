//! What changes in the folder of a lake, told by names and sizes alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Records were staged: a file in flight came or grew.
    Staged,
    /// A publication was begun.
    Begun,
    /// A publication was ended: its record went.
    Ended,
    /// A staged copy went.
    Unstaged,
    /// A file was begun, in a table or its log, that has no name yet.
    Aside,
    /// A file of a table.
    File,
    /// A commit of one of these tables.
    Events,
    Intervals,
    Participants,
    Replicas,
    Sessions,
    Stages,
    Runs,
}

impl Kind {
    pub(super) const ALL: [Self; 13] = [
        Self::Staged,
        Self::Begun,
        Self::Ended,
        Self::Unstaged,
        Self::Aside,
        Self::File,
        Self::Events,
        Self::Intervals,
        Self::Participants,
        Self::Replicas,
        Self::Sessions,
        Self::Stages,
        Self::Runs,
    ];

    /// How often it is worth waiting for in one run.
    pub(super) fn often(self) -> usize {
        match self {
            Self::Staged | Self::Unstaged => 6,
            Self::Aside | Self::File => 20,
            Self::Sessions => 2,
            _ => 1,
        }
    }

    fn of_commit(table: &str) -> Option<Self> {
        Some(match table {
            "events" => Self::Events,
            "intervals" => Self::Intervals,
            "participants" => Self::Participants,
            "replicas" => Self::Replicas,
            "sessions" => Self::Sessions,
            "stages" => Self::Stages,
            "runs" => Self::Runs,
            _ => return None,
        })
    }
}

/// Counts changes from the moment it was made.
pub(super) struct Watch {
    lake: PathBuf,
    files: BTreeMap<PathBuf, u64>,
    seen: BTreeMap<Kind, usize>,
}

impl Watch {
    pub(super) fn new(lake: &Path) -> Self {
        let mut files = BTreeMap::new();
        walk(lake, &mut files);
        Self { lake: lake.to_owned(), files, seen: BTreeMap::new() }
    }

    pub(super) fn seen(&self, kind: Kind) -> usize {
        self.seen.get(&kind).copied().unwrap_or(0)
    }

    /// Counts what is different from the last look.
    pub(super) fn look(&mut self) {
        let mut files = BTreeMap::new();
        walk(&self.lake, &mut files);
        for (path, size) in &files {
            if self.files.get(path) != Some(size) {
                self.count(came(&self.lake, path));
            }
        }
        let gone: Vec<_> = self.files.keys().filter(|path| !files.contains_key(*path)).collect();
        let gone: Vec<_> = gone.into_iter().map(|path| went(path)).collect();
        for kind in gone {
            self.count(kind);
        }
        self.files = files;
    }

    fn count(&mut self, kind: Option<Kind>) {
        if let Some(kind) = kind {
            *self.seen.entry(kind).or_default() += 1;
        }
    }
}

/// A folder that is being written: what goes while it is read is not there.
fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, u64>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            walk(&entry.path(), files);
        } else {
            files.insert(entry.path(), metadata.len());
        }
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn came(lake: &Path, path: &Path) -> Option<Kind> {
    let name = name(path);
    let from_lake = path.strip_prefix(lake).ok()?;
    let first = from_lake.iter().next()?.to_str()?;
    let is_logged = from_lake.iter().any(|part| part == "_delta_log");
    match first {
        "_inflight" if name == "publication.arrows" => Some(Kind::Begun),
        "_inflight" if name.ends_with(".arrows") => Some(Kind::Staged),
        "_inflight" | "_locks" => None,
        _ if name.starts_with("_aside_") || name.contains('#') => Some(Kind::Aside),
        table if is_logged && path.extension().is_some_and(|it| it == "json") => {
            Kind::of_commit(table)
        }
        _ => Some(Kind::File),
    }
}

fn went(path: &Path) -> Option<Kind> {
    match name(path) {
        "publication.arrows" => Some(Kind::Ended),
        name if name.starts_with("session-") => Some(Kind::Unstaged),
        _ => None,
    }
}
