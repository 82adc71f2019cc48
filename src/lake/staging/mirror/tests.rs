use super::*;

fn piece(offset: u64, bytes: u64, generation: u64) -> Piece {
    Piece { offset, generation, bytes, path: ObjectPath::from(format!("{offset}-{generation}")) }
}

fn chained(pieces: &[Piece]) -> Vec<(u64, u64)> {
    let (chain, others) = chain(pieces.to_vec());
    assert_eq!(chain.len() + others.len(), pieces.len());
    chain.iter().map(|piece| (piece.offset, piece.generation)).collect()
}

#[test]
fn pieces_follow_each_other_in_whatever_order_they_are_listed() {
    let pieces = [piece(30, 5, 2), piece(0, 10, 1), piece(10, 20, 1)];
    assert_eq!(chained(&pieces), [(0, 1), (10, 1), (30, 2)]);
}

#[test]
fn what_a_late_holder_wrote_in_the_place_of_its_successors_is_dropped() {
    let late = piece(10, 90, 1);
    let pieces = [piece(0, 10, 1), late.clone(), piece(10, 5, 2), piece(15, 5, 2)];
    assert_eq!(chained(&pieces), [(0, 1), (10, 2), (15, 2)]);
    // Nobody went on there: it is what the service answered, so it counts.
    assert_eq!(chained(&[piece(0, 10, 1), late]), [(0, 1), (10, 1)]);
    // An older generation never follows a newer one.
    assert_eq!(chained(&[piece(0, 10, 2), piece(10, 5, 1)]), [(0, 2)]);
}

#[test]
fn what_begins_nowhere_is_dropped() {
    assert_eq!(chained(&[piece(10, 5, 1), piece(20, 5, 1)]), []);
    assert_eq!(chained(&[piece(0, 10, 1), piece(11, 5, 1)]), [(0, 1)]);
    assert_eq!(chained(&[piece(0, 0, 1)]), []);
}

#[test]
fn a_piece_is_known_by_its_file() {
    let prefix = ObjectPath::from("lake/_inflight/111122223333/us-west-2");
    let file = |name: &str| mirrored_file(&prefix, &prefix.clone().join_all(name));
    assert_eq!(file("session-00000001.arrows/0-1").as_deref(), Some("session-00000001.arrows"));
    assert_eq!(file("run-000000000001.json"), None);
    assert_eq!(file("other/0-1"), None);
}

trait JoinAll {
    fn join_all(self, name: &str) -> Self;
}

impl JoinAll for ObjectPath {
    fn join_all(self, name: &str) -> Self {
        name.split('/').fold(self, Self::join)
    }
}

#[test]
fn the_folder_of_a_process_that_is_gone_is_removed_by_the_next_one() {
    let parent = tempfile::tempdir().unwrap();
    let folders = || std::fs::read_dir(parent.path()).unwrap().count();
    let at_work = Scratch::create_in(parent.path()).unwrap();
    let killed = Scratch::create_in(parent.path()).unwrap();
    // A killed process drops nothing, but its files are closed.
    let left_behind = killed.path.clone();
    killed.used.unlock().unwrap();
    std::mem::forget(killed);
    assert_eq!(folders(), 2);
    let next = Scratch::create_in(parent.path()).unwrap();
    assert!(!left_behind.exists() && at_work.path.exists() && next.path.exists());
    drop((at_work, next));
    assert_eq!(folders(), 0);
}

#[test]
fn folders_of_processes_that_begin_at_once_are_spared() {
    let parent = tempfile::tempdir().unwrap();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..500 {
                    let scratch = Scratch::create_in(parent.path()).unwrap();
                    std::fs::write(scratch.path.join("listings"), "1").unwrap();
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}
