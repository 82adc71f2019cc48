//! `verify --sample`: what is in the lake is held against the service, and each difference is named.

use serde_json::{Value, json};

use crate::support::{Ran, TestBed, asked, text};

fn sample(bed: &TestBed, n: &str, args: &[&str]) -> Ran {
    let url = bed.server.endpoint_url();
    let fixed = ["verify", "--lake", "lake", "--endpoint-url", &url, "--tps", "0", "--json"];
    bed.server.forget_calls();
    bed.ivsight(&[&fixed[..], &["--sample", n], args].concat())
}

/// A complete session of the simulator with someone who joined: stage, session, participant.
fn someone(bed: &TestBed) -> (String, String, String) {
    let settled = bed.settled();
    let (stage, session) = settled.complete().max_by_key(|it| it.1.participants.len()).unwrap();
    let joined = session.participants.iter().find(|it| it.first_join_time.is_some()).unwrap();
    let own = |text: &str| text.to_owned();
    (own(stage.arn()), own(session.id().unwrap()), own(joined.id().unwrap()))
}

#[test]
fn what_was_collected_is_what_the_service_says() {
    let bed = TestBed::few();
    bed.collect(&["--details", "all"]).exits(0);
    let before = bed.lake().commits("sessions").len();
    let sampled = sample(&bed, "100", &["--seed", "1"]).exits(0).json();
    let settled = bed.settled();
    assert_eq!(sampled["sessions"], settled.complete().count());
    assert_eq!(sampled["same"], sampled["sessions"]);
    assert_eq!(sampled["participants"], settled.participants().len());
    assert_eq!(sampled["events"], settled.events().len());
    assert_eq!(sampled["replicas"], settled.replicas().len());
    assert_eq!(sampled["differences"], json!([]));
    let calls = bed.server.calls();
    assert_eq!(asked(&calls, "GetParticipant").count(), settled.participants().len());
    assert_eq!(bed.lake().commits("sessions").len(), before, "nothing is written");
}

#[test]
fn the_same_seed_chooses_the_same_sessions() {
    let bed = TestBed::of(ivsight::sim::Scenario::Small);
    bed.collect(&[]).exits(0);
    let chosen = |seed: &str| {
        let sampled = sample(&bed, "2", &["--seed", seed]).exits(0).json();
        assert_eq!(sampled["sessions"], 2);
        let mut ids: Vec<String> = asked(&bed.server.calls(), "ListParticipants")
            .map(|call| call.session_id.clone())
            .collect();
        ids.sort();
        ids
    };
    let first = chosen("1");
    assert_eq!(chosen("1"), first);
    assert!((2..9).any(|seed| chosen(&seed.to_string()) != first), "the seed counts");
}

#[test]
fn each_difference_is_named() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let (arn, session_id, id) = someone(&bed);
    bed.server.edit(|world| {
        let session = world.session_mut(&arn, &session_id).unwrap();
        session.participants.find_mut(&id).unwrap().user_id = Some("somebody else".to_owned());
        session.edit_life(&id, |life| drop(life.events.pop())).unwrap();
        let newcomer = ivsight::sim::world::Participant::new(Some("newcomer"));
        session.participants.insert(newcomer);
    });
    let ran = sample(&bed, "100", &[]).exits(1);
    let sampled = ran.json();
    assert_eq!((&sampled["different"], &sampled["gone"]), (&json!(1), &json!(0)));
    let differences = sampled["differences"].as_array().unwrap();
    assert!(
        differences.iter().all(|it| it["session_id"] == *session_id && it["stage_arn"] == *arn)
    );
    let find = |person: &str, table: &str| -> Vec<String> {
        let found =
            differences.iter().filter(|it| it["participant_id"] == person && it["table"] == table);
        found.map(|it| text(&it["message"])).collect()
    };
    let [user] = &find(&id, "participants")[..] else { panic!("{differences:#?}") };
    assert!(user.starts_with("`user_id` is ") && user.contains("`somebody else`"), "{user}");
    let [event] = &find(&id, "events")[..] else { panic!("{differences:#?}") };
    assert!(event.starts_with("in the lake alone: event_time `2026-"), "{event}");
    let [newcomer] = &find("newcomer", "participants")[..] else { panic!("{differences:#?}") };
    assert!(newcomer.contains("the lake does not hold"), "{newcomer}");
    assert_eq!(differences.len(), 3);

    bed.server.edit(|world| {
        world.session_mut(&arn, &session_id).unwrap().participants.remove(&id).unwrap();
    });
    let sampled = sample(&bed, "100", &[]).exits(1).json();
    let missing =
        |it: &Value| it["participant_id"] == *id && text(&it["message"]).contains("no longer");
    assert!(sampled["differences"].as_array().unwrap().iter().any(missing), "{sampled:#}");
}

#[test]
fn what_the_service_has_forgotten_is_no_difference() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    let (arn, session_id, _) = someone(&bed);
    let complete_n = bed.settled().complete().count();
    bed.server.edit(|world| world.stage_mut(&arn).unwrap().sessions.remove(&session_id)).unwrap();
    let sampled = sample(&bed, "100", &[]).exits(0).json();
    assert_eq!((&sampled["gone"], &sampled["same"]), (&json!(1), &json!(complete_n - 1)));
    // Nor is what the lake itself has let go.
    bed.ivsight(&["prune", "--lake", "lake", "--before", "2027-01-01", "--yes"]).exits(0);
    assert_eq!(sample(&bed, "100", &[]).exits(0).json()["sessions"], 0);
}

#[test]
fn what_could_not_be_asked_for_is_told_apart() {
    let bed = TestBed::few();
    bed.collect(&[]).exits(0);
    bed.set_faults("deny=ListParticipantEvents");
    let sampled = sample(&bed, "2", &[]).exits(3).json();
    assert_eq!((&sampled["failed"], &sampled["different"]), (&json!(2), &json!(0)));
    let failures = sampled["failures"].as_array().unwrap();
    assert!(failures.iter().all(|it| it["code"] == "AccessDeniedException"), "{failures:#?}");
    let url = bed.server.endpoint_url();
    let nowhere = ["verify", "--lake", "nowhere", "--sample", "2", "--endpoint-url", &url];
    bed.ivsight(&nowhere).exits(1).says(&["there is no lake"]);
    bed.ivsight(&["verify", "--lake", "lake", "--seed", "2"]).exits(2);
}
