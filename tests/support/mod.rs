//! What the tests of the whole program share: a bed with a simulator and a lake, a reader of the lake that owes
//! nothing to ours, and what the simulator's truth says should be there.

mod bed;
mod budget;
mod clock;
mod files;
mod rows;
mod s3;
mod truth;

pub(crate) use bed::{Ran, Running, TestBed, signal};
pub(crate) use budget::{asked, budget, counts};
pub(crate) use clock::HurriedClock;
pub(crate) use files::{Commit, LakeFiles, LiveFile, copy, take_back};
pub(crate) use rows::{almost_same, assert_same, only, text};
pub(crate) use s3::{BUCKET, KEY, S3Server};
pub(crate) use truth::{Fate, Settled};
