//! What an earlier run left behind: finished without a call, before anything is asked of the service.

use std::collections::{BTreeMap, BTreeSet};

use super::fetch::{complete_row, is_whole};
use super::known::KnownSessions;
use super::writer::Target;
use crate::lake::batch::SessionRow;
use crate::lake::lock::LockError;
use crate::lake::publish::{self, Published};
use crate::lake::register;
use crate::lake::running::Running;
use crate::lake::staging::SharedStaging;
use crate::lake::{Lake, LakeError};
use crate::model::{Region, Scope, Timestamp};

/// Publishes what is staged whole in every scope of a region that nobody else is working on, whatever the filters.
///
/// # Errors
/// Where the lake can't be read or written.
pub(super) async fn recover(
    lake: &Lake,
    region: &Region,
    run_id: &str,
    now: Timestamp,
) -> Result<BTreeMap<Scope, Published>, LakeError> {
    let mut published = BTreeMap::new();
    for scope in lake.scopes_in_flight()? {
        if scope.region != *region || !SharedStaging::holds_anything(lake.path(), &scope) {
            continue;
        }
        let lock = match lake.take_scope(&scope, &format!("recovery by run {run_id}")).await {
            Ok(lock) => lock,
            Err(LakeError::Lock(LockError::Held { .. }) | LakeError::Mixed { .. }) => continue,
            Err(error) => return Err(error),
        };
        let target = Target {
            tables: lake.tables().clone(),
            lake: lake.path().to_owned(),
            staging: SharedStaging::open(lake.path(), &scope).await?,
            scope: scope.clone(),
        };
        published.insert(scope, recover_scope(lake, &target, run_id, now).await?);
        drop(lock);
    }
    Ok(published)
}

async fn recover_scope(
    lake: &Lake,
    target: &Target,
    run_id: &str,
    now: Timestamp,
) -> Result<Published, LakeError> {
    let Target { tables, lake: path, scope, staging } = target;
    let mut published = publish::resume(tables, path, scope, staging).await?;
    let mut known = KnownSessions::default();
    register::visit_sessions(tables, scope, |row| known.add(&row)).await?;
    published.bytes_written += target.commit_listings(&known, run_id).await?;
    let rows = whole_sessions(target, run_id).await?;
    if !rows.is_empty() {
        published += target.publish(rows).await?;
    }
    if let Some(run) = Running::left_behind(path, scope)? {
        published.bytes_written += lake.append_run(scope, run.killed(now)).await?;
        Running::end(path, scope)?;
    }
    Ok(published)
}

/// The rows of sessions that are staged whole.
async fn whole_sessions(target: &Target, run_id: &str) -> Result<Vec<SessionRow>, LakeError> {
    let mut whole = BTreeSet::new();
    for key in target.staging.sessions() {
        if is_whole(&target.staging, &key)? {
            whole.insert(key);
        }
    }
    let mut rows = Vec::new();
    if whole.is_empty() {
        return Ok(rows);
    }
    register::visit_sessions(&target.tables, &target.scope, |row| {
        if whole.contains(&row.key) {
            let row = SessionRow { run_id: run_id.to_owned(), ..row };
            rows.push(complete_row(&row, &target.staging.index(&row.key)));
        }
    })
    .await?;
    Ok(rows)
}
