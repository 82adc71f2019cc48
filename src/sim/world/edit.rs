//! Ways to change a world while it is served.

use super::{Life, Participant, Session, Stage, World};
use crate::model::{ParticipantState, Timestamp};

/// The world has nothing of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulated world has no {noun} `{id}`")]
pub struct NoSuchItem {
    /// Which kind of thing.
    pub noun: &'static str,
    /// Its name.
    pub id: String,
}

impl World {
    /// The stage with an ARN, to change it.
    ///
    /// # Errors
    /// [`NoSuchItem`] where there is none.
    pub fn stage_mut(&mut self, stage_arn: &str) -> Result<&mut Stage, NoSuchItem> {
        self.stages
            .find_mut(stage_arn)
            .ok_or_else(|| NoSuchItem { noun: "stage", id: stage_arn.to_owned() })
    }

    /// The session of a stage, to change it.
    ///
    /// # Errors
    /// [`NoSuchItem`] where there is none.
    pub fn session_mut(
        &mut self,
        stage_arn: &str,
        session_id: &str,
    ) -> Result<&mut Session, NoSuchItem> {
        self.stage_mut(stage_arn)?
            .sessions
            .find_mut(session_id)
            .ok_or_else(|| NoSuchItem { noun: "session", id: session_id.to_owned() })
    }
}

impl Session {
    /// Ends the session and disconnects everyone. Nobody gets a LEFT: the events stay as they are.
    pub fn end(&mut self, at: Timestamp) {
        self.end_time = Some(at);
        for participant in self.participants.iter_mut() {
            participant.state = Some(ParticipantState::Disconnected);
        }
    }

    /// Changes what happened to a participant.
    ///
    /// # Errors
    /// [`NoSuchItem`] where there is no such participant.
    pub fn edit_life(
        &mut self,
        participant_id: &str,
        edit: impl FnOnce(&mut Life),
    ) -> Result<(), NoSuchItem> {
        let missing = || NoSuchItem { noun: "participant", id: participant_id.to_owned() };
        let participant = self.participants.find(participant_id).ok_or_else(missing)?;
        let mut life = self.life(participant).into_owned();
        edit(&mut life);
        let changed = participant.clone().with_life(life);
        self.participants.insert(changed);
        Ok(())
    }

    /// Forgets the first `count` participants of the listing and returns them.
    pub fn forget_participants(&mut self, count: usize) -> Vec<Participant> {
        let ids: Vec<String> = self
            .participants
            .iter()
            .take(count)
            .map(|participant| participant.id().unwrap_or_default().to_owned())
            .collect();
        ids.iter().filter_map(|id| self.participants.remove(id)).collect()
    }
}
