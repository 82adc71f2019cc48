//! From what is asked to a changed world. The answers say nothing: all that they carry is in their heads.

use chrono::TimeDelta;
use serde_json::json;

use super::answer::not_found;
use super::{Answer, Operation, Refusal, Request};
use crate::model::Timestamp;
use crate::sim::World;
use crate::sim::world::{Objection, Route, Stage};

/// Carries out a request that changes the world.
pub(in crate::sim) fn change(
    world: &mut World,
    is_gone: &dyn Fn(&Stage) -> bool,
    request: &Request,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    for arn in [&request.stage_arn, &request.destination_stage_arn] {
        let found = world.stages.find(arn).filter(|stage| !is_gone(stage));
        found.ok_or_else(|| not_found("stage", arn))?;
    }
    let route = Route {
        source_stage_arn: &request.stage_arn,
        destination_stage_arn: &request.destination_stage_arn,
        participant_id: &request.participant_id,
    };
    let done = if request.operation == Operation::StopParticipantReplication {
        world.stop_replication(route, now)
    } else {
        let window = TimeDelta::seconds(request.reconnect_window_seconds);
        world.start_replication(route, window, &request.attributes, now)
    };
    done.map_err(|objection| match objection {
        Objection::Missing(missing) => not_found(missing.noun, &missing.id),
        Objection::Conflict(reason) => Refusal::Conflict(reason),
        Objection::Quota(reason) => Refusal::QuotaExceeded(reason),
    })?;
    Ok(Answer::Whole(json!({})))
}
