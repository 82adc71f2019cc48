//! `ivsight status`: what the lake holds, for a person, a program or a monitor.

use std::io;

use chrono::TimeDelta;
use ivsight::clock::SystemClock;
use ivsight::collect::settings::Glob;
use ivsight::lake::maintain::status::{ScopeStatus, Sessions, StageStatus, Status};
use ivsight::render::sanitize;
use ivsight::times::{format_time, parse_duration};

use super::args::{Common, StatusArgs};
use super::error::Failure;
use super::output::Output;
use super::summary::bytes;
use super::{Exit, lake};

/// Failed sessions that are shown; `--json` has more.
const FAILED_MAX: usize = 20;

/// Looks, prints, and checks the age if that was asked for.
pub(crate) async fn run(
    common: &Common,
    args: &StatusArgs,
    output: &Output,
) -> Result<Exit, Failure> {
    let now = SystemClock::shared().now();
    let age = args.check.as_deref().map(age).transpose()?;
    let globs: Vec<Glob> = args.stage.iter().map(|text| Glob::new(text)).collect();
    let status = Status::of(
        &lake::place(common).await?,
        |arn, name| {
            globs.is_empty()
                || globs.iter().any(|glob| {
                    glob.matches(arn.as_str()) || name.is_some_and(|name| glob.matches(name))
                })
        },
        now,
    )
    .await?;
    let is_old = age.is_some_and(|age| {
        now.checked_sub_signed(age).is_some_and(|since| status.is_older_than(since))
    });
    let printed = if args.json {
        output.result(&serde_json::to_string(&status).map_err(io::Error::from)?)
    } else {
        print(&status, output)
    };
    match printed {
        // The verdict is in the exit code, whoever reads the rest.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    if is_old {
        output.note("the last complete or partial run is older than `--check` allows");
    }
    Ok(if is_old { Exit::Incomplete } else { Exit::Done })
}

fn age(text: &str) -> Result<TimeDelta, Failure> {
    let age = parse_duration(text).map_err(|error| Failure::of(&error).usage())?;
    TimeDelta::from_std(age).map_err(|_| Failure::new("`--check` is too long").usage())
}

fn print(status: &Status, output: &Output) -> io::Result<()> {
    output.result(&format!("all: {}", sessions_line(&status.sessions)))?;
    for scope in &status.scopes {
        print_scope(scope, output)?;
    }
    Ok(())
}

fn print_scope(scope: &ScopeStatus, output: &Output) -> io::Result<()> {
    output.result("")?;
    output.result(&format!("{} {}", scope.account_id, scope.region))?;
    let run = match &scope.last_run {
        None => "none".to_owned(),
        Some(run) => format!("{} at {}", run.status.as_str(), format_time(run.finished_at)),
    };
    output.result(&format!("  last run: {run}"))?;
    if scope.staged.bytes > 0 {
        let staged = &scope.staged;
        output.result(&format!(
            "  fetched and not published: {} sessions, {}",
            staged.sessions,
            bytes(staged.bytes)
        ))?;
    }
    for stage in &scope.stages {
        output.result(&format!("  {}: {}", stage_name(stage), sessions_line(&stage.sessions)))?;
    }
    for failed in scope.failed.iter().take(FAILED_MAX) {
        let error = failed.last_error.as_deref().unwrap_or_default();
        output.result(&sanitize(&format!(
            "  failed {} times: session `{}` of stage `{}`: {error}",
            failed.attempts_n, failed.session_id, failed.stage_arn,
        )))?;
    }
    let more = scope.failed.len().saturating_sub(FAILED_MAX) as u64 + scope.failed_left_out;
    if more > 0 {
        output.result(&format!("  and {more} more failed sessions; `--json` lists up to 1,000"))?;
    }
    for table in &scope.tables {
        output.result(&format!(
            "  {:<20} {:>12} rows {:>12} in {} files",
            table.table,
            table.rows,
            bytes(table.bytes),
            table.files
        ))?;
    }
    Ok(())
}

fn stage_name(stage: &StageStatus) -> String {
    let name = stage.name.as_deref().unwrap_or(&stage.stage_arn);
    let gone = if stage.gone_at.is_some() { " (gone)" } else { "" };
    format!("{}{gone}", sanitize(name))
}

/// What is none is left out, but for what everybody wants to know.
fn sessions_line(sessions: &Sessions) -> String {
    let mut parts = vec![format!("{} complete", sessions.complete)];
    for (n, what) in [
        (sessions.incomplete, "incomplete"),
        (sessions.lost, "lost"),
        (sessions.pruned, "pruned"),
        (sessions.listed, "not collected"),
        (sessions.gaps, "of these ended more than an hour ago"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    parts.push(format!("{} participants", sessions.participants));
    parts.push(format!("{} events", sessions.events));
    parts.extend(sessions.newest_end.map(|end| format!("newest end {}", format_time(end))));
    parts.join(", ")
}
