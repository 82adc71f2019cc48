use super::*;
use crate::lake::batch::{Outcome, ReplicationAction};
use crate::lake::bucket::Bucket;
use crate::lake::place::Place;
use crate::model::{ParticipantId, ReplicationRoute, StageArn, TextMap, Timestamp};

fn arn(account: &str, stage: &str) -> StageArn {
    StageArn::parse(&format!("arn:aws:ivs:us-west-2:{account}:stage/{stage}")).unwrap()
}

fn request(id: &str) -> ReplicationRequestRow {
    ReplicationRequestRow {
        request_id: id.to_owned(),
        requested_at: Timestamp::from_timestamp(1_000, 0).unwrap(),
        finished_at: None,
        requested_by: Some("ann@host".into()),
        action: ReplicationAction::Start,
        route: ReplicationRoute {
            source_stage_arn: arn("111122223333", "home"),
            destination_stage_arn: arn("111122223333", "away"),
            participant_id: ParticipantId::new("host").unwrap(),
        },
        reconnect_window_seconds: Some(60),
        attributes: Some(TextMap::from([("team".into(), "red".into())])),
        outcome: Outcome::Pending,
        message: None,
    }
}

fn accepted(row: &ReplicationRequestRow) -> ReplicationRequestRow {
    let finished_at = Timestamp::from_timestamp(1_001, 0);
    ReplicationRequestRow { outcome: Outcome::Accepted, finished_at, ..row.clone() }
}

async fn rows(lake: &Lake) -> Vec<ReplicationRequestRow> {
    lake.replication_requests(arn("111122223333", "home").scope()).await.unwrap()
}

#[tokio::test]
async fn a_request_makes_the_lake_and_is_replaced_by_its_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::at(&folder.path().join("new")).unwrap();
    let (one, two) = (request("1"), request("2"));
    let first = lake.journal(&one).await.unwrap();
    assert!(lake.is_there().await.unwrap());
    assert_eq!(rows(&lake).await, std::slice::from_ref(&one));
    let second = lake.journal(&two).await.unwrap();
    lake.journal_outcome(&first, &accepted(&one)).await.unwrap();
    assert_eq!(rows(&lake).await, [accepted(&one), two.clone()]);
    let refused = ReplicationRequestRow {
        outcome: Outcome::Refused("ConflictException".into()),
        message: Some("already".into()),
        ..two
    };
    lake.journal_outcome(&second, &refused).await.unwrap();
    assert_eq!(rows(&lake).await, [accepted(&one), refused]);
}

#[tokio::test]
async fn a_row_that_was_moved_to_another_file_is_found_there() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::at(folder.path()).unwrap();
    let (one, two) = (request("1"), request("2"));
    let first = lake.journal(&one).await.unwrap();
    let second = lake.journal(&two).await.unwrap();
    let opened = lake.tables().open(TABLE, None).await.unwrap();
    let partition = Partition { scope: first.scope.clone(), date: None };
    let mut writer = FileWriter::new(TABLE, &opened).unwrap();
    for file in delta::partition_files(TABLE, &opened, &partition).unwrap() {
        writer.remove(&file);
    }
    let both = replication_requests_to_batch(&[one.clone(), two.clone()]);
    writer.write(&partition, both).await.unwrap();
    writer.commit(&opened, CommitNote::default()).await.unwrap();
    lake.journal_outcome(&second, &accepted(&two)).await.unwrap();
    assert_eq!(rows(&lake).await, [one, accepted(&two)]);
}

#[tokio::test]
async fn many_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::at(folder.path()).unwrap();
    let asked = (10..18).map(|number| {
        let lake = lake.clone();
        tokio::spawn(async move {
            let row = request(&number.to_string());
            let entry = lake.journal(&row).await.unwrap();
            lake.journal_outcome(&entry, &accepted(&row)).await.unwrap();
        })
    });
    for task in asked.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let found = rows(&lake).await;
    let ids: Vec<&str> = found.iter().map(|row| row.request_id.as_str()).collect();
    assert_eq!(ids, ["10", "11", "12", "13", "14", "15", "16", "17"]);
    assert!(found.iter().all(|row| row.outcome == Outcome::Accepted));
}

#[tokio::test]
async fn a_collector_at_work_is_no_hindrance_and_real_data_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::at(folder.path()).unwrap();
    let scope = arn("111122223333", "home").scope().clone();
    let _held = lake.take_scope(&scope, "a run").await.unwrap();
    lake.journal(&request("1")).await.unwrap();
    let mut real = request("2");
    real.route.source_stage_arn = arn("123456789012", "home");
    let error = lake.journal(&real).await.unwrap_err();
    assert!(matches!(error, LakeError::Mixed { .. }), "{error}");
}

#[tokio::test]
async fn a_lake_that_a_request_made_has_its_origin() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::at(folder.path()).unwrap();
    lake.journal(&request("1")).await.unwrap();
    let scope = arn("123456789012", "home").scope().clone();
    let error = lake.take_scope(&scope, "a run").await.unwrap_err();
    assert!(matches!(error, LakeError::Mixed { .. }), "{error}");
}

#[tokio::test]
async fn a_journal_in_a_bucket_is_like_one_in_a_folder() {
    let store = std::sync::Arc::new(object_store::memory::InMemory::new());
    let bucket = Bucket::of(store, "a-bucket", "some/lake", crate::clock::SystemClock::shared());
    let lake = Lake::of(Place::Bucket(bucket));
    assert!(!lake.is_there().await.unwrap());
    let (one, two) = (request("1"), request("2"));
    let first = lake.journal(&one).await.unwrap();
    lake.journal(&two).await.unwrap();
    lake.journal_outcome(&first, &accepted(&one)).await.unwrap();
    assert_eq!(rows(&lake).await, [accepted(&one), two]);
    // Simulated requests are there, so real ones are refused.
    let mut real = request("3");
    real.route.source_stage_arn = arn("123456789012", "home");
    assert!(matches!(lake.journal(&real).await, Err(LakeError::Mixed { .. })));
}
