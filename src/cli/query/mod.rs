//! `ivsight query`: SQL, a file, a canned query, or a prompt, over one snapshot of the lake for each statement.

pub(crate) mod listing;
mod memory;
pub(crate) mod pager;
pub(crate) mod session;
pub(crate) mod sink;
mod watch;

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;

use ivsight::clock::{Clock, SystemClock};
use ivsight::query::{Arguments, Engine, LakeSource, Library, Options, Piece, pieces};
use ivsight::render;

use self::session::Session;
use self::sink::{Looks, Sink};
use super::args::{Common, Query};
use super::error::Failure;
use super::output::Output;
use super::{Exit, lake, prompt, signals};

pub(super) use self::sink::table_width;

/// Answers, and writes the answer.
pub(crate) async fn run(common: &Common, args: &Query, output: &Output) -> Result<Exit, Failure> {
    let clock = SystemClock::shared();
    let began = clock.monotonic();
    let looks = looks(args)?;
    let question = question(args)?;
    let library = Arc::new(library(args.queries.as_deref())?);
    let options = Options {
        memory_limit: Some(memory::limit(args.memory_limit.as_deref())?),
        allow_write: args.allow_write,
        ..Options::default()
    };
    let source = Arc::new(LakeSource::new(&lake::place(common).await?));
    let mut session = Session {
        common,
        output,
        engine: Arc::new(Engine::new(source, Arc::clone(&library), &options)?),
        library,
        arguments: arguments(args, &*clock)?,
        clock: Arc::clone(&clock),
        looks,
        is_timed: false,
        is_explained: args.explain,
        file: None,
        pager: None,
        including: args.file.iter().filter_map(|path| path.canonicalize().ok()).collect(),
    };
    if let Some(path) = &args.output {
        session.file = Some((path.clone(), Sink::file(looks, path)?));
    }
    let Some(question) = question else {
        session.is_timed = args.timing;
        return Box::pin(prompt::run(session)).await;
    };
    let mut stopped = signals::interrupt(Arc::clone(&clock))?;
    let exit = tokio::select! {
        exit = ask(&mut session, question, args) => exit?,
        // What was begun is dropped with the session: no half file stays.
        _ = stopped.wait_for(|stopped| *stopped) => return Ok(Exit::Interrupted),
    };
    session.finish()?;
    if args.timing {
        let took = clock.monotonic().saturating_sub(began);
        output.note(&format!("{:.3} s", took.as_secs_f64()));
    }
    Ok(exit)
}

async fn ask(session: &mut Session<'_>, question: Question, args: &Query) -> Result<Exit, Failure> {
    match question {
        Question::Canned(name) => {
            let arguments = session.arguments.clone();
            let is_bad = session.run_canned(&name, arguments, args.check).await?;
            return Ok(if is_bad { Exit::Incomplete } else { Exit::Done });
        }
        Question::Sql(_) | Question::Script(_) if args.check => {
            return Err(Failure::new("SQL has no verdict to check")
                .hint(Some("give the name of a canned query that has one"))
                .usage());
        }
        Question::Sql(text) if has_marks(&text) => {
            session.run_text(&text).await?;
        }
        Question::Script(text) if session.has_commands(&text)? => {
            session.run_text(&text).await?;
        }
        Question::Sql(text) | Question::Script(text) => session.run_sql(&text).await?,
    }
    Ok(Exit::Done)
}

/// The canned queries, with those of the user's folder.
pub(super) fn library(folder: Option<&Path>) -> Result<Library, Failure> {
    let library = Library::embedded();
    match folder {
        Some(folder) => library.overlay(folder).map_err(Failure::from),
        None => Ok(library),
    }
}

enum Question {
    Canned(String),
    /// The argument, which is SQL if it is no name.
    Sql(String),
    /// A file or stdin, in which names of canned queries may stand as well.
    Script(String),
}

/// What is asked; `None` where somebody sits at a terminal and asks in turn.
fn question(args: &Query) -> Result<Option<Question>, Failure> {
    if let Some(text) = &args.text {
        return Ok(Some(if is_name(text) {
            Question::Canned(text.clone())
        } else {
            Question::Sql(text.clone())
        }));
    }
    if let Some(path) = &args.file {
        return session::read(path).map(|text| Some(Question::Script(text)));
    }
    if std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|error| Failure::new("cannot read SQL from stdin").because(error))?;
    Ok(Some(Question::Script(text)))
}

/// A single word of this shape is the name of a canned query; anything else is SQL.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Whether a text holds commands that are marked as such.
fn has_marks(text: &str) -> bool {
    pieces(text).iter().any(|piece| matches!(piece, Piece::Command { .. }))
}

fn looks(args: &Query) -> Result<Looks, Failure> {
    let format = match args.format.as_str() {
        "auto" => None,
        name => {
            Some(name.parse().map_err(|error: render::UnknownFormat| Failure::of(&error).usage())?)
        }
    };
    Ok(Looks { format, is_expanded: false, rows_max: args.max_rows })
}

fn arguments(args: &Query, clock: &dyn Clock) -> Result<Arguments, Failure> {
    let mut arguments = Arguments::new(clock.now());
    let limit = args.limit.map(|limit| limit.to_string());
    for (name, value) in [
        ("from", &args.from),
        ("to", &args.to),
        ("session", &args.session),
        ("bucket", &args.bucket),
        ("by", &args.by),
        ("replicas", &args.replicas),
        ("tz", &args.tz),
        ("limit", &limit),
    ] {
        if let Some(value) = value {
            arguments.push(name, value);
        }
    }
    for stage in &args.stage {
        arguments.push("stage", stage);
    }
    for param in &args.param {
        let (name, value) = param.split_once('=').ok_or_else(|| {
            Failure::new(format!("`{param}` is not a parameter"))
                .hint(Some("give `--param NAME=VALUE`"))
                .usage()
        })?;
        arguments.push(name, value);
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lower_case_word_is_a_name() {
        assert!(is_name("error-codes"));
        assert!(!is_name("select 1"));
        assert!(!is_name("SELECT"));
        assert!(!is_name("1"));
    }
}
