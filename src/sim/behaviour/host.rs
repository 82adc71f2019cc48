//! People who publish: hosts, hosts who take a break, and viewers who are brought up on stage.

use chrono::TimeDelta;
use rand::RngExt;

use super::story::Story;
use super::{Incident, Scene, later};
use crate::model::{EventName, IntervalKind, TextMap, Timestamp};
use crate::sim::draw::{self, Dice};
use crate::sim::world::{Event, Stay, TokenState};

/// Why someone publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Runs the session.
    Host,
    /// Runs it, and stops and starts publishing once.
    Restless,
    /// Came to watch; a new token lets them publish.
    Guest,
}

/// Whom the story is about.
pub(super) struct Publisher<'a> {
    pub(super) role: Role,
    /// The first one is there from the first second on, and never fails for good.
    pub(super) first: bool,
    pub(super) user_id: &'a str,
    pub(super) attributes: &'a TextMap,
    /// What goes wrong for them.
    pub(super) incident: Option<&'a Incident>,
}

/// What a publisher does, up to whom they watch.
pub(super) fn perform(publisher: &Publisher<'_>, scene: &Scene, dice: &mut Dice) -> Story {
    let mut story = Story::new(&scene.habits);
    match publisher.role {
        Role::Host => host(publisher, scene, &mut story, dice),
        Role::Restless => restless(scene, &mut story, dice),
        Role::Guest => guest(publisher, scene, &mut story, dice),
    }
    story
}

fn host(publisher: &Publisher<'_>, scene: &Scene, story: &mut Story, dice: &mut Dice) {
    let length = scene.seconds();
    let from = if publisher.first { 1 } else { dice.random_range(1..=(length / 8).clamp(2, 90)) };
    let leaves_early = !publisher.first && draw::chance(dice, 0.3);
    let to = if leaves_early { length - length / 10 } else { length };
    let pause = dice.random_range(4..=45);
    let middle = length * dice.random_range(30..70) / 100;
    let interrupted = length > 300 && draw::chance(dice, scene.habits.rejoin);
    let visits =
        if interrupted { vec![(from, middle), (middle + pause, to)] } else { vec![(from, to)] };
    for (number, (from, to)) in visits.into_iter().enumerate() {
        let ended = !(scene.live && to >= length);
        let (from, to) = (later(scene.from, from), ended.then(|| later(scene.from, to)));
        story.stay(Stay::new(IntervalKind::Presence, from, to));
        let Some(begin) = attempts(publisher, number, from, story, dice) else { return };
        story.stay(Stay::new(IntervalKind::Publish, begin, publish_end(to, dice)));
    }
}

/// The failed attempts to publish, and when one succeeded; `None` where the publisher gave up.
fn attempts(
    publisher: &Publisher<'_>,
    visit: usize,
    from: Timestamp,
    story: &mut Story,
    dice: &mut Dice,
) -> Option<Timestamp> {
    let mut time = later(from, dice.random_range(0..=2));
    let Some(incident) = publisher.incident.filter(|_| visit == 0) else { return Some(time) };
    for _ in 0..dice.random_range(1..=4) {
        story.moment(Event {
            replica: Some(false),
            ..Event::error(incident.name.clone(), incident.code.clone(), time)
        });
        time = later(time, dice.random_range(2..=12));
    }
    let gave_up = !publisher.first && draw::chance(dice, 0.4);
    (!gave_up).then_some(time)
}

/// Most stop by leaving, in the same second; some switch the camera off first.
fn publish_end(to: Option<Timestamp>, dice: &mut Dice) -> Option<Timestamp> {
    let before = if draw::chance(dice, 0.7) { 0 } else { dice.random_range(1..=20) };
    to.map(|to| later(to, -before))
}

fn restless(scene: &Scene, story: &mut Story, dice: &mut Dice) {
    let length = scene.seconds();
    let close = |second| (!scene.live || second < length).then(|| later(scene.from, second));
    let from = later(scene.from, dice.random_range(1..=4));
    let pause = length / 2 - dice.random_range(0..=length / 10);
    story.stay(Stay::new(IntervalKind::Presence, from, close(length)));
    story.stay(Stay::new(IntervalKind::Publish, later(from, 1), close(pause)));
    let back = later(scene.from, pause + dice.random_range(10..=40));
    story.stay(Stay::new(IntervalKind::Publish, back, close(length)));
}

fn guest(publisher: &Publisher<'_>, scene: &Scene, story: &mut Story, dice: &mut Dice) {
    let length = scene.seconds();
    let from = later(scene.from, dice.random_range(1..=(length / 3).max(1)));
    let promoted = later(from, dice.random_range(5..=(length / 6).max(6)));
    let demoted = later(promoted, dice.random_range(20..=(length / 3).max(21)));
    let end = later(scene.from, length);
    story.stay(Stay::new(IntervalKind::Presence, from, (!scene.live).then_some(end)));
    // Some room before the end, so that an exchange never slips behind LEFT.
    if later(demoted, 5) >= end {
        return;
    }
    let (watcher, speaker) = (token(publisher, false, from), token(publisher, true, from));
    story.stay(Stay::new(IntervalKind::Publish, later(promoted, 1), Some(demoted)));
    story.moment(exchange(promoted, watcher.clone(), speaker.clone()));
    // Without the capability the service stops the publication in the same second.
    story.moment(exchange(demoted, speaker, watcher));
}

fn exchange(time: Timestamp, previous: TokenState, new: TokenState) -> Event {
    Event {
        exchange: Some(Box::new((previous, new))),
        ..Event::new(EventName::TokenExchanged, time)
    }
}

fn token(publisher: &Publisher<'_>, speaks: bool, issued: Timestamp) -> TokenState {
    let mut attributes = publisher.attributes.clone();
    let role = if speaks { "speaker" } else { "viewer" };
    attributes.insert("role".to_owned(), role.to_owned());
    let capabilities: &[&str] = if speaks { &["PUBLISH", "SUBSCRIBE"] } else { &["SUBSCRIBE"] };
    TokenState {
        capabilities: Some(capabilities.iter().map(|&text| text.to_owned()).collect()),
        attributes: Some(attributes),
        user_id: Some(publisher.user_id.to_owned()),
        expiration_time: Some(issued + TimeDelta::hours(12)),
    }
}
