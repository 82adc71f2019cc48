//! The record of a publication that has begun, written before its first commit: an Arrow IPC stream of the rows that
//! `sessions` will get.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use chrono::NaiveDate;

use crate::lake::LakeError;
use crate::lake::batch::{SessionRow, sessions_from_batch, sessions_to_batch};
use crate::lake::staging::SharedStaging;
use crate::lake::store::sync_path;
use crate::lake::tables::Table;
use crate::model::{AccountId, Region, Scope};

const FILE_NAME: &str = "publication.arrows";
const NUMBER_KEY: &str = "ivsight.publication";

/// Sessions that become visible together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its number within the scope.
    pub number: i64,
    /// The rows that `sessions` gets.
    pub sessions: Vec<SessionRow>,
}

impl Publication {
    /// Its sessions by the date of their partition, each day's in order of their key.
    pub(super) fn by_date(&self) -> BTreeMap<NaiveDate, Vec<&SessionRow>> {
        let mut dates: BTreeMap<NaiveDate, Vec<&SessionRow>> = BTreeMap::new();
        for row in &self.sessions {
            dates.entry(row.date()).or_default().push(row);
        }
        for sessions in dates.values_mut() {
            sessions.sort_by(|a, b| a.key.cmp(&b.key));
        }
        dates
    }

    /// Writes the record; it is on the disk, whole, when this returns.
    pub(super) fn write(&self, lake: &Path, scope: &Scope) -> Result<(), LakeError> {
        let folder = SharedStaging::folder(lake, scope);
        let aside = folder.join(format!("{FILE_NAME}.tmp"));
        let write = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            std::fs::create_dir_all(&folder)?;
            let mut file = File::create(&aside)?;
            file.write_all(&self.encode()?)?;
            file.sync_all()?;
            std::fs::rename(&aside, folder.join(FILE_NAME))?;
            sync_path(&folder)?;
            Ok(())
        };
        write().map_err(|source| unwritable(&aside, source))
    }

    fn encode(&self) -> Result<Vec<u8>, arrow::error::ArrowError> {
        let batch = sessions_to_batch(&self.sessions);
        let mut metadata = batch.schema().metadata().clone();
        metadata.insert(NUMBER_KEY.to_owned(), self.number.to_string());
        let schema = Schema::new_with_metadata(batch.schema().fields().clone(), metadata);
        let batch = batch.with_schema(Arc::new(schema))?;
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
        writer.write(&batch)?;
        writer.into_inner()
    }

    /// The record of a scope, if a publication was begun and not ended.
    pub(super) fn read(lake: &Path, scope: &Scope) -> Result<Option<Self>, LakeError> {
        let path = SharedStaging::folder(lake, scope).join(FILE_NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LakeError::Io { action: "read", path, source }),
        };
        Self::decode(BufReader::new(file))
            .map(Some)
            .map_err(|source| LakeError::Unreadable { path, source })
    }

    fn decode(input: impl std::io::Read) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let reader = StreamReader::try_new(input, None)?;
        let schema = reader.schema();
        let number = schema.metadata().get(NUMBER_KEY).ok_or("it names no publication")?;
        let number = number.parse()?;
        let mut sessions = Vec::new();
        for batch in reader {
            sessions.extend(sessions_from_batch(&batch?)?);
        }
        Ok(Self { number, sessions })
    }

    /// Removes the record: the publication is done.
    pub(super) fn remove(lake: &Path, scope: &Scope) -> Result<(), LakeError> {
        let folder = SharedStaging::folder(lake, scope);
        let path = folder.join(FILE_NAME);
        std::fs::remove_file(&path)
            .and_then(|()| sync_path(&folder))
            .map_err(|source| LakeError::Io { action: "remove", path, source })
    }
}

fn unwritable(path: &Path, source: Box<dyn std::error::Error + Send + Sync>) -> LakeError {
    match source.downcast::<std::io::Error>() {
        Ok(source) => LakeError::Io { action: "write", path: path.to_owned(), source: *source },
        Err(source) => LakeError::Shape { table: Table::Sessions, source },
    }
}

/// The scopes of a lake in which a publication was begun and not ended.
pub(super) fn scopes_with_publication(lake: &Path) -> Result<Vec<Scope>, LakeError> {
    Ok(scopes_in_flight(lake)?
        .into_iter()
        .filter(|scope| SharedStaging::folder(lake, scope).join(FILE_NAME).exists())
        .collect())
}

/// The scopes of a lake that have something in flight.
pub(in crate::lake) fn scopes_in_flight(lake: &Path) -> Result<Vec<Scope>, LakeError> {
    let mut scopes = Vec::new();
    for (account, folder) in folders(&lake.join("_inflight"))? {
        for (region, _) in folders(&folder)? {
            if let (Ok(account_id), Ok(region)) = (AccountId::new(&account), Region::new(&region)) {
                scopes.push(Scope { account_id, region });
            }
        }
    }
    scopes.sort();
    Ok(scopes)
}

fn folders(path: &Path) -> Result<Vec<(String, PathBuf)>, LakeError> {
    let unreadable = |source| LakeError::Io { action: "read", path: path.to_owned(), source };
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(unreadable(source)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_dir() {
            found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    Ok(found)
}
