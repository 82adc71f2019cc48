//! How far the files beneath an answer are read, while it comes.

use std::sync::Arc;

use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

/// The files of a running statement.
#[derive(Clone, Debug)]
pub struct Reading(Arc<dyn ExecutionPlan>);

/// Files and bytes at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadSoFar {
    /// Files that the plan names.
    pub files_n: usize,
    /// Of these: read to their end, or found to hold nothing that is wanted.
    pub files_done_n: usize,
    /// The size of all these files. Of a file no more is read than the columns that are wanted.
    pub bytes_n: u64,
    /// Bytes that were read.
    pub bytes_read_n: u64,
}

impl Reading {
    pub(super) fn new(plan: Arc<dyn ExecutionPlan>) -> Self {
        Self(plan)
    }

    /// How far it is.
    #[must_use]
    pub fn so_far(&self) -> ReadSoFar {
        let mut total = ReadSoFar::default();
        add(&self.0, &mut total);
        total
    }
}

fn add(plan: &Arc<dyn ExecutionPlan>, total: &mut ReadSoFar) {
    if let Some(source) = plan.downcast_ref::<DataSourceExec>()
        && let Some(scan) = source.data_source().downcast_ref::<FileScanConfig>()
    {
        for file in scan.file_groups.iter().flat_map(FileGroup::iter) {
            total.files_n += 1;
            total.bytes_n += file.object_meta.size;
        }
        let metrics = source.metrics().unwrap_or_default();
        let sum = |name: &str| metrics.sum_by_name(name).map_or(0, |metric| metric.as_usize());
        total.files_done_n += sum("files_processed");
        total.bytes_read_n += sum("bytes_scanned") as u64;
    }
    for child in plan.children() {
        add(child, total);
    }
}
