//! Fetching a session: its participants, and the pieces of each.

use std::collections::HashSet;
use std::sync::Arc;

use super::board::Lane;
use super::crawl::{Crawl, Piece, Stop};
use super::progress::Count;
use super::session::{ActiveSession, SessionFailure, Standing};
use super::summary::Failure;
use super::writer::ToWriter;
use crate::api::{CallError, ErrorKind, Operation};
use crate::lake::LakeError;
use crate::lake::batch::{Collection, SessionRow};
use crate::lake::staging::{Appended, Record, SessionView, SharedStaging, StagedSession};
use crate::model::{DetailsPolicy, Participant, ParticipantId, SessionKey};

/// The code of an answer that is empty and can't be right.
const EMPTY: &str = "EMPTY";

/// The code of an answer that is shorter than an earlier one.
const SHRUNK: &str = "SHRUNK";

/// Why a piece was not fetched.
enum Miss {
    Call(CallError),
    /// The answer is empty although there must be something.
    Empty(&'static str),
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

impl Crawl {
    /// Fetches sessions until there is none left.
    pub(super) async fn work_on_sessions(self: Arc<Self>) {
        while let Some(session) = self.board().next_session().await {
            self.begin_session(&session).await;
            self.board().finished();
        }
    }

    /// Fetches pieces of one kind until there is none left.
    pub(super) async fn work_on_pieces(self: Arc<Self>, lane: Lane) {
        while let Some(piece) = self.board().next_piece(lane).await {
            let fetched = match lane {
                Lane::Events => self.fetch_events(&piece).await,
                Lane::Details => self.fetch_details(&piece).await,
                Lane::Replicas => self.fetch_replicas(&piece).await,
            };
            let operation = match lane {
                Lane::Events => Operation::ListParticipantEvents,
                Lane::Details => Operation::GetParticipant,
                Lane::Replicas => Operation::ListParticipantReplicas,
            };
            match fetched {
                Ok(()) => piece.session.piece_fetched(),
                Err(miss) => {
                    let participant = Some(&piece.participant_id);
                    // Without a failure of its own it stays missing, and the session stays underway.
                    if let Some(failure) =
                        self.note_miss(&piece.session, participant, operation, miss)
                    {
                        piece.session.piece_missed(failure);
                    }
                }
            }
            if lane == Lane::Events {
                self.progress().add(Count::ParticipantsFetched, 1);
            }
            self.conclude(&piece.session).await;
            self.board().finished();
        }
    }

    /// Lists a session's participants, unless an earlier run did, and queues what is missing of them.
    async fn begin_session(&self, session: &Arc<ActiveSession>) {
        match self.list_participants(session).await {
            Ok(true) => {
                session.listed();
                self.conclude(session).await;
            }
            Ok(false) => {
                let mut ledger = self.ledger();
                ledger.left.waiting -= 1;
                ledger.left.unsettled += 1;
            }
            Err(miss) => {
                let failure = self.note_miss(session, None, Operation::ListParticipants, miss);
                if let Some(failure) = failure {
                    session.listing_failed(failure);
                    self.conclude(session).await;
                }
            }
        }
    }

    /// Whether the session is final; if so its listing is staged and its pieces are queued.
    async fn list_participants(&self, session: &Arc<ActiveSession>) -> Result<bool, Miss> {
        if self.resume_listing(session).await? {
            return Ok(true);
        }
        let as_of = self.client().now();
        let mut participants = Vec::new();
        let mut seen = HashSet::new();
        let mut room = None;
        let mut pages = self.client().participants(&session.row.key);
        while let Some(page) = pages.next().await? {
            let key = &session.row.key;
            let (stage, id) = (&key.stage_arn, &key.session_id);
            self.note_malformed(
                Some(stage),
                Some(id),
                Operation::ListParticipants,
                &page.malformed,
            );
            let new: Vec<Participant> = page
                .items
                .into_iter()
                .filter(|participant| seen.insert(participant.participant_id.clone()))
                .collect();
            // While somebody may still be connected, nothing is fetched before the whole listing is known.
            if session.collect.connections_over && !self.settings().dry_run {
                self.queue_pieces(session, self.settings().details, &new);
            }
            participants.extend(new);
            if room.is_none() {
                room = self.room().take(participants.len()).await;
            }
        }
        if participants.is_empty() {
            return Err(Miss::Empty("the service shows no participants of this session"));
        }
        if !session.collect.connections_over && participants.iter().any(Participant::is_connected) {
            return Ok(false);
        }
        if self.settings().dry_run {
            self.plan_session(&participants);
            return Ok(true);
        }
        if !session.collect.connections_over {
            self.queue_pieces(session, self.settings().details, &participants);
        }
        let details = self.settings().details;
        let end_time = session.row.end_time;
        let listing = Record::Listing { as_of, end_time, details, participants };
        self.stage(session, &listing).await?;
        session.fetched();
        Ok(true)
    }

    /// Goes on with a session whose participants an earlier run has listed; says whether there is such a listing.
    async fn resume_listing(&self, session: &Arc<ActiveSession>) -> Result<bool, Miss> {
        if self.settings().dry_run {
            return Ok(false);
        }
        let key = &session.row.key;
        let Some(listing) = self.staging().index(key).listing() else { return Ok(false) };
        if listing.end_time < session.row.end_time {
            // The session went on after it was listed: what was fetched of it then is not all.
            self.staging().remove(vec![key.clone()]).await?;
            return Ok(false);
        }
        let _room = self.room().take(listing.participants_n).await;
        let mut view = self.staging().view(key).map_err(LakeError::from)?;
        let participants = view.as_mut().map(SessionView::listing).transpose();
        let participants = participants.map_err(LakeError::from)?.flatten().unwrap_or_default();
        self.queue_pieces(session, listing.details, &participants);
        Ok(true)
    }

    /// Stages a record. An answer that is shorter than the one that is there is refused, and said.
    async fn stage(&self, session: &ActiveSession, record: &Record) -> Result<(), Miss> {
        let key = &session.row.key;
        let appended = self.staging().append(key, record).await?;
        if let Appended::Shrunk { staged_n, answered_n } = appended {
            self.note_shrunk(key, format!("{answered_n} answered, {staged_n} were there before"));
        }
        Ok(())
    }

    /// Queues what is not staged of these participants; those who published come first.
    fn queue_pieces(
        &self,
        session: &Arc<ActiveSession>,
        details: DetailsPolicy,
        participants: &[Participant],
    ) {
        let staged = self.staging().index(&session.row.key);
        let (published, others): (Vec<_>, Vec<_>) =
            participants.iter().partition(|participant| participant.published);
        let in_order = || published.iter().chain(&others).copied();
        self.queue_lane(
            session,
            Lane::Events,
            in_order().filter(|participant| staged.events_n(&participant.participant_id).is_none()),
        );
        self.queue_lane(
            session,
            Lane::Details,
            in_order().filter(|participant| {
                details.wants(participant) && !staged.has_details(&participant.participant_id)
            }),
        );
        self.queue_lane(
            session,
            Lane::Replicas,
            in_order().filter(|participant| {
                participant.is_source() && !staged.has_replicas(&participant.participant_id)
            }),
        );
    }

    fn queue_lane<'a>(
        &self,
        session: &Arc<ActiveSession>,
        lane: Lane,
        participants: impl Iterator<Item = &'a Participant>,
    ) {
        let pieces: Vec<Piece> = participants
            .map(|participant| Piece {
                session: Arc::clone(session),
                participant_id: participant.participant_id.clone(),
                joined: participant.first_join_time.is_some(),
            })
            .collect();
        session.expect_pieces(pieces.len());
        if lane == Lane::Events {
            self.progress().add(Count::Participants, pieces.len() as u64);
        }
        self.board().add_pieces(lane, pieces);
    }

    fn plan_session(&self, participants: &[Participant]) {
        let count = |wanted: &dyn Fn(&Participant) -> bool| {
            participants.iter().filter(|participant| wanted(participant)).count() as u64
        };
        let mut ledger = self.ledger();
        ledger.plan.sessions += 1;
        ledger.plan.participants += count(&|_| true);
        ledger.plan.participants_calls += participants.len().div_ceil(100).max(1) as u64;
        ledger.plan.events_calls += count(&|_| true);
        ledger.plan.details_calls +=
            count(&|participant| self.settings().details.wants(participant));
        ledger.plan.replicas_calls += count(&Participant::is_source);
    }

    async fn fetch_events(&self, piece: &Piece) -> Result<(), Miss> {
        let key = &piece.session.row.key;
        let mut pages = self.client().participant_events(key, &piece.participant_id);
        let mut events = Vec::new();
        while let Some(page) = pages.next().await? {
            events.extend(page.items);
        }
        if events.is_empty() && piece.joined {
            return Err(Miss::Empty("the service shows no events of a participant that joined"));
        }
        let participant_id = piece.participant_id.clone();
        let fetched_at = self.client().now();
        self.stage(&piece.session, &Record::Events { participant_id, fetched_at, events }).await
    }

    async fn fetch_details(&self, piece: &Piece) -> Result<(), Miss> {
        let key = &piece.session.row.key;
        let participant_id = piece.participant_id.clone();
        let details = self.client().participant(key, &participant_id).await?;
        self.stage(&piece.session, &Record::Details { participant_id, details }).await
    }

    async fn fetch_replicas(&self, piece: &Piece) -> Result<(), Miss> {
        let key = &piece.session.row.key;
        let answer =
            self.replicas().get(self.client(), &key.stage_arn, &piece.participant_id).await?;
        let (stage, id) = (&key.stage_arn, &key.session_id);
        let operation = Operation::ListParticipantReplicas;
        self.note_malformed(Some(stage), Some(id), operation, &answer.malformed);
        // The answer holds other sessions' rows too; they belong to those.
        let of_this_session =
            answer.replicas.iter().filter(|replica| replica.source_session_id == key.session_id);
        let record = Record::Replicas {
            participant_id: piece.participant_id.clone(),
            listed_at: answer.listed_at,
            replicas: of_this_session.cloned().collect(),
        };
        self.stage(&piece.session, &record).await
    }

    /// Writes down what was missed; gives what it means for the session, nothing where the crawl is ending anyway.
    fn note_miss(
        &self,
        session: &ActiveSession,
        participant: Option<&ParticipantId>,
        operation: Operation,
        miss: Miss,
    ) -> Option<SessionFailure> {
        let key = &session.row.key;
        match miss {
            Miss::Call(error) if error.kind == ErrorKind::Cancelled => None,
            Miss::Call(error) => {
                self.stop_if_fatal(&error);
                self.note_failure(Some(&key.stage_arn), Some(&key.session_id), participant, &error);
                Some(SessionFailure::from(&error))
            }
            Miss::Empty(message) => {
                self.ledger().failures.add(Failure {
                    stage_arn: Some(key.stage_arn.to_string()),
                    session_id: Some(key.session_id.to_string()),
                    participant_id: participant.map(ToString::to_string),
                    operation: Some(operation.name().to_owned()),
                    code: EMPTY.to_owned(),
                    message: message.to_owned(),
                    hint: Some("it is asked for again in the next runs".to_owned()),
                    n: 1,
                });
                Some(SessionFailure {
                    error: format!("{EMPTY}: {message}"),
                    counts: true,
                    is_empty_answer: true,
                })
            }
            Miss::Lake(error) => {
                self.stop(Stop::Lake, Some(error));
                None
            }
        }
    }

    /// Acts on a session that has come to an end: whole ones go to the writer, failed ones are written down.
    async fn conclude(&self, session: &ActiveSession) {
        match session.standing() {
            Standing::Underway => {}
            Standing::Whole if self.settings().dry_run => {}
            Standing::Whole => {
                let row = complete_row(&session.row, &self.staging().index(&session.row.key));
                self.ledger().left.waiting -= 1;
                self.progress().add(Count::SessionsFetched, 1);
                let message = self.whole_or_shrunk(row);
                self.send(message).await;
            }
            Standing::Failed { failure, progressed } => {
                self.progress().add(Count::SessionsFetched, 1);
                self.ledger().left.waiting -= 1;
                self.conclude_failed(session, failure, progressed).await;
            }
        }
    }
}

/// Sessions that were done before and went on.
impl Crawl {
    /// An answer that holds less than the lake never takes the place of what is there; only the end becomes known.
    fn whole_or_shrunk(&self, row: SessionRow) -> ToWriter {
        let Some(known) = self.known(&row.key).filter(|known| known.holds_more_than(&row)) else {
            return ToWriter::Whole(row);
        };
        let (participants_n, events_n) = known.rows_n;
        self.note_shrunk(
            &row.key,
            format!(
                "{} participants and {} events answered, {participants_n} and {events_n} are in the lake",
                row.participants_n.unwrap_or(0),
                row.events_n.unwrap_or(0)
            ),
        );
        ToWriter::Shrunk(known.ended(row))
    }

    fn note_shrunk(&self, key: &SessionKey, message: String) {
        self.ledger().failures.add(Failure {
            stage_arn: Some(key.stage_arn.to_string()),
            session_id: Some(key.session_id.to_string()),
            participant_id: None,
            operation: None,
            code: SHRUNK.to_owned(),
            message,
            hint: Some("the longer answer stays".to_owned()),
            n: 1,
        });
    }
}

/// The row that `sessions` gets for a session that is staged whole.
pub(super) fn complete_row(row: &SessionRow, staged: &StagedSession) -> SessionRow {
    let listing = staged.listing();
    let count = |n: usize| Some(i64::try_from(n).unwrap_or(i64::MAX));
    SessionRow {
        collection: Collection::Complete,
        end_time: listing.and_then(|listing| listing.end_time).or(row.end_time),
        as_of: listing.map(|listing| listing.as_of),
        participants_n: count(listing.map_or(0, |listing| listing.participants_n)),
        events_n: count(staged.listed().filter_map(|id| staged.events_n(id)).sum()),
        failing_since: None,
        attempts_n: 0,
        last_error: None,
        ..row.clone()
    }
}

/// Whether everything of a session is staged.
pub(super) fn is_whole(staging: &SharedStaging, key: &SessionKey) -> Result<bool, LakeError> {
    let staged = staging.index(key);
    let Some(listing) = staged.listing() else { return Ok(false) };
    if !staged.listed().all(|id| staged.events_n(id).is_some()) {
        return Ok(false);
    }
    let mut view = staging.view(key)?;
    let participants = view.as_mut().map(SessionView::listing).transpose()?.flatten();
    Ok(participants.unwrap_or_default().iter().all(|participant| {
        let id = &participant.participant_id;
        (!listing.details.wants(participant) || staged.has_details(id))
            && (!participant.is_source() || staged.has_replicas(id))
    }))
}
