//! From arguments to an exit code.
//!
//! [`args`] says what can be typed, [`config`] what a file adds to it; there is one file for each command, which reads
//! like its help text. Everything that is printed goes through [`output`].

mod args;
mod collect;
mod compact;
mod completions;
mod config;
mod demo;
mod error;
mod lake;
mod log;
mod man;
mod memory;
mod output;
mod progress;
mod prompt;
mod prune;
mod queries;
mod query;
mod rebuild;
mod replication;
mod sample;
mod schema;
mod signals;
mod sim;
mod status;
mod summary;
mod verify;

use std::process::ExitCode;

use clap::FromArgMatches;

use self::args::{Arguments, Command};
use self::error::Failure;
use self::output::Output;

/// How a command ended, as programs see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// The command line made no sense.
    Usage,
    /// Finished, but some stages or sessions failed.
    Incomplete,
    /// Stopped at a deadline.
    Deadline,
    /// Another collector holds this scope of this lake.
    Locked,
    /// Interrupted; what was collected is safe.
    Interrupted,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Deadline => 4,
            Self::Locked => 5,
            Self::Interrupted => 130,
        }
    }
}

/// Runs the command that was typed.
pub(crate) fn main() -> ExitCode {
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(Rejected::Clap(error)) => return clap_exit(&error),
        Err(Rejected::Config(failure)) => {
            return finish(&Output::plain(), Err(failure));
        }
    };
    let output = Output::new(&arguments.common);
    log::start(&arguments.common, &output);
    let result = run(arguments, &output);
    finish(&output, result)
}

fn run(arguments: Arguments, output: &Output) -> Result<Exit, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if arguments.command.is_upkeep() {
        memory::give_back_at_once();
        builder.on_thread_start(memory::share_pool);
    }
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Failure::new("cannot start the runtime").because(error))?;
    let common = arguments.common;
    let exit = runtime.block_on(async {
        match arguments.command {
            Command::Collect(args) => collect::run(&common, &args, output).await,
            Command::Query(args) => Box::pin(query::run(&common, &args, output)).await,
            Command::Queries(args) => queries::run(&args, output),
            Command::Status(args) => status::run(&common, &args, output).await,
            Command::Verify(args) => verify::run(&common, &args, output).await,
            Command::Compact(args) => compact::run(&common, &args, output).await,
            Command::Rebuild(args) => rebuild::run(&common, &args, output).await,
            Command::Prune(args) => prune::run(&common, &args, output).await,
            Command::Schema(args) => schema::run(&common, &args, output),
            Command::Replication(args) => replication::run(&common, &args, output).await,
            Command::Sim(args) => sim::run(&args, output).await,
            Command::Demo(args) => demo::run(&common, &args, output).await,
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args, output),
        }
    });
    // What is still running is not waited for: it is either done or of no use. Nor is it cut off, since what opens a Delta
    // table panics then: it ends with the process.
    std::mem::forget(runtime);
    exit
}

fn finish(output: &Output, result: Result<Exit, Failure>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        // Whoever read us has seen enough.
        Err(failure) if failure.is_closed_pipe() => Exit::Done,
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    };
    ExitCode::from(exit.code())
}

enum Rejected {
    Clap(clap::Error),
    Config(Failure),
}

/// What was typed, completed by the configuration file.
fn parse() -> Result<Arguments, Rejected> {
    let typed: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let matches = args::command().try_get_matches_from(&typed).map_err(Rejected::Clap)?;
    let completed = config::complete(typed, &matches).map_err(Rejected::Config)?;
    let matches = match completed {
        None => matches,
        Some(config::Completed { arguments, file }) => {
            args::command().try_get_matches_from(arguments).map_err(|error| {
                Rejected::Config(
                    Failure::new(format!("`{}` holds a value that does not fit", file.display()))
                        .because_of(error.render().to_string().trim().to_owned())
                        .usage(),
                )
            })?
        }
    };
    Arguments::from_arg_matches(&matches).map_err(Rejected::Clap)
}

/// Clap prints its own errors, and its help; a closed pipe is no error there either.
fn clap_exit(error: &clap::Error) -> ExitCode {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    match error.print() {
        Ok(()) => ExitCode::from(exit.code()),
        Err(_) => ExitCode::from(Exit::Done.code()),
    }
}
