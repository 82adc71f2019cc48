//! The record of a publication that has begun, written before its first commit: an Arrow IPC stream of the rows that
//! `sessions` will get.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use chrono::NaiveDate;

use crate::lake::batch::{SessionRow, sessions_from_batch, sessions_to_batch};
use crate::lake::inflight::{At, InFlight, Name};
use crate::lake::tables::Table;
use crate::lake::{Held, LakeError};

const NAME: Name = Name { stem: "publication", extension: "arrows" };
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

    /// Writes the record; it is durable, whole, when this returns.
    pub(super) async fn write(&self, held: &Held) -> Result<At, LakeError> {
        let bytes = self
            .encode()
            .map_err(|error| LakeError::Shape { table: Table::Sessions, source: error.into() })?;
        let (in_flight, generation) = (held.in_flight(), held.lock.generation());
        in_flight.write(NAME, generation, bytes).await?;
        Ok(in_flight.at(NAME, generation))
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

    /// The records of a scope: publications that were begun and not ended, the newest first.
    pub(super) async fn read(in_flight: &InFlight<'_>) -> Result<Vec<(Self, At)>, LakeError> {
        let found = in_flight.read(NAME).await?;
        let decoded = found.into_iter().map(|record| {
            let publication = Self::decode(&record.bytes[..])
                .map_err(|source| LakeError::Unreadable { path: record.at.to_path(), source })?;
            Ok((publication, record.at))
        });
        decoded.collect()
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
}
