//! Writing down what failed.

use super::crawl::Crawl;
use super::failures::MALFORMED;
use super::summary::Failure;
use crate::api::{CallError, Malformed, Operation};
use crate::model::{ParticipantId, SessionId, StageArn};

impl Crawl {
    /// A call failed.
    pub(super) fn note_failure(
        &self,
        stage: Option<&StageArn>,
        session: Option<&SessionId>,
        participant: Option<&ParticipantId>,
        error: &CallError,
    ) {
        self.ledger().failures.add(Failure {
            stage_arn: stage.map(ToString::to_string),
            session_id: session.map(ToString::to_string),
            participant_id: participant.map(ToString::to_string),
            operation: Some(error.operation.name().to_owned()),
            code: error.code.clone(),
            message: error.message.clone(),
            hint: error.hint(),
            n: 1,
        });
    }

    /// The service gave something that no row can be made of.
    pub(super) fn note_malformed(
        &self,
        stage: Option<&StageArn>,
        session: Option<&SessionId>,
        operation: Operation,
        malformed: &[Malformed],
    ) {
        let mut ledger = self.ledger();
        for malformed in malformed {
            ledger.failures.add(malformed_failure(
                stage,
                session,
                operation,
                malformed.to_string(),
            ));
        }
    }

    pub(super) fn note_foreign_stage(&self, arn: &StageArn) {
        let message = "the stage belongs to another account or region".to_owned();
        let failure = malformed_failure(Some(arn), None, Operation::ListStages, message);
        self.ledger().failures.add(failure);
    }

    pub(super) fn note_without_times(&self, stage: &StageArn, session: &SessionId) {
        let message = "the session has neither start nor end".to_owned();
        let operation = Operation::ListStageSessions;
        let failure = malformed_failure(Some(stage), Some(session), operation, message);
        self.ledger().failures.add(failure);
    }
}

fn malformed_failure(
    stage: Option<&StageArn>,
    session: Option<&SessionId>,
    operation: Operation,
    message: String,
) -> Failure {
    Failure {
        stage_arn: stage.map(ToString::to_string),
        session_id: session.map(ToString::to_string),
        participant_id: None,
        operation: Some(operation.name().to_owned()),
        code: MALFORMED.to_owned(),
        message,
        hint: None,
        n: 1,
    }
}
