//! The tables as Delta tables: made, opened at a version, read file by file, committed to.
//!
//! The boundary: this is the one place that speaks to Delta's library about logs and files. What a commit means for
//! a session is said in `publish` and `register`.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, LogicalFileView, StructField, StructType, Transaction};
use deltalake_core::logstore::{
    LogStore, LogStoreFactory, StorageConfig, default_logstore, logstore_factories,
};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::writer::{DeltaWriter, RecordBatchWriter};
use deltalake_core::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::LakeError;
use super::parquet::writer_properties;
use super::partition::Partition;
use super::place::Place;
use super::tables::{SCHEMA_VERSION, Table};

/// The folder of a table that holds its log.
const LOG: &str = "_delta_log";

/// The property of a table that names the version of its schema.
const SCHEMA_PROPERTY: &str = "ivsight.schema";

/// The property of a table that says after how many commits its log is summed up, and how many these are: who opens the
/// table reads the commits since then one by one, each a request where it lies in a bucket.
const CHECKPOINT_PROPERTY: &str = "delta.checkpointInterval";
const COMMITS_UNTIL_CHECKPOINT: u32 = 10;

/// Tables whose commits follow from what was read of them, and so are never put on top of another writer's: two commits
/// that add the same row are no conflict to Delta, and neither is one to `sessions` that names outdated versions.
const REWRITTEN: [Table; 2] = [Table::Sessions, Table::Stages];

/// Bytes after which a rewritten file is ended: what a reader takes in a second or two, and memory while it is written.
pub const FILE_BYTES: i64 = 32 * 1024 * 1024;

/// The tables of one lake.
#[derive(Clone, Debug)]
pub struct Tables {
    place: Place,
    store: Arc<dyn ObjectStore>,
}

/// What a commit says beside its files.
#[derive(Clone, Debug, Default)]
pub struct CommitNote {
    /// The publication that the commit belongs to: application and number.
    pub transaction: Option<(String, i64)>,
    /// More for the commit's own record.
    pub metadata: Vec<(String, Value)>,
}

impl Tables {
    /// The tables of a place. It need not hold any yet.
    #[must_use]
    pub fn new(place: &Place) -> Self {
        if let Place::Bucket(_) = place {
            logs_in_buckets();
        }
        Self { place: place.clone(), store: place.table_store() }
    }

    /// Whether the table has been made: its log holds a commit.
    ///
    /// # Errors
    /// Where the folder or the bucket can't be read.
    pub async fn exists(&self, table: Table) -> Result<bool, LakeError> {
        let names = self.names(&format!("{}/{LOG}", table.name())).await?;
        Ok(names.iter().any(|name| {
            let extension = name.rsplit('.').next();
            name.starts_with(|c: char| c.is_ascii_digit())
                && matches!(extension, Some("json" | "parquet"))
        }))
    }

    /// Whether there is more of the table than a log, which may have been begun and not be whole: a folder of one of its
    /// partitions, which all have.
    ///
    /// # Errors
    /// Where the folder or the bucket can't be read.
    pub async fn holds_files(&self, table: Table) -> Result<bool, LakeError> {
        Ok(self.names(table.name()).await?.iter().any(|name| name.contains('=')))
    }

    /// What lies directly in a folder of the lake; nothing where there is none.
    async fn names(&self, folder: &str) -> Result<Vec<String>, LakeError> {
        let path = match &self.place {
            Place::Folder(lake) => lake.join(folder),
            Place::Bucket(bucket) => {
                let (objects, folders) = bucket.names(&bucket.path(folder)).await?;
                return Ok([objects, folders].concat());
            }
        };
        match std::fs::read_dir(&path) {
            Ok(entries) => {
                let names = entries.flatten().map(|entry| entry.file_name());
                Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(LakeError::Io { action: "read", path, source }),
        }
    }

    /// Opens a table at its newest version, or at the one that is asked for.
    ///
    /// # Errors
    /// Where its log can't be read, or was written by a newer version of this program.
    pub async fn open(&self, table: Table, version: Option<u64>) -> Result<DeltaTable, LakeError> {
        let mut builder = self.builder(table)?;
        if let Some(version) = version {
            builder = builder.with_version(version);
        }
        let opened = builder.load().await.map_err(|source| LakeError::open(table, source))?;
        check_schema_version(table, &opened)?;
        Ok(opened)
    }

    /// Makes a table, unless it is there already.
    ///
    /// # Errors
    /// Where the place can't be written, or holds a table that lost its log.
    pub async fn create(
        &self,
        table: Table,
        metadata: Vec<(String, Value)>,
    ) -> Result<(), LakeError> {
        if self.exists(table).await? {
            return Ok(());
        }
        if self.holds_files(table).await? {
            // It lost its log, as this says: an empty one would hide what is there.
            self.open(table, None).await?;
        }
        let empty =
            self.builder(table)?.build().map_err(|source| LakeError::open(table, source))?;
        let created = deltalake_core::operations::create::CreateBuilder::new()
            .with_log_store(empty.log_store())
            .with_table_name(table.name())
            .with_comment(table.doc())
            .with_columns(fields(table)?)
            .with_partition_columns(table.partition_names().iter().copied())
            .with_configuration([
                (SCHEMA_PROPERTY, Some(SCHEMA_VERSION.to_string())),
                (CHECKPOINT_PROPERTY, Some(COMMITS_UNTIL_CHECKPOINT.to_string())),
            ])
            .with_raise_if_key_not_exists(false)
            // Nobody makes a table that another has made meanwhile.
            .with_commit_properties(
                CommitProperties::default().with_metadata(metadata).with_max_retries(0),
            )
            .await;
        match created {
            Err(_) if self.exists(table).await? => Ok(()),
            created => created.map(|_| ()).map_err(|source| LakeError::commit(table, source)),
        }
    }

    /// Where a table lies.
    pub(super) fn url(&self, table: Table) -> Result<url::Url, LakeError> {
        self.place.table_url(table)
    }

    fn builder(&self, table: Table) -> Result<DeltaTableBuilder, LakeError> {
        let url = self.url(table)?;
        Ok(DeltaTableBuilder::from_url(url.clone())
            .map_err(|source| LakeError::open(table, source))?
            .with_storage_backend(Arc::clone(&self.store), url))
    }
}

/// Delta's library keeps logs by the scheme of their URL, and knows none of buckets unless it is told: the same as for
/// folders, since a bucket refuses to create what is there.
fn logs_in_buckets() {
    static TOLD: std::sync::Once = std::sync::Once::new();
    TOLD.call_once(|| {
        let scheme = url::Url::parse("s3://").expect("it is a URL");
        logstore_factories().insert(scheme, Arc::new(ConditionalLogs));
    });
}

struct ConditionalLogs;

impl LogStoreFactory for ConditionalLogs {
    fn with_options(
        &self,
        prefixed_store: Arc<dyn ObjectStore>,
        root_store: Arc<dyn ObjectStore>,
        location: &url::Url,
        options: &StorageConfig,
    ) -> deltalake_core::DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed_store, root_store, location, options))
    }
}

fn fields(table: Table) -> Result<Vec<StructField>, LakeError> {
    let schema: StructType = table
        .schema()
        .as_ref()
        .try_into_kernel()
        .map_err(|source| LakeError::commit(table, DeltaTableError::Arrow { source }))?;
    let docs: HashMap<&str, &str> =
        table.columns().iter().map(|column| (column.name, column.doc)).collect();
    Ok(schema
        .fields()
        .map(|field| {
            let doc = docs.get(field.name().as_str()).copied().unwrap_or_default();
            field.clone().add_metadata([("comment".to_owned(), doc.to_owned())])
        })
        .collect())
}

fn check_schema_version(table: Table, opened: &DeltaTable) -> Result<(), LakeError> {
    let state = opened.snapshot().map_err(|source| LakeError::open(table, source))?;
    let version = state.metadata().configuration().get(SCHEMA_PROPERTY).cloned();
    match version.as_deref().map(str::parse::<u32>) {
        Some(Ok(version)) if version <= SCHEMA_VERSION => Ok(()),
        Some(Ok(version)) => Err(LakeError::NewerSchema { table, version }),
        _ => Err(LakeError::Foreign { table }),
    }
}

/// The number that an application's last transaction on this table has; 0 before the first.
///
/// # Errors
/// Where the log can't be read.
pub async fn transaction_number(
    table: Table,
    opened: &DeltaTable,
    application: &str,
) -> Result<i64, LakeError> {
    let state = opened.snapshot().map_err(|source| LakeError::open(table, source))?;
    let number = state
        .transaction_version(opened.log_store().as_ref(), application.to_owned())
        .await
        .map_err(|source| LakeError::open(table, source))?;
    Ok(number.unwrap_or(0))
}

/// The files of one partition in this snapshot.
///
/// # Errors
/// Where the log can't be read.
pub fn partition_files(
    table: Table,
    opened: &DeltaTable,
    partition: &Partition,
) -> Result<Vec<LogicalFileView>, LakeError> {
    let state = opened.snapshot().map_err(|source| LakeError::open(table, source))?;
    let wanted = partition.values();
    let is_here = |file: &LogicalFileView| {
        let values = file.partition_values_map();
        wanted.iter().all(|(name, value)| {
            values.get(*name).and_then(Option::as_deref) == Some(value.as_str())
        })
    };
    Ok(state.log_data().iter().filter(is_here).collect())
}

/// All files of this snapshot, by their partition.
///
/// # Errors
/// [`LakeError::Foreign`] where a file lies in a partition that is none of ours.
pub fn files_by_partition(
    table: Table,
    opened: &DeltaTable,
) -> Result<BTreeMap<Partition, Vec<LogicalFileView>>, LakeError> {
    let state = opened.snapshot().map_err(|source| LakeError::open(table, source))?;
    let mut partitions: BTreeMap<Partition, Vec<LogicalFileView>> = BTreeMap::new();
    for file in state.log_data() {
        let partition = Partition::from_values(table, &file.partition_values_map())
            .ok_or(LakeError::Foreign { table })?;
        partitions.entry(partition).or_default().push(file);
    }
    Ok(partitions)
}

/// Reads one file of a table whole. Partition columns are not in it.
///
/// # Errors
/// [`LakeError::Unreadable`] with the file's name.
pub async fn read_file(
    table: Table,
    opened: &DeltaTable,
    file: &LogicalFileView,
) -> Result<Vec<RecordBatch>, LakeError> {
    let path = file.object_store_path();
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| LakeError::Unreadable {
        path: PathBuf::from(table.name()).join(path.as_ref()),
        source,
    };
    let store = opened.object_store();
    let result = store.get(&path).await.map_err(|error| unreadable(error.into()))?;
    let bytes = result.bytes().await.map_err(|error| unreadable(error.into()))?;
    ParquetRecordBatchReaderBuilder::try_new(bytes)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(|error| unreadable(error.into()))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(error.into()))
}

/// Writes the files of a commit, partition by partition, and keeps what the commit will name.
pub struct FileWriter {
    table: Table,
    writer: RecordBatchWriter,
    partition: Option<Partition>,
    actions: Vec<Action>,
    bytes_written: u64,
    rewrites: bool,
}

impl std::fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWriter").field("table", &self.table).finish_non_exhaustive()
    }
}

impl FileWriter {
    /// Begins a commit's files.
    ///
    /// # Errors
    /// Where the table can't be written by this program.
    pub fn new(table: Table, opened: &DeltaTable) -> Result<Self, LakeError> {
        let writer = RecordBatchWriter::for_table(opened)
            .map_err(|source| LakeError::commit(table, source))?
            .with_writer_properties(writer_properties(table));
        Ok(Self {
            table,
            writer,
            partition: None,
            actions: Vec::new(),
            bytes_written: 0,
            rewrites: false,
        })
    }

    /// Begins a commit that changes files and no rows: readers that follow the changes of a table skip it.
    ///
    /// # Errors
    /// Where the table can't be written by this program.
    pub fn rewriting(table: Table, opened: &DeltaTable) -> Result<Self, LakeError> {
        Ok(Self { rewrites: true, ..Self::new(table, opened)? })
    }

    /// Appends rows. Rows of one partition must follow each other: one file is open at a time, so that memory
    /// does not grow with the number of days.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub async fn write(
        &mut self,
        partition: &Partition,
        batch: RecordBatch,
    ) -> Result<(), LakeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.partition.as_ref() != Some(partition) {
            self.close_file().await?;
            self.partition = Some(partition.clone());
        }
        let complete = partition
            .complete(self.table, &batch)
            .map_err(|source| LakeError::commit(self.table, DeltaTableError::Arrow { source }))?;
        self.writer.write(complete).await.map_err(|source| LakeError::commit(self.table, source))
    }

    /// Names a file that the commit takes out of the table.
    pub fn remove(&mut self, file: &LogicalFileView) {
        self.actions.push(Action::Remove(file.remove_action(!self.rewrites)));
    }

    /// Whether nothing was written or removed so far.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.actions.is_empty() && self.partition.is_none()
    }

    /// Files that were ended so far.
    #[must_use]
    pub fn files_n(&self) -> u64 {
        self.actions.iter().filter(|action| matches!(action, Action::Add(_))).count() as u64
    }

    /// Bytes that the open file holds so far, in memory.
    #[must_use]
    pub fn open_bytes(&self) -> usize {
        self.writer.buffer_len()
    }

    /// The paths of the files that are closed.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().filter_map(|action| match action {
            Action::Add(add) => Some(add.path.as_str()),
            _ => None,
        })
    }

    /// Ends the open file; what is written next goes to another.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub async fn close_file(&mut self) -> Result<(), LakeError> {
        if self.partition.take().is_none() {
            return Ok(());
        }
        let adds =
            self.writer.flush().await.map_err(|source| LakeError::commit(self.table, source))?;
        for mut add in adds {
            add.data_change = !self.rewrites;
            self.bytes_written += u64::try_from(add.size).unwrap_or(0);
            self.actions.push(Action::Add(add));
        }
        Ok(())
    }

    /// Commits what was written and removed, also where it is nothing. Gives the new version and the bytes of the
    /// new files.
    ///
    /// # Errors
    /// [`LakeError::Outrun`] where another writer has done this already.
    pub async fn commit(
        mut self,
        opened: &DeltaTable,
        note: CommitNote,
    ) -> Result<(u64, u64), LakeError> {
        self.close_file().await?;
        let table = self.table;
        let mut properties = CommitProperties::default().with_metadata(note.metadata);
        // Delta would put what follows from old files on top of what another made of them meanwhile. A publication
        // has a number, by which it is refused then.
        if REWRITTEN.contains(&table) || note.transaction.is_none() {
            properties = properties.with_max_retries(0);
        }
        if let Some((application, number)) = note.transaction {
            properties =
                properties.with_application_transaction(Transaction::new(application, number));
        }
        let operation = if self.rewrites {
            DeltaOperation::Optimize { predicate: None, target_size: FILE_BYTES }
        } else {
            DeltaOperation::Write {
                mode: SaveMode::Append,
                partition_by: Some(
                    table.partition_names().iter().map(ToString::to_string).collect(),
                ),
                predicate: None,
            }
        };
        let state = opened.snapshot().map_err(|source| LakeError::open(table, source))?;
        let committed = CommitBuilder::from(properties)
            .with_actions(self.actions)
            .build(Some(state), opened.log_store(), operation)
            .await
            .map_err(|source| match source {
                DeltaTableError::Transaction {
                    source: TransactionError::CommitConflict(conflict),
                } => LakeError::Outrun { table, reason: conflict.to_string() },
                DeltaTableError::Transaction { source: TransactionError::MaxCommitAttempts(_) } => {
                    LakeError::Outrun { table, reason: "its newest version is another".to_owned() }
                }
                other => LakeError::commit(table, other),
            })?;
        Ok((committed.version(), self.bytes_written))
    }
}

/// What a commit recorded about itself under `key`, for the commit that made `version`.
///
/// # Errors
/// Where the log can't be read.
pub async fn commit_metadata(
    table: Table,
    opened: &DeltaTable,
    version: u64,
    key: &str,
) -> Result<Option<Value>, LakeError> {
    let entry = opened
        .log_store()
        .read_commit_entry(version)
        .await
        .map_err(|source| LakeError::open(table, source))?;
    let found = entry.and_then(|bytes| {
        bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
            .find_map(|action| action.get("commitInfo")?.get(key).cloned())
    });
    Ok(found)
}
