//! Looking after a lake: what it holds, whether it keeps its promises, few files instead of many, intervals by the rule of
//! today, old rows out.
//!
//! Nothing here calls the service. What reads takes no lock and sees one snapshot; what writes holds every scope
//! of the lake, finishes what a run left behind, and ends with a commit to `sessions`, so that the snapshot moves.

pub mod compact;
pub mod compare;
pub mod contents;
mod exclusive;
mod people;
pub mod prune;
pub mod rebuild;
mod register_rows;
mod sessions;
pub mod status;
mod vacuum;
pub mod verify;

pub use exclusive::Exclusive;
pub use people::People;

/// One line about a process that takes a lake for itself, for those who wait.
#[must_use]
pub fn holder(command: &str) -> String {
    format!("`ivsight {command}`, process {}", std::process::id())
}
