//! What begins with a backslash or a dot: orders to the prompt itself. Reading them touches nothing.

use std::path::PathBuf;

use ivsight::render::Format;

/// An order to the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Quit,
    /// Tables and views.
    Tables,
    /// The columns of a table or view; without one, as `Tables`.
    Describe(Option<String>),
    /// Functions whose names hold a text.
    Functions(Option<String>),
    /// The canned queries, or one of them.
    Queries(Option<String>),
    /// A canned query with its parameters.
    Run(String, Vec<(String, String)>),
    Include(PathBuf),
    /// Where results go; the terminal without a file.
    Output(Option<PathBuf>),
    /// One line for each value; the opposite of what is, where nothing is said.
    Expanded(Option<bool>),
    Timing(Option<bool>),
    /// The format of results; `None` is `auto`.
    Format(Option<Format>),
}

/// An order that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("there is no command `{name}`")]
    Unknown { name: String, nearest: Option<&'static str> },
    #[error("`{usage}` needs {what}")]
    Missing { usage: String, what: &'static str },
    #[error("`{usage}` takes no `{argument}`")]
    Surplus { usage: String, argument: String },
    #[error("`{argument}` is neither `on` nor `off`")]
    Switch { argument: String },
    #[error("`{argument}` is not a parameter")]
    Parameter { argument: String },
    #[error("a quotation mark is not closed")]
    Quote,
    #[error(transparent)]
    Format(#[from] ivsight::render::UnknownFormat),
}

impl CommandError {
    /// The next step.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { nearest: Some(name), .. } => Some(format!("did you mean `{name}`?")),
            Self::Unknown { nearest: None, .. } => Some("`\\help` lists the commands".to_owned()),
            Self::Parameter { .. } => Some("write `NAME=VALUE`".to_owned()),
            _ => None,
        }
    }
}

/// A command as it is documented.
pub(crate) struct Form {
    /// Its names, the first of which is shown.
    pub(crate) names: &'static [&'static str],
    /// What follows the name.
    pub(crate) arguments: &'static str,
    /// What it does.
    pub(crate) help: &'static str,
    read: fn(&Form, Words) -> Result<Command, CommandError>,
}

impl Form {
    /// How it is typed.
    pub(crate) fn usage(&self) -> String {
        format!("{} {}", self.names[0], self.arguments).trim_end().to_owned()
    }
}

/// All commands, in the order of the help.
pub(crate) const FORMS: [Form; 12] = [
    Form {
        names: &["\\dt", ".tables", "\\dv"],
        arguments: "",
        help: "tables and views",
        read: |form, words| words.none(form).map(|()| Command::Tables),
    },
    Form {
        names: &["\\d", ".schema", "\\d+", "\\describe"],
        arguments: "[TABLE]",
        help: "the columns of a table or view, and what they mean",
        read: |form, words| words.one(form).map(Command::Describe),
    },
    Form {
        names: &["\\df", ".functions"],
        arguments: "[TEXT]",
        help: "functions, or those whose names hold a text",
        read: |form, words| words.one(form).map(Command::Functions),
    },
    Form {
        names: &["\\queries", ".queries"],
        arguments: "[NAME]",
        help: "the canned queries, or the documentation of one",
        read: |form, words| words.one(form).map(Command::Queries),
    },
    Form {
        names: &["\\run", ".run"],
        arguments: "NAME [PARAMETER=VALUE]...",
        help: "run a canned query; its name alone does the same",
        read: run,
    },
    Form {
        names: &["\\i", ".read", "\\include"],
        arguments: "FILE",
        help: "run the statements and commands of a file",
        read: |form, words| {
            let missing = || CommandError::Missing { usage: form.usage(), what: "a file" };
            words.one(form)?.map(|file| Command::Include(file.into())).ok_or_else(missing)
        },
    },
    Form {
        names: &["\\o", ".output", "\\out"],
        arguments: "[FILE]",
        help: "write results to a file, by its name in that format; without one, to the terminal again",
        read: |form, words| Ok(Command::Output(words.one(form)?.map(PathBuf::from))),
    },
    Form {
        names: &["\\format", ".mode"],
        arguments: "FORMAT",
        help: "auto, table, vertical, csv, tsv, json, ndjson, markdown, parquet, arrow",
        read: format,
    },
    Form {
        names: &["\\x", ".expanded"],
        arguments: "[on|off]",
        help: "a line for each value instead of a table",
        read: |form, words| Ok(Command::Expanded(switch(words.one(form)?.as_deref())?)),
    },
    Form {
        names: &["\\timing", ".timer"],
        arguments: "[on|off]",
        help: "say how long a statement took",
        read: |form, words| Ok(Command::Timing(switch(words.one(form)?.as_deref())?)),
    },
    Form {
        names: &["\\help", "\\?", ".help", "\\h"],
        arguments: "",
        help: "this list",
        read: |form, words| words.none(form).map(|()| Command::Help),
    },
    Form {
        names: &["\\q", ".quit", ".exit", "\\quit", "\\exit"],
        arguments: "",
        help: "leave; so does Ctrl-D",
        read: |form, words| words.none(form).map(|()| Command::Quit),
    },
];

impl Command {
    /// Reads a line that begins with `\` or `.`.
    pub(crate) fn parse(line: &str) -> Result<Self, CommandError> {
        let line = line.trim().trim_end_matches(';').trim_end();
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        let form = find(name).ok_or_else(|| CommandError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name),
        })?;
        (form.read)(form, Words(split(rest)?))
    }

    /// The words of other prompts, which need no mark where somebody types.
    pub(crate) fn parse_word(text: &str) -> Option<Self> {
        match text.trim().trim_end_matches(';').trim_end() {
            "quit" | "exit" => Some(Self::Quit),
            "help" | "?" => Some(Self::Help),
            _ => None,
        }
    }

    /// What runs a canned query without a mark: a line, where a statement would begin, that begins with its name, which
    /// `is_query` knows.
    pub(crate) fn parse_named(
        text: &str,
        is_query: impl Fn(&str) -> bool,
    ) -> Option<Result<Self, CommandError>> {
        let line = text.trim().trim_end_matches(';').trim_end();
        let name = line.split_whitespace().next()?;
        (is_query(name) && !line.contains('\n')).then(|| Self::parse(&format!("\\run {line}")))
    }
}

/// The command that has a name.
pub(crate) fn find(name: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.names.contains(&name))
}

fn nearest(name: &str) -> Option<&'static str> {
    let names = FORMS.iter().flat_map(|form| form.names.iter().copied());
    names
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

fn run(form: &Form, Words(words): Words) -> Result<Command, CommandError> {
    let mut words = words.into_iter();
    let name = words.next().ok_or_else(|| CommandError::Missing {
        usage: form.usage(),
        what: "the name of a canned query",
    })?;
    let mut parameters = Vec::new();
    while let Some(word) = words.next() {
        let option = word.strip_prefix("--");
        match option.unwrap_or(&word).split_once('=') {
            Some((name, value)) => parameters.push((name.to_owned(), value.to_owned())),
            // As it is typed at the command line.
            None => match (option, words.next()) {
                (Some(name), Some(value)) => parameters.push((name.to_owned(), value)),
                _ => return Err(CommandError::Parameter { argument: word }),
            },
        }
    }
    Ok(Command::Run(name, parameters))
}

fn format(form: &Form, words: Words) -> Result<Command, CommandError> {
    let name = words
        .one(form)?
        .ok_or_else(|| CommandError::Missing { usage: form.usage(), what: "a format" })?;
    Ok(Command::Format(if name == "auto" { None } else { Some(name.parse()?) }))
}

fn switch(argument: Option<&str>) -> Result<Option<bool>, CommandError> {
    match argument {
        None => Ok(None),
        Some("on" | "true" | "1") => Ok(Some(true)),
        Some("off" | "false" | "0") => Ok(Some(false)),
        Some(argument) => Err(CommandError::Switch { argument: argument.to_owned() }),
    }
}

/// What follows the name of a command.
struct Words(Vec<String>);

impl Words {
    fn none(self, form: &Form) -> Result<(), CommandError> {
        self.0
            .into_iter()
            .next()
            .map_or(Ok(()), |argument| Err(CommandError::Surplus { usage: form.usage(), argument }))
    }

    fn one(self, form: &Form) -> Result<Option<String>, CommandError> {
        let mut words = self.0.into_iter();
        let first = words.next();
        Self(words.collect()).none(form)?;
        Ok(first)
    }
}

/// Words between spaces; quotation marks keep spaces in a word, also within it: `stage='friday night*'`.
fn split(text: &str) -> Result<Vec<String>, CommandError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some(end) if end == c => break,
                        Some(other) => word.push(other),
                        None => return Err(CommandError::Quote),
                    }
                }
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(name: &str, parameters: &[(&str, &str)]) -> Command {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Command::Run(name.to_owned(), parameters.iter().map(own).collect())
    }

    #[test]
    fn each_form_is_read_under_each_of_its_names() {
        for (line, command) in [
            ("\\dt", Command::Tables),
            (".tables", Command::Tables),
            ("\\d", Command::Describe(None)),
            ("\\d events;", Command::Describe(Some("events".to_owned()))),
            (".schema \"events\"", Command::Describe(Some("events".to_owned()))),
            ("\\df", Command::Functions(None)),
            ("\\df date ", Command::Functions(Some("date".to_owned()))),
            ("\\queries", Command::Queries(None)),
            ("\\run slo", run("slo", &[])),
            ("\\i 'a b.sql'", Command::Include("a b.sql".into())),
            (".read x.sql", Command::Include("x.sql".into())),
            ("\\o", Command::Output(None)),
            (".output x.csv", Command::Output(Some("x.csv".into()))),
            ("\\x", Command::Expanded(None)),
            ("\\x on", Command::Expanded(Some(true))),
            (".timer off", Command::Timing(Some(false))),
            ("\\format json", Command::Format(Some(Format::Json))),
            (".mode auto", Command::Format(None)),
            ("\\?", Command::Help),
            ("\\q", Command::Quit),
            (".exit", Command::Quit),
        ] {
            assert_eq!(Command::parse(line), Ok(command), "{line}");
        }
        let mut names: Vec<&str> = FORMS.iter().flat_map(|form| form.names).copied().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "a name stands for one command");
    }

    #[test]
    fn parameters_are_given_as_here_or_as_at_the_command_line() {
        let wanted = run("error-codes", &[("from", "7d"), ("stage", "a b*"), ("by", "")]);
        for line in [
            "\\run error-codes from=7d stage='a b*' by=",
            "\\run error-codes --from 7d --stage=\"a b*\" --by ''",
        ] {
            assert_eq!(Command::parse(line).as_ref(), Ok(&wanted), "{line}");
        }
        let named = Command::parse_named("slo from=7d;", |name| name == "slo");
        assert_eq!(named, Some(Ok(run("slo", &[("from", "7d")]))));
        assert_eq!(Command::parse_named("select 1", |name| name == "slo"), None);
        assert_eq!(Command::parse_word("quit;"), Some(Command::Quit));
        assert_eq!(Command::parse_word("quit 1"), None);
    }

    #[test]
    fn what_makes_no_sense_says_so() {
        for (line, says) in [
            ("\\tables", "there is no command `\\tables`"),
            ("\\d a b", "`\\d [TABLE]` takes no `b`"),
            ("\\i", "`\\i FILE` needs a file"),
            ("\\run", "needs the name of a canned query"),
            ("\\run slo 7d", "`7d` is not a parameter"),
            ("\\run slo --from", "`--from` is not a parameter"),
            ("\\x maybe", "`maybe` is neither `on` nor `off`"),
            ("\\format xml", "there is no format `xml`"),
            ("\\i 'x", "a quotation mark is not closed"),
        ] {
            let error = Command::parse(line).unwrap_err();
            assert!(error.to_string().contains(says), "{line}: {error}");
        }
        let hint = Command::parse(".table").unwrap_err().hint();
        assert_eq!(hint.as_deref(), Some("did you mean `.tables`?"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(line in "[\\\\.]?\\PC{0,30}") {
            let _ = Command::parse(&line);
            let _ = Command::parse_named(&line, |name| name.len() > 3);
        }

        #[test]
        fn values_survive_being_quoted(value in "[^']{0,20}") {
            let line = format!("\\run slo stage='{value}'");
            prop_assert_eq!(Command::parse(&line), Ok(run("slo", &[("stage", &value)])));
        }
    }
}
