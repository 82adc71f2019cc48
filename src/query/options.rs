//! How the engine is set up.

use std::path::PathBuf;

use datafusion::prelude::SessionConfig;

use super::catalog::{CATALOG, SCHEMA};

/// How the engine may use the machine, and what it may do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Bytes that operators may hold together; beyond it they spill. `None`: no limit.
    pub memory_limit: Option<usize>,
    /// The folder to spill to; the system's for temporary files where there is none.
    pub spill_folder: Option<PathBuf>,
    /// How many partitions a plan is run in; the number of cores where there is none.
    pub partitions: Option<usize>,
    /// Rows in a batch.
    pub batch_size: Option<usize>,
    /// Whether statements may write files, set options, and create tables of their own.
    pub allow_write: bool,
}

/// Below this limit, the few batches that a merge holds at once would be too large a part of the whole.
const SMALL_MEMORY_BYTES: usize = 256 << 20;
/// Rows of a batch then.
const SMALL_BATCH_ROWS: usize = 1_024;

/// The engine's own settings.
pub(super) fn session_config(options: &Options) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false);
    if let Some(partitions) = options.partitions {
        config = config.with_target_partitions(partitions.max(1));
    }
    let is_small = options.memory_limit.is_some_and(|bytes| bytes < SMALL_MEMORY_BYTES);
    if let Some(rows) = options.batch_size.or(is_small.then_some(SMALL_BATCH_ROWS)) {
        config = config.with_batch_size(rows.max(1));
    }
    let partitions = config.target_partitions();
    let settings = config.options_mut();
    if let Some(bytes) = options.memory_limit {
        // What each sort keeps back to merge what it spilled; the default suits large limits alone. With less, the
        // merges of sorts that filled the rest find no room.
        let share = bytes / (4 * partitions);
        let reserve = &mut settings.execution.sort_spill_reservation_bytes;
        *reserve = share.min(*reserve);
    }
    settings.execution.time_zone = Some("UTC".to_owned());
    // It refuses right plans: the optimizer may learn that a column of a union can't be NULL, the plan above need not.
    settings.execution.skip_physical_aggregate_schema_check = true;
    settings.sql_parser.collect_spans = true;
    // Files are left out by the bounds of what a join has read. A list of all of it, by several columns, leaves out no
    // more, and is looked through for each file.
    settings.optimizer.hash_join_inlist_pushdown_max_size = 0;
    // The lake's texts are Utf8: a cast to another kind of text on one side of a comparison would hide a column
    // from pruning.
    settings.sql_parser.map_string_types_to_utf8view = false;
    config
}
