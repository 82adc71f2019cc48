//! What is durable of a crawl, read from the disk of a lake that nobody is writing, and what must not be asked again.

use std::collections::BTreeSet;
use std::fs;

use ivsight::lake::staging::Staging;
use ivsight::sim::Calls;

use crate::support::{TestBed, asked, text};

const SCOPE: &str = "_inflight/111122223333/us-west-2";

/// A participant's key as the calls name it.
type Person = (String, String, String);

/// What the next run need not ask for.
#[derive(Default)]
pub(crate) struct Durable {
    /// Sessions that are done, by id.
    done: BTreeSet<String>,
    listed: BTreeSet<String>,
    events: BTreeSet<Person>,
    details: BTreeSet<Person>,
}

impl Durable {
    /// What is on the disk before a run with these arguments.
    pub(crate) fn of(bed: &TestBed, args: &[&str]) -> Self {
        let mut durable = Self::default();
        let log = bed.lake_path().join("sessions/_delta_log/00000000000000000000.json");
        if log.exists() && !args.contains(&"--refetch") {
            let rows = bed.lake().rows("sessions").into_iter();
            let done = rows.filter(|row| row["collection"] == "COMPLETE");
            durable.done = done.map(|row| text(&row["session_id"])).collect();
        }
        durable.read_staged(bed);
        durable
    }

    fn read_staged(&mut self, bed: &TestBed) {
        let folder = bed.lake_path().join(SCOPE);
        let copy = tempfile::tempdir().unwrap();
        if !folder.exists() {
            return;
        }
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        // A publication that was begun is finished first, and then fetched again if that is what is asked for.
        let is_begun = copy.path().join("publication.arrows").exists();
        let (staging, _) = Staging::open(copy.path()).unwrap();
        for (key, session) in staging.sessions() {
            let is_whole = session.listing().is_some()
                && session.listed().all(|id| session.events_n(id).is_some());
            let id = key.session_id.to_string();
            // What is staged whole is published first, so that `--refetch` finds it done, and begins anew.
            if is_begun || is_whole {
                continue;
            }
            self.done.remove(&id);
            if session.listing().is_some() {
                self.listed.insert(id.clone());
            }
            for person in session.participants() {
                let key = (key.stage_arn.to_string(), id.clone(), person.to_string());
                if session.events_n(person).is_some() {
                    self.events.insert(key.clone());
                }
                if session.has_details(person) {
                    self.details.insert(key);
                }
            }
        }
    }

    /// No call was made for what was durable before.
    #[track_caller]
    pub(crate) fn assert_not_asked_again(&self, calls: &Calls) {
        for (operation, persons) in
            [("ListParticipantEvents", &self.events), ("GetParticipant", &self.details)]
        {
            for call in asked(calls, operation) {
                let person =
                    (call.stage_arn.clone(), call.session_id.clone(), call.participant_id.clone());
                assert!(!persons.contains(&person), "staged, and asked for again: {call:?}");
                assert!(!self.done.contains(&call.session_id), "done, and asked again: {call:?}");
            }
        }
        for call in asked(calls, "ListParticipants") {
            let id = &call.session_id;
            assert!(!self.listed.contains(id), "staged, and listed again: {call:?}");
            assert!(!self.done.contains(id), "done, and listed again: {call:?}");
        }
    }
}
