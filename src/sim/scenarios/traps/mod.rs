//! Every odd shape that the service may give: the cases that naive readers of events get wrong, written
//! down by hand, so that each can be found again by the id of its participant or session.

mod case;
mod oddities;
mod replication;
mod sequences;
mod texts;

use chrono::{DurationRound, TimeDelta};

use super::World;
use crate::model::Timestamp;
use crate::sim::world::{Participant, Session, Stage};

/// Fills the world with all that is odd and legal.
pub(super) fn fill(world: &mut World) {
    let base = world.now.duration_trunc(TimeDelta::days(1)).unwrap_or(world.now)
        - TimeDelta::days(4)
        + TimeDelta::hours(12);
    sequences::fill(world, base);
    oddities::fill(world, base);
    replication::fill(world, base);
    texts::fill(world, base);
}

/// Adds what breaks the service's own model.
pub(super) fn malform(world: &mut World) {
    let base =
        world.now.duration_trunc(TimeDelta::days(1)).unwrap_or(world.now) - TimeDelta::days(3);
    world.stages.insert(Stage::new("arn:aws:ivs:not-a-stage", Some("malformed-arn")));
    let foreign = format!("arn:aws:ivs:{}:999988887777:stage/Foreign1", world.region);
    world.stages.insert(Stage::new(&foreign, Some("foreign-account")));
    let mut stage = Stage::new(&world.arn("stage/Malformed1"), Some("malformed-items"));
    let mut whole = session("malformed", base, 600);
    whole
        .participants
        .extend([case::Case::new(base, "wellFormed").there(0, 500).done(), Participant::new(None)]);
    stage.sessions.insert(whole);
    stage.sessions.insert(Session::new(None, Some(base), Some(base + TimeDelta::seconds(60))));
    world.stages.insert(stage);
}

/// The id of a session: 16 characters that say what it is for.
fn session_id(word: &str) -> String {
    format!("st-{word:x<13}")
}

/// A session that began shortly before its first second and has ended.
fn session(word: &str, base: Timestamp, seconds: i64) -> Session {
    let start = base - TimeDelta::milliseconds(398);
    Session::new(Some(&session_id(word)), Some(start), Some(base + TimeDelta::seconds(seconds)))
}
