//! Tests of staged files: what is durable is read again, what a crash left is not.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::model::{
    DetailsPolicy, Event, EventName, ExchangedToken, Participant, ParticipantDetails,
    ParticipantId, Replica, SessionId, SessionKey, Stage, StageArn, StageSession, TextMap,
    Timestamp,
};

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + seconds, 7000).unwrap()
}

fn id(text: &str) -> ParticipantId {
    ParticipantId::new(text).unwrap()
}

fn arn() -> StageArn {
    StageArn::parse("arn:aws:ivs:us-west-2:012345678901:stage/AbCdEf").unwrap()
}

fn key(session: &str) -> SessionKey {
    SessionKey { stage_arn: arn(), session_id: SessionId::new(session).unwrap() }
}

fn participant(name: &str) -> Participant {
    Participant {
        participant_id: id(name),
        user_id: Some("ünïcode 🎥\u{202e}".to_owned()),
        state: Some("HOVERING".into()),
        first_join_time: None,
        published: true,
        recording_state: None,
        replication_type: Some("SOURCE".into()),
        replication_state: None,
        source_stage_arn: Some("no arn".to_owned()),
        source_session_id: None,
        redundant_ingest: false,
        ingest_configuration_arn: None,
    }
}

fn event(position: i32) -> Event {
    Event {
        time: (position % 2 == 0).then(|| time(position.into())),
        name: (position % 3 != 0).then(|| EventName::from("NEW_EVENT")),
        remote_participant_id: Some(id("remote")),
        error_code: Some("NEW_ERROR".into()),
        destination_stage_arn: Some("d".to_owned()),
        destination_session_id: None,
        replica: true,
        previous_token: Some(ExchangedToken::default()),
        new_token: Some(ExchangedToken {
            capabilities: Some(vec![]),
            attributes: Some(TextMap::from([("k".to_owned(), String::new())])),
            user_id: None,
            expiration_time: Some(time(1)),
        }),
        position,
    }
}

fn events(of: &str, events_n: i32) -> Record {
    Record::Events {
        participant_id: id(of),
        fetched_at: time(events_n.into()),
        events: (0..events_n).map(event).collect(),
    }
}

fn listing(names: &[&str]) -> Record {
    let participants = names.iter().map(|name| participant(name)).collect();
    Record::Listing {
        as_of: time(0),
        end_time: Some(time(9)),
        details: DetailsPolicy::All,
        participants,
    }
}

fn details(of: &str) -> Record {
    let attributes = Some(TextMap::from([("k".to_owned(), String::new())]));
    let details = ParticipantDetails { attributes, ..ParticipantDetails::default() };
    Record::Details { participant_id: id(of), details }
}

fn replicas(of: &str, replicas_n: usize) -> Record {
    let replica = Replica {
        source_stage_arn: arn(),
        source_session_id: SessionId::new("st-1").unwrap(),
        participant_id: id(of),
        destination_stage_arn: "anything".to_owned(),
        destination_session_id: None,
        replication_state: Some("NEW".into()),
    };
    let replicas = vec![replica; replicas_n];
    Record::Replicas { participant_id: id(of), listed_at: time(3), replicas }
}

/// Everything that is staged of a session, read back.
fn read(staging: &mut Staging, key: &SessionKey) -> Vec<Record> {
    let Some(mut view) = staging.view(key).unwrap() else { return vec![] };
    let index = view.index().clone();
    let participants = view.listing().unwrap();
    let mut records: Vec<Record> = index
        .listing()
        .zip(participants)
        .map(|(listing, participants)| Record::Listing {
            as_of: listing.as_of,
            end_time: listing.end_time,
            details: listing.details,
            participants,
        })
        .into_iter()
        .collect();
    for participant_id in index.participants() {
        let of = || participant_id.clone();
        let details = view.details(participant_id).unwrap();
        records.extend(details.map(|details| Record::Details { participant_id: of(), details }));
        let events = view.events(participant_id).unwrap();
        records.extend(events.map(|(fetched_at, events)| Record::Events {
            participant_id: of(),
            fetched_at,
            events,
        }));
        let replicas = view.replicas(participant_id).unwrap();
        records.extend(replicas.map(|(listed_at, replicas)| Record::Replicas {
            participant_id: of(),
            listed_at,
            replicas,
        }));
    }
    records
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    file.clone()
}

fn open(folder: &Path) -> Staging {
    let (staging, cuts) = Staging::open(folder).unwrap();
    assert_eq!(cuts, []);
    staging
}

/// A folder with one session, flushed after each record; the last is the file's length after each flush.
fn staged(records: &[Record]) -> (TempDir, Vec<u64>) {
    let folder = TempDir::new().unwrap();
    let mut staging = open(folder.path());
    let mut lengths = Vec::new();
    for record in records {
        assert_eq!(staging.append(&key("st-1"), record).unwrap(), Appended::Kept);
        staging.flush().unwrap();
        lengths.push(fs::metadata(only_file(folder.path())).unwrap().len());
    }
    (folder, lengths)
}

#[test]
fn every_kind_of_record_comes_back() {
    let records = [
        listing(&["b", "a", "c"]),
        details("a"),
        events("a", 7),
        replicas("a", 2),
        Record::Details { participant_id: id("b"), details: ParticipantDetails::default() },
        events("b", 0),
        replicas("b", 0),
        events("not listed", 1),
    ];
    let (folder, _) = staged(&records);
    let mut staging = open(folder.path());
    assert_eq!(read(&mut staging, &key("st-1")), records);
    let index = staging.session(&key("st-1")).unwrap();
    let listed: Vec<_> = index.listed().map(ParticipantId::as_str).collect();
    assert_eq!(listed, ["a", "b", "c"]);
    assert_eq!(
        index.listing(),
        Some(StagedListing {
            as_of: time(0),
            end_time: Some(time(9)),
            details: DetailsPolicy::All,
            participants_n: 3
        })
    );
    assert_eq!((index.events_n(&id("b")), index.events_n(&id("c"))), (Some(0), None));
    assert!(index.has_details(&id("b")) && !index.has_replicas(&id("c")));
    assert_eq!(index.events_total_n(), 8);
}

#[test]
fn a_listing_of_nobody_is_a_listing() {
    let (folder, _) = staged(&[listing(&[])]);
    let mut staging = open(folder.path());
    assert_eq!(read(&mut staging, &key("st-1")), [listing(&[])]);
}

#[test]
fn the_longer_answer_stays_and_the_later_of_equal_ones() {
    let (folder, _) = staged(&[events("a", 3), listing(&["a", "b"])]);
    let mut staging = open(folder.path());
    let shrunk = staging.append(&key("st-1"), &events("a", 2)).unwrap();
    assert_eq!(shrunk, Appended::Shrunk { staged_n: 3, answered_n: 2 });
    let shrunk = staging.append(&key("st-1"), &listing(&["c"])).unwrap();
    assert_eq!(shrunk, Appended::Shrunk { staged_n: 2, answered_n: 1 });
    assert!(!staging.is_dirty());
    staging.append(&key("st-1"), &events("a", 4)).unwrap();
    staging.append(&key("st-1"), &listing(&["c", "d"])).unwrap();
    staging.flush().unwrap();
    let expected = [listing(&["c", "d"]), events("a", 4)];
    assert_eq!(read(&mut staging, &key("st-1")), expected);
    assert_eq!(read(&mut open(folder.path()), &key("st-1")), expected);
}

#[test]
fn what_was_not_flushed_is_not_there_and_a_view_flushes() {
    let folder = TempDir::new().unwrap();
    let mut staging = open(folder.path());
    staging.append(&key("st-1"), &events("a", 1)).unwrap();
    assert!(staging.is_dirty() && !staging.needs_flush());
    assert_eq!(open(folder.path()).sessions().count(), 0);
    assert_eq!(read(&mut staging, &key("st-1")), [events("a", 1)]);
    assert!(!staging.is_dirty());
    assert_eq!(open(folder.path()).sessions().count(), 1);
    staging.append(&key("st-2"), &events("b", 1)).unwrap();
    staging.flush().unwrap();
    staging.remove(&key("st-1")).unwrap();
    let staging = open(folder.path());
    assert_eq!(staging.sessions().map(|(key, _)| key.clone()).collect::<Vec<_>>(), [key("st-2")]);
}

#[test]
fn a_view_keeps_what_it_saw() {
    let (folder, _) = staged(&[events("a", 1)]);
    let mut staging = open(folder.path());
    let mut view = staging.view(&key("st-1")).unwrap().unwrap();
    staging.append(&key("st-1"), &events("a", 2)).unwrap();
    staging.flush().unwrap();
    assert_eq!(view.events(&id("a")).unwrap().unwrap().1.len(), 1);
    assert_eq!(staging.session(&key("st-1")).unwrap().events_n(&id("a")), Some(2));
}

#[test]
fn much_that_waits_asks_for_a_flush() {
    let folder = TempDir::new().unwrap();
    let mut staging = open(folder.path());
    let mut appended = 0;
    while !staging.needs_flush() {
        staging.append(&key("st-1"), &events(&format!("p{appended}"), 40)).unwrap();
        appended += 1;
    }
    assert!(appended > 100, "{appended}");
    staging.flush().unwrap();
    assert!(!staging.needs_flush() && !staging.is_dirty());
    assert_eq!(open(folder.path()).session(&key("st-1")).unwrap().participants().count(), appended);
}

#[test]
fn at_every_length_exactly_the_sealed_records_count() {
    let (folder, lengths) = staged(&[events("a", 1), events("b", 0)]);
    let path = only_file(folder.path());
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for length in (0..=lengths[1]).rev() {
        file.set_len(length).unwrap();
        let sealed = lengths.iter().filter(|sealed| **sealed <= length).count();
        let scan = stream::Scan::run(&path).unwrap();
        assert_eq!(scan.records.len(), sealed, "{length}");
        assert_eq!(scan.sealed_bytes, sealed.checked_sub(1).map_or(0, |last| lengths[last]));
    }
}

#[test]
fn a_cut_file_goes_on_from_its_last_seal() {
    let records = [listing(&["a"]), events("a", 2), events("b", 0)];
    let (folder, lengths) = staged(&records);
    let whole = fs::read(only_file(folder.path())).unwrap();
    let near = lengths.iter().flat_map(|length| [length - 1, *length, length + 1]);
    for length in near.chain([0, 1, 7, 8, 5000]).filter(|length| *length <= lengths[2]) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("session-00000007.arrows");
        fs::write(&path, &whole[..usize::try_from(length).unwrap()]).unwrap();
        let sealed = lengths.iter().filter(|sealed| **sealed <= length).count();
        let sealed_bytes = sealed.checked_sub(1).map_or(0, |last| lengths[last]);
        let (mut staging, cuts) = Staging::open(folder.path()).unwrap();
        let cut = Cut { path: path.clone(), bytes_n: length - sealed_bytes, removed: sealed == 0 };
        assert_eq!(path.exists(), !cut.removed);
        assert_eq!(cuts, if cut.removed || cut.bytes_n > 0 { vec![cut] } else { vec![] });
        assert_eq!(read(&mut staging, &key("st-1")), records[..sealed]);
        staging.append(&key("st-1"), &events("z", 3)).unwrap();
        staging.flush().unwrap();
        let again = read(&mut open(folder.path()), &key("st-1"));
        assert_eq!(again, [&records[..sealed], &[events("z", 3)]].concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_garbled_tail_costs_what_was_not_sealed(
        garbage in prop_oneof![
            prop::collection::vec(any::<u8>(), 1..2000),
            (1..9000_usize).prop_map(|length| vec![0; length]),
            prop::collection::vec(any::<u8>(), 1..400)
                .prop_map(|bytes| [&[0xff, 0xff, 0xff, 0xff, 40, 0, 0, 0][..], &bytes].concat()),
        ],
        at in any::<prop::sample::Index>(),
    ) {
        let records = [events("a", 2), events("b", 3)];
        let (folder, lengths) = staged(&records);
        let path = only_file(folder.path());
        let sealed = usize::try_from(lengths[0]).unwrap();
        let last = stream::Scan::run(&path).unwrap().records[1];
        let last_end = usize::try_from(last.offset).unwrap() + last.bytes_n as usize;
        let mut bytes = fs::read(&path).unwrap();
        let before = bytes.clone();
        let start = sealed + at.index(bytes.len() - sealed);
        bytes.resize(bytes.len().max(start + garbage.len()), 0);
        bytes[start..start + garbage.len()].copy_from_slice(&garbage);
        fs::write(&path, &bytes).unwrap();
        let (mut staging, cuts) = Staging::open(folder.path()).unwrap();
        let records_n = staging.session(&key("st-1")).unwrap().participants().count();
        prop_assert!(records_n == 1 || bytes[..last_end] == before[..last_end]);
        prop_assert!(records_n == 2 || bytes[..before.len()] != before);
        prop_assert_eq!(read(&mut staging, &key("st-1")), &records[..records_n]);
        prop_assert!(records_n == 2 || !cuts.is_empty());
        open(folder.path());
    }
}

#[test]
fn a_flush_that_failed_is_made_up_for() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("scope");
    let mut staging = open(&path);
    staging.append(&key("st-1"), &events("a", 2)).unwrap();
    fs::remove_dir(&path).unwrap();
    let error = staging.flush().unwrap_err();
    assert!(
        matches!(&error, StagingError::Io { path, .. } if path.ends_with("session-00000001.arrows"))
    );
    assert!(staging.is_dirty());
    fs::create_dir(&path).unwrap();
    staging.flush().unwrap();
    assert_eq!(read(&mut open(&path), &key("st-1")), [events("a", 2)]);
}

#[test]
fn a_full_disk_is_known_as_such() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = StagingError::io("write", Path::new("x"))(full);
    assert!(matches!(error, StagingError::DiskFull { .. }), "{error}");
}

#[test]
fn a_file_of_a_newer_program_is_refused_and_left_alone() {
    let (folder, _) = staged(&[events("a", 2)]);
    let path = only_file(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    let name = b"ivsight.staging";
    let name_at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    // The value stands before or behind its key; it is the only text `1` there.
    let value = [1, 0, 0, 0, b'1', 0];
    let near = name_at.saturating_sub(60)..name_at + 60;
    let value_at = bytes[near.clone()].windows(6).position(|window| window == value).unwrap();
    bytes[near.start + value_at + 4] = b'2';
    fs::write(&path, &bytes).unwrap();
    let error = Staging::open(folder.path()).unwrap_err();
    assert!(matches!(error, StagingError::NewerFormat { version: 2, known: 1, .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn ids_never_become_paths() {
    let folder = TempDir::new().unwrap();
    let scope = folder.path().join("a/b");
    let mut staging = open(&scope);
    let long = "x".repeat(5000);
    let ids = ["../../x", "a/b", "a", "A", "..", "con", "\0", "ü", long.as_str()];
    for session in ids {
        staging.append(&key(session), &events("../p", 1)).unwrap();
    }
    staging.flush().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(&scope).unwrap().count(), ids.len());
    let mut staging = open(&scope);
    for session in ids {
        assert_eq!(read(&mut staging, &key(session)), [events("../p", 1)]);
    }
}

#[test]
fn of_two_files_of_a_session_the_newer_counts() {
    let (folder, _) = staged(&[events("a", 1)]);
    let old = only_file(folder.path());
    let kept = folder.path().join("kept");
    fs::copy(&old, &kept).unwrap();
    let mut staging = open(folder.path());
    staging.remove(&key("st-1")).unwrap();
    staging.append(&key("st-1"), &events("b", 1)).unwrap();
    staging.flush().unwrap();
    fs::rename(kept, &old).unwrap();
    assert_eq!(read(&mut open(folder.path()), &key("st-1")), [events("b", 1)]);
    assert!(!old.exists());
}

fn listings() -> Vec<Listing> {
    let stage = Stage {
        arn: arn(),
        name: Some("name".to_owned()),
        active_session_id: None,
        tags: Some(TextMap::from([("k".to_owned(), String::new())])),
    };
    let bare = Stage { name: None, tags: None, ..stage.clone() };
    let session = |start_time, end_time| StageSession {
        session_id: SessionId::new("st-1").unwrap(),
        start_time,
        end_time,
    };
    let sessions = vec![session(None, Some(time(2))), session(Some(time(1)), None)];
    let of =
        |stage: &Stage, sessions| Listing { stage: stage.clone(), listed_at: time(1), sessions };
    vec![of(&stage, sessions), of(&bare, vec![])]
}

fn listings_of(file: &ListingsFile) -> Vec<Listing> {
    file.listings().unwrap().map(Result::unwrap).collect()
}

#[test]
fn listings_are_handed_out_until_they_are_removed() {
    let folder = TempDir::new().unwrap();
    let mut staging = open(folder.path());
    for listing in &listings() {
        staging.append_listing(listing).unwrap();
    }
    let files = staging.take_listings().unwrap();
    assert_eq!(files.iter().flat_map(listings_of).collect::<Vec<_>>(), listings());
    staging.append_listing(&listings()[1]).unwrap();
    staging.flush().unwrap();

    let mut staging = open(folder.path());
    let files = staging.take_listings().unwrap();
    assert_eq!(files.iter().map(ListingsFile::len).collect::<Vec<_>>(), [2, 1]);
    staging.remove_listings(&files[0]).unwrap();
    assert!(staging.take_listings().unwrap().is_empty());

    let files = open(folder.path()).take_listings().unwrap();
    assert_eq!(files.iter().flat_map(listings_of).collect::<Vec<_>>(), listings()[1..2]);
}
