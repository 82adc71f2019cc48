//! `ivsight verify`: the lake's own promises, checked again.

use std::io;

use ivsight::lake::maintain::verify::{Breach, Verified, verify};
use ivsight::render::sanitize;

use super::args::{Common, VerifyArgs};
use super::error::Failure;
use super::output::Output;
use super::{Exit, lake, sample};

/// Broken promises that are shown; `--json` has more.
const BREACHES_MAX: usize = 100;

/// Checks, and says what is broken.
pub(crate) async fn run(
    common: &Common,
    args: &VerifyArgs,
    output: &Output,
) -> Result<Exit, Failure> {
    if let Some(n) = args.sample {
        return sample::run(common, args, n, output).await;
    }
    let verified = verify(&lake::place(common).await?).await?;
    let printed = if args.json {
        output.result(&serde_json::to_string(&verified).map_err(io::Error::from)?)
    } else {
        print(&verified, output)
    };
    match printed {
        // The verdict is in the exit code, whoever reads the rest.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ if verified.is_sound() => Ok(Exit::Done),
        _ => Ok(Exit::Failed),
    }
}

fn print(verified: &Verified, output: &Output) -> io::Result<()> {
    for breach in verified.breaches.iter().take(BREACHES_MAX) {
        output.result(&sanitize(&line(breach)))?;
    }
    let more =
        verified.breaches.len().saturating_sub(BREACHES_MAX) as u64 + verified.breaches_left_out;
    if more > 0 {
        output.result(&format!("and {more} more; `--json` lists up to 1,000"))?;
    }
    output.result(&format!(
        "{}: {} sessions, {} participants, {} events, {} intervals",
        if verified.is_sound() { "sound" } else { "broken" },
        verified.sessions,
        verified.participants,
        verified.events,
        verified.intervals,
    ))
}

fn line(breach: &Breach) -> String {
    let mut line = format!("{} in `{}`", breach.promise, breach.table);
    for (noun, name) in
        [("at", &breach.place), ("session", &breach.session_id), ("of stage", &breach.stage_arn)]
    {
        if let Some(name) = name {
            line = format!("{line} {noun} `{name}`");
        }
    }
    format!("{line}: {}", breach.message)
}
