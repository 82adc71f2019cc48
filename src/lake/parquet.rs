//! How the tables' files are written.
//!
//! The encodings are chosen by measurement: bytes per event in a file of 250,000, of participants with 8.6 and with 4.7
//! events each, all at zstd's level 19.
//!
//! | column | chosen | the others |
//! | --- | --- | --- |
//! | `event_time` | delta: 1.59, 2.16 | dictionary 2.08, 3.12; plain 1.93, 2.65 |
//! | `participant_id` | delta-length: 1.08, 1.91 | dictionary 1.45, 3.07; plain 1.19, 2.19 |
//! | `position` | dictionary: 0.40, 0.33 | plain 0.46, 0.32; delta 0.56, 0.38 |
//! | `remote_participant_id` | dictionary: 0.39, 0.30 | delta-length 0.38, 0.31; plain 0.40, 0.33 |
//!
//! All columns, filters and footer together: 3.79 and 5.02, which is 0.78 and 0.81 of DuckDB's file, and 0.64 of
//! pyarrow's. An id of 12 random letters and digits is 8.9 bytes of information, and costs no more. Level 19 takes a
//! sixth off times against level 9. It takes seconds for a publication, whose events take an hour or more to collect.
//!
//! A row group of `events` is about a MB in all its columns together, which a reader reads at once: its pages are there to
//! spare the writer memory. A column with a dictionary keeps 8 bytes for each row of a page, and each column has a compressor
//! of its own, which takes 10 MB, for a page of more than 512 KiB 18 MB, for one of more than a MiB 35 MB; lower levels
//! take less. A quarter of a row group costs 3.8 % against half of one, and takes 13 MiB less to write a million events.
//! Half a MB before compression: 125 kB cost 2.5 % more and save nothing. The pages of `intervals`, which has many
//! columns, are small enough for compressors of 3 MB each, for 1.6 % of its size.

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::file::metadata::SortingColumn;
use ::parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use ::parquet::schema::types::ColumnPath;
use arrow::datatypes::DataType;

use super::batch::data_schema;
use super::tables::Table;

/// Rows of a row group: a publication is one of them, a busy day at least one for each core.
const ROW_GROUP_ROWS_MAX: usize = 256 * 1024;

/// Rows of a data page.
const PAGE_ROWS_MAX: usize = ROW_GROUP_ROWS_MAX / 4;

/// Bytes of a data page before compression; a page ends some rows later.
fn page_bytes_max(table: Table) -> usize {
    if table == Table::Intervals { 125_000 } else { 500_000 }
}

/// Absent ids that a filter lets through. A row group of `events` is quickly read, and each bit there is one for
/// every event of some four.
fn bloom_false_positives(table: Table) -> f64 {
    if table == Table::Events { 0.25 } else { 0.05 }
}

const CREATED_BY: &str = concat!("ivsight version ", env!("CARGO_PKG_VERSION"));

/// The properties that files of a table are written with. Their column indices are those of
/// [`data_schema`]: the files hold no partition columns.
#[must_use]
pub fn writer_properties(table: Table) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_coerce_types(true)
        .set_compression(zstd(zstd_level(table)))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_data_page_row_count_limit(PAGE_ROWS_MAX)
        .set_data_page_size_limit(page_bytes_max(table))
        .set_sorting_columns(sorting_columns(table));
    for name in random_ids(table) {
        properties = without_dictionary(properties, name, Encoding::DELTA_LENGTH_BYTE_ARRAY);
    }
    for field in data_schema(table).fields() {
        if matches!(field.data_type(), DataType::Timestamp(..)) {
            properties =
                without_dictionary(properties, field.name(), Encoding::DELTA_BINARY_PACKED);
        }
    }
    for (name, level) in hardly_compressed(table) {
        properties = properties.set_column_compression(ColumnPath::from(*name), zstd(*level));
    }
    for name in looked_up(table) {
        properties = with_bloom_filter(properties, name, bloom_false_positives(table));
    }
    properties.build()
}

fn zstd_level(table: Table) -> i32 {
    match table {
        Table::Events | Table::Intervals => 19,
        // Has forty columns, each of which would take up to 11 MB at level 9 for a twentieth of its size.
        Table::Participants => 3,
        _ => 9,
    }
}

/// Columns that are as random as they look, and their level: more would take memory and time for less than a hundredth.
fn hardly_compressed(table: Table) -> &'static [(&'static str, i32)] {
    match table {
        Table::Events => &[("participant_id", 6), ("position", 3)],
        Table::Intervals => &[("participant_id", 6)],
        _ => &[],
    }
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).expect("zstd has levels 1 to 22"))
}

/// Columns of ids that are made at random, and seldom or never repeat other than side by side.
fn random_ids(table: Table) -> &'static [&'static str] {
    match table {
        Table::Stages => &["stage_arn", "active_session_id"],
        Table::Sessions => &["session_id"],
        Table::Participants | Table::Intervals => &["participant_id", "user_id"],
        Table::Events | Table::Replicas => &["participant_id"],
        Table::ReplicationRequests => &["request_id", "participant_id"],
        Table::Runs => &["run_id"],
    }
}

/// Columns by which people look for one person.
fn looked_up(table: Table) -> &'static [&'static str] {
    match table {
        Table::Participants | Table::Intervals => &["participant_id", "user_id"],
        Table::Events | Table::Replicas => &["participant_id"],
        _ => &[],
    }
}

/// The columns that a file is sorted by, as far as the order is that of the columns' own values: events of a
/// second stand by the rank of their name, intervals by the rank of their kind.
fn sorted_by(table: Table) -> &'static [&'static str] {
    match table {
        Table::Events => &["stage_arn", "session_id", "participant_id", "event_time"],
        Table::Participants | Table::Intervals => &["stage_arn", "session_id", "participant_id"],
        Table::Replicas => &["source_stage_arn", "source_session_id", "participant_id"],
        Table::Stages | Table::Sessions | Table::ReplicationRequests | Table::Runs => &[],
    }
}

fn sorting_columns(table: Table) -> Option<Vec<SortingColumn>> {
    let columns: Vec<SortingColumn> = (0..)
        .zip(sorted_by(table))
        .map(|(column_idx, _)| SortingColumn { column_idx, descending: false, nulls_first: false })
        .collect();
    (!columns.is_empty()).then_some(columns)
}

fn without_dictionary(
    properties: WriterPropertiesBuilder,
    column: &str,
    encoding: Encoding,
) -> WriterPropertiesBuilder {
    properties
        .set_column_dictionary_enabled(ColumnPath::from(column), false)
        .set_column_encoding(ColumnPath::from(column), encoding)
}

/// The filter is made for a full row group, and folded to what the rows need when it is written.
fn with_bloom_filter(
    properties: WriterPropertiesBuilder,
    column: &str,
    false_positives: f64,
) -> WriterPropertiesBuilder {
    properties
        .set_column_bloom_filter_enabled(ColumnPath::from(column), true)
        .set_column_bloom_filter_fpp(ColumnPath::from(column), false_positives)
        .set_column_bloom_filter_max_ndv(ColumnPath::from(column), ROW_GROUP_ROWS_MAX as u64)
}

#[cfg(test)]
mod tests {
    use ::parquet::arrow::ArrowWriter;
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use arrow::record_batch::RecordBatch;
    use bytes::Bytes;
    use rand::prelude::*;
    use rand_chacha::ChaCha8Rng;

    use super::super::batch::{EventBatch, order};
    use super::*;
    use crate::model::{
        Event, EventName, ParticipantId, SessionId, SessionKey, StageArn, Timestamp,
    };

    fn id(rng: &mut ChaCha8Rng, prefix: &str, length: usize) -> String {
        const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let letters = (0..length).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]));
        prefix.chars().chain(letters).collect()
    }

    fn event(seconds: i64, name: EventName, remote: Option<&ParticipantId>) -> Event {
        Event {
            time: Timestamp::from_timestamp(1_790_000_000 + seconds, 0),
            name: Some(name),
            remote_participant_id: remote.cloned(),
            error_code: None,
            destination_stage_arn: None,
            destination_session_id: None,
            replica: false,
            previous_token: None,
            new_token: None,
            position: 0,
        }
    }

    /// Someone who comes, watches each publisher, and goes; in no particular order.
    fn viewer(rng: &mut ChaCha8Rng, publishers: &[ParticipantId], seconds: i64) -> Vec<Event> {
        let joined = rng.random_range(0..seconds);
        let left = joined + rng.random_range(5..seconds);
        let mut events = vec![event(joined, EventName::Joined, None)];
        for publisher in publishers {
            let start = joined + rng.random_range(0..3);
            events.push(event(start, EventName::SubscribeStarted, Some(publisher)));
            let stop = if rng.random_bool(0.9) { left } else { rng.random_range(start..=left) };
            events.push(event(stop, EventName::SubscribeStopped, Some(publisher)));
        }
        events.push(event(left, EventName::Left, None));
        events.shuffle(rng);
        for (position, event) in (0..).zip(&mut events) {
            event.position = position;
        }
        events
    }

    /// Sessions of 300 viewers with so many publishers each.
    fn events(sessions: usize, publishers: usize) -> Vec<RecordBatch> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let stage = id(&mut rng, "arn:aws:ivs:us-west-2:111122223333:stage/", 12);
        let mut ids: Vec<String> = (0..sessions).map(|_| id(&mut rng, "st-", 13)).collect();
        ids.sort();
        let participant = |rng: &mut ChaCha8Rng| ParticipantId::new(&id(rng, "", 12)).unwrap();
        ids.iter()
            .map(|session| {
                let key = SessionKey {
                    stage_arn: StageArn::parse(&stage).unwrap(),
                    session_id: SessionId::new(session).unwrap(),
                };
                let watched: Vec<_> = (0..publishers).map(|_| participant(&mut rng)).collect();
                let mut viewers: Vec<_> = (0..300).map(|_| participant(&mut rng)).collect();
                viewers.sort();
                let mut batch = EventBatch::default();
                for viewer_id in &viewers {
                    let mut events = viewer(&mut rng, &watched, 3600);
                    let occurrences = order::sort_events(&mut events);
                    for (event, occurrence) in events.iter().zip(occurrences) {
                        batch.push(&key, viewer_id, event, occurrence);
                    }
                }
                batch.finish()
            })
            .collect()
    }

    fn write(properties: WriterProperties, batches: &[RecordBatch]) -> Bytes {
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batches[0].schema(), Some(properties)).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.close().unwrap();
        bytes.into()
    }

    /// What others write who ask for zstd and nothing else.
    fn defaults() -> WriterProperties {
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build()
    }

    #[test]
    fn events_cost_less_than_by_default_and_come_back() {
        for publishers in [3, 1] {
            let batches = events(10, publishers);
            let file = write(writer_properties(Table::Events), &batches);
            let default_bytes = write(defaults(), &batches).len();
            assert!(file.len() * 100 < default_bytes * 85, "{} of {default_bytes}", file.len());
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            assert!(publishers == 1 || file.len() <= rows * 4, "{} for {rows}", file.len());

            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let read: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
            let schema = read[0].schema();
            let concat =
                |batches: &[RecordBatch]| arrow::compute::concat_batches(&schema, batches).unwrap();
            assert_eq!(concat(&read), concat(&batches));
        }
    }

    #[test]
    fn a_file_says_who_wrote_it_and_how_it_is_sorted_and_keeps_its_filters_small() {
        let file = write(writer_properties(Table::Events), &events(1, 1)[..1]);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let metadata = reader.metadata();
        assert_eq!(metadata.file_metadata().created_by(), Some(CREATED_BY));
        let group = metadata.row_group(0);
        let column = |name: &str| {
            let found = group.columns().iter().find(|c| c.column_path().string() == name);
            found.expect("the column is there")
        };
        let sorted: Vec<_> = (group.sorting_columns().unwrap().iter())
            .map(|sorting| group.column(usize::try_from(sorting.column_idx).unwrap()))
            .map(|column| column.column_path().string())
            .collect();
        assert_eq!(sorted, sorted_by(Table::Events));
        assert!(column("event_time").encodings().any(|e| e == Encoding::DELTA_BINARY_PACKED));
        assert!(column("event_time").column_index_offset().is_some());
        let ids = column("participant_id");
        assert!(ids.encodings().any(|e| e == Encoding::DELTA_LENGTH_BYTE_ARRAY));
        let filter_bytes = ids.bloom_filter_length().expect("it has a filter");
        assert!(filter_bytes < 600, "{filter_bytes} bytes for 300 ids");
        column("new_token.attributes.key_value.key");
        column("new_token.capabilities.list.element");
    }

    #[test]
    fn every_named_column_is_one_of_its_table() {
        for table in Table::ALL {
            let schema = data_schema(table);
            for name in random_ids(table).iter().chain(looked_up(table)) {
                schema.field_with_name(name).unwrap();
            }
            // The index of a column is that of its leaf as long as nothing nested stands before it.
            for (name, field) in sorted_by(table).iter().zip(schema.fields()) {
                assert_eq!(name, field.name());
                assert!(!field.data_type().is_nested());
            }
        }
    }
}
