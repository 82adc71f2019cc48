//! `ivsight prune`: old rows out, the register stays.

use std::io;

use ivsight::clock::SystemClock;
use ivsight::lake::maintain::{Exclusive, holder, prune};
use ivsight::times::{format_time, parse_time};

use super::args::{Common, PruneArgs};
use super::error::Failure;
use super::output::Output;
use super::{Exit, lake};

/// Says what would go, and with `--yes` lets it go.
pub(crate) async fn run(
    common: &Common,
    args: &PruneArgs,
    output: &Output,
) -> Result<Exit, Failure> {
    let now = SystemClock::shared().now();
    let before = parse_time(&args.before, now).map_err(|error| Failure::of(&error).usage())?;
    let lake = lake::open(common).await?;
    let pruned = if args.yes {
        let held = Exclusive::take(&lake, &holder("prune")).await?;
        let pruned = prune::prune(&lake, &held, before, now).await;
        held.release().await;
        pruned?
    } else {
        ivsight::lake::snapshot::Snapshot::of(lake.place()).await?;
        prune::plan(&lake, before).await?
    };
    if args.json {
        output.result(&serde_json::to_string(&pruned).map_err(io::Error::from)?)?;
    } else {
        output.result(&format!(
            "{} the rows of {} sessions from before {}: {} participants, {} events; {} that are not collected yet stay",
            if args.yes { "deleted" } else { "`--yes` would delete" },
            pruned.sessions,
            format_time(pruned.before),
            pruned.participants,
            pruned.events,
            pruned.sessions_left,
        ))?;
    }
    if args.yes {
        output.note(
            "old files still hold these rows until `ivsight compact` deletes them, 7 days from now",
        );
    }
    Ok(Exit::Done)
}
