//! `ivsight completions`: what a shell needs to complete commands and options.

use std::io::Write;

use super::Exit;
use super::args::{self, Completions};
use super::error::Failure;

/// Prints the script for a shell.
pub(crate) fn run(args: &Completions) -> Result<Exit, Failure> {
    let mut command = args::command();
    let name = command.get_name().to_owned();
    // The generator panics where it can't write, as to a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
