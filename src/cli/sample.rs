//! `ivsight verify --sample`: sessions of the lake held against the service.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use ivsight::api::Client;
use ivsight::clock::{SharedClock, SystemClock};
use ivsight::collect::CollectError;
use ivsight::collect::sample::{Difference, Sampled, sample, scope_of};
use ivsight::lake::maintain::contents::{Chosen, choose};
use ivsight::lake::snapshot::Snapshot;
use ivsight::model::Scope;
use ivsight::render::sanitize;

use super::args::{Common, VerifyArgs};
use super::collect::{clients, hint};
use super::error::Failure;
use super::output::Output;
use super::{Exit, lake, signals};

/// Differences that are shown; `--json` has more.
const DIFFERENCES_MAX: usize = 100;

/// Fetches `n` sessions again, and says what is different.
pub(crate) async fn run(
    common: &Common,
    args: &VerifyArgs,
    n: usize,
    output: &Output,
) -> Result<Exit, Failure> {
    let clock = SystemClock::shared();
    let interrupt = signals::interrupt(Arc::clone(&clock))?;
    let snapshot = Snapshot::of(&lake::place(common).await?).await?;
    let seed = args.seed.unwrap_or_else(|| clock.now().timestamp_millis().unsigned_abs());
    let clients = by_scope(args, &snapshot, &clock).await?;
    let scopes: Vec<Scope> = clients.keys().cloned().collect();
    let chosen = choose(&snapshot, &scopes, n, seed).await?;
    announce(&chosen, args.service.tps, seed, output);
    let asked: Vec<Client> = clients.values().cloned().collect();
    let mut told = interrupt.clone();
    let cancelling = async move {
        if told.wait_for(|stop| *stop).await.is_ok() {
            asked.iter().for_each(Client::cancel);
        }
        // What is under way ends by itself.
        std::future::pending::<()>().await;
    };
    let sampled = tokio::select! {
        sampled = sample(&snapshot, &clients, &chosen, seed) => sampled.map_err(|error| failure(&error))?,
        () = cancelling => unreachable!("it never ends"),
    };
    let printed = if args.json {
        output.result(&serde_json::to_string(&sampled).map_err(io::Error::from)?)
    } else {
        print(&sampled, output)
    };
    match printed {
        // The verdict is in the exit code, whoever reads the rest.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ if *interrupt.borrow() => Ok(Exit::Interrupted),
        _ => Ok(exit(&sampled)),
    }
}

fn exit(sampled: &Sampled) -> Exit {
    let reached = sampled.same + sampled.gone;
    match (sampled.is_same(), reached == sampled.sessions) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Done,
        (true, false) => Exit::Incomplete,
    }
}

fn failure(error: &CollectError) -> Failure {
    Failure::of(error).hint(hint(error))
}

/// The clients by the scope that each can ask.
async fn by_scope(
    args: &VerifyArgs,
    snapshot: &Snapshot,
    clock: &SharedClock,
) -> Result<BTreeMap<Scope, Client>, Failure> {
    let mut scopes = BTreeMap::new();
    for client in clients(&args.service, None, clock).await? {
        let client = client?;
        let scope = scope_of(&client, snapshot).await.map_err(|error| failure(&error))?;
        scopes.extend(scope.map(|scope| (scope, client)));
    }
    Ok(scopes)
}

/// Says what will be asked, and how long it takes at the least.
fn announce(chosen: &Chosen, tps: f64, seed: u64, output: &Output) {
    let rows = || chosen.values().flat_map(BTreeMap::values);
    let participants: i64 = rows().filter_map(|row| row.participants_n).sum();
    let sessions = rows().count();
    let mut line = format!(
        "asking again for {sessions} sessions with {participants} participants (--seed {seed})"
    );
    if tps > 0.0 {
        let participants = f64::from(u32::try_from(participants).unwrap_or(u32::MAX));
        line = format!("{line}: {:.0} s at the least", participants / tps);
    }
    output.note(&line);
}

fn print(sampled: &Sampled, output: &Output) -> io::Result<()> {
    for difference in sampled.differences.iter().take(DIFFERENCES_MAX) {
        output.result(&sanitize(&line(difference)))?;
    }
    let more = sampled.differences.len().saturating_sub(DIFFERENCES_MAX) as u64
        + sampled.differences_left_out;
    if more > 0 {
        output.result(&format!("and {more} more; `--json` lists up to 1,000"))?;
    }
    for failure in &sampled.failures {
        let session = failure.session_id.as_deref().unwrap_or_default();
        output.note(&sanitize(&format!(
            "session `{session}` could not be asked for: {}: {}",
            failure.code, failure.message
        )));
    }
    output.result(&format!(
        "{} of {} sessions are the same, {} differ, {} are gone from the service, {} could not be asked for: \
         {} participants, {} events, {} replicas",
        sampled.same,
        sampled.sessions,
        sampled.different,
        sampled.gone,
        sampled.sessions - sampled.same - sampled.different - sampled.gone,
        sampled.participants,
        sampled.events,
        sampled.replicas,
    ))
}

fn line(difference: &Difference) -> String {
    format!(
        "`{}` of participant `{}` of session `{}` of stage `{}`: {}",
        difference.table,
        difference.participant_id,
        difference.session_id,
        difference.stage_arn,
        difference.message
    )
}
