//! The rows of one partition of a data table, session by session.
//!
//! Each file is sorted by session, and a session lies in one file, so a merge has to compare heads alone. In memory is
//! a batch of each file, however many rows there are.

use std::collections::VecDeque;
use std::path::PathBuf;

use arrow::record_batch::RecordBatch;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::LogicalFileView;

use crate::lake::LakeError;
use crate::lake::batch::{BatchError, Columns, Text};
use crate::lake::stream::FileRows;
use crate::lake::tables::Table;
use crate::model::{SessionId, SessionKey, StageArn};

/// A merge of files by session.
#[derive(Debug)]
pub(super) struct SessionStream {
    table: Table,
    inputs: Vec<Input>,
    disordered: Vec<PathBuf>,
}

/// One file, and the batch that it is at.
#[derive(Debug)]
struct Input {
    file: FileRows,
    batch: Option<Batch>,
}

#[derive(Debug)]
struct Batch {
    rows: RecordBatch,
    stages: Text,
    sessions: Text,
    at: usize,
    /// The session of the row that it is at.
    head: SessionKey,
}

impl SessionStream {
    /// Opens the files.
    pub(super) async fn open(
        table: Table,
        opened: &DeltaTable,
        files: &[LogicalFileView],
    ) -> Result<Self, LakeError> {
        let mut inputs = Vec::with_capacity(files.len());
        for file in files {
            let file = FileRows::all(table, opened, file).await?;
            let mut input = Input { file, batch: None };
            input.load(table).await?;
            inputs.push(input);
        }
        Ok(Self { table, inputs, disordered: Vec::new() })
    }

    /// No files.
    pub(super) fn empty(table: Table) -> Self {
        Self { table, inputs: Vec::new(), disordered: Vec::new() }
    }

    /// The session that comes next.
    pub(super) fn head(&self) -> Option<&SessionKey> {
        self.inputs.iter().filter_map(Input::head).min()
    }

    /// More rows of this session; none where there are no more. Rows come in the order of their file.
    pub(super) async fn take(
        &mut self,
        session: &SessionKey,
    ) -> Result<Option<RecordBatch>, LakeError> {
        let table = self.table;
        let Some(input) = self.inputs.iter_mut().find(|input| input.head() == Some(session)) else {
            return Ok(None);
        };
        let rows = input.take(table).await?;
        if input.head().is_some_and(|head| head < session) {
            self.disordered.push(input.file.path().clone());
        }
        Ok(rows)
    }

    /// Leaves out what stands before a session.
    pub(super) async fn skip_to(&mut self, session: &SessionKey) -> Result<(), LakeError> {
        while let Some(head) = self.head().filter(|head| *head < session).cloned() {
            while self.take(&head).await?.is_some() {}
        }
        Ok(())
    }

    /// Files that turned out not to be sorted by session, so far.
    pub(super) fn disordered(&self) -> &[PathBuf] {
        &self.disordered
    }
}

impl Input {
    fn head(&self) -> Option<&SessionKey> {
        self.batch.as_ref().map(|batch| &batch.head)
    }

    /// The rest of the head's rows in this batch.
    async fn take(&mut self, table: Table) -> Result<Option<RecordBatch>, LakeError> {
        let Some(batch) = &mut self.batch else { return Ok(None) };
        let is_head = |row: &usize| {
            batch.stages.get(*row) == Some(batch.head.stage_arn.as_str())
                && batch.sessions.get(*row) == Some(batch.head.session_id.as_str())
        };
        let (from, all) = (batch.at, batch.rows.num_rows());
        let to = (from..all).find(|row| !is_head(row)).unwrap_or(all);
        let rows = batch.rows.slice(from, to - from);
        if to == all {
            self.load(table).await?;
        } else {
            batch.at = to;
            batch.head =
                key(&batch.stages, &batch.sessions, to).map_err(|error| shape(table, error))?;
        }
        Ok(Some(rows))
    }

    async fn load(&mut self, table: Table) -> Result<(), LakeError> {
        // The old batch goes before the next is read.
        self.batch = None;
        let rows = self.file.next().await?;
        let batch = rows.map(|rows| Batch::of(table, rows)).transpose();
        self.batch = batch.map_err(|error| shape(table, error))?;
        Ok(())
    }
}

impl Batch {
    fn of(table: Table, rows: RecordBatch) -> Result<Self, BatchError> {
        let (stage, session) = table.session_names();
        let columns = Columns::from(&rows);
        let (stages, sessions) = (columns.text(stage)?, columns.text(session)?);
        let head = key(&stages, &sessions, 0)?;
        Ok(Self { rows, stages, sessions, at: 0, head })
    }
}

fn key(stages: &Text, sessions: &Text, row: usize) -> Result<SessionKey, BatchError> {
    Ok(SessionKey {
        stage_arn: stages.parse(row, StageArn::parse)?,
        session_id: sessions.parse(row, SessionId::new)?,
    })
}

pub(super) fn shape(table: Table, error: BatchError) -> LakeError {
    LakeError::Shape { table, source: error.into() }
}

/// All rows of a session that are left, as something that is made of a batch.
pub(super) async fn drain<T>(
    stream: &mut SessionStream,
    session: &SessionKey,
    make: impl Fn(&RecordBatch) -> Result<Vec<T>, BatchError>,
) -> Result<VecDeque<T>, LakeError> {
    let mut all = VecDeque::new();
    while let Some(rows) = stream.take(session).await? {
        all.extend(make(&rows).map_err(|error| shape(stream.table, error))?);
    }
    Ok(all)
}
