//! One scope's run from its first call to its row in `runs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::board::Lane;
use super::crawl::{Crawl, Parts, SESSION_WORKERS, Stop, WORKERS};
use super::discover::StageSource;
use super::known::KnownSessions;
use super::ledger::Ledger;
use super::outcome::{End, run_row, summarise};
use super::settings::Filter;
use super::summary::Status;
use super::writer::{Target, ToWriter, Writer};
use super::{CollectError, Outcome, Request, recover};
use crate::api::Client;
use crate::clock::SharedClock;
use crate::lake::batch::StageRow;
use crate::lake::lock::LockError;
use crate::lake::publish::Published;
use crate::lake::register::{self, Change, Failed};
use crate::lake::running::Running;
use crate::lake::{Held, LakeError};
use crate::model::{Scope, Stage, StageArn, Timestamp};

/// Messages that may wait for the writer before the crawl waits for it.
const WRITER_QUEUE: usize = 256;

/// How long calls that are under way may go on after a signal.
const CALLS_GRACE: Duration = Duration::from_secs(4);

/// Collects one scope.
pub async fn run(request: Request) -> Outcome {
    let mut recovered = BTreeMap::new();
    if !request.settings.dry_run {
        let run_id = &request.settings.run_id;
        match recover::recover(&request.lake, request.client.region(), run_id, request.client.now())
            .await
        {
            Ok(published) => recovered = published,
            Err(error) => return Outcome::failed(&request, None, error.into()),
        }
    }
    let found = tokio::select! {
        found = find_scope(&request.client, &request.settings.filter) => found,
        () = interrupted(&request.interrupt) => {
            request.client.cancel();
            return Outcome::without_scope(&request, Status::Interrupted);
        }
    };
    match found {
        Ok(Some((scope, source))) => {
            let recovered = recovered.remove(&scope).unwrap_or_default();
            match collect_scope(&request, &scope, source, recovered).await {
                Ok(outcome) => outcome,
                Err(CollectError::Lake(LakeError::Lock(error @ LockError::Held { .. }))) => {
                    Outcome::locked(&request, &scope, error)
                }
                Err(error) => Outcome::failed(&request, Some(&scope), error),
            }
        }
        Ok(None) => Outcome::without_scope(&request, Status::Complete),
        Err(error) => {
            let mut outcome = Outcome::failed(&request, None, error);
            for published in recovered.into_values() {
                outcome.summary.add(published);
            }
            outcome
        }
    }
}

/// Resolves when the run is to stop; never, if nobody can say so any more.
async fn interrupted(interrupt: &watch::Receiver<bool>) {
    let mut interrupt = interrupt.clone();
    if interrupt.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The account: that of the ARNs that were given, or of most of the well-formed ARNs that are listed first.
pub(super) async fn find_scope(
    client: &Client,
    filter: &Filter,
) -> Result<Option<(Scope, StageSource)>, CollectError> {
    if filter.is_by_arn() {
        let scope = scope_of(client, &filter.stage_arns)?;
        return Ok(Some((scope, StageSource::Named(filter.stage_arns.clone()))));
    }
    let mut rest = client.stages();
    let (mut read, mut malformed) = (Vec::new(), Vec::new());
    while let Some(page) = rest.next().await.map_err(CollectError::Discover)? {
        read.extend(page.items);
        malformed.extend(page.malformed);
        if let Some(scope) = commonest_scope(&read) {
            return Ok(Some((scope, StageSource::Listing { read, malformed, rest })));
        }
    }
    Ok(None)
}

/// The scope of most of these stages; of several that have as many, the one that is named first. A foreign ARN that
/// happens to come first must not make strangers of all the others.
fn commonest_scope(stages: &[Stage]) -> Option<Scope> {
    let mut times: BTreeMap<&Scope, usize> = BTreeMap::new();
    for stage in stages {
        *times.entry(stage.arn.scope()).or_default() += 1;
    }
    let most = times.values().copied().max()?;
    stages.iter().map(|stage| stage.arn.scope()).find(|scope| times[scope] == most).cloned()
}

fn scope_of(client: &Client, arns: &[StageArn]) -> Result<Scope, CollectError> {
    let region = client.region();
    let scope = arns.first().map(|arn| arn.scope().clone());
    for arn in arns {
        let expected = scope.as_ref().filter(|scope| scope.region == *region);
        if expected != Some(arn.scope()) {
            let expected = expected.map_or_else(|| region.to_string(), ToString::to_string);
            return Err(CollectError::ForeignStage { arn: arn.clone(), expected });
        }
    }
    Ok(scope.expect("a filter by ARN has an ARN"))
}

async fn collect_scope(
    request: &Request,
    scope: &Scope,
    source: StageSource,
    recovered: Published,
) -> Result<Outcome, CollectError> {
    let started_at = request.client.now();
    // Said before anything is written; read again by the service's clock once it is known.
    request.settings.filter.range(started_at)?;
    let is_dry = request.settings.dry_run;
    let held = if is_dry { None } else { Some(take_scope(request, scope).await?) };
    let target = held.clone().map(Target::new);
    // What a run holds is kept apart from the tasks that wait for it.
    let collecting = collect_held(request, scope, source, recovered, target, started_at);
    let outcome = Box::pin(collecting).await;
    if let Some(held) = held {
        held.release().await;
    }
    outcome
}

/// Collects a scope that is held; a dry run holds none.
async fn collect_held(
    request: &Request,
    scope: &Scope,
    source: StageSource,
    recovered: Published,
    target: Option<Target>,
    started_at: Timestamp,
) -> Result<Outcome, CollectError> {
    let began = request.clock.monotonic();
    let mut opened = open_scope(request, scope, target, started_at).await?;
    let (tell, told) = mpsc::channel(WRITER_QUEUE);
    let crawl = Arc::new(Crawl::new(Parts {
        client: request.client.clone(),
        scope: scope.clone(),
        settings: Arc::clone(&request.settings),
        staging: opened.target.as_ref().map(|target| target.held.staging.clone()),
        room: opened.target.as_ref().map(|target| target.room.clone()).unwrap_or_default(),
        known: Arc::clone(&opened.known),
        stages: std::mem::take(&mut opened.stages),
        writer: tell,
        progress: Arc::clone(&request.progress),
    }));
    let writer = tokio::spawn(write(request, &opened, told));
    crawl_until_done(&crawl, source, &request.interrupt, &request.clock).await;
    let stop = crawl.take_stop();
    let ledger = Arc::into_inner(crawl).expect("its workers are gone").into_ledger();
    let written = writer.await.expect("the writer does not panic");

    let mut end = End { stop: stop.as_ref().map(|(stop, _)| stop.clone()), error: None };
    let mut published = recovered;
    match written {
        Ok(written) => published += written,
        Err(error) => end.lake_failed(error),
    }
    if let Some((_, Some(error))) = stop {
        end.lake_failed(error);
    }
    if let Some(target) = &opened.target
        && end.error.is_none()
        && let Err(error) = register_failures(target, &ledger, &request.settings.run_id).await
    {
        end.lake_failed(error);
    }
    let plan = request.settings.dry_run.then_some(ledger.plan);
    let mut summary = summarise(request, scope, &end, ledger, published);
    if let Some(Target { held, .. }) = &opened.target
        && end.error.is_none()
    {
        let row = run_row(request, &summary, started_at, began);
        summary.bytes_written += held.append_run(row).await?;
        Running::end(held).await?;
    }
    Ok(Outcome { summary, error: end.into_error(), plan })
}

/// What a scope's run works with.
struct OpenScope {
    /// Where it writes; a dry run does not.
    target: Option<Target>,
    known: Arc<KnownSessions>,
    stages: BTreeMap<StageArn, StageRow>,
}

async fn open_scope(
    request: &Request,
    scope: &Scope,
    target: Option<Target>,
    started_at: Timestamp,
) -> Result<OpenScope, LakeError> {
    let lake = &request.lake;
    if let Some(Target { held, .. }) = &target {
        let run_id = request.settings.run_id.clone();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Running { run_id, started_at, version }.begin(held).await?;
    }
    let mut known = KnownSessions::default();
    let mut stages = BTreeMap::new();
    if lake.is_there().await? {
        register::visit_sessions(lake.tables(), scope, |row| known.add(&row)).await?;
        stages = register::stages(lake.tables(), scope).await?;
    }
    Ok(OpenScope { target, known: Arc::new(known), stages })
}

/// Takes the scope; waits a little where another run is finishing in it what was left behind.
async fn take_scope(request: &Request, scope: &Scope) -> Result<Held, LakeError> {
    const ROUNDS: u32 = 60;
    const ROUND: Duration = Duration::from_millis(500);
    let run_id = &request.settings.run_id;
    let holder = format!("run {run_id}, process {}", std::process::id());
    for _ in 0..ROUNDS {
        match request.lake.take_scope(scope, &holder).await {
            Err(LakeError::Lock(LockError::Held { holder, .. }))
                if holder.starts_with("recovery") =>
            {
                request.clock.sleep(ROUND).await;
            }
            taken => return taken,
        }
    }
    request.lake.take_scope(scope, &holder).await
}

/// The writer's work; a dry run has nothing to write, and lets go what it is told.
fn write(
    request: &Request,
    opened: &OpenScope,
    mut told: mpsc::Receiver<ToWriter>,
) -> impl Future<Output = Result<Published, LakeError>> + Send + use<> {
    let target = opened.target.clone();
    let (known, clock) = (Arc::clone(&opened.known), Arc::clone(&request.clock));
    let run_id = request.settings.run_id.clone();
    async move {
        let Some(target) = target else {
            while told.recv().await.is_some() {}
            return Ok(Published::default());
        };
        let writer = Writer::new(target.clone(), known, run_id, Arc::clone(&clock));
        let written = tokio::select! {
            written = writer.run(told) => written,
            error = target.keep_flushing(&clock) => Err(error),
        };
        // Whatever became of the writer: what was fetched is kept.
        target.held.staging.flush().await?;
        written
    }
}

async fn crawl_until_done(
    crawl: &Arc<Crawl>,
    source: StageSource,
    interrupt: &watch::Receiver<bool>,
    clock: &SharedClock,
) {
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(Arc::clone(crawl).work_on_stages());
        for lane in [Lane::Events, Lane::Details, Lane::Replicas] {
            workers.spawn(Arc::clone(crawl).work_on_pieces(lane));
        }
    }
    for _ in 0..SESSION_WORKERS {
        workers.spawn(Arc::clone(crawl).work_on_sessions());
    }
    let discovery = Arc::clone(crawl);
    workers.spawn(async move {
        discovery.discover(source).await;
        discovery.board().finished();
    });
    let deadline = crawl.settings().deadline;
    tokio::select! {
        () = all_done(&mut workers) => return,
        () = interrupted(interrupt) => {
            crawl.stop(Stop::Interrupted, None);
            crawl.client().cancel();
        }
        () = reached(deadline, clock) => {
            // What is under way is finished; only a signal cuts it off.
            crawl.stop(Stop::Deadline, None);
            tokio::select! {
                () = all_done(&mut workers) => return,
                () = interrupted(interrupt) => crawl.client().cancel(),
            }
        }
    }
    tokio::select! {
        () = all_done(&mut workers) => {}
        // What is under way by then is cut off: publishing what is whole is worth more.
        () = clock.sleep(CALLS_GRACE) => workers.shutdown().await,
    }
}

/// Resolves after a while; never, if there is no such while.
async fn reached(deadline: Option<Duration>, clock: &SharedClock) {
    match deadline {
        Some(deadline) => clock.sleep(deadline).await,
        None => std::future::pending().await,
    }
}

async fn all_done(workers: &mut JoinSet<()>) {
    while let Some(done) = workers.join_next().await {
        done.expect("a worker does not panic");
    }
}

/// Failures of sessions reach their rows in `sessions`.
async fn register_failures(
    target: &Target,
    ledger: &Ledger,
    run_id: &str,
) -> Result<(), LakeError> {
    let changes = ledger
        .failed
        .iter()
        .map(|(key, failed)| {
            Change::Failed(Failed {
                key: key.clone(),
                start_time: failed.start_time,
                at: failed.attempt.at,
                counts: failed.attempt.counts,
                progressed: failed.attempt.progressed,
                error: failed.error.clone(),
                run_id: run_id.to_owned(),
            })
        })
        .collect();
    target.register(changes).await?;
    Ok(())
}
