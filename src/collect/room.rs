//! Room for large listings of participants, which are in memory whole while they are fetched, and again while their session
//! is published: one at a time.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

/// Participants of a listing that is large: some MB.
const LARGE: usize = 5_000;

/// The room of one scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Room(Arc<Mutex<()>>);

impl Room {
    /// Waits until no other large listing is in memory; the room is this one's until what it gets is dropped. One that is
    /// not large needs none.
    pub(super) async fn take(&self, participants_n: usize) -> Option<OwnedMutexGuard<()>> {
        if participants_n < LARGE {
            return None;
        }
        Some(Arc::clone(&self.0).lock_owned().await)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn large_listings_have_room_one_after_another_and_small_ones_always() {
        let room = Room::default();
        let take = |n| room.take(n).now_or_never();
        let first = take(LARGE).unwrap();
        assert!(first.is_some());
        assert!(take(LARGE).is_none(), "it waits");
        assert!(take(LARGE - 1).unwrap().is_none(), "it goes on");
        drop(first);
        assert!(take(LARGE).unwrap().is_some());
    }
}
