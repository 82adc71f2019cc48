//! The lake for one alone: every scope held, nothing half published, and the turn to write to the register.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::lake::delta;
use crate::lake::inflight::InFlight;
use crate::lake::lock::Lock;
use crate::lake::publish;
use crate::lake::register::{self, Versions};
use crate::lake::snapshot::Snapshot;
use crate::lake::tables::Table;
use crate::lake::{Held, Lake, LakeError};
use crate::model::Scope;

/// The right to rewrite a lake, until it is released or dropped.
#[derive(Debug)]
pub struct Exclusive {
    scopes: Vec<Scope>,
    locks: Vec<Arc<Lock>>,
}

impl Exclusive {
    /// Takes every scope of the lake at once, and finishes publications that a run has begun and not ended: between
    /// their commits the tables don't fit together. `holder` is one line about who asks.
    ///
    /// # Errors
    /// [`LakeError::Lock`] where a collector is at work, [`LakeError::Missing`] where there is no lake.
    pub async fn take(lake: &Lake, holder: &str) -> Result<Self, LakeError> {
        let scopes = scopes(lake).await?;
        let mut held = Self { locks: Vec::with_capacity(scopes.len() + 1), scopes };
        match held.take_all(lake, holder).await {
            Ok(()) => Ok(held),
            Err(error) => {
                held.release().await;
                Err(error)
            }
        }
    }

    async fn take_all(&mut self, lake: &Lake, holder: &str) -> Result<(), LakeError> {
        for scope in &self.scopes {
            let lock = Lock::scope(lake.place(), scope, holder).await?;
            if InFlight::of(lake.place(), scope).holds_anything().await? {
                let held = Held::open(lake, scope, lock).await?;
                let resumed = publish::resume(&held).await;
                let Held { lock, staging, .. } = held;
                drop(staging);
                self.locks.push(lock);
                resumed?;
            } else {
                self.locks.push(Arc::new(lock));
            }
        }
        self.locks.push(Arc::new(Lock::publish(lake.place(), holder).await?));
        Ok(())
    }

    /// The scopes that are held.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Makes sure that everything is still held, before something is written.
    ///
    /// # Errors
    /// [`LakeError::Lock`] where it is not.
    pub async fn confirm(&self) -> Result<(), LakeError> {
        for lock in &self.locks {
            lock.confirm().await?;
        }
        Ok(())
    }

    /// Lets the lake go, so that the next one need not wait.
    pub async fn release(self) {
        for lock in &self.locks {
            lock.release().await;
        }
    }
}

/// Every scope that the lake has rows of, or has something in flight of.
async fn scopes(lake: &Lake) -> Result<Vec<Scope>, LakeError> {
    Snapshot::of(lake.place()).await?;
    let mut scopes: BTreeSet<Scope> = lake.scopes_in_flight().await?.into_iter().collect();
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
