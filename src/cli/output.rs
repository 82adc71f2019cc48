//! All printing: results to stdout, everything else to stderr.

use std::io::{IsTerminal, Stdout, Write};

use super::args::{ColorChoice, Common};
use super::error::Failure;

/// Where and how to print.
#[derive(Debug)]
pub(crate) struct Output {
    quiet: bool,
    color: bool,
    stdout: Stdout,
}

impl Output {
    /// As the options say.
    pub(crate) fn new(common: &Common) -> Self {
        let color = match common.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
            }
        };
        Self { quiet: common.quiet, color, stdout: std::io::stdout() }
    }

    /// Before there are options.
    pub(crate) fn plain() -> Self {
        Self { quiet: false, color: false, stdout: std::io::stdout() }
    }

    /// Whether stderr may have colours.
    pub(crate) fn has_color(&self) -> bool {
        self.color
    }

    /// Whether only results and errors are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A line of the result.
    pub(crate) fn result(&self, line: &str) -> std::io::Result<()> {
        writeln!(self.stdout.lock(), "{line}")
    }

    /// A line beside the result, unless only results are wanted.
    pub(crate) fn note(&self, line: &str) {
        if !self.quiet {
            say(line);
        }
    }

    /// What failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        for line in failure.lines() {
            match line.split_once(':') {
                Some((word, rest)) if self.color && !word.starts_with(' ') => {
                    let code = if word == "error" { "1;31" } else { "1;36" };
                    say(&format!("\x1b[{code}m{word}:\x1b[0m{rest}"));
                }
                _ => say(&line),
            }
        }
    }
}

/// A line on stderr. Nobody may be listening; the work goes on all the same.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
