//! `ivsight query` at a terminal: one statement after another, each over a fresh snapshot of the lake.
//!
//! What can be told without a terminal is told there: where a statement ends (`ivsight::query::pieces`), what a
//! [`command`] means, what [`completion`] offers. [`editor`] binds it to the line editor; what is asked is answered by
//! the same [`Session`] as a command line's.

pub(crate) mod command;
mod completion;
mod editor;
mod history;
mod vocabulary;

use std::sync::Arc;
use std::time::Duration;

use ivsight::clock::SharedClock;
use ivsight::query::{command_amid, is_whole};
use reedline::Signal;
use tokio::signal::unix::{SignalKind, signal};

use self::command::Command;
use self::editor::Editor;
use self::vocabulary::Vocabulary;
use super::Exit;
use super::error::Failure;
use super::query::pager::{Attention, Program};
use super::query::session::{Flow, Session};

/// Reads and answers until nobody asks any more.
pub(crate) async fn run(mut session: Session<'_>) -> Result<Exit, Failure> {
    let attention = Attention::default();
    session.pager = Some((Program::of_environment(), attention.clone()));
    let (output, clock) = (session.output, Arc::clone(&session.clock));
    output.note(&format!(
        "ivsight {} over `{}`: `\\help` lists the commands, `;` ends a statement, Ctrl-D leaves",
        env!("CARGO_PKG_VERSION"),
        session.common.lake.display(),
    ));
    let history = history::file().unwrap_or_else(|failure| {
        output.failure(&failure);
        None
    });
    let vocabulary = Arc::new(Vocabulary::of(&session.engine, &session.library));
    let mut editor = Editor::new(&vocabulary, history, output.has_color())?;
    loop {
        let line = match tokio::task::block_in_place(|| editor.read())? {
            Signal::Success(line) => line,
            Signal::CtrlD => break,
            _ => continue,
        };
        // Blocking lifts the limit that makes a task give way now and then; the next turn has it again.
        tokio::task::yield_now().await;
        tokio::select! {
            flow = answer(&mut session, &mut editor, &line) => match flow {
                Ok(Flow::Goes) => {}
                Ok(Flow::Ends) => break,
                // Whoever looked at the result has seen enough of it.
                Err(failure) if failure.is_closed_pipe() => {}
                Err(failure) => output.failure(&failure),
            },
            end = abandoned(&attention, &clock) => match end {
                End::Interrupted => output.note("cancelled"),
                End::Left => {}
            },
        }
    }
    session.finish()?;
    Ok(Exit::Done)
}

async fn answer(
    session: &mut Session<'_>,
    editor: &mut Editor,
    line: &str,
) -> Result<Flow, Failure> {
    if let Some(at) = command_amid(line) {
        // As psql does: the command is obeyed, and the statement can be gone on with.
        editor.keep(&line[..at]);
        return session.obey(Command::parse(line[at..].trim())?).await;
    }
    match Command::parse_word(line) {
        Some(command) => session.obey(command).await,
        None => session.run_text(line).await,
    }
}

/// Whether what was typed can be answered as it stands.
fn is_complete(text: &str, vocabulary: &Vocabulary) -> bool {
    is_whole(text)
        || command_amid(text).is_some()
        || Command::parse_word(text).is_some()
        || Command::parse_named(text, |name| vocabulary.is_query(name)).is_some()
}

/// Why an answer is not waited for any longer.
enum End {
    /// Ctrl-C.
    Interrupted,
    /// The pager was left.
    Left,
}

/// How often the pager is looked after.
const PAGER_EVERY: Duration = Duration::from_millis(100);

/// Waits until nobody wants the rest of an answer. While a pager is on the screen, Ctrl-C is for the pager.
async fn abandoned(attention: &Attention, clock: &SharedClock) -> End {
    let Ok(mut interrupts) = signal(SignalKind::interrupt()) else {
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = interrupts.recv() => {
                if !attention.is_taken() {
                    return End::Interrupted;
                }
            }
            () = clock.sleep(PAGER_EVERY) => {
                if attention.is_given_up() {
                    return End::Left;
                }
            }
        }
    }
}
