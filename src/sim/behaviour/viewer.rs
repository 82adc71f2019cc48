//! People who watch. There are many, so their lives are not kept but follow from a seed.

use rand::RngExt;

use super::story::Story;
use super::{Habits, Scene, later};
use crate::model::{EventName, IntervalKind, Timestamp};
use crate::sim::draw::{self, Dice};
use crate::sim::world::{Event, Life, Stay};

/// A viewer: all that is kept of their life.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Viewer {
    /// What their life follows from.
    pub(in crate::sim) seed: u64,
    /// The session's incident hit them.
    pub(in crate::sim) struck: bool,
}

/// The life of a viewer: the same scene and the same seed always give the same one.
pub(in crate::sim) fn watch(scene: &Scene, viewer: Viewer) -> Life {
    let mut dice = draw::dice_of(viewer.seed);
    let mut story = Story::new(&scene.habits);
    let stayed_out = viewer.struck && fail(scene, &mut story, &mut dice);
    if !stayed_out {
        for (from, to) in visits(scene, &mut dice) {
            story.stay(Stay::new(IntervalKind::Presence, from, to));
        }
        story.subscribe(&scene.publications, None);
    }
    story.tell(&scene.habits, &mut dice)
}

/// Meets the incident a few times. True where the viewer never got in.
fn fail(scene: &Scene, story: &mut Story, dice: &mut Dice) -> bool {
    let Some(incident) = &scene.incident else { return false };
    let mut time = later(scene.from, dice.random_range(0..=scene.seconds().clamp(1, 240) / 4));
    for _ in 0..dice.random_range(1..=3) {
        let mut event = Event::error(incident.name.clone(), incident.code.clone(), time);
        if incident.name == EventName::SubscribeError
            && let Some(publication) = scene.publications.first()
        {
            event = event.about(&publication.participant_id, publication.replica);
        }
        story.moment(event);
        time = later(time, dice.random_range(2..=9));
    }
    incident.name == EventName::JoinError && draw::chance(dice, 0.5)
}

/// When the viewer is there: one visit, or two where the connection was lost or they came back.
fn visits(scene: &Scene, dice: &mut Dice) -> Vec<(Timestamp, Option<Timestamp>)> {
    let (from, to) = attendance(&scene.habits, scene.seconds(), dice);
    let pause = dice.random_range(1..=90_i64);
    let middle = from + (to - from) * dice.random_range(20..80) / 100;
    let interrupted = draw::chance(dice, scene.habits.rejoin) && middle + pause < to;
    let close = |second: i64| {
        let ended = !(scene.live && second >= scene.seconds());
        ended.then(|| later(scene.from, second))
    };
    if interrupted {
        let back = middle + pause;
        vec![(later(scene.from, from), close(middle)), (later(scene.from, back), close(to))]
    } else {
        vec![(later(scene.from, from), close(to))]
    }
}

/// The first and the last second of being there, counted from the start of the session.
fn attendance(habits: &Habits, seconds: i64, dice: &mut Dice) -> (i64, i64) {
    let tenth = seconds / 10;
    if habits.whole_show {
        return (
            dice.random_range(5..=tenth.max(6)),
            seconds - dice.random_range(1..=tenth.max(1)),
        );
    }
    let early = draw::chance(dice, 0.6);
    let latest = if early { seconds / 4 } else { seconds * 8 / 10 };
    let from = dice.random_range(1..=latest.max(1));
    // Most people leave soon and some stay to the end: the minimum of two draws, three times as long.
    let rest = (seconds - from).max(1);
    let span = dice.random_range(1..=rest).min(dice.random_range(1..=rest)) * 3;
    (from, (from + span.max(8)).min(seconds).max(from + 1))
}
