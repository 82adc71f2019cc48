//! Worlds that are large rather than varied.

use chrono::{DurationRound, TimeDelta};
use rand::RngExt;

use super::{add_stage, stage_occasion};
use crate::model::Timestamp;
use crate::sim::behaviour::{Habits, Plan};
use crate::sim::draw::{self, Dice};
use crate::sim::world::World;

/// Forty shows of the day before yesterday with 500 people each: three hosts whom all watch, so that everyone has
/// about 8 events.
pub(super) fn busy(world: &mut World) {
    let mut dice = draw::dice(world.seed, &["busy"]);
    let day = midnight(world.now) - TimeDelta::days(2);
    for number in 0..8 {
        let arn = add_stage(world, &format!("arena-{}", number + 1), &mut dice);
        for slot in 0..5 {
            let plan = Plan {
                stage_arn: arn.clone(),
                opens: day + TimeDelta::seconds(slot * 16_200 + dice.random_range(0..3_600)),
                seconds: dice.random_range(3_600..9_000),
                hosts: 3,
                viewers: 497,
                habits: Habits {
                    rejoin: 0.05,
                    lost_left: 0.01,
                    lost_stop: 0.01,
                    ..Habits::DEVOTED
                },
                ..Plan::default()
            };
            stage_occasion(world, vec![plan], &[], &mut dice);
        }
    }
}

/// One session of 12 publishers, 7 of whom publish twice: 19 publications, which all 25,000 people watch if they are
/// not their own. With JOINED and LEFT that makes 40 events each, 1,000,000 together.
pub(super) fn huge(world: &mut World) {
    let mut dice = draw::dice(world.seed, &["huge"]);
    final_match(world, "world-finals", &mut dice);
}

/// Ten stages with such a session each, all at the same time.
pub(super) fn season(world: &mut World) {
    let mut dice = draw::dice(world.seed, &["season"]);
    for number in 1..=10 {
        final_match(world, &format!("finals-{number}"), &mut dice);
    }
}

fn final_match(world: &mut World, name: &str, dice: &mut Dice) {
    let plan = Plan {
        stage_arn: add_stage(world, name, dice),
        opens: midnight(world.now) - TimeDelta::hours(30),
        seconds: 10_800,
        hosts: 5,
        restless: 7,
        viewers: 24_988,
        habits: Habits::DEVOTED,
        ..Plan::default()
    };
    stage_occasion(world, vec![plan], &[], dice);
}

fn midnight(now: Timestamp) -> Timestamp {
    now.duration_trunc(TimeDelta::days(1)).unwrap_or(now)
}
