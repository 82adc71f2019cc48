//! `ivsight query`: SQL, a file, or a canned query, over one snapshot of the lake.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ivsight::clock::{Clock, SystemClock};
use ivsight::query::{
    Alarm, Answer, Arguments, Canned, Check, Engine, LakeSource, Library, Options, Script, coverage,
};
use ivsight::render::{self, Format};

use super::args::{Common, Query};
use super::error::Failure;
use super::output::Output;
use super::{Exit, lake};

/// Rows that a table on a terminal shows, unless `--max-rows` says otherwise.
const ROWS_ON_TERMINAL: usize = 1_000;

/// Answers, and writes the answer.
pub(crate) async fn run(common: &Common, args: &Query, output: &Output) -> Result<Exit, Failure> {
    let clock = SystemClock::shared();
    let began = clock.monotonic();
    let library = Arc::new(library(args.queries.as_deref())?);
    let options = Options {
        memory_limit: Some(memory_limit(args.memory_limit.as_deref())?),
        allow_write: args.allow_write,
        ..Options::default()
    };
    let source = Arc::new(LakeSource::new(&lake::place(common).await?));
    let engine = Engine::new(source, Arc::clone(&library), &options)?;
    let mut arguments = arguments(args, &*clock)?;
    let mut sink = Sink::open(args)?;
    let mut is_bad = false;
    match question(args)? {
        Question::Canned(name) => {
            let canned = library.choose(&name, &mut arguments).map_err(Failure::from)?;
            let check = check(canned, args)?;
            let answer = answer_canned(&engine, canned, &arguments, args.explain).await?;
            let (answer, alarm) = match check {
                Some(check) => check.watch(answer),
                None => (answer, Alarm::default()),
            };
            sink.write(answer).await?;
            say_what_is_missing(&engine, &library, canned, &arguments, output).await;
            is_bad = alarm.is_raised();
        }
        Question::Sql(_) if args.check => {
            return Err(Failure::new("SQL has no verdict to check")
                .hint(Some("give the name of a canned query that has one"))
                .usage());
        }
        Question::Sql(text) => {
            let script: Script = engine.script(&text, &arguments)?;
            for statement in script.statements() {
                let answer = if args.explain {
                    engine.explain(statement, &arguments).await?
                } else {
                    engine.run(statement, &arguments).await?
                };
                sink.write(answer).await?;
            }
        }
    }
    sink.finish()?;
    if args.timing {
        let took = clock.monotonic().saturating_sub(began);
        output.note(&format!("{:.3} s", took.as_secs_f64()));
    }
    Ok(if is_bad { Exit::Incomplete } else { Exit::Done })
}

/// The canned queries, with those of the user's folder.
pub(super) fn library(folder: Option<&Path>) -> Result<Library, Failure> {
    let library = Library::embedded()?;
    match folder {
        Some(folder) => library.overlay(folder).map_err(Failure::from),
        None => Ok(library),
    }
}

enum Question {
    Canned(String),
    Sql(String),
}

fn question(args: &Query) -> Result<Question, Failure> {
    if let Some(text) = &args.text {
        return Ok(if is_name(text) {
            Question::Canned(text.clone())
        } else {
            Question::Sql(text.clone())
        });
    }
    if let Some(path) = &args.file {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("cannot read `{}`", path.display())).because(error)
        })?;
        return Ok(Question::Sql(text));
    }
    if std::io::stdin().is_terminal() {
        return Err(Failure::new("there is no SQL to run")
            .hint(Some(
                "give SQL, the name of a canned query (`ivsight queries` lists them), or `-f FILE`",
            ))
            .usage());
    }
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|error| Failure::new("cannot read SQL from stdin").because(error))?;
    Ok(Question::Sql(text))
}

/// A single word of this shape is the name of a canned query; anything else is SQL.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
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

/// What `--check` goes by; `None` where it was not asked for.
fn check<'a>(canned: &'a Canned, args: &Query) -> Result<Option<&'a Check>, Failure> {
    if !args.check {
        return Ok(None);
    }
    canned.check().map(Some).ok_or_else(|| {
        Failure::new(format!("the query `{}` has no verdict to check", canned.header().name))
            .hint(Some("`ivsight queries show NAME` tells which column one goes by"))
            .usage()
    })
}

async fn answer_canned(
    engine: &Engine,
    canned: &Canned,
    arguments: &Arguments,
    explain: bool,
) -> Result<Answer, Failure> {
    let answer = if explain {
        engine.explain_canned(canned, arguments).await
    } else {
        engine.run_canned(canned, arguments).await
    };
    answer.map_err(Failure::from)
}

/// One line on stderr where the period has sessions that are not in the lake yet.
async fn say_what_is_missing(
    engine: &Engine,
    library: &Library,
    canned: &Canned,
    arguments: &Arguments,
    output: &Output,
) {
    if output.is_quiet() || canned.parameter("from").is_none() {
        return;
    }
    match coverage(engine, library, arguments).await {
        Ok(coverage) => {
            if let Some(note) = coverage.note() {
                output.note(&format!("note: {note}"));
            }
        }
        // The answer stands without it.
        Err(error) => tracing::warn!(%error, "cannot tell how much of the period is in the lake"),
    }
}

/// Where the answer goes: stdout, or a file that is there when it is whole.
struct Sink {
    options: render::Options,
    out: Out,
}

enum Out {
    Stdout(BufWriter<std::io::Stdout>),
    File { file: BufWriter<File>, aside: PathBuf, path: PathBuf },
}

impl Sink {
    fn open(args: &Query) -> Result<Self, Failure> {
        let is_terminal = args.output.is_none() && std::io::stdout().is_terminal();
        let format = format(args, is_terminal)?;
        if format.is_binary() && is_terminal {
            return Err(Failure::new(format!("a terminal can't show {}", format.name()))
                .hint(Some("write it to a file with `-o FILE`"))
                .usage());
        }
        let options = render::Options {
            format,
            terminal: is_terminal,
            width: is_terminal.then(table_width),
            rows_max: args.max_rows.or(is_terminal.then_some(ROWS_ON_TERMINAL)),
        };
        let out = match &args.output {
            None => Out::Stdout(BufWriter::new(std::io::stdout())),
            Some(path) => {
                let mut aside = path.clone().into_os_string();
                aside.push(".partial");
                let aside = PathBuf::from(aside);
                let file = File::create(&aside).map_err(|error| unwritable(path, error))?;
                Out::File { file: BufWriter::new(file), aside, path: path.clone() }
            }
        };
        Ok(Self { options, out })
    }

    async fn write(&mut self, answer: Answer) -> Result<(), Failure> {
        let out: &mut (dyn Write + Send) = match &mut self.out {
            Out::Stdout(out) => out,
            Out::File { file, .. } => file,
        };
        let Answer { schema, batches } = answer;
        match render::render(&schema, batches, &self.options, out).await {
            Ok(_) => Ok(()),
            Err(render::Error::Rows(error)) => Err(error.into()),
            Err(error) => Err(Failure::of(&error)),
        }
    }

    fn finish(mut self) -> Result<(), Failure> {
        match &mut self.out {
            Out::Stdout(out) => Ok(out.flush()?),
            Out::File { file, aside, path } => file
                .flush()
                .and_then(|()| std::fs::rename(aside, &path))
                .map_err(|error| unwritable(path, error)),
        }
    }
}

/// What was not finished is not left behind.
impl Drop for Sink {
    fn drop(&mut self) {
        if let Out::File { aside, .. } = &self.out {
            let _ = std::fs::remove_file(aside);
        }
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(format!("cannot write `{}`", path.display())).because(error)
}

fn format(args: &Query, is_terminal: bool) -> Result<Format, Failure> {
    if args.format != "auto" {
        return args
            .format
            .parse()
            .map_err(|error: render::UnknownFormat| Failure::of(&error).usage());
    }
    let named = args.output.as_deref().and_then(Path::extension).and_then(|name| name.to_str());
    let by_name = named.and_then(|name| name.parse().ok());
    Ok(by_name.unwrap_or(if is_terminal { Format::Table } else { Format::Csv }))
}

/// The width of the terminal; that of most where stdout is none.
pub(super) fn table_width() -> usize {
    const WIDTH_UNKNOWN: u16 = 120;
    usize::from(console::Term::stdout().size_checked().map_or(WIDTH_UNKNOWN, |(_, width)| width))
}

/// What was asked for, or half of what the machine or its control group has.
fn memory_limit(text: Option<&str>) -> Result<usize, Failure> {
    if let Some(text) = text {
        return parse_size(text).ok_or_else(|| {
            Failure::new(format!("`{text}` is not a size"))
                .hint(Some("give bytes, or a number with KiB, MiB, GiB, KB, MB or GB"))
                .usage()
        });
    }
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let machine = system.total_memory();
    let bytes = system.cgroup_limits().map_or(machine, |limits| limits.total_memory.min(machine));
    Ok(usize::try_from(bytes / 2).unwrap_or(usize::MAX))
}

fn parse_size(text: &str) -> Option<usize> {
    const UNITS: [(&str, u64); 10] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("K", 1 << 10),
        ("M", 1 << 20),
        ("G", 1 << 30),
    ];
    let unit = UNITS.iter().find_map(|(name, size)| Some((text.strip_suffix(name)?, *size)));
    let (number, size) = unit.unwrap_or((text.strip_suffix('B').unwrap_or(text), 1));
    let number: f64 = number.trim().parse().ok().filter(|number: &f64| *number > 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a positive size, which saturates"
    )]
    let bytes = (number * size as f64) as u64;
    usize::try_from(bytes).ok().filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(parse_size("2GiB"), Some(2 << 30));
        assert_eq!(parse_size("1.5 MB"), Some(1_500_000));
        assert_eq!(parse_size("512"), Some(512));
        assert_eq!(parse_size("64M"), Some(64 << 20));
        for text in ["", "GiB", "-1", "0", "x", "NaN"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn one_lower_case_word_is_a_name() {
        assert!(is_name("error-codes"));
        assert!(!is_name("select 1"));
        assert!(!is_name("SELECT"));
        assert!(!is_name("1"));
    }
}
