//! `ivsight rebuild`: intervals derived again, where an older rule wrote them.

use std::io;

use ivsight::lake::maintain::rebuild::{self, Rebuilt};
use ivsight::lake::maintain::{Exclusive, holder};
use ivsight::lake::snapshot::Snapshot;
use ivsight::render::sanitize;

use super::args::{Common, RebuildArgs};
use super::error::Failure;
use super::output::Output;
use super::{Exit, lake};

/// Sessions that are shown where they could not be derived; `--json` has more.
const LEFT_MAX: usize = 20;

/// Derives again what is due, or says what would be.
pub(crate) async fn run(
    common: &Common,
    args: &RebuildArgs,
    output: &Output,
) -> Result<Exit, Failure> {
    let lake = lake::open(common).await?;
    let rebuilt = if args.dry_run {
        Snapshot::of(lake.place()).await?;
        rebuild::plan(&lake).await?
    } else {
        let held = Exclusive::take(&lake, &holder("rebuild")).await?;
        let rebuilt = rebuild::rebuild(&lake, &held).await;
        held.release().await;
        rebuilt?
    };
    if args.json {
        output.result(&serde_json::to_string(&rebuilt).map_err(io::Error::from)?)?;
    } else {
        output.result(&line(&rebuilt))?;
    }
    for left in rebuilt.left.iter().take(LEFT_MAX) {
        let (session, stage) = (&left.session_id, &left.stage_arn);
        output.note(&sanitize(&format!(
            "left session `{session}` of stage `{stage}`: {}",
            left.message
        )));
    }
    if rebuilt.sessions_left == 0 {
        return Ok(Exit::Done);
    }
    output.note("`ivsight verify` names what is broken; `ivsight collect --refetch` replaces it");
    Ok(Exit::Incomplete)
}

fn line(rebuilt: &Rebuilt) -> String {
    let Rebuilt { rule, sessions, participants, events, up_to_date, .. } = rebuilt;
    if *sessions + rebuilt.sessions_left == 0 {
        return format!(
            "nothing to do: the intervals of all {up_to_date} sessions are by rule {rule}"
        );
    }
    let of = format!("of {sessions} sessions with {participants} participants and {events} events");
    match rebuilt.intervals {
        None => format!("would derive the intervals {of} again, by rule {rule}"),
        Some(intervals) => format!(
            "derived the intervals {of} again, by rule {rule}: {intervals}; {} sessions left as they were",
            rebuilt.sessions_left
        ),
    }
}
