//! A lake of any size, and how long the canned queries take on it.
//!
//! ```text
//! cargo bench --bench reports -- generate --events 10000000 --days 30 --lake /tmp/lake10m
//! cargo bench --bench reports -- time --lake /tmp/lake10m
//! ```
//!
//! The lake is made of the simulator's worlds by what the collector itself publishes with, without a call: the same seed
//! gives the same rows. Queries are timed as their users meet them, as whole processes.

mod generate;
mod time;
mod told;

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    job: Job,
    /// Cargo says this to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Job {
    /// Make a lake.
    Generate(Generate),
    /// Time the canned queries on a lake.
    Time(Time),
}

#[derive(Args)]
struct Generate {
    /// The folder; it must not hold a lake yet.
    #[arg(long)]
    lake: PathBuf,
    /// Events, give or take the last session of each day.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Days that they are spread over.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// What everything is drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct Time {
    /// The lake.
    #[arg(long)]
    lake: PathBuf,
    /// These queries alone.
    #[arg(long)]
    query: Vec<String>,
    /// How many times each; the shortest counts.
    #[arg(long, default_value_t = 3)]
    runs: u32,
}

fn main() -> Outcome<()> {
    match Command::parse().job {
        Job::Generate(args) => tokio::runtime::Runtime::new()?.block_on(generate::generate(&args)),
        Job::Time(args) => time::time(&args),
    }
}
