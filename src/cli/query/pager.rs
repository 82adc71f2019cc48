//! A pager for what is higher than the terminal: `$PAGER`, else `less` where it is there.

use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use unicode_width::UnicodeWidthStr;

/// How `less` is to behave: long lines are cut, colours pass, it leaves at once where all fits, and leaves the text there.
const LESS: &str = "-SRFX";

/// What the terminal does with what is too high for it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// A command for the shell; `None`: nothing pages.
    command: Option<String>,
}

impl Program {
    /// What `$PAGER` names; without it `less`, where one of the folders of `$PATH` has it. Empty or `cat`: nothing.
    pub(crate) fn of_environment() -> Self {
        let command = match std::env::var("PAGER") {
            Ok(command) => Some(command),
            Err(_) => is_installed("less").then(|| format!("less {LESS}")),
        };
        Self { command: command.filter(|it| !it.trim().is_empty() && it.trim() != "cat") }
    }
}

fn is_installed(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// Whether somebody looks at a pager: it takes the interrupts of the terminal to itself then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attention(Arc<Mutex<Option<Child>>>);

impl Attention {
    /// A pager is on the screen.
    pub(crate) fn is_taken(&self) -> bool {
        self.child().as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The pager was left, and what would still come is not looked at.
    pub(crate) fn is_given_up(&self) -> bool {
        self.child().as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_))))
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds text back until it is higher than the terminal; then a pager gets it all.
pub(crate) struct Pager {
    program: Program,
    attention: Attention,
    /// Lines and columns of the terminal.
    size: (usize, usize),
    held: Vec<u8>,
    /// The way to the pager, once it runs.
    input: Option<ChildStdin>,
}

impl Pager {
    /// For a terminal of so many lines and columns.
    pub(crate) fn new(program: Program, attention: Attention, size: (usize, usize)) -> Self {
        Self { program, attention, size, held: Vec::new(), input: None }
    }

    /// Shows what is held back, or waits until the pager is left.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if self.attention.child().is_none() {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&std::mem::take(&mut self.held))?;
            return stdout.flush();
        }
        self.leave()
    }

    fn leave(&mut self) -> io::Result<()> {
        drop(self.input.take());
        match self.attention.child().take() {
            Some(mut child) => child.wait().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Whether the text is too high, with a line for the prompt below it.
    fn is_too_high(&self) -> bool {
        let (lines_n, columns_n) = self.size;
        let text = String::from_utf8_lossy(&self.held);
        let height = |line: &str| line.width().div_ceil(columns_n.max(1)).max(1);
        text.lines().map(height).sum::<usize>() >= lines_n
    }

    fn start(&mut self, command: &str) -> io::Result<()> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).stdin(Stdio::piped());
        // A `less` of the user's own choice, without orders: as ours.
        if std::env::var_os("LESS").is_none() {
            shell.env("LESS", LESS);
        }
        let mut child = shell.spawn()?;
        let mut input = child.stdin.take();
        *self.attention.child() = Some(child);
        if let Some(input) = &mut input {
            input.write_all(&std::mem::take(&mut self.held))?;
        }
        self.input = input;
        Ok(())
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(input) = &mut self.input {
            return input.write(bytes);
        }
        self.held.extend_from_slice(bytes);
        if self.is_too_high() {
            match self.program.command.clone() {
                Some(command) => self.start(&command)?,
                None => io::stdout().write_all(&std::mem::take(&mut self.held))?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// A result that ended in the middle is looked at all the same, and the terminal is whole again before anything is said.
impl Drop for Pager {
    fn drop(&mut self) {
        let _ = self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_by(command: &str, size: (usize, usize), text: &str) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let command = format!("{command} > {}", seen.display());
        let program = Program { command: Some(command) };
        let mut pager = Pager::new(program, Attention::default(), size);
        // Little by little, as rows come.
        for line in text.split_inclusive('\n') {
            pager.write_all(line.as_bytes()).unwrap();
        }
        pager.finish().unwrap();
        std::fs::read_to_string(seen).is_ok_and(|seen| seen == text)
    }

    #[test]
    fn what_is_higher_than_the_terminal_is_paged_whole() {
        let many = "1\n".repeat(100);
        assert!(shown_by("cat", (24, 80), &many));
        assert!(shown_by("cat", (3, 80), "1\n2\n3\n"));
        assert!(!shown_by("cat", (4, 80), "1\n2\n3\n"));
        assert!(shown_by("cat", (4, 10), "a line that the terminal folds into many\n"));
    }

    #[test]
    fn a_pager_that_is_left_ends_the_writing() {
        let program = Program { command: Some("true".to_owned()) };
        let attention = Attention::default();
        let mut pager = Pager::new(program, attention.clone(), (2, 80));
        let line = [b'x'; 4096];
        let ended = (0..1_000).find_map(|_| pager.write_all(&line).err()).unwrap();
        assert_eq!(ended.kind(), io::ErrorKind::BrokenPipe);
        drop(pager);
        assert!(!attention.is_taken());
    }
}
