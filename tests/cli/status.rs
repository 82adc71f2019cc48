//! `ivsight status`: the counts against the truth, and the check of the age.

use serde_json::Value;

use crate::support::{Fate, TestBed};

fn status(bed: &TestBed, args: &[&str], code: i32) -> Value {
    bed.ivsight(&[&["status", "--lake", "lake", "--json"], args].concat()).exits(code).json()
}

#[test]
fn the_status_counts_what_is_there_and_what_is_not() {
    let bed = TestBed::few();
    let gone_wrong = bed.server.truth().stages.iter().next().unwrap().arn().to_owned();
    bed.set_faults("deny=GetParticipant");
    bed.collect(&["--stage", &gone_wrong]).exits(3);
    let settled = bed.settled();
    let all = settled.all().count();

    let before = status(&bed, &[], 0);
    assert_eq!(before["sessions"]["complete"], 0, "{before:#}");
    let scope = &before["scopes"][0];
    assert!(scope["staged"]["sessions"].as_u64().unwrap() > 0, "{scope:#}");
    assert_eq!(scope["last_run"]["status"], "partial");
    assert_eq!(scope["failed"].as_array().unwrap().len(), 1, "{scope:#}");
    assert!(before["sessions"]["gaps"].as_u64().unwrap() > 0);

    bed.set_faults("");
    bed.collect(&[]).exits(0);
    let after = status(&bed, &[], 0);
    let sessions = &after["sessions"];
    assert_eq!(sessions["complete"], settled.count(Fate::Complete));
    assert_eq!(sessions["listed"], all - settled.count(Fate::Complete));
    assert_eq!(sessions["events"], settled.events().len());
    assert_eq!(sessions["participants"], settled.participants().len());
    let scope = &after["scopes"][0];
    assert_eq!(scope["staged"]["bytes"], 0, "{scope:#}");
    assert_eq!(scope["failed"].as_array().unwrap().len(), 0);
    for table in scope["tables"].as_array().unwrap() {
        let name = table["table"].as_str().unwrap();
        assert_eq!(table["rows"], bed.lake().rows(name).len(), "{name}");
    }
    let stages = scope["stages"].as_array().unwrap();
    assert_eq!(stages.len(), settled.truth.stages.len());

    let one = status(&bed, &["--stage", &gone_wrong], 0);
    assert_eq!(one["scopes"][0]["stages"].as_array().unwrap().len(), 1);
    assert_eq!(one["sessions"]["complete"], 1);
    let text = bed.ivsight(&["status", "--lake", "lake"]).exits(0).text();
    assert!(text.contains("last run: complete at "), "{text}");
}

#[test]
fn a_check_exits_3_when_the_last_run_is_too_old_or_was_none() {
    let bed = TestBed::few();
    bed.ivsight(&["status", "--lake", "lake"]).exits(1).says(&["there is no lake"]);
    bed.collect(&[]).exits(0);
    // The service's clock is that of the simulated world, days behind ours.
    status(&bed, &["--check", "1h"], 3);
    status(&bed, &["--check", "4000w"], 0);
    bed.ivsight(&["status", "--lake", "lake", "--check", "soon"]).exits(2).says(&["`soon`"]);
}
