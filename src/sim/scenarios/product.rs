//! A product with live shows: what newcomers see, and what reports are tried on.

use chrono::{DurationRound, TimeDelta};
use rand::RngExt;

use super::{add_stage, stage_occasion};
use crate::model::{ErrorCode, EventName, Timestamp};
use crate::sim::behaviour::{Habits, Incident, Ingest, Plan};
use crate::sim::draw::{self, Dice};
use crate::sim::world::World;

/// How large a product is, and how it behaves.
pub(super) struct Product {
    /// How many of [`SHOWS`] it has; past their end they come again under a number.
    shows_n: usize,
    /// How many days back the first show was.
    days: i64,
    /// On how many days of seven each show is on.
    days_on: usize,
    /// How many times a day.
    times_a_day: i64,
    /// Viewers, as a factor on those of the show.
    crowd: f64,
    habits: Habits,
    /// Every how manieth session something goes wrong, each error code in turn; 0 for never.
    incident_every: usize,
    /// All sessions ended at least this long ago, except a live one.
    ended_hours: i64,
    /// One show is on the air now.
    live: bool,
}

/// About 60 sessions and 1,500 participants in 7 days.
pub(super) const DEMO: Product = Product {
    shows_n: 12,
    days: 7,
    days_on: 5,
    times_a_day: 1,
    crowd: 0.9,
    habits: Habits::ORDINARY,
    incident_every: 2,
    ended_hours: 1,
    live: true,
};
/// A few sessions in 3 days.
pub(super) const SMALL: Product =
    Product { shows_n: 3, days: 3, crowd: 0.15, incident_every: 1, live: false, ..DEMO };
/// Nothing odd.
pub(super) const CLEAN: Product = Product {
    shows_n: 6,
    crowd: 0.5,
    habits: Habits::CLEAN,
    incident_every: 0,
    ended_hours: 26,
    live: false,
    ..DEMO
};
/// About 400 sessions and 15,000 participants in 7 days.
pub(super) const WEEK: Product =
    Product { shows_n: 30, days_on: 7, times_a_day: 2, crowd: 1.4, ..DEMO };

/// 240 sessions on the day that is asked for.
pub(super) const DAY: Product =
    Product { shows_n: 120, days_on: 7, times_a_day: 2, crowd: 8.0, live: false, ..DEMO };

/// A show that comes again and again on a stage of its own.
struct Show {
    name: &'static str,
    team: &'static str,
    /// The hour of the day it begins at, UTC.
    hour: i64,
    minutes: i64,
    hosts: usize,
    guests: usize,
    viewers: usize,
    media: Media,
    /// Recorded to a bucket.
    recorded: bool,
    /// Its first host is replicated to the stage of the next show, and that one's first host to this one.
    versus_next: bool,
}

#[derive(Clone, Copy)]
enum Media {
    Sdk,
    Whip,
    Rtmps,
    Redundant,
}

const TALK: Show = Show {
    name: "",
    team: "community",
    hour: 18,
    minutes: 45,
    hosts: 2,
    guests: 1,
    viewers: 20,
    media: Media::Sdk,
    recorded: false,
    versus_next: false,
};

/// The first two are a pair: each show that is replicated stands right before its opponent.
const SHOWS: [Show; 12] = [
    Show {
        name: "battle-arena-red",
        team: "games",
        hour: 19,
        minutes: 50,
        viewers: 42,
        versus_next: true,
        ..TALK
    },
    Show { name: "battle-arena-blue", team: "games", hour: 19, minutes: 50, viewers: 38, ..TALK },
    Show {
        name: "friday-night-live",
        team: "originals",
        hour: 20,
        minutes: 90,
        hosts: 3,
        guests: 2,
        viewers: 68,
        recorded: true,
        ..TALK
    },
    Show { name: "morning-coffee-talk", hour: 7, minutes: 40, viewers: 16, ..TALK },
    Show {
        name: "watch-party-lounge",
        team: "games",
        hour: 21,
        minutes: 75,
        hosts: 1,
        guests: 0,
        viewers: 30,
        media: Media::Whip,
        ..TALK
    },
    Show {
        name: "studio-a-main",
        team: "originals",
        hour: 16,
        minutes: 120,
        hosts: 1,
        guests: 0,
        viewers: 34,
        media: Media::Redundant,
        recorded: true,
        ..TALK
    },
    Show {
        name: "auction-house",
        team: "commerce",
        hour: 14,
        minutes: 60,
        viewers: 24,
        guests: 2,
        media: Media::Rtmps,
        recorded: true,
        ..TALK
    },
    Show { name: "karaoke-room", hour: 22, minutes: 80, hosts: 4, viewers: 12, ..TALK },
    Show {
        name: "language-exchange",
        hour: 11,
        minutes: 30,
        hosts: 5,
        guests: 0,
        viewers: 4,
        ..TALK
    },
    Show {
        name: "support-desk",
        team: "commerce",
        hour: 9,
        minutes: 15,
        hosts: 2,
        guests: 0,
        viewers: 0,
        ..TALK
    },
    Show {
        name: "fitness-at-six",
        hour: 6,
        minutes: 45,
        hosts: 1,
        guests: 0,
        viewers: 26,
        recorded: true,
        ..TALK
    },
    Show { name: "code-review-hour", hour: 15, minutes: 60, hosts: 3, viewers: 9, ..TALK },
];

/// Each code where it belongs, in the order in which the sessions meet them.
const INCIDENTS: [(EventName, ErrorCode); 20] = [
    (EventName::PublishError, ErrorCode::BitrateExceeded),
    (EventName::SubscribeError, ErrorCode::PublisherNotFound),
    (EventName::JoinError, ErrorCode::QuotaExceeded),
    (EventName::PublishError, ErrorCode::InsufficientCapabilities),
    (EventName::PublishError, ErrorCode::BFramePresent),
    (EventName::SubscribeError, ErrorCode::QuotaExceeded),
    (EventName::PublishError, ErrorCode::ResolutionExceeded),
    (EventName::PublishError, ErrorCode::InvalidStreamKey),
    (EventName::JoinError, ErrorCode::InternalServerException),
    (EventName::PublishError, ErrorCode::InvalidProtocol),
    (EventName::PublishError, ErrorCode::InvalidAudioCodec),
    (EventName::SubscribeError, ErrorCode::InsufficientCapabilities),
    (EventName::PublishError, ErrorCode::InvalidVideoCodec),
    (EventName::PublishError, ErrorCode::ReuseOfStreamKey),
    (EventName::PublishError, ErrorCode::InvalidInput),
    (EventName::SubscribeError, ErrorCode::InternalServerException),
    (EventName::PublishError, ErrorCode::StreamDurationExceeded),
    (EventName::JoinError, ErrorCode::InsufficientCapabilities),
    (EventName::PublishError, ErrorCode::InternalServerException),
    (EventName::PublishError, ErrorCode::QuotaExceeded),
];

/// A show with the stage that it is on.
struct Programme {
    show: &'static Show,
    stage_arn: String,
    bucket: Option<String>,
    ingest: Ingest,
}

/// Fills the world with the sessions of a product.
pub(super) fn fill(world: &mut World, product: &Product) {
    let mut dice = draw::dice(world.seed, &["product"]);
    let programmes: Vec<Programme> =
        (0..product.shows_n).map(|number| programme(world, number, &mut dice)).collect();
    let mut sessions_n = 0;
    for day in (0..product.days).rev() {
        for slot in 0..product.times_a_day {
            let time = Time { day, slot };
            broadcast_day(world, product, &programmes, &time, &mut sessions_n, &mut dice);
        }
    }
    if product.live {
        go_live(world, product, &programmes, &mut dice);
    }
}

/// Fills the world with one day of a product, the day before yesterday, when all of its shows are over. Its stages are those
/// of every other day.
pub(super) fn fill_day(world: &mut World, product: &Product) {
    const DAYS_AGO: i64 = 2;
    let mut dice = draw::dice(world.seed, &["product"]);
    let programmes: Vec<Programme> =
        (0..product.shows_n).map(|number| programme(world, number, &mut dice)).collect();
    let date = (world.now - TimeDelta::days(DAYS_AGO)).date_naive();
    let mut dice = draw::dice(world.seed, &["day", &date.to_string()]);
    // Not the same shows have an incident, nor the same one, on every day.
    let mut sessions_n = dice.random_range(0..INCIDENTS.len() * product.incident_every.max(1));
    for slot in 0..product.times_a_day {
        let time = Time { day: DAYS_AGO, slot };
        broadcast_day(world, product, &programmes, &time, &mut sessions_n, &mut dice);
    }
}

struct Time {
    /// Days ago.
    day: i64,
    /// The how manieth time on that day.
    slot: i64,
}

fn broadcast_day(
    world: &mut World,
    product: &Product,
    programmes: &[Programme],
    time: &Time,
    sessions_n: &mut usize,
    dice: &mut Dice,
) {
    let mut number = 0;
    while number < programmes.len() {
        let pair = programmes[number].show.versus_next && number + 1 < programmes.len();
        let width = if pair { 2 } else { 1 };
        let together = &programmes[number..number + width];
        let phase = usize::try_from(time.day).unwrap_or_default() + number;
        let opens = opening(world.now, together[0].show, time);
        let length = TimeDelta::minutes(together[0].show.minutes * 5 / 4 + 10);
        if phase % 7 < product.days_on
            && opens + length + TimeDelta::hours(product.ended_hours) < world.now
        {
            let opens = opens + TimeDelta::seconds(dice.random_range(-240..600));
            let plans = together
                .iter()
                .map(|programme| {
                    *sessions_n += 1;
                    plan(product, programme, opens, *sessions_n, dice)
                })
                .collect();
            let mutual: &[_] = if pair { &[(0, 0, 1), (1, 0, 0)] } else { &[] };
            stage_occasion(world, plans, mutual, dice);
        }
        number += width;
    }
}

fn opening(now: Timestamp, show: &Show, time: &Time) -> Timestamp {
    let today = now.duration_trunc(TimeDelta::days(1)).unwrap_or(now);
    // A second broadcast comes half a day later, so that the two never overlap.
    today - TimeDelta::days(time.day) + TimeDelta::hours(show.hour + 12 * time.slot)
}

fn programme(world: &mut World, number: usize, dice: &mut Dice) -> Programme {
    let show = &SHOWS[number % SHOWS.len()];
    let name = match number / SHOWS.len() {
        0 => show.name.to_owned(),
        round => format!("{}-{}", show.name, round + 1),
    };
    let stage_arn = add_stage(world, &name, dice);
    let configuration_arn =
        world.arn(&format!("ingest-configuration/{}", draw::alphanumeric(dice, 12)));
    let bucket = show.recorded.then(|| format!("recordings-{}", show.team));
    if let Some(stage) = world.stages.find_mut(&stage_arn) {
        stage.recording_bucket.clone_from(&bucket);
        stage.tags = [("team", show.team), ("env", "prod")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
    }
    let ingest = match show.media {
        Media::Sdk => Ingest::Sdk,
        Media::Whip => Ingest::Whip,
        Media::Rtmps => Ingest::Rtmps { configuration_arn },
        Media::Redundant => Ingest::Redundant { configuration_arn },
    };
    Programme { show, stage_arn, bucket, ingest }
}

fn plan(
    product: &Product,
    programme: &Programme,
    opens: Timestamp,
    session_n: usize,
    dice: &mut Dice,
) -> Plan {
    let show = programme.show;
    Plan {
        stage_arn: programme.stage_arn.clone(),
        bucket: programme.bucket.clone(),
        opens,
        seconds: show.minutes * dice.random_range(48..75),
        live: false,
        hosts: show.hosts,
        restless: 0,
        guests: show.guests,
        viewers: crowd(show, product, dice),
        ingest: programme.ingest.clone(),
        habits: product.habits,
        incident: incident(product, session_n),
    }
}

fn incident(product: &Product, session_n: usize) -> Option<Incident> {
    if product.incident_every == 0 || !session_n.is_multiple_of(product.incident_every) {
        return None;
    }
    let (name, code) = &INCIDENTS[session_n / product.incident_every % INCIDENTS.len()];
    Some(Incident { name: name.clone(), code: code.clone() })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a few hundred people at most"
)]
fn crowd(show: &Show, product: &Product, dice: &mut Dice) -> usize {
    (show.viewers as f64 * product.crowd * dice.random_range(0.7..1.3)).ceil() as usize
}

/// Puts the last show that is not part of a pair on the air, and the pair beside it.
fn go_live(world: &mut World, product: &Product, programmes: &[Programme], dice: &mut Dice) {
    let pair =
        programmes.iter().position(|it| it.show.versus_next).filter(|at| at + 1 < programmes.len());
    if let Some(at) = pair {
        let plans = programmes[at..at + 2]
            .iter()
            .map(|it| live_plan(world.now, product, it, 1_500, dice))
            .collect();
        stage_occasion(world, plans, &[(0, 0, 1), (1, 0, 0)], dice);
    }
    if let Some(programme) = programmes.last() {
        let plan = live_plan(world.now, product, programme, 2_400, dice);
        stage_occasion(world, vec![plan], &[], dice);
    }
}

fn live_plan(
    now: Timestamp,
    product: &Product,
    programme: &Programme,
    seconds: i64,
    dice: &mut Dice,
) -> Plan {
    let opens =
        now.duration_trunc(TimeDelta::seconds(1)).unwrap_or(now) - TimeDelta::seconds(seconds);
    Plan { live: true, seconds, incident: None, ..plan(product, programme, opens, 0, dice) }
}
