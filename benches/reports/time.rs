//! Times the canned queries as their users meet them: the built program, as a process, its answer thrown away.

use std::io::Write;
use std::process::{Command, Stdio};

use ivsight::clock::SystemClock;
use ivsight::query::Library;

use super::{Outcome, Time};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ivsight");

pub(super) fn time(args: &Time) -> Outcome<()> {
    let library = Library::embedded();
    let busiest = "SELECT session_id FROM sessions ORDER BY events_n DESC, session_id LIMIT 1";
    let session = String::from_utf8(answer(args, &["--format", "tsv", busiest])?)?;
    let session = session.lines().nth(1).unwrap_or_default();
    for query in library.queries() {
        let header = query.header();
        if !args.query.is_empty() && !args.query.contains(&header.name) {
            continue;
        }
        let mut words = vec![header.name.as_str()];
        if header.params.iter().any(|parameter| parameter.required) {
            words.extend(["--session", session]);
        }
        let mut best = f64::INFINITY;
        for _ in 0..args.runs.max(1) {
            let clock = SystemClock::shared();
            answer(args, &words)?;
            best = best.min(clock.monotonic().as_secs_f64());
        }
        writeln!(std::io::stdout(), "{:24} {best:8.3} s", header.name)?;
    }
    Ok(())
}

fn answer(args: &Time, words: &[&str]) -> Outcome<Vec<u8>> {
    let output = Command::new(PROGRAM)
        .arg("query")
        .args(words)
        .arg("--lake")
        .arg(&args.lake)
        .stderr(Stdio::inherit())
        .output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("`ivsight query {}` failed", words.join(" ")).into())
    }
}
