//! `ivsight compact`: few sorted files for past days.

use std::io;

use ivsight::clock::SystemClock;
use ivsight::lake::maintain::compact::{Compacted, compact};
use ivsight::lake::maintain::{Exclusive, holder};

use super::args::{Common, MaintainArgs};
use super::error::Failure;
use super::output::Output;
use super::summary::bytes;
use super::{Exit, lake};

/// Compacts, vacuums, and says what became of each table.
pub(crate) async fn run(
    common: &Common,
    args: &MaintainArgs,
    output: &Output,
) -> Result<Exit, Failure> {
    let now = SystemClock::shared().now();
    let lake = lake::open(common).await?;
    let held = Exclusive::take(&lake, &holder("compact")).await?;
    let compacted = compact(&lake, &held, now).await;
    held.release().await;
    let compacted = compacted?;
    if args.json {
        output.result(&serde_json::to_string(&compacted).map_err(io::Error::from)?)?;
    } else {
        print(&compacted, output)?;
    }
    Ok(Exit::Done)
}

fn print(compacted: &Compacted, output: &Output) -> io::Result<()> {
    for table in &compacted.tables {
        output.result(&format!(
            "{:<14} {:>6} files of {:>10} became {:>4} of {:>10}; {} old files deleted",
            table.table,
            table.files_removed,
            bytes(table.bytes_removed),
            table.files_added,
            bytes(table.bytes_added),
            table.files_vacuumed,
        ))?;
    }
    Ok(())
}
