//! A simulator of Amazon IVS Real-Time that speaks HTTP to any AWS SDK.
//!
//! A [`World`] is made from a seed, and a [`Server`] tells of it as the service would: the operations that read
//! and those that start and stop replications, with their constraints, page limits, opaque tokens, quotas and errors, and with the faults that are asked
//! for. It knows the model and the clock, and shares no code with the client: that one is the AWS SDK, so
//! that one mistake can't hide in both.
//!
//! - `config`: what is asked for; [`Scenario`] names the worlds
//! - [`world`]: what there is; `scenarios` and `behaviour` make it up; `truth` writes it down
//! - `wire`: requests and answers; `quota` and `faults`: what stands between them
//! - `server`: the desk where calls are answered, and its sockets
//!
//! The same seed gives the same bytes: the world, the truth and every answer. All of the server's state stands behind
//! one lock, so that what changes the world is seen whole by what reads it.

mod behaviour;
mod calls;
mod config;
mod draw;
mod faults;
mod quota;
mod scenarios;
mod server;
mod truth;
mod wire;
pub mod world;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use calls::{Call, Calls, Counts};
pub use config::{Config, Scenario, UnknownScenario};
pub use faults::{Faults, FaultsError};
pub use server::Server;
pub use truth::Truth;
pub use wire::{Operation, UnknownOperation};
pub use world::World;

/// Why the simulator can't do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server failed while it served.
    #[error("the simulator's server failed")]
    Serve {
        /// What the system said.
        source: std::io::Error,
    },
    /// The file for the truth can't be made.
    #[error("cannot create `{}`", path.display())]
    CreateTruth {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The truth can't be written.
    #[error("cannot write the truth")]
    WriteTruth {
        /// What the system said.
        source: std::io::Error,
    },
}
