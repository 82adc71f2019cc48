//! Where participants are replicated to: asked once in a run for each participant of a stage, whatever the number of
//! sessions that ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use crate::api::{CallError, Client, Malformed};
use crate::model::{ParticipantId, Replica, StageArn, Timestamp};

/// One answer, shared by the sessions that ask for it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) replicas: Vec<Replica>,
    pub(super) malformed: Vec<Malformed>,
    pub(super) listed_at: Timestamp,
}

type Slot = Arc<OnceCell<Result<Arc<Answer>, CallError>>>;

/// The answers of a run.
#[derive(Debug, Default)]
pub(super) struct ReplicaCache {
    answers: Mutex<HashMap<(StageArn, ParticipantId), Slot>>,
}

impl ReplicaCache {
    /// Where a participant of a stage is replicated to; the first to ask makes the calls.
    pub(super) async fn get(
        &self,
        client: &Client,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Result<Arc<Answer>, CallError> {
        let slot = {
            let mut answers = self.answers.lock().expect("no holder panics");
            Arc::clone(answers.entry((stage.clone(), participant.clone())).or_default())
        };
        slot.get_or_init(|| list(client, stage, participant)).await.clone()
    }
}

async fn list(
    client: &Client,
    stage: &StageArn,
    participant: &ParticipantId,
) -> Result<Arc<Answer>, CallError> {
    let mut pages = client.participant_replicas(stage, participant);
    let listed_at = client.now();
    let mut answer = Answer { replicas: Vec::new(), malformed: Vec::new(), listed_at };
    while let Some(page) = pages.next().await? {
        answer.replicas.extend(page.items);
        answer.malformed.extend(page.malformed);
    }
    Ok(Arc::new(answer))
}
