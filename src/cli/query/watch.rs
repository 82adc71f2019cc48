//! What a person sees while a statement runs: after a second, how much of the files is read.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ivsight::clock::SharedClock;
use ivsight::query::{ReadSoFar, Reading};

use super::super::args::{Common, ProgressChoice};
use super::super::output::Output;
use super::super::summary::bytes;

/// An answer that comes sooner needs no progress.
const SHOWN_AFTER: Duration = Duration::from_secs(1);
const SHOWN_EVERY: Duration = Duration::from_millis(200);

/// Progress of one statement, on stderr.
pub(crate) struct Watch {
    bar: ProgressBar,
    reading: Mutex<Option<Reading>>,
}

impl Watch {
    /// On a terminal, unless the options say otherwise.
    pub(crate) fn new(common: &Common, output: &Output) -> Self {
        let is_shown = match common.progress {
            _ if output.is_quiet() => false,
            ProgressChoice::Auto | ProgressChoice::Bar => std::io::stderr().is_terminal(),
            ProgressChoice::Plain | ProgressChoice::None => false,
        };
        let bar = ProgressBar::with_draw_target(
            None,
            if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
        );
        let style = ProgressStyle::with_template("{msg}").expect("the template is well formed");
        Self { bar: bar.with_style(style), reading: Mutex::new(None) }
    }

    /// What is on the screen, to be cleared before a result is written there.
    pub(crate) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    /// The files are known now.
    pub(crate) fn set_reading(&self, reading: Option<Reading>) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = reading;
    }

    /// Shows progress while the work is done.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>, clock: &SharedClock) -> T {
        let began = clock.monotonic();
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    self.bar.finish_and_clear();
                    return done;
                }
                () = clock.sleep(SHOWN_EVERY) => {
                    let took = clock.monotonic().saturating_sub(began);
                    if took >= SHOWN_AFTER && !self.bar.is_finished() {
                        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
                        self.bar.set_message(line(reading.as_ref().map(Reading::so_far), took));
                    }
                }
            }
        }
    }
}

fn line(read: Option<ReadSoFar>, took: Duration) -> String {
    let seconds = took.as_secs();
    match read {
        None => format!("planning, {seconds} s"),
        Some(read) if read.files_n == 0 => format!("running, {seconds} s"),
        Some(read) => format!(
            "{} of {} files, {} of at most {} read, {seconds} s",
            read.files_done_n,
            read.files_n,
            bytes(read.bytes_read_n),
            bytes(read.bytes_n),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_of_what_is_read() {
        let read = ReadSoFar { files_n: 12, files_done_n: 3, bytes_n: 2048, bytes_read_n: 512 };
        let took = Duration::from_millis(2_900);
        assert_eq!(line(Some(read), took), "3 of 12 files, 512 B of at most 2.0 KiB read, 2 s");
        assert_eq!(line(Some(ReadSoFar::default()), took), "running, 2 s");
        assert_eq!(line(None, took), "planning, 2 s");
    }
}
