//! ivsight turns Amazon IVS Real-Time (live video stages: hosts publish, viewers subscribe) into data you can ask.
//!
//! ```text
//!  IVS API (AWS, or the simulator)            SQL, canned queries, reports
//!      | HTTP, AWS SDK                                   ^
//!      v                                                 |
//!    api  ->  collect  ->  lake (staging, publish)  ->  query  ->  render
//!             plan, pace   intervals, Delta tables    DataFusion   table, csv, json, parquet
//! ```
//!
//! Data flows one way, and a module to the left never names one to the right:
//!
//! | module | job | knows |
//! | --- | --- | --- |
//! | [`model`] | the nouns: stages, sessions, participants, events, intervals | nothing |
//! | [`clock`] | time as a parameter | model |
//! | [`times`] | times and durations as people write them | model |
//! | [`api`] | the service through the AWS SDK: calls, their pace, retries and pages; its credentials for others | model, clock |
//! | [`intervals`] | events of a session to intervals | model |
//! | [`lake`] | Delta tables in a folder or bucket, what is in flight, how a session becomes visible | model, clock, intervals |
//! | [`collect`] | the crawl of one account in one region | model, clock, times, api, lake |
//! | [`query`] | SQL over one snapshot of the lake, canned queries | model, times, lake |
//! | [`render`] | rows to bytes, for people and programs | nothing |
//! | [`sim`] | a simulator of the service that speaks HTTP | model, clock |
//!
//! `sim` and `api` never name each other: they meet on a socket. The command line belongs to the binary and holds
//! everything together; nothing here prints.
//!
//! What holds everywhere: calls are the currency, so none is made twice; a session is in the lake whole or not at all; what
//! was fetched is durable before it is used; what could not be fetched is known by name.

pub mod api;
pub mod clock;
pub mod collect;
pub mod intervals;
pub mod lake;
pub mod model;
pub mod query;
pub mod render;
pub mod sim;
pub mod times;
