//! Where results go: stdout, a pager, or a file that is there when it is whole.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use ivsight::query::Answer;
use ivsight::render::{self, Format};

use super::super::error::Failure;
use super::pager::Pager;

/// Rows that a table on a terminal shows, unless `--max-rows` says otherwise.
const ROWS_ON_TERMINAL: usize = 1_000;

/// How a result shall look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Looks {
    /// `None`: a table on a terminal, by its name in a file, else CSV.
    pub(crate) format: Option<Format>,
    /// A line for each value instead of a table.
    pub(crate) is_expanded: bool,
    /// Rows of a table.
    pub(crate) rows_max: Option<usize>,
}

/// A place for results.
pub(crate) struct Sink {
    out: Out,
    looks: Looks,
    results_n: usize,
}

enum Out {
    Stdout(BufWriter<io::Stdout>),
    Pager(Pager),
    File {
        file: BufWriter<File>,
        /// The name that it is written under; none for a pipe or a device, which no file may take the place of.
        aside: Option<PathBuf>,
        path: PathBuf,
    },
}

impl Sink {
    /// Stdout as it is.
    pub(crate) fn stdout(looks: Looks) -> Self {
        Self::new(Out::Stdout(BufWriter::new(io::stdout())), looks)
    }

    /// The terminal, by way of a pager where the result is higher.
    pub(crate) fn paged(looks: Looks, pager: Pager) -> Self {
        Self::new(Out::Pager(pager), looks)
    }

    /// A file, which gets its name when it is finished; what is there and is no file (`/dev/null`, a pipe) is written as
    /// it goes.
    pub(crate) fn file(looks: Looks, path: &Path) -> Result<Self, Failure> {
        let out = match std::fs::metadata(path) {
            Ok(there) if !there.is_file() => special(path),
            Ok(_) => std::fs::canonicalize(path).and_then(begun),
            Err(_) => begun(path.to_owned()),
        };
        Ok(Self::new(out.map_err(|error| unwritable(path, error))?, looks))
    }

    fn new(out: Out, looks: Looks) -> Self {
        Self { out, looks, results_n: 0 }
    }

    /// The next result shall look like this.
    pub(crate) fn set_looks(&mut self, looks: Looks) {
        self.looks = looks;
    }

    /// The format of the next result.
    fn format(&self) -> Result<Format, Failure> {
        let named = match &self.out {
            Out::File { path, .. } => path.extension().and_then(|name| name.to_str()),
            _ => None,
        };
        let automatic = named.and_then(|name| name.parse().ok()).unwrap_or(if self.is_terminal() {
            Format::Table
        } else {
            Format::Csv
        });
        let format = match self.looks.format.unwrap_or(automatic) {
            Format::Table if self.looks.is_expanded => Format::Vertical,
            format => format,
        };
        if format.is_binary() && self.is_terminal() {
            return Err(Failure::new(format!("a terminal can't show {}", format.name()))
                .hint(Some("write it to a file with `-o FILE`"))
                .usage());
        }
        if format.is_binary() && self.results_n > 0 {
            return Err(Failure::new(format!("{} holds one result", format.name()))
                .hint(Some("give one statement for each file, or another `--format`"))
                .usage());
        }
        Ok(format)
    }

    /// Whether what is written next goes to the same place as progress.
    fn is_terminal(&self) -> bool {
        match self.out {
            Out::Stdout(_) => io::stdout().is_terminal(),
            Out::Pager(_) => true,
            Out::File { .. } => false,
        }
    }

    /// Writes a result. What shows on the terminal in the meantime goes with its first byte. Gives the number of rows.
    pub(crate) async fn write(
        &mut self,
        answer: Answer,
        bar: &ProgressBar,
    ) -> Result<u64, Failure> {
        let is_terminal = self.is_terminal();
        let options = render::Options {
            format: self.format()?,
            terminal: is_terminal,
            width: is_terminal.then(table_width),
            rows_max: self.looks.rows_max.or(is_terminal.then_some(ROWS_ON_TERMINAL)),
        };
        self.results_n += 1;
        let out: &mut (dyn Write + Send) = match &mut self.out {
            Out::Stdout(out) => out,
            Out::Pager(pager) => pager,
            Out::File { file, .. } => file,
        };
        let mut out = Clearing { out, bar: is_terminal.then_some(bar) };
        match render::render(&answer.schema, answer.batches, &options, &mut out).await {
            Ok(rows_n) => Ok(rows_n),
            Err(render::Error::Rows(error)) => Err(error.into()),
            Err(error) => Err(Failure::of(&error)),
        }
    }

    /// Writes what is left, waits for the pager, names the file.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        match &mut self.out {
            Out::Stdout(out) => Ok(out.flush()?),
            Out::Pager(pager) => Ok(pager.finish()?),
            Out::File { file, aside, path } => file
                .flush()
                .and_then(|()| aside.take().map_or(Ok(()), |aside| std::fs::rename(aside, &path)))
                .map_err(|error| unwritable(path, error)),
        }
    }
}

/// Begins a file beside its name.
fn begun(path: PathBuf) -> io::Result<Out> {
    let mut aside = path.clone().into_os_string();
    aside.push(".partial");
    let aside = PathBuf::from(aside);
    Ok(Out::File { file: BufWriter::new(File::create(&aside)?), aside: Some(aside), path })
}

fn special(path: &Path) -> io::Result<Out> {
    let file = File::options().write(true).open(path)?;
    Ok(Out::File { file: BufWriter::new(file), aside: None, path: path.to_owned() })
}

/// What was not finished is not left behind.
impl Drop for Sink {
    fn drop(&mut self) {
        if let Out::File { aside: Some(aside), .. } = &self.out {
            let _ = std::fs::remove_file(aside);
        }
    }
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    Failure::new(format!("cannot write `{}`", path.display())).because(error)
}

/// The width of the terminal; that of most where stdout is none.
pub(crate) fn table_width() -> usize {
    const WIDTH_UNKNOWN: u16 = 120;
    usize::from(console::Term::stdout().size_checked().map_or(WIDTH_UNKNOWN, |(_, width)| width))
}

/// Clears the progress off the terminal before anything else is written there.
struct Clearing<'a> {
    out: &'a mut (dyn Write + Send),
    bar: Option<&'a ProgressBar>,
}

impl Write for Clearing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
