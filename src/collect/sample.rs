//! Sessions that are done, fetched once more and held against the lake: whether what was collected is what the service
//! says.
//!
//! Nothing is written. Sessions follow one another; within one, some participants are asked for side by side, under
//! the quotas of the operations.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::Serialize;

use super::CollectError;
use super::outcome::{call_failure, calls};
use super::run::find_scope;
use super::settings::Filter;
use super::summary::{Calls, Failure};
use crate::api::{CallError, Client, ErrorKind};
use crate::lake::LakeError;
use crate::lake::batch::{EventRow, FetchStatus, ParticipantRow, SessionRow};
use crate::lake::maintain::compare;
use crate::lake::maintain::contents::{self, Chosen, Contents};
use crate::lake::snapshot::Snapshot;
use crate::model::{Participant, ParticipantId, Replica, Scope, SessionKey};

/// The version of the result as JSON.
pub const SAMPLED_VERSION: u32 = 1;

/// Differences that are named; the rest is counted.
const DIFFERENCES_MAX: usize = 1_000;

/// Participants that are asked for at once.
const AT_ONCE: usize = 8;

/// What was compared, and what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Sampled {
    /// The version of this shape.
    pub version: u32,
    /// What the choice was made from.
    pub seed: u64,
    /// Sessions that were chosen.
    pub sessions: u64,
    /// Those in which everything is the same.
    pub same: u64,
    /// Those of which the service says something else.
    pub different: u64,
    /// Those that the service no longer knows.
    pub gone: u64,
    /// Those that could not be asked for.
    pub failed: u64,
    /// Participants that were compared.
    pub participants: u64,
    /// Events of the lake that were compared.
    pub events: u64,
    /// Replicas of the lake that were compared.
    pub replicas: u64,
    /// What is different.
    pub differences: Vec<Difference>,
    /// Differences beyond those that are listed.
    pub differences_left_out: u64,
    /// What could not be asked for.
    pub failures: Vec<Failure>,
    /// Calls, by the name of the operation.
    pub calls: BTreeMap<String, Calls>,
}

/// Something of which the lake and the service say different things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The stage.
    pub stage_arn: String,
    /// The session.
    pub session_id: String,
    /// The participant.
    pub participant_id: String,
    /// The table: `participants`, `events` or `replicas`.
    pub table: &'static str,
    /// What is different.
    pub message: String,
}

impl Sampled {
    fn of(seed: u64, chosen: &Chosen) -> Self {
        Self {
            version: SAMPLED_VERSION,
            seed,
            sessions: chosen.values().map(BTreeMap::len).sum::<usize>() as u64,
            same: 0,
            different: 0,
            gone: 0,
            failed: 0,
            participants: 0,
            events: 0,
            replicas: 0,
            differences: Vec::new(),
            differences_left_out: 0,
            failures: Vec::new(),
            calls: BTreeMap::new(),
        }
    }

    /// Whether the lake holds what the service says, as far as it could be asked.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.different == 0
    }

    fn differ(
        &mut self,
        session: &SessionKey,
        id: &ParticipantId,
        table: &'static str,
        message: String,
    ) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(Difference {
                stage_arn: session.stage_arn.to_string(),
                session_id: session.session_id.to_string(),
                participant_id: id.to_string(),
                table,
                message,
            });
        } else {
            self.differences_left_out += 1;
        }
    }
}

/// The scopes of the clients: as a run finds them, or, where the account has no stages any more, the only one of the
/// client's region that the lake holds.
///
/// # Errors
/// [`CollectError::Discover`] where stages can't be listed; [`CollectError::Lake`].
pub async fn scope_of(client: &Client, snapshot: &Snapshot) -> Result<Option<Scope>, CollectError> {
    if let Some((scope, _)) = find_scope(client, &Filter::default()).await? {
        return Ok(Some(scope));
    }
    let mut scopes = contents::scopes_of(snapshot, client.region()).await?;
    Ok(if scopes.len() == 1 { scopes.pop() } else { None })
}

/// Fetches chosen sessions again and compares them. A service that stops answering ends it early.
///
/// # Errors
/// [`CollectError::Credentials`], and [`CollectError::Lake`] where the lake can't be read.
pub async fn sample(
    snapshot: &Snapshot,
    clients: &BTreeMap<Scope, Client>,
    chosen: &Chosen,
    seed: u64,
) -> Result<Sampled, CollectError> {
    let mut sampled = Sampled::of(seed, chosen);
    'days: for (day, rows) in chosen {
        let Some(client) = clients.get(&day.scope) else { continue };
        let mut contents = Contents::open(snapshot, day).await?;
        for row in rows.values() {
            let verdict = check(client, &mut contents, row, &mut sampled).await?;
            match verdict {
                Verdict::Same => sampled.same += 1,
                Verdict::Different => sampled.different += 1,
                Verdict::Gone => sampled.gone += 1,
                Verdict::Failed(error) => {
                    sampled.failed += 1;
                    if error.kind == ErrorKind::Credentials {
                        return Err(CollectError::Credentials);
                    }
                    if matches!(error.kind, ErrorKind::Cancelled | ErrorKind::Starved) {
                        break 'days;
                    }
                    sampled.failures.push(Failure {
                        stage_arn: Some(row.key.stage_arn.to_string()),
                        session_id: Some(row.key.session_id.to_string()),
                        ..call_failure(&error)
                    });
                }
            }
        }
    }
    for client in clients.values() {
        sampled.calls.extend(calls(client));
    }
    Ok(sampled)
}

enum Verdict {
    Same,
    Different,
    Gone,
    Failed(CallError),
}

async fn check(
    client: &Client,
    contents: &mut Contents,
    row: &SessionRow,
    sampled: &mut Sampled,
) -> Result<Verdict, LakeError> {
    let key = &row.key;
    let answered = match listing(client, key).await {
        Ok(answered) => answered,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Verdict::Gone),
        Err(error) => return Ok(Verdict::Failed(error)),
    };
    let held = contents.participants(key).await?;
    if answered.is_empty() && !held.is_empty() {
        return Ok(Verdict::Gone);
    }
    let before = sampled.differences.len() as u64 + sampled.differences_left_out;
    let known: BTreeSet<_> = held.iter().map(|row| &row.participant.participant_id).collect();
    for id in answered.keys().filter(|id| !known.contains(id)) {
        let message = "the service shows a participant that the lake does not hold".to_owned();
        sampled.differ(key, id, "participants", message);
    }
    if let Err(error) = check_people(client, contents, key, held, answered, sampled).await? {
        return Ok(Verdict::Failed(error));
    }
    let after = sampled.differences.len() as u64 + sampled.differences_left_out;
    Ok(if after == before { Verdict::Same } else { Verdict::Different })
}

async fn listing(
    client: &Client,
    session: &SessionKey,
) -> Result<BTreeMap<ParticipantId, Participant>, CallError> {
    let mut pages = client.participants(session);
    let mut participants = BTreeMap::new();
    while let Some(page) = pages.next().await? {
        let items = page.items.into_iter();
        participants.extend(items.map(|it| (it.participant_id.clone(), it)));
    }
    Ok(participants)
}

/// Compares everyone whom the lake holds of a session.
async fn check_people(
    client: &Client,
    contents: &mut Contents,
    session: &SessionKey,
    held: Vec<ParticipantRow>,
    mut answered: BTreeMap<ParticipantId, Participant>,
    sampled: &mut Sampled,
) -> Result<Result<(), CallError>, LakeError> {
    let mut replicas: BTreeMap<ParticipantId, Vec<Replica>> = BTreeMap::new();
    for replica in contents.replicas(session).await? {
        replicas.entry(replica.participant_id.clone()).or_default().push(replica);
    }
    let mut events = contents.events(session).await?;
    let mut next = events.next().await?;
    let mut under_way = FuturesUnordered::new();
    for row in held {
        let id = row.participant.participant_id.clone();
        let mut own = Vec::new();
        if next.as_ref().is_some_and(|(next_id, _)| *next_id == id) {
            own = next.take().map(|(_, events)| events).unwrap_or_default();
            next = events.next().await?;
        }
        let Some(summary) = answered.remove(&id) else {
            let message = "the service no longer shows this participant".to_owned();
            sampled.differ(session, &id, "participants", message);
            continue;
        };
        sampled.participants += 1;
        sampled.events += own.len() as u64;
        let replicas = replicas.remove(&id).unwrap_or_default();
        sampled.replicas += replicas.len() as u64;
        under_way.push(check_person(client, session, Held { row, events: own, replicas }, summary));
        if under_way.len() >= AT_ONCE
            && let Some(checked) = under_way.next().await
            && let Err(error) = note(checked, session, sampled)?
        {
            return Ok(Err(error));
        }
    }
    while let Some(checked) = under_way.next().await {
        if let Err(error) = note(checked, session, sampled)? {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// What the lake holds of a participant.
struct Held {
    row: ParticipantRow,
    events: Vec<EventRow>,
    replicas: Vec<Replica>,
}

/// Where a participant differs: the table, and how.
type Checked = (ParticipantId, Vec<(&'static str, String)>);

fn note(
    checked: Result<Checked, Miss>,
    session: &SessionKey,
    sampled: &mut Sampled,
) -> Result<Result<(), CallError>, LakeError> {
    match checked {
        Ok((id, differences)) => {
            for (table, message) in differences {
                sampled.differ(session, &id, table, message);
            }
            Ok(Ok(()))
        }
        Err(Miss::Call(error)) => Ok(Err(error)),
        Err(Miss::Lake(error)) => Err(error),
    }
}

/// Why a participant could not be compared.
enum Miss {
    Call(CallError),
    Lake(LakeError),
}

impl From<CallError> for Miss {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<LakeError> for Miss {
    fn from(error: LakeError) -> Self {
        Self::Lake(error)
    }
}

async fn check_person(
    client: &Client,
    session: &SessionKey,
    held: Held,
    summary: Participant,
) -> Result<Checked, Miss> {
    let Held { row, events, replicas } = held;
    let id = row.participant.participant_id.clone();
    let mut differences = Vec::new();
    let mut answered = ParticipantRow { participant: summary, ..row.clone() };
    if row.details_status == FetchStatus::Fetched {
        answered.details = Some(client.participant(session, &id).await?);
    }
    let found = compare::participants(session, &row, &answered)?;
    differences.extend(found.into_iter().map(|message| ("participants", message)));
    if row.events_status == FetchStatus::Fetched {
        let mut pages = client.participant_events(session, &id);
        let mut answered = Vec::new();
        while let Some(page) = pages.next().await? {
            answered.extend(page.items);
        }
        let found = compare::events(session, &id, &events, answered)?;
        differences.extend(found.into_iter().map(|message| ("events", message)));
    }
    if row.replicas_status == FetchStatus::Fetched {
        let mut pages = client.participant_replicas(&session.stage_arn, &id);
        let mut answered = Vec::new();
        while let Some(page) = pages.next().await? {
            let of_session = |it: &Replica| it.source_session_id == session.session_id;
            answered.extend(page.items.into_iter().filter(of_session));
        }
        let found = compare::replicas(replicas, answered)?;
        differences.extend(found.into_iter().map(|message| ("replicas", message)));
    }
    Ok((id, differences))
}
