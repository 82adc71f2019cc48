use object_store::memory::InMemory;

use super::*;
use crate::clock::ManualClock;

/// A bucket whose clock is the machine's, and two processes with clocks of their own.
struct Bed {
    store: Arc<InMemory>,
    path: Path,
}

impl Bed {
    fn new() -> Self {
        Self { store: Arc::new(InMemory::new()), path: Path::from("_locks/publish") }
    }

    fn process(&self) -> (Bucket, Arc<ManualClock>) {
        let clock = ManualClock::held(Timestamp::UNIX_EPOCH);
        let store: Arc<dyn ObjectStore> = Arc::clone(&self.store) as _;
        (Bucket::of(store, "bucket", "", Arc::clone(&clock) as _), clock)
    }

    async fn take(&self, bucket: &Bucket, holder: &str) -> Result<Lease, LockError> {
        Lease::take(bucket, self.path.clone(), holder).await
    }

    async fn deed(&self) -> Deed {
        let bytes = self.store.get(&self.path).await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_holds_it_and_the_next_has_the_next_generation() {
    let bed = Bed::new();
    let ((one, _), (other, _)) = (bed.process(), bed.process());
    let first = bed.take(&one, "run 1").await.unwrap();
    assert_eq!(first.generation(), 1);
    match bed.take(&other, "run 2").await {
        Err(LockError::Held { path, holder }) => {
            assert_eq!((path.to_str().unwrap(), &*holder), ("s3://bucket/_locks/publish", "run 1"));
        }
        other => panic!("{other:?}"),
    }
    first.confirm().await.unwrap();
    first.release().await.unwrap();
    assert!(matches!(first.confirm().await, Err(LockError::Lost { .. })));
    assert_eq!(bed.take(&other, "run 2").await.unwrap().generation(), 2);
}

#[tokio::test]
async fn whoever_drops_it_lets_go() {
    let bed = Bed::new();
    let (bucket, _) = bed.process();
    drop(bed.take(&bucket, "run 1").await.unwrap());
    settle().await;
    assert!(bed.deed().await.free);
}

#[tokio::test]
async fn it_is_renewed_for_as_long_as_it_is_held() {
    let bed = Bed::new();
    let (bucket, clock) = bed.process();
    let lease = bed.take(&bucket, "run 1").await.unwrap();
    let taken = bed.deed().await;
    for _ in 0..20 {
        settle().await;
        clock.advance(RENEW_EVERY);
    }
    settle().await;
    let renewed = bed.deed().await;
    assert_eq!((renewed.generation, renewed.free), (1, false));
    assert_ne!(renewed.written, taken.written);
    lease.confirm().await.unwrap();
}

#[tokio::test]
async fn a_holder_that_was_paused_stops_before_others_may_begin() {
    let bed = Bed::new();
    let (bucket, clock) = bed.process();
    let lease = bed.take(&bucket, "run 1").await.unwrap();
    clock.advance(LAPSED + Duration::from_secs(1));
    assert!(matches!(lease.check(), Err(LockError::Lapsed { .. })));
    assert!(matches!(lease.confirm().await, Err(LockError::Lapsed { .. })));
    assert!(TimeDelta::from_std(LAPSED).unwrap() < STALE);
}

#[tokio::test]
async fn a_lease_that_another_took_is_lost_and_stays_the_others() {
    let bed = Bed::new();
    let (bucket, clock) = bed.process();
    let lease = bed.take(&bucket, "run 1").await.unwrap();
    let theirs = serde_json::to_vec(&Deed::new("run 2", 2, false)).unwrap();
    bed.store.put(&bed.path, theirs.into()).await.unwrap();
    assert!(matches!(lease.confirm().await, Err(LockError::Lost { .. })));
    assert!(matches!(lease.check(), Err(LockError::Lost { .. })));
    // Neither a renewal nor the release touches it.
    settle().await;
    clock.advance(RENEW_EVERY);
    lease.release().await.unwrap();
    drop(lease);
    settle().await;
    assert_eq!((bed.deed().await.holder, bed.deed().await.free), ("run 2".to_owned(), false));
}

#[tokio::test]
async fn those_who_wait_get_it_when_it_is_free() {
    let bed = Bed::new();
    let ((one, _), (other, clock)) = (bed.process(), bed.process());
    let first = bed.take(&one, "run 1").await.unwrap();
    let path = bed.path.clone();
    let waiting = tokio::spawn(async move { Lease::wait(&other, path, "run 2").await });
    settle().await;
    assert!(!waiting.is_finished());
    first.release().await.unwrap();
    while !waiting.is_finished() {
        settle().await;
        clock.advance(LOOK_EVERY);
    }
    assert_eq!(waiting.await.unwrap().unwrap().generation(), 2);
}
