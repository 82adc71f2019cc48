//! Questions one after another over the same lake: of a command line, of a file, or of the prompt.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ivsight::clock::SharedClock;
use ivsight::query::{
    Answer, Arguments, Canned, Check, Engine, Library, Piece, Script, Statement, coverage, pieces,
};
use tokio::task::JoinSet;

use super::super::args::Common;
use super::super::error::Failure;
use super::super::output::Output;
use super::super::prompt::command::{Command, CommandError};
use super::listing;
use super::pager::{Attention, Pager, Program};
use super::sink::{Looks, Sink};
use super::watch::Watch;

/// What outlives a question.
pub(crate) struct Session<'a> {
    pub(crate) common: &'a Common,
    pub(crate) output: &'a Output,
    pub(crate) clock: SharedClock,
    pub(crate) engine: Arc<Engine>,
    pub(crate) library: Arc<Library>,
    /// What was given at the command line.
    pub(crate) arguments: Arguments,
    pub(crate) looks: Looks,
    /// Say how long each took.
    pub(crate) is_timed: bool,
    /// Plans instead of rows.
    pub(crate) is_explained: bool,
    /// Where results go, where not to stdout.
    pub(crate) file: Option<(PathBuf, Sink)>,
    /// What pages results, in a prompt.
    pub(crate) pager: Option<(Program, Attention)>,
    /// The files that are being run, each included by the one before it.
    pub(crate) including: Vec<PathBuf>,
}

/// What is asked.
enum Question<'a> {
    Canned(&'a Canned, Arguments, Option<&'a Check>),
    Statement(&'a Statement),
    /// What the session itself knows.
    Told(Answer),
}

/// A part of a text.
enum Step {
    Run(Script),
    Obey(Command),
}

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Goes,
    Ends,
}

impl Session<'_> {
    /// Runs a text of statements, and commands if there are any. All of it is read before the first is run.
    pub(crate) async fn run_text(&mut self, text: &str) -> Result<Flow, Failure> {
        for step in self.steps(text)? {
            match step {
                Step::Obey(command) => {
                    if self.obey(command).await? == Flow::Ends {
                        return Ok(Flow::Ends);
                    }
                }
                Step::Run(script) => {
                    for statement in script.statements() {
                        self.answer(Question::Statement(statement)).await?;
                    }
                }
            }
        }
        Ok(Flow::Goes)
    }

    /// Whether a text holds commands or names of canned queries, perhaps between statements.
    pub(crate) fn has_commands(&self, text: &str) -> Result<bool, Failure> {
        Ok(self.steps(text)?.iter().any(|step| matches!(step, Step::Obey(_))))
    }

    /// Runs the statements of a text, to which every argument of the command line belongs.
    pub(crate) async fn run_sql(&mut self, text: &str) -> Result<(), Failure> {
        let script: Script = self.engine.script(text, &self.arguments)?;
        for statement in script.statements() {
            self.answer(Question::Statement(statement)).await?;
        }
        Ok(())
    }

    /// Runs a canned query, to which every argument belongs. True where a check finds its answer bad.
    pub(crate) async fn run_canned(
        &mut self,
        name: &str,
        mut arguments: Arguments,
        is_checked: bool,
    ) -> Result<bool, Failure> {
        let library = Arc::clone(&self.library);
        let canned = library.choose(name, &mut arguments)?;
        let check = if is_checked { Some(check(canned)?) } else { None };
        let coverage = self.look_at_coverage(canned, &arguments);
        let is_bad = self.answer(Question::Canned(canned, arguments, check)).await?;
        if let Some(note) = &canned.header().note {
            self.output.note(&format!("note: {note}"));
        }
        self.say_what_is_missing(coverage).await;
        Ok(is_bad)
    }

    /// Carries out a command.
    pub(crate) async fn obey(&mut self, command: Command) -> Result<Flow, Failure> {
        match command {
            Command::Quit => return Ok(Flow::Ends),
            Command::Help => self.tell(listing::help()).await?,
            Command::Tables | Command::Describe(None) => {
                self.tell(listing::relations(&self.engine, &self.library)).await?;
            }
            Command::Describe(Some(name)) => {
                self.tell(listing::columns(&self.engine, &self.library, &name)?).await?;
            }
            Command::Functions(text) => {
                let arguments = Arguments::new(self.clock.now())
                    .with("text", text.as_deref().unwrap_or_default());
                let answer = self.engine.query(listing::FUNCTIONS, &arguments).await?;
                self.tell(answer).await?;
            }
            Command::Queries(None) => self.tell(listing::queries(&self.library)).await?,
            Command::Queries(Some(name)) => {
                let answer = listing::query(self.library.find(&name)?);
                self.tell(answer).await?;
            }
            Command::Run(name, given) => {
                let arguments = self.arguments_of(&name, &given)?;
                self.run_canned(&name, arguments, false).await?;
            }
            Command::Include(path) => return Box::pin(self.include(&path)).await,
            Command::Output(path) => self.redirect(path)?,
            Command::Expanded(on) => {
                self.looks.is_expanded = on.unwrap_or(!self.looks.is_expanded);
                self.set("expanded", self.looks.is_expanded);
            }
            Command::Timing(on) => {
                self.is_timed = on.unwrap_or(!self.is_timed);
                self.set("timing", self.is_timed);
            }
            Command::Format(format) => self.looks.format = format,
        }
        Ok(Flow::Goes)
    }

    /// Writes what is left. A file gets its name now.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.file.take().map_or(Ok(()), |(_, sink)| sink.finish())
    }

    /// What a text asks for, in order. What is no SQL may be the name of a canned query, which has the rest of its line.
    fn steps(&self, text: &str) -> Result<Vec<Step>, Failure> {
        let (mut steps, mut from) = (Vec::new(), 0);
        'rest: loop {
            for piece in pieces(&text[from..]) {
                let (sql, start) = match piece {
                    Piece::Statement { text, start, .. } => (text, from + start),
                    Piece::Command { text, .. } => {
                        steps.push(Step::Obey(Command::parse(text)?));
                        continue;
                    }
                };
                match Script::parse(&in_place(text, start, sql)) {
                    Ok(script) => steps.push(Step::Run(script)),
                    Err(error) => {
                        let line = text[start..].lines().next().unwrap_or_default();
                        let named =
                            Command::parse_named(line, |name| self.library.find(name).is_ok());
                        steps.push(Step::Obey(named.ok_or(error)??));
                        // What is left of the line is no SQL: the words after it are counted anew.
                        from = start + line.len();
                        continue 'rest;
                    }
                }
            }
            return Ok(steps);
        }
    }

    fn set(&self, what: &str, is_on: bool) {
        if self.pager.is_some() {
            self.output.note(&format!("{what} is {}", if is_on { "on" } else { "off" }));
        }
    }

    /// Those of the command line that the query takes, and what was given with it instead.
    fn arguments_of(&self, name: &str, given: &[(String, String)]) -> Result<Arguments, Failure> {
        let header = self.library.find(name)?.header();
        let is_taken = |name: &str| header.params.iter().any(|parameter| parameter.name == name);
        let is_given = |name: &str| given.iter().any(|(other, _)| other == name);
        let mut arguments =
            self.arguments.only(|name| is_taken(name) && !is_given(name)).at(self.clock.now());
        for (name, value) in given {
            arguments.push(name, value);
        }
        Ok(arguments)
    }

    async fn include(&mut self, path: &Path) -> Result<Flow, Failure> {
        let text = read(path)?;
        // What could be read has a place.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if self.including.contains(&place) {
            return Err(Failure::new(format!("`{}` includes itself", path.display())));
        }
        self.including.push(place);
        let ran = self.run_text(&text).await;
        self.including.pop();
        ran.map_err(|failure| failure.within(format!("cannot run `{}`", path.display())))
    }

    fn redirect(&mut self, path: Option<PathBuf>) -> Result<(), Failure> {
        self.finish()?;
        if let Some(path) = path {
            let sink = Sink::file(self.looks, &path)?;
            self.file = Some((path, sink));
        }
        Ok(())
    }

    async fn tell(&mut self, answer: Answer) -> Result<(), Failure> {
        self.answer(Question::Told(answer)).await.map(|_| ())
    }

    /// Asks, and writes the answer. True where a check finds it bad.
    async fn answer(&mut self, question: Question<'_>) -> Result<bool, Failure> {
        let began = self.clock.monotonic();
        let (is_told, clock) = (matches!(question, Question::Told(_)), Arc::clone(&self.clock));
        let watch = Watch::new(self.common, self.output);
        let (is_bad, rows_n) = watch.during(self.deliver(question, &watch), &clock).await?;
        if self.is_timed && !is_told {
            let seconds = self.clock.monotonic().saturating_sub(began).as_secs_f64();
            let rows = if rows_n == 1 { "row" } else { "rows" };
            self.output.note(&format!("{rows_n} {rows}, {seconds:.3} s"));
        }
        Ok(is_bad)
    }

    async fn deliver(
        &mut self,
        question: Question<'_>,
        watch: &Watch,
    ) -> Result<(bool, u64), Failure> {
        let (is_explained, engine) = (self.is_explained, &self.engine);
        let arguments = self.arguments.clone().at(self.clock.now());
        let (answer, check) = match question {
            Question::Told(answer) => (answer, None),
            Question::Statement(statement) if is_explained => {
                (engine.explain(statement, &arguments).await?, None)
            }
            Question::Statement(statement) => (engine.run(statement, &arguments).await?, None),
            Question::Canned(canned, arguments, _) if is_explained => {
                (engine.explain_canned(canned, &arguments).await?, None)
            }
            Question::Canned(canned, arguments, check) => {
                (engine.run_canned(canned, &arguments).await?, check)
            }
        };
        let (answer, alarm) = match check {
            Some(check) => {
                let (answer, alarm) = check.watch(answer);
                (answer, Some(alarm))
            }
            None => (answer, None),
        };
        watch.set_reading(answer.reading.clone());
        let rows_n = self.write(answer, watch).await?;
        Ok((alarm.is_some_and(|alarm| alarm.is_raised()), rows_n))
    }

    async fn write(&mut self, answer: Answer, watch: &Watch) -> Result<u64, Failure> {
        if let Some((_, sink)) = &mut self.file {
            sink.set_looks(self.looks);
            return sink.write(answer, watch.bar()).await;
        }
        let mut sink = match &self.pager {
            Some((program, attention)) => {
                let (lines_n, columns_n) = console::Term::stdout().size();
                let size = (usize::from(lines_n), usize::from(columns_n));
                let pager = Pager::new(program.clone(), attention.clone(), size);
                Sink::paged(self.looks, pager)
            }
            None => Sink::stdout(self.looks),
        };
        let rows_n = sink.write(answer, watch.bar()).await?;
        sink.finish()?;
        Ok(rows_n)
    }

    /// Begins to ask how much of the period is in the lake, beside the question itself; who drops it ends it.
    fn look_at_coverage(&self, canned: &Canned, arguments: &Arguments) -> JoinSet<Option<String>> {
        let mut asked = JoinSet::new();
        if self.output.is_quiet() || canned.parameter("from").is_none() {
            return asked;
        }
        let (engine, library) = (Arc::clone(&self.engine), Arc::clone(&self.library));
        let arguments = arguments.clone();
        asked.spawn(async move {
            let coverage = coverage(&engine, &library, &arguments).await;
            // The answer stands without it.
            coverage.map_or_else(
                |error| {
                    tracing::warn!(%error, "cannot tell how much of the period is in the lake");
                    None
                },
                |coverage| coverage.note(),
            )
        });
        asked
    }

    /// One line on stderr where the period has sessions that are not in the lake yet.
    async fn say_what_is_missing(&self, mut coverage: JoinSet<Option<String>>) {
        if let Some(Ok(Some(note))) = coverage.join_next().await {
            self.output.note(&format!("note: {note}"));
        }
    }
}

/// A file of SQL.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read `{}`", path.display())).because(error))
}

/// A statement where it stands in its text, so that errors name the line and column there.
fn in_place(text: &str, start: usize, sql: &str) -> String {
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    text[..start].chars().map(blank).chain(sql.chars()).collect()
}

/// What `--check` goes by.
fn check(canned: &Canned) -> Result<&Check, Failure> {
    canned.check().ok_or_else(|| {
        Failure::new(format!("the query `{}` has no verdict to check", canned.header().name))
            .hint(Some("`ivsight queries show NAME` tells which column one goes by"))
            .usage()
    })
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::of(&error).hint(error.hint()).usage()
    }
}
