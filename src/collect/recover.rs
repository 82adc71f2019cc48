//! What an earlier run left behind: finished without a call, before anything is asked of the service.

use std::collections::{BTreeMap, BTreeSet};

use super::fetch::{complete_row, is_whole};
use super::known::KnownSessions;
use super::plan::Known;
use super::writer::Target;
use crate::lake::batch::SessionRow;
use crate::lake::inflight::InFlight;
use crate::lake::lock::LockError;
use crate::lake::publish::{self, Published};
use crate::lake::register::{self, Ended};
use crate::lake::running::Running;
use crate::lake::{Lake, LakeError};
use crate::model::{Region, Scope, SessionKey, Timestamp};

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
    for scope in lake.scopes_in_flight().await? {
        let in_flight = InFlight::of(lake.place(), &scope);
        if scope.region != *region || !in_flight.holds_anything().await? {
            continue;
        }
        let held = match lake.take_scope(&scope, &format!("recovery by run {run_id}")).await {
            Ok(held) => held,
            Err(LakeError::Lock(LockError::Held { .. }) | LakeError::Mixed { .. }) => continue,
            Err(error) => return Err(error),
        };
        let target = Target::new(held);
        let recovered = recover_scope(&target, run_id, now).await;
        target.held.release().await;
        published.insert(scope, recovered?);
    }
    Ok(published)
}

async fn recover_scope(
    target: &Target,
    run_id: &str,
    now: Timestamp,
) -> Result<Published, LakeError> {
    let held = &target.held;
    let (tables, scope) = (held.lake.tables(), &held.scope);
    let mut published = publish::resume(held).await?;
    let mut known = KnownSessions::default();
    register::visit_sessions(tables, scope, |row| known.add(&row)).await?;
    published.bytes_written += target.commit_listings(&known, run_id).await?;
    drop_pruned(target, &known).await?;
    let (rows, shrunk) = whole_sessions(target, run_id).await?;
    published.bytes_written += target.keep_longer(shrunk).await?;
    if !rows.is_empty() {
        published += target.publish(rows).await?;
    }
    published.bytes_written += Running::bury(held, now).await?;
    Ok(published)
}

/// What was being fetched again of a session that was pruned meanwhile goes: pruned stays pruned.
async fn drop_pruned(target: &Target, known: &KnownSessions) -> Result<(), LakeError> {
    let is_pruned = |key: &SessionKey| known.get(key).is_some_and(|known| known.pruned);
    let pruned: Vec<_> = target.held.staging.sessions().into_iter().filter(is_pruned).collect();
    if !pruned.is_empty() {
        target.held.staging.remove(pruned).await?;
    }
    Ok(())
}

/// The rows of sessions that are staged whole; apart from them those that hold less than the lake has.
async fn whole_sessions(
    target: &Target,
    run_id: &str,
) -> Result<(Vec<SessionRow>, Vec<Ended>), LakeError> {
    let mut whole = BTreeSet::new();
    for key in target.held.staging.sessions() {
        if is_whole(&target.held.staging, &key)? {
            whole.insert(key);
        }
    }
    let (mut rows, mut shrunk) = (Vec::new(), Vec::new());
    if whole.is_empty() {
        return Ok((rows, shrunk));
    }
    register::visit_sessions(target.held.lake.tables(), &target.held.scope, |row| {
        if whole.contains(&row.key) {
            let known = Known::from(&row);
            let row = SessionRow { run_id: run_id.to_owned(), ..row };
            let row = complete_row(&row, &target.held.staging.index(&row.key));
            if known.holds_more_than(&row) {
                shrunk.push(known.ended(row));
            } else {
                rows.push(row);
            }
        }
    })
    .await?;
    Ok((rows, shrunk))
}
