//! Tests of `collect`: the program as a process against the simulator, and what is in the lake afterwards.

mod budget;
mod failures;
mod faults;
mod finality;
mod giving_up;
mod killed;
mod locks;
mod recovery;
mod refusals;
mod signals;
mod summary;
pub(crate) mod truth;
