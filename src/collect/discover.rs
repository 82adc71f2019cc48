//! Which stages and sessions there are: the first two rows of the call budget.

use std::collections::{BTreeMap, BTreeSet};

use super::crawl::{Crawl, StageTask};
use super::progress::Count;
use crate::api::{CallError, ErrorKind, Malformed, Operation, Pages};
use crate::lake::batch::StageRow;
use crate::model::{Stage, StageArn};

/// The stages of a run, as far as they are known before its scope is locked.
#[derive(Debug)]
pub(super) enum StageSource {
    /// Named one by one; each is asked for.
    Named(Vec<StageArn>),
    /// Listed; the first pages are read.
    Listing {
        /// What was read.
        read: Vec<Stage>,
        /// What of it no row can be made of.
        malformed: Vec<Malformed>,
        /// The rest.
        rest: Pages<Stage>,
    },
}

impl Crawl {
    /// Queues every stage of the run. A failure is written down; what was found is crawled all the same.
    pub(super) async fn discover(&self, source: StageSource) {
        match source {
            StageSource::Named(arns) => self.ask_for_stages(arns).await,
            StageSource::Listing { read, malformed, rest } => {
                self.list_stages(read, malformed, rest).await;
            }
        }
    }

    async fn ask_for_stages(&self, arns: Vec<StageArn>) {
        let asked = arns.into_iter().map(async |arn| {
            let answer = self.client().stage(&arn).await;
            (arn, answer)
        });
        let answers = futures::future::join_all(asked).await;
        let mut rows = Vec::new();
        for (arn, answer) in answers {
            let stage = match answer {
                Ok(stage) => {
                    rows.push(self.seen(&stage));
                    stage
                }
                Err(error) => {
                    // Denied or gone: the ARN tells enough to ask for its sessions.
                    self.stop_if_fatal(&error);
                    let is_answer = matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound);
                    if !is_answer && error.kind != ErrorKind::Cancelled {
                        self.note_failure(Some(&arn), None, None, &error);
                    }
                    self.known_stage(&arn)
                }
            };
            if self.settings().filter.takes_stage(&stage) {
                self.add_stage(StageTask { stage, gone: false });
            }
        }
        self.write_stages(rows).await;
    }

    async fn list_stages(
        &self,
        read: Vec<Stage>,
        malformed: Vec<Malformed>,
        mut rest: Pages<Stage>,
    ) {
        let mut shown = BTreeSet::new();
        self.note_malformed(None, None, Operation::ListStages, &malformed);
        self.queue_listed(read, &mut shown).await;
        loop {
            match rest.next().await {
                Ok(Some(page)) => {
                    self.note_malformed(None, None, Operation::ListStages, &page.malformed);
                    self.queue_listed(page.items, &mut shown).await;
                }
                Ok(None) => break,
                Err(error) => return self.listing_broke(&error),
            }
        }
        self.queue_gone(&shown);
    }

    fn listing_broke(&self, error: &CallError) {
        self.stop_if_fatal(error);
        if error.kind != ErrorKind::Cancelled {
            self.note_failure(None, None, None, error);
        }
    }

    async fn queue_listed(&self, stages: Vec<Stage>, shown: &mut BTreeSet<StageArn>) {
        let mut rows = Vec::new();
        for stage in stages {
            if stage.arn.scope() != self.scope() {
                self.note_foreign_stage(&stage.arn);
                continue;
            }
            if !shown.insert(stage.arn.clone()) {
                continue;
            }
            rows.push(self.seen(&stage));
            if self.settings().filter.takes_stage(&stage) {
                self.add_stage(StageTask { stage, gone: false });
            }
        }
        self.write_stages(rows).await;
    }

    /// Stages that the lake knows and a whole listing does not show: their sessions are listed once more; after that
    /// only those that are not finished are asked for.
    fn queue_gone(&self, shown: &BTreeSet<StageArn>) {
        let gone: BTreeMap<&StageArn, &StageRow> =
            self.known_stages().iter().filter(|(arn, _)| !shown.contains(*arn)).collect();
        for row in gone.into_values() {
            if !self.settings().filter.takes_stage(&row.stage) {
                continue;
            }
            if row.gone_at.is_none() {
                self.add_stage(StageTask { stage: row.stage.clone(), gone: true });
            } else {
                self.judge_unlisted(&row.stage, &BTreeSet::new());
            }
        }
    }

    fn add_stage(&self, task: StageTask) {
        self.progress().add(Count::Stages, 1);
        self.board().add_stage(task);
    }

    fn seen(&self, stage: &Stage) -> StageRow {
        let now = self.client().now();
        StageRow { stage: stage.clone(), first_seen_at: now, last_seen_at: now, gone_at: None }
    }

    /// What the lake knows of a stage, or the ARN alone.
    fn known_stage(&self, arn: &StageArn) -> Stage {
        self.known_stages().get(arn).map_or_else(
            || Stage { arn: arn.clone(), name: None, active_session_id: None, tags: None },
            |row| row.stage.clone(),
        )
    }
}
