//! The summary of a run, for a person.

use std::io;

use ivsight::collect::summary::{Calls, Failure, Plan, ScopeSummary, Summary};
use ivsight::render::sanitize;

use super::args::Collect;
use super::output::Output;

/// Failures that are shown; `--json` has more.
const FAILURES_MAX: usize = 20;

/// Prints the summary to stdout.
pub(crate) fn print(summary: &Summary, output: &Output) -> io::Result<()> {
    output.result(&format!(
        "{}: {} sessions, {} participants, {} events from {} stages in {:.1} s, {} written",
        summary.status.as_str(),
        summary.sessions,
        summary.participants,
        summary.events,
        summary.stages,
        summary.duration_s,
        bytes(summary.bytes_written),
    ))?;
    for scope in &summary.scopes {
        print_scope(scope, output)?;
    }
    if summary.scopes.iter().all(|scope| scope.account_id.is_empty()) {
        output.result("no stage was found, so nothing was written")?;
    }
    Ok(())
}

fn print_scope(scope: &ScopeSummary, output: &Output) -> io::Result<()> {
    if scope.account_id.is_empty() && scope.calls.is_empty() {
        return Ok(());
    }
    let left = scope.sessions_left;
    output.result(&format!(
        "{} {}: {}; not collected: {} live, {} unsettled, {} waiting, {} failed",
        scope.account_id,
        scope.region,
        scope.status.as_str(),
        left.live,
        left.unsettled,
        left.waiting,
        left.failed,
    ))?;
    for (operation, calls) in &scope.calls {
        output.result(&format!("  {}", calls_line(operation, calls)))?;
    }
    for failure in scope.failures.iter().take(FAILURES_MAX) {
        output.result(&format!("  failed: {}", sanitize(&failure_line(failure))))?;
        if let Some(hint) = &failure.hint {
            output.result(&format!("    hint: {hint}"))?;
        }
    }
    let more = (scope.failures.len().saturating_sub(FAILURES_MAX)) as u64 + scope.failures_left_out;
    if more > 0 {
        output.result(&format!("  and {more} more failures; `--json` lists up to 1,000"))?;
    }
    Ok(())
}

fn calls_line(operation: &str, calls: &Calls) -> String {
    let mut parts = vec![format!("{operation}: {} calls", calls.attempts)];
    if calls.retries > 0 {
        parts.push(format!("{} retries", calls.retries));
    }
    if calls.throttles > 0 {
        parts.push(format!("{} throttled", calls.throttles));
    }
    if let Some(utilization) = calls.utilization {
        parts.push(format!("{:.0} % of the permitted rate", utilization * 100.0));
    }
    parts.join(", ")
}

fn failure_line(failure: &Failure) -> String {
    let mut what = vec![failure.operation.clone().unwrap_or_else(|| "crawl".to_owned())];
    for (noun, id) in [
        ("participant", &failure.participant_id),
        ("session", &failure.session_id),
        ("stage", &failure.stage_arn),
    ] {
        what.extend(id.as_ref().map(|id| format!("of {noun} `{id}`")));
    }
    let mut parts = vec![what.join(" "), failure.code.clone()];
    if !failure.message.is_empty() {
        parts.push(failure.message.clone());
    }
    let line = parts.join(": ");
    if failure.n > 1 { format!("{line} ({} times)", failure.n) } else { line }
}

/// Prints what a run would do.
pub(crate) fn print_plan(
    summary: &Summary,
    plans: &[Plan],
    args: &Collect,
    output: &Output,
) -> io::Result<()> {
    let planned: Vec<_> = summary.scopes.iter().zip(plans).collect();
    if args.json {
        let scopes: Vec<_> = planned
            .iter()
            .map(|(scope, plan)| {
                serde_json::json!({
                    "account_id": scope.account_id,
                    "region": scope.region,
                    "status": scope.status,
                    "stages": scope.stages,
                    "sessions_left": scope.sessions_left,
                    "plan": plan,
                    "time_s": time_s(plan, args.service.tps),
                    "failures": scope.failures,
                })
            })
            .collect();
        let plan = serde_json::json!({
            "version": summary.version,
            "run_id": summary.run_id,
            "status": summary.status,
            "dry_run": true,
            "scopes": scopes,
        });
        return output.result(&plan.to_string());
    }
    for (scope, plan) in planned {
        print_scope_plan(scope, plan, args.service.tps, output)?;
    }
    Ok(())
}

fn print_scope_plan(
    scope: &ScopeSummary,
    plan: &Plan,
    tps: f64,
    output: &Output,
) -> io::Result<()> {
    output.result(&format!(
        "{} {}: {} stages; a run would fetch {} sessions with {} participants",
        scope.account_id, scope.region, scope.stages, plan.sessions, plan.participants
    ))?;
    for (operation, calls) in operations(plan) {
        let time = if tps > 0.0 { duration(seconds(calls, tps)) } else { "unpaced".to_owned() };
        output.result(&format!("  {operation}: at least {calls} calls, {time}"))?;
    }
    if let Some(time_s) = time_s(plan, tps) {
        output.result(&format!(
            "operations run side by side: about {} at {tps} calls a second each",
            duration(time_s)
        ))?;
    }
    Ok(())
}

fn operations(plan: &Plan) -> [(&'static str, u64); 4] {
    [
        ("ListParticipants", plan.participants_calls),
        ("ListParticipantEvents", plan.events_calls),
        ("GetParticipant", plan.details_calls),
        ("ListParticipantReplicas", plan.replicas_calls),
    ]
}

/// The time that the scarcest operation takes; none without pacing.
fn time_s(plan: &Plan, tps: f64) -> Option<f64> {
    let most = operations(plan).into_iter().map(|(_, calls)| calls).max()?;
    (tps > 0.0).then(|| seconds(most, tps))
}

#[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
fn seconds(calls: u64, tps: f64) -> f64 {
    calls as f64 / tps
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
pub(super) fn bytes(n: u64) -> String {
    match n {
        0..1_024 => format!("{n} B"),
        1_024..1_048_576 => format!("{:.1} KiB", n as f64 / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", n as f64 / 1_073_741_824.0),
    }
}
