//! The crawl of one scope: from what the service shows to what the lake holds.
//!
//! The boundary: it asks the service through `api`, decides by [`plan`], and hands rows to `lake`; it names no Arrow
//! and no SDK type, and prints nothing.
//!
//! A run first finishes what an earlier one left behind, without a call. Then it lists stages and sessions, judges each
//! session, and fetches what is final, all operations side by side under their own quotas. What is fetched is
//! staged at once; sessions that are staged whole are published in batches. A failure is written down, and the rest goes on.

mod board;
mod crawl;
mod discover;
mod failures;
mod fetch;
mod giving_up;
mod known;
mod ledger;
mod notes;
mod outcome;
pub mod plan;
pub mod progress;
mod recover;
mod replicas;
mod room;
mod run;
pub mod sample;
mod session;
pub mod settings;
mod stages;
pub mod summary;
mod writer;

use std::sync::Arc;

use tokio::sync::watch;

use self::progress::Progress;
pub use self::run::run;
use self::settings::Settings;
use self::summary::ScopeSummary;
use crate::api::{CallError, Client};
use crate::clock::SharedClock;
use crate::lake::{Lake, LakeError};
use crate::model::StageArn;
use crate::times::TimeError;

/// What one scope's run needs.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where to.
    pub lake: Lake,
    /// Where from.
    pub client: Client,
    /// What.
    pub settings: Arc<Settings>,
    /// The clock of this machine.
    pub clock: SharedClock,
    /// Turns true when the run is to stop.
    pub interrupt: watch::Receiver<bool>,
    /// What whoever watches reads.
    pub progress: Arc<Progress>,
}

/// Why a scope's run could do nothing, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The lake.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A call without which nothing can be done.
    #[error("cannot find the stages of this account and region")]
    Discover(#[source] CallError),
    /// A time of the filter.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// Stages of several scopes.
    #[error("stage `{arn}` is not in `{expected}`")]
    ForeignStage {
        /// The stage.
        arn: StageArn,
        /// The account and region, or region, of the others.
        expected: String,
    },
    /// The credentials no longer serve.
    #[error("the credentials no longer serve")]
    Credentials,
}

/// How a scope's run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The facts.
    pub summary: ScopeSummary,
    /// Why it could do nothing, or not go on.
    pub error: Option<CollectError>,
    /// With a dry run: the calls that a run would make.
    pub plan: Option<summary::Plan>,
}
