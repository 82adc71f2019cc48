//! The lake as its files tell it: Delta's log read line by line, Parquet read by the Parquet library. No checkpoint, no
//! engine, nothing of ours.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};

use super::rows::text;

/// A lake in a folder.
pub(crate) struct LakeFiles {
    path: PathBuf,
}

impl LakeFiles {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The tables that publications write.
    pub(crate) const DATA: [&str; 4] = ["events", "intervals", "participants", "replicas"];

    /// The newest rows of a table, the partition's values among them, in the order of the files.
    pub(crate) fn rows(&self, table: &str) -> Vec<Value> {
        self.files(table, u64::MAX).iter().flat_map(|file| file.rows(&self.path)).collect()
    }

    /// The rows of a table as of a version.
    pub(crate) fn rows_at(&self, table: &str, version: u64) -> Vec<Value> {
        self.files(table, version).iter().flat_map(|file| file.rows(&self.path)).collect()
    }

    /// The row of a session in `sessions`.
    pub(crate) fn session(&self, stage_arn: &str, session_id: &str) -> Option<Value> {
        let is_it = |row: &Value| row["stage_arn"] == stage_arn && row["session_id"] == session_id;
        self.rows("sessions").into_iter().find(is_it)
    }

    /// The live files of a table as of a version, in the order of their paths.
    pub(crate) fn files(&self, table: &str, version: u64) -> Vec<LiveFile> {
        let mut live = BTreeMap::new();
        for commit in self.commits(table).into_iter().take_while(|it| it.version <= version) {
            for action in commit.actions {
                if let Some(add) = action.get("add") {
                    live.insert(text(&add["path"]), LiveFile::new(table, add));
                } else if let Some(remove) = action.get("remove") {
                    let removed = live.remove(&text(&remove["path"]));
                    assert!(removed.is_some(), "`{table}` has no file {remove}");
                }
            }
        }
        live.into_values().collect()
    }

    /// Every commit of a table, in order; none may be missing.
    pub(crate) fn commits(&self, table: &str) -> Vec<Commit> {
        let log = self.path.join(table).join("_delta_log");
        let mut paths: Vec<PathBuf> = fs::read_dir(&log)
            .unwrap_or_else(|error| panic!("{}: {error}", log.display()))
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        paths.sort();
        let commits: Vec<Commit> = paths.iter().map(|path| Commit::read(path)).collect();
        assert!(commits.iter().zip(0..).all(|(commit, version)| commit.version == version));
        commits
    }
}

/// One commit of a table.
pub(crate) struct Commit {
    pub(crate) version: u64,
    pub(crate) actions: Vec<Value>,
}

impl Commit {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let lines = fs::read_to_string(path).unwrap();
        let actions = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { version: name.parse().unwrap(), actions }
    }

    /// The application and the number of its transaction.
    pub(crate) fn transaction(&self) -> Option<(String, i64)> {
        let txn = self.actions.iter().find_map(|action| action.get("txn"))?;
        Some((text(&txn["appId"]), txn["version"].as_i64().unwrap()))
    }

    /// The versions of the data tables that a commit to `sessions` names.
    pub(crate) fn named_versions(&self) -> BTreeMap<String, u64> {
        let info = self.actions.iter().find_map(|action| action.get("commitInfo")).unwrap();
        serde_json::from_value(info["ivsight.versions"].clone()).unwrap()
    }
}

/// A file that a table consists of.
pub(crate) struct LiveFile {
    path: PathBuf,
    partition: Map<String, Value>,
}

impl LiveFile {
    fn new(table: &str, add: &Value) -> Self {
        let path = text(&add["path"]);
        assert!(!path.contains('%'), "nothing in a path needs an escape: {path}");
        let partition = add["partitionValues"].as_object().unwrap().clone();
        for (name, value) in &partition {
            let folder = format!("{name}={}", text(value));
            assert!(path.contains(&folder), "`{path}` does not lie in {folder}");
        }
        Self { path: Path::new(table).join(path), partition }
    }

    /// Its path from the folder of the lake.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its rows in their order.
    pub(crate) fn rows(&self, lake: &Path) -> Vec<Value> {
        let file = File::open(lake.join(&self.path)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let mut lines = Vec::new();
        let mut writer =
            WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut lines);
        for batch in builder.build().unwrap() {
            writer.write(&batch.unwrap()).unwrap();
        }
        writer.finish().unwrap();
        let rows = serde_json::Deserializer::from_slice(&lines).into_iter::<Map<String, Value>>();
        rows.map(|row| {
            let mut row = row.unwrap();
            assert!(self.partition.keys().all(|name| !row.contains_key(name)));
            row.extend(self.partition.clone());
            Value::Object(row)
        })
        .collect()
    }
}

/// Takes the newest commit of a table back, as a reader would see it a moment earlier.
pub(crate) fn take_back(lake: &Path, table: &str) {
    let log = lake.join(table).join("_delta_log");
    let mut names: Vec<_> = fs::read_dir(&log).unwrap().map(|it| it.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|it| it == "json"));
    names.sort();
    fs::remove_file(names.pop().unwrap()).unwrap();
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}
