//! The service through the AWS SDK: calls, their pace, their retries, their pages.
//!
//! The one place that knows the AWS crates. Whatever leaves it is a value of [`crate::model`] or a typed
//! error. The SDK's own retries and paginators are off: every attempt takes a permit of its operation
//! ([`Client`] holds one limiter for each, so one client is one account in one region), and a listing that
//! the service ends wrongly is an error, never a shorter answer.
//!
//! Reading order: [`Client`] and its operations, [`Pages`], then how a call goes (`retry`, `classify`,
//! `pace`), then how it is set up (`connect`, `identities`, `service_time`). [`StoreAccess`] lends the SDK's credentials
//! to the client of a lake in S3.

mod classify;
mod client;
mod connect;
mod convert;
mod error;
mod identities;
mod meter;
mod operation;
mod pace;
mod pages;
mod retry;
mod service_time;
mod settings;
mod store_access;

pub use client::Client;
pub use connect::ConnectError;
pub use error::{CallError, ErrorKind};
pub use meter::Meter;
pub use operation::Operation;
pub use pages::{Malformed, MalformedReason, Page, Pages};
pub use settings::Settings;
pub use store_access::StoreAccess;
