//! The lake for one alone: every scope held, nothing half published, and the turn to write to the register.

use std::collections::BTreeSet;

use crate::lake::delta;
use crate::lake::lock::Lock;
use crate::lake::publish;
use crate::lake::register::{self, Versions};
use crate::lake::snapshot::Snapshot;
use crate::lake::staging::SharedStaging;
use crate::lake::tables::Table;
use crate::lake::{Lake, LakeError};
use crate::model::Scope;

/// The right to rewrite a lake, until this is dropped.
#[derive(Debug)]
pub struct Exclusive {
    scopes: Vec<Scope>,
    _locks: Vec<Lock>,
    _turn: Lock,
}

impl Exclusive {
    /// Takes every scope of the lake at once, and finishes publications that a run has begun and not ended: between
    /// their commits the tables don't fit together. `holder` is one line about who asks.
    ///
    /// # Errors
    /// [`LakeError::Lock`] where a collector is at work, [`LakeError::Missing`] where there is no lake.
    pub async fn take(lake: &Lake, holder: &str) -> Result<Self, LakeError> {
        let scopes = scopes(lake).await?;
        let mut locks = Vec::with_capacity(scopes.len());
        for scope in &scopes {
            locks.push(Lock::scope(lake.path(), scope, holder)?);
            if SharedStaging::holds_anything(lake.path(), scope) {
                let staging = SharedStaging::open(lake.path(), scope).await?;
                publish::resume(lake.tables(), lake.path(), scope, &staging).await?;
            }
        }
        let turn = Lock::publish(lake.path(), holder).await?;
        Ok(Self { scopes, _locks: locks, _turn: turn })
    }

    /// The scopes that are held.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }
}

/// Every scope that the lake has rows of, or has something in flight of.
async fn scopes(lake: &Lake) -> Result<Vec<Scope>, LakeError> {
    Snapshot::of(lake.path())?;
    let mut scopes: BTreeSet<Scope> = lake.scopes_in_flight()?.into_iter().collect();
    for table in Table::ALL {
        let opened = lake.tables().open(table, None).await?;
        scopes.extend(delta::files_by_partition(table, &opened)?.into_keys().map(|it| it.scope));
    }
    Ok(scopes.into_iter().collect())
}

/// The newest versions of the data tables.
pub(super) async fn newest_versions(lake: &Lake) -> Result<Versions, LakeError> {
    let mut versions = Versions::new();
    for table in Table::DATA {
        let opened = lake.tables().open(table, None).await?;
        versions.insert(table, opened.version().unwrap_or(0));
    }
    Ok(versions)
}

/// Moves the snapshot to the newest versions of the data tables, where it is not there already.
pub(super) async fn move_snapshot(lake: &Lake) -> Result<(), LakeError> {
    let newest = newest_versions(lake).await?;
    let sessions = lake.tables().open(Table::Sessions, None).await?;
    if register::versions(&sessions).await? != newest {
        register::commit_versions(&sessions, &newest).await?;
    }
    Ok(())
}
