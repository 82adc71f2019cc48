//! What has been fetched and is not published yet, durable: `_inflight/<account>/<region>/` in a folder, or a scratch folder
//! whose files are mirrored to a bucket.
//!
//! One file for each session, and files of listings; each is an Arrow IPC stream that any Arrow library reads. What
//! is appended is kept in memory until [`Staging::flush`], and durable once that returns. Every flush of a file ends
//! with a seal, a row with the checksum of what was written since the last one: records count when they are sealed,
//! so a tail that a crash has cut or garbled is recognised, and cut off at the next [`Staging::open`].
//!
//! In memory is an index alone, some dozens of bytes for each participant; payloads are read one record at a time.
//! Files are numbered, and name what they are about inside: no id of the service's enters a path.
//!
//! Everything here blocks. There is one writer: whoever holds the scope's lock.

mod error;
mod listings;
mod mirror;
mod record;
mod session;
mod shared;
mod store;
mod stream;
#[cfg(test)]
mod tests;

pub use error::StagingError;
pub use listings::{Listing, ListingsFile};
pub use record::Record;
pub use session::{SessionView, StagedListing, StagedSession};
pub use shared::SharedStaging;
pub use store::{Appended, Cut, StagedSize, Staging};
