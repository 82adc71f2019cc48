//! `--check`: exit 3 where the verdict of a query is bad, 0 where it is not.

use ivsight::model::EventName;
use ivsight::sim::world::Event;
use ivsight::sim::{Config, Scenario, World};

use crate::support::TestBed;

/// A few sessions, in which someone is said to have published or not, and something happened at no time.
fn odd() -> TestBed {
    let config = Config { scenario: Scenario::Small, tps: 0.0, ..Config::default() };
    let mut world = World::generate(&config);
    for session in world.stages.iter_mut().flat_map(|stage| stage.sessions.iter_mut()) {
        for id in
            session.participants.iter().map(|it| it.id().unwrap().to_owned()).collect::<Vec<_>>()
        {
            let participant = session.participants.find_mut(&id).unwrap();
            participant.published = participant.published.map(|published| !published);
        }
        let first = session.participants.iter().next().unwrap().clone();
        let mut life = session.life(&first).into_owned();
        life.events.push(Event { name: Some(EventName::PublishStarted), ..Event::default() });
        let place = session.participants.find_mut(first.id().unwrap()).unwrap();
        *place = place.clone().with_life(life);
    }
    let bed = TestBed::serving(world, config);
    bed.collect(&[]).exits(0);
    bed
}

fn checked(bed: &TestBed, name: &str, params: &[&str], code: i32) {
    let mut args = vec![name, "--check", "-q"];
    args.extend(params.iter().flat_map(|param| ["--param", *param]));
    let ran = bed.query(&args).exits(code);
    assert!(
        ran.text().lines().count() > 1,
        "the rows are there whatever the verdict: {}",
        ran.text()
    );
    args.remove(1);
    bed.query(&args).exits(0);
}

#[test]
fn a_bad_verdict_is_an_exit_code() {
    let good = TestBed::of(Scenario::Small);
    good.collect(&[]).exits(0);
    checked(&good, "freshness", &[], 0);
    checked(&good, "reconcile", &[], 0);
    checked(&good, "anomalies", &[], 0);
    checked(&good, "slo", &["as_of=2026-11-16", "target=0.3"], 0);
    checked(&good, "slo", &["as_of=2026-11-16", "target=1"], 3);
    let bad = odd();
    checked(&bad, "reconcile", &[], 3);
    checked(&bad, "anomalies", &[], 3);
    // A session that goes on, and was last seen long ago.
    let live = TestBed::few();
    live.server.edit(|world| {
        let stage = world.stages.iter_mut().next().unwrap();
        stage.sessions.iter_mut().next().unwrap().end_time = None;
    });
    live.collect(&[]).exits(0);
    checked(&live, "freshness", &["as_of=2026-12-24"], 3);
    let none = live.query(&["error-codes", "--check"]).exits(2);
    none.says(&["the query `error-codes` has no verdict to check"]);
}
