//! Plans that can be stopped at any time.
//!
//! The engine's tasks give way each time that a source has been read for a while. A join makes any number of rows of
//! what was read once, so that nobody would hear an interrupt meanwhile: here joins give way too.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// The same plan, whose joins give way.
pub(super) fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let yielding = plan.transform_up(|node| {
        if multiplies(node.name()) {
            return Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as _));
        }
        Ok(Transformed::no(node))
    })?;
    Ok(yielding.data)
}

fn multiplies(name: &str) -> bool {
    name.ends_with("JoinExec") || name == "UnnestExec" || name == "RecursiveQueryExec"
}
