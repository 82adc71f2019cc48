//! `ivsight replication`: the control-plane calls, journalled into the lake.
//!
//! A request stands in the journal before its call is made, so that whatever happens to the answer, the lake knows that
//! it was asked.

pub(crate) mod args;
mod checks;
mod wait;

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use chrono::{SubsecRound, TimeDelta};
use ivsight::api::{CallError, Client, ErrorKind, Settings};
use ivsight::clock::{SharedClock, SystemClock};
use ivsight::lake::Lake;
use ivsight::lake::batch::{Outcome, ReplicationAction, ReplicationRequestRow};
use ivsight::model::{ReplicationRoute, StageArn};
use ivsight::times::parse_duration;
use serde_json::{Value, json};
use tokio::sync::watch;

use self::args::{Action, List, Manner, Replication};
use self::wait::Waited;
use super::args::Common;
use super::collect::run_id;
use super::error::Failure;
use super::output::Output;
use super::{Exit, lake, signals};

/// Carries out what was asked.
pub(crate) async fn run(
    common: &Common,
    args: &Replication,
    output: &Output,
) -> Result<Exit, Failure> {
    let clock = SystemClock::shared();
    match &args.action {
        Action::List(list) => print_list(args, list, &clock, output).await,
        Action::Start(start) => {
            let wish = Wish {
                action: ReplicationAction::Start,
                route: checks::route(&start.route)?,
                reconnect_window: start.reconnect_window,
                attributes: checks::attributes(&start.attribute)?,
            };
            change(common, args, &start.manner, wish, &clock, output).await
        }
        Action::Stop(stop) => {
            let wish = Wish {
                action: ReplicationAction::Stop,
                route: checks::route(&stop.route)?,
                reconnect_window: None,
                attributes: ivsight::model::TextMap::new(),
            };
            change(common, args, &stop.manner, wish, &clock, output).await
        }
    }
}

/// What is to be changed.
struct Wish {
    action: ReplicationAction,
    route: ReplicationRoute,
    /// In seconds; the service's default, 0, where none was given.
    reconnect_window: Option<i32>,
    attributes: ivsight::model::TextMap,
}

async fn change(
    common: &Common,
    args: &Replication,
    manner: &Manner,
    wish: Wish,
    clock: &SharedClock,
    output: &Output,
) -> Result<Exit, Failure> {
    let timeout = parse_duration(&manner.timeout).map_err(|error| Failure::of(&error).usage())?;
    let lake = lake::open(common).await?;
    if !is_confirmed(&wish, manner.yes, output).await? {
        return Err(Failure::new("not confirmed; the service was not asked"));
    }
    let client = connect(args, &wish.route.source_stage_arn, clock).await?;
    let interrupt = signals::interrupt(Arc::clone(clock))?;
    cancel_on(interrupt.clone(), client.clone());
    let (row, answer) = ask(&lake, &client, clock, &wish).await?;
    let is_settled = answer.as_ref().err().is_none_or(|error| error.kind == ErrorKind::Unknown);
    let waited = if manner.wait && is_settled {
        Some(wait_for(&client, &wish, timeout, clock, interrupt).await)
    } else {
        None
    };
    conclude(args, &wish, &row, answer, waited, output)
}

async fn connect(
    args: &Replication,
    source: &StageArn,
    clock: &SharedClock,
) -> Result<Client, Failure> {
    let settings = Settings {
        region: Some(source.scope().region.to_string()),
        profile: args.profile.clone(),
        endpoint_url: args.endpoint_url.clone(),
        tps: args.tps,
        jitter_seed: u64::from(std::process::id()),
        ..Settings::default()
    };
    Ok(Client::connect(settings, Arc::clone(clock)).await?)
}

/// A signal ends the waiting for permits and between attempts; what is under way is still answered and journalled.
fn cancel_on(mut interrupt: watch::Receiver<bool>, client: Client) {
    tokio::spawn(async move {
        if interrupt.wait_for(|asked| *asked).await.is_ok() {
            client.cancel();
        }
    });
}

/// Says what will be done, and asks where somebody can be asked.
async fn is_confirmed(wish: &Wish, yes: bool, output: &Output) -> Result<bool, Failure> {
    if yes {
        for line in plan(wish) {
            output.note(&line);
        }
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new("nobody can be asked: stdin is no terminal")
            .hint(Some("give `--yes` to go ahead without a question"))
            .usage());
    }
    let mut question = plan(wish).join("\n");
    question.push_str("\nGo on? [y/N] ");
    let answer = tokio::task::spawn_blocking(move || {
        let mut stderr = std::io::stderr().lock();
        stderr.write_all(question.as_bytes())?;
        stderr.flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.expect("asking does not panic")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn plan(wish: &Wish) -> Vec<String> {
    let route = &wish.route;
    let verb = match wish.action {
        ReplicationAction::Start => "start",
        ReplicationAction::Stop => "stop",
    };
    let mut lines = vec![
        format!("{verb} replicating participant `{}`", route.participant_id),
        format!("  from {}", route.source_stage_arn),
        format!("  to   {}", route.destination_stage_arn),
    ];
    if wish.action == ReplicationAction::Start {
        let window = wish.reconnect_window.unwrap_or(0);
        lines.push(format!("  reconnect window {window} s"));
    }
    for (key, value) in &wish.attributes {
        lines.push(format!("  attribute {}={}", key.escape_debug(), value.escape_debug()));
    }
    lines
}

/// Journals, calls, journals again. The error of the call comes back beside what is in the journal.
async fn ask(
    lake: &Lake,
    client: &Client,
    clock: &SharedClock,
    wish: &Wish,
) -> Result<(ReplicationRequestRow, Result<(), CallError>), Failure> {
    let began = clock.monotonic();
    let is_start = wish.action == ReplicationAction::Start;
    let pending = ReplicationRequestRow {
        request_id: run_id(clock),
        requested_at: clock.now().trunc_subsecs(6),
        finished_at: None,
        requested_by: Some(requester()),
        action: wish.action,
        route: wish.route.clone(),
        reconnect_window_seconds: is_start.then(|| wish.reconnect_window.unwrap_or(0)),
        attributes: Some(wish.attributes.clone()),
        outcome: Outcome::Pending,
        message: None,
    };
    let entry = lake.journal(&pending).await.map_err(|error| {
        let cause = Failure::from(error);
        cause.within("cannot write the request into the journal; the service was not asked")
    })?;
    let answer = match wish.action {
        ReplicationAction::Start => {
            client.start_replication(&wish.route, wish.reconnect_window, &wish.attributes).await
        }
        ReplicationAction::Stop => client.stop_replication(&wish.route).await,
    };
    let outcome = match &answer {
        Ok(()) => Outcome::Accepted,
        Err(error) if error.kind == ErrorKind::Unknown => Outcome::Unknown,
        Err(error) => Outcome::Refused(error.code.clone()),
    };
    // The service's clock is the one that events are stamped by; it is known only after an answer.
    let took = TimeDelta::from_std(clock.monotonic().saturating_sub(began)).unwrap_or_default();
    let finished_at = client.now().trunc_subsecs(6);
    let row = ReplicationRequestRow {
        requested_at: (finished_at - took).trunc_subsecs(6),
        finished_at: Some(finished_at),
        message: answer.as_ref().err().and_then(|error| message(error, &outcome)),
        outcome,
        ..pending
    };
    lake.journal_outcome(&entry, &row).await.map_err(|error| {
        let outcome = row.outcome.as_str();
        Failure::from(error).within(format!(
            "the outcome of request {} is {outcome}, and the journal still says PENDING",
            row.request_id
        ))
    })?;
    Ok((row, answer))
}

/// What the service said; of a lost answer also what it was lost to.
fn message(error: &CallError, outcome: &Outcome) -> Option<String> {
    let message = match outcome {
        Outcome::Refused(_) => error.message.clone(),
        _ => error.to_string(),
    };
    Some(message).filter(|message| !message.is_empty())
}

/// Who asks: user and host.
fn requester() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let host = sysinfo::System::host_name();
    format!("{}@{}", user.as_deref().unwrap_or("unknown"), host.as_deref().unwrap_or("unknown"))
}

async fn wait_for(
    client: &Client,
    wish: &Wish,
    timeout: Duration,
    clock: &SharedClock,
    mut interrupt: watch::Receiver<bool>,
) -> Result<Waited, CallError> {
    let waiting = wait::until(client, &wish.route, wish.action, timeout, clock);
    tokio::select! {
        waited = waiting => waited,
        _ = interrupt.wait_for(|asked| *asked) => Ok(Waited::Interrupted),
    }
}

/// Prints how it went, and says what that means.
fn conclude(
    args: &Replication,
    wish: &Wish,
    row: &ReplicationRequestRow,
    answer: Result<(), CallError>,
    waited: Option<Result<Waited, CallError>>,
    output: &Output,
) -> Result<Exit, Failure> {
    let seen = matches!(waited, Some(Ok(Waited::Seen)));
    if args.json {
        output.result(&as_json(row, waited.as_ref(), wish.action).to_string())?;
    } else {
        output.result(&format!("{}: request {}", row.outcome.as_str(), row.request_id))?;
        if seen {
            output.result(&format!("the service lists it as {}", wait::goal(wish.action)))?;
        }
    }
    match (answer, waited) {
        // Whatever became of the answer: what was asked for is so.
        (Ok(()), None) | (_, Some(Ok(Waited::Seen))) => Ok(Exit::Done),
        (_, Some(Ok(Waited::Interrupted))) => Ok(Exit::Interrupted),
        (Err(error), _) if error.kind == ErrorKind::Cancelled => Ok(Exit::Interrupted),
        (Err(error), _) => Err(failure(&error, wish)),
        (Ok(()), Some(Ok(Waited::TimeUp))) => {
            output.note(&format!(
                "it was accepted, and is not listed as {} yet: look with `ivsight replication list`",
                wait::goal(wish.action)
            ));
            Ok(Exit::Deadline)
        }
        (Ok(()), Some(Err(error))) => Err(Failure::new("it was accepted, but cannot be watched")
            .because(error.clone())
            .hint(error.hint())),
    }
}

fn failure(error: &CallError, wish: &Wish) -> Failure {
    let verb = match (wish.action, error.kind) {
        (ReplicationAction::Start, ErrorKind::Unknown) => "the answer was lost: start replicating",
        (ReplicationAction::Stop, ErrorKind::Unknown) => "the answer was lost: stop replicating",
        (ReplicationAction::Start, _) => "cannot start replicating",
        (ReplicationAction::Stop, _) => "cannot stop replicating",
    };
    let route = &wish.route;
    Failure::new(format!(
        "{verb} participant `{}` from `{}` to `{}`",
        route.participant_id, route.source_stage_arn, route.destination_stage_arn
    ))
    .because(error.clone())
    .hint(error.hint())
}

fn as_json(
    row: &ReplicationRequestRow,
    waited: Option<&Result<Waited, CallError>>,
    action: ReplicationAction,
) -> Value {
    let state = match waited {
        Some(Ok(Waited::Seen)) => Some(wait::goal(action)),
        _ => None,
    };
    json!({
        "request_id": row.request_id,
        "action": row.action.as_str(),
        "source_stage_arn": row.route.source_stage_arn.as_str(),
        "destination_stage_arn": row.route.destination_stage_arn.as_str(),
        "participant_id": row.route.participant_id.as_str(),
        "reconnect_window_seconds": row.reconnect_window_seconds,
        "attributes": row.attributes,
        "requested_at": row.requested_at,
        "finished_at": row.finished_at,
        "outcome": row.outcome.as_str(),
        "message": row.message,
        "replication_state": state,
    })
}

async fn print_list(
    args: &Replication,
    list: &List,
    clock: &SharedClock,
    output: &Output,
) -> Result<Exit, Failure> {
    let stage = checks::stage(&list.source_stage)?;
    let participant = checks::participant(&list.participant)?;
    let client = connect(args, &stage, clock).await?;
    let replicas = wait::replicas(&client, &stage, &participant).await.map_err(|error| {
        Failure::new(format!("cannot list the replicas of participant `{participant}`"))
            .because(error.clone())
            .hint(error.hint())
    })?;
    if args.json {
        let rows: Vec<Value> = replicas.iter().map(wait::as_json).collect();
        output.result(&Value::from(rows).to_string())?;
        return Ok(Exit::Done);
    }
    for replica in &replicas {
        output.result(&wait::line(replica))?;
    }
    if replicas.is_empty() {
        output.note("the service lists no replica of this participant");
    }
    Ok(Exit::Done)
}
