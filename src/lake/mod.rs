//! The lake: Delta tables on a local folder, how a session becomes visible in them, and who may write.
//!
//! The boundary: it takes model values and gives Arrow; it knows no SDK type and no SQL.
//!
//! Reading order: [`tables`] says what the columns mean, [`publish`] how a session becomes visible, [`register`] what is
//! remembered, [`snapshot`] what a reader sees, [`journal`] who asked for replications; [`staging`] keeps what is not published yet. Below them: [`delta`]
//! speaks to Delta's library, [`batch`] turns values into rows, [`parquet`] says how files are written,
//! [`store`] puts them on the disk, [`lock`] says who may. [`maintain`] looks after a lake without calling the service.

pub mod batch;
pub mod delta;
mod error;
pub mod journal;
pub mod lock;
pub mod maintain;
pub mod parquet;
pub mod partition;
pub mod publish;
pub mod register;
pub mod running;
pub mod snapshot;
pub mod staging;
pub mod store;
mod stream;
pub mod tables;

use std::path::{Path, PathBuf};

use serde_json::Value;

use self::batch::{RunRow, runs_to_batch};
use self::delta::{CommitNote, FileWriter, Tables};
pub use self::error::LakeError;
use self::lock::Lock;
use self::partition::Partition;
use self::register::{VERSIONS_KEY, Versions};
use self::tables::Table;
use crate::model::Scope;

/// A lake that is written to. Readers take a [`snapshot::Snapshot`].
#[derive(Clone, Debug)]
pub struct Lake {
    path: PathBuf,
    tables: Tables,
}

impl Lake {
    /// The lake at a path, which need not be there yet: nothing is written before there is something to say.
    ///
    /// # Errors
    /// Where the path is that of a file, or of no file system.
    pub fn at(path: &Path) -> Result<Self, LakeError> {
        refuse_url(path)?;
        if path.exists() && !path.is_dir() {
            return Err(LakeError::NotAFolder { path: path.to_owned() });
        }
        let path = std::path::absolute(path).map_err(|source| LakeError::Io {
            action: "find",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { tables: Tables::new(&path), path })
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its tables.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Whether it has been made.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.tables.exists(Table::Sessions)
    }

    /// Takes a scope of this lake for one collector, and makes the tables that are not there.
    ///
    /// # Errors
    /// [`LakeError::Lock`] where another collector has it, [`LakeError::Mixed`] where simulated and real data would meet.
    pub async fn take_scope(&self, scope: &Scope, holder: &str) -> Result<Lock, LakeError> {
        self.refuse_mixture(scope)?;
        let lock = Lock::scope(&self.path, scope, holder)?;
        self.create_missing_tables(holder).await?;
        Ok(lock)
    }

    /// Makes the tables that are not there, for a writer who takes no scope.
    async fn prepare(&self, scope: &Scope, holder: &str) -> Result<(), LakeError> {
        self.refuse_mixture(scope)?;
        // Says which data live here, as the lock of a collector would.
        let folder = self.path.join("_locks").join(scope.account_id.as_str());
        std::fs::create_dir_all(&folder).map_err(|source| LakeError::Io {
            action: "make",
            path: folder,
            source,
        })?;
        self.create_missing_tables(holder).await
    }

    async fn create_missing_tables(&self, holder: &str) -> Result<(), LakeError> {
        if !Table::ALL.into_iter().all(|table| self.tables.exists(table)) {
            let _turn = Lock::publish(&self.path, holder).await?;
            self.create_tables().await?;
        }
        Ok(())
    }

    /// Scopes that have something in flight from an earlier run.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn scopes_in_flight(&self) -> Result<Vec<Scope>, LakeError> {
        publish::scopes_in_flight(&self.path)
    }

    /// Adds a run to `runs`; gives the bytes of the new file. A run that has its row gets no second one: it may have
    /// died between the commit and the removal of its record.
    ///
    /// # Errors
    /// Where the table can't be written.
    pub async fn append_run(&self, scope: &Scope, run: RunRow) -> Result<u64, LakeError> {
        let table = Table::Runs;
        let opened = self.tables.open(table, None).await?;
        let transaction = (format!("ivsight/{scope}/runs"), run.started_at.timestamp_micros());
        if delta::transaction_number(table, &opened, &transaction.0).await? == transaction.1 {
            return Ok(0);
        }
        let batch = runs_to_batch(&[run])
            .map_err(|error| LakeError::Shape { table, source: error.into() })?;
        let partition = Partition { scope: scope.clone(), date: None };
        let mut writer = FileWriter::new(table, &opened)?;
        writer.write(&partition, batch).await?;
        let note = CommitNote { transaction: Some(transaction), metadata: Vec::new() };
        let (_, bytes_written) = writer.commit(&opened, note).await?;
        Ok(bytes_written)
    }

    /// `sessions` is made last: where it is, everything is.
    async fn create_tables(&self) -> Result<(), LakeError> {
        for table in Table::ALL {
            if table != Table::Sessions {
                self.tables.create(table, Vec::new()).await?;
            }
        }
        let versions: Versions = Table::DATA.into_iter().map(|table| (table, 0)).collect();
        let note: Vec<(String, Value)> =
            vec![(VERSIONS_KEY.to_owned(), register::versions_to_json(&versions))];
        self.tables.create(Table::Sessions, note).await
    }

    fn refuse_mixture(&self, scope: &Scope) -> Result<(), LakeError> {
        let asked = origin(scope.account_id.as_str());
        for account in account_folders(&self.path.join("_locks"))? {
            let present = origin(&account);
            if present != asked {
                return Err(LakeError::Mixed { present, asked });
            }
        }
        Ok(())
    }
}

/// A lake is a folder; a URL would silently become one.
fn refuse_url(path: &Path) -> Result<(), LakeError> {
    match path.to_str() {
        Some(text) if text.contains("://") => Err(LakeError::Remote { url: text.to_owned() }),
        _ => Ok(()),
    }
}

/// Whether an account is one of AWS's documentation, which the simulator uses: three groups of four equal digits.
fn origin(account: &str) -> &'static str {
    let digits = account.as_bytes();
    let simulated = digits.len() == 12
        && digits.chunks(4).all(|group| group.iter().all(|digit| *digit == group[0]));
    if simulated { "simulated" } else { "real" }
}

/// The accounts that have a lock in this lake.
fn account_folders(locks: &Path) -> Result<Vec<String>, LakeError> {
    let unreadable = |source| LakeError::Io { action: "read", path: locks.to_owned(), source };
    let entries = match std::fs::read_dir(locks) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(unreadable(source)),
    };
    let mut accounts = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            accounts.push(name);
        }
    }
    Ok(accounts)
}
