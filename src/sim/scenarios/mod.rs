//! The worlds that can be asked for by name.

mod crowd;
mod product;
mod traps;

use rand::RngExt;

use super::behaviour::{Plan, Production};
use super::config::{Config, Scenario};
use super::draw::{self, Dice};
use super::world::{Stage, World};

/// Makes the world of a scenario.
pub(super) fn generate(config: &Config) -> World {
    let mut world = World::empty(config);
    match config.scenario {
        Scenario::Demo => product::fill(&mut world, &product::DEMO),
        Scenario::Small => product::fill(&mut world, &product::SMALL),
        Scenario::Clean => product::fill(&mut world, &product::CLEAN),
        Scenario::Week => product::fill(&mut world, &product::WEEK),
        Scenario::Busy => crowd::busy(&mut world),
        Scenario::Day => product::fill_day(&mut world, &product::DAY),
        Scenario::Huge => crowd::huge(&mut world),
        Scenario::Season => crowd::season(&mut world),
        Scenario::Traps => traps::fill(&mut world),
        Scenario::Malformed => {
            product::fill(&mut world, &product::SMALL);
            traps::malform(&mut world);
        }
        Scenario::Empty => {}
    }
    world
}

/// A stage with an id of its own, put into the world. Returns its ARN.
fn add_stage(world: &mut World, name: &str, dice: &mut Dice) -> String {
    let arn = world.arn(&format!("stage/{}", draw::alphanumeric(dice, 12)));
    world.stages.insert(Stage::new(&arn, Some(name)));
    arn
}

/// Lets sessions happen at the same time; each pair of `replications` is a source and a destination, of which the
/// source's publisher of that number is replicated.
fn stage_occasion(
    world: &mut World,
    plans: Vec<Plan>,
    replications: &[(usize, usize, usize)],
    dice: &mut Dice,
) {
    let mut production = Production::new(draw::dice_of(dice.random()));
    for plan in plans {
        production.open(plan);
    }
    for &(from, publisher, to) in replications {
        production.replicate(from, publisher, to);
    }
    let (sessions, replicas) = production.finish();
    for (stage_arn, session) in sessions {
        if let Some(stage) = world.stages.find_mut(&stage_arn) {
            stage.sessions.insert(session);
        }
    }
    world.replicas.extend(replicas);
}

#[cfg(test)]
mod tests;
