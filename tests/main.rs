//! The integration tests: one binary, a module for each part.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod api;
mod cli;
mod collect;
mod intervals;
mod kills;
mod lake;
mod layers;
mod query;
mod replication;
mod s3;
mod sim;
mod support;
mod week;
