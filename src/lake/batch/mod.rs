//! Model values to Arrow rows of the lake's tables, and back.
//!
//! The boundary: rows in, record batches out, and the other way round. The partition columns (`account_id`,
//! `region`, `date`) are left to whoever writes the files; batches are made without them. Reading is liberal:
//! columns in any order, with or without partition columns, texts in any of Arrow's encodings.

mod build;
mod events;
mod intervals;
pub mod order;
mod participants;
mod read;
mod register;
mod requests;
mod rows;
mod runs;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;

pub(super) use build::{RowWriter, RowsBuilder};
pub use events::{EventBatch, EventRow, events_from_batch};
pub(super) use events::{EventColumns, write_event};
pub use intervals::IntervalBatch;
pub(super) use participants::{
    DetailsColumns, ParticipantColumns, ReplicaColumns, write_details, write_participant,
    write_replica,
};
pub use participants::{
    ParticipantBatch, ReplicaBatch, participants_from_batch, replicas_from_batch,
};
pub(super) use read::{Columns, KeyColumns, Maps, Text};
pub use register::{sessions_from_batch, sessions_to_batch, stages_from_batch, stages_to_batch};
pub use requests::{
    Outcome, ReplicationAction, ReplicationRequestRow, replication_requests_from_batch,
    replication_requests_to_batch,
};
pub use rows::{Collection, FetchStatus, ParticipantRow, ReplicaRow, SessionRow, StageRow};
pub use runs::{
    FailureRow, OperationCalls, RunEnd, RunRow, RunStatus, SessionsLeft, run_ends_from_batch,
    runs_to_batch,
};

use super::tables::Table;

/// Rows after which a batch under construction should be finished: some MB, whatever is in it.
pub const ROWS_MAX: usize = 16_384;

/// The schema of a table's batches: its columns without the partition columns.
#[must_use]
pub fn data_schema(table: Table) -> SchemaRef {
    let schema = table.schema();
    let partitions = table.partition_names();
    let fields: Vec<Arc<Field>> = schema
        .fields()
        .iter()
        .filter(|field| !partitions.contains(&field.name().as_str()))
        .map(Arc::clone)
        .collect();
    Arc::new(Schema::new(fields))
}

/// A batch that can't be read as rows of a table.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A column that rows can't do without is not there.
    #[error("column `{column}` is missing")]
    MissingColumn {
        /// Its name.
        column: String,
    },
    /// A column is of a type that can't be turned into the table's.
    #[error("column `{column}` has the wrong type")]
    ColumnType {
        /// Its name.
        column: String,
        /// What Arrow says.
        source: ArrowError,
    },
    /// A value that is never NULL is.
    #[error("column `{column}` is NULL in row {row}")]
    Null {
        /// Its name.
        column: String,
        /// The row within the batch.
        row: usize,
    },
    /// A value that the column can't hold.
    #[error("column `{column}` holds `{value}`")]
    Value {
        /// Its name.
        column: String,
        /// The value.
        value: String,
    },
}
