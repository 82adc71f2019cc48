//! The configuration file: every option has a key there. What was typed wins over the environment, the environment
//! over the file.
//!
//! Keys are the options' names; those at the top hold for every command that has the option, those in a table named after a
//! command for that one. What the file adds is put on the command line, so that clap reads it by the same rules.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;
use toml::{Table, Value};

use super::args;
use super::error::Failure;

/// The file that is read where it stands in the working directory.
const DEFAULT_FILE: &str = "ivsight.toml";

/// A command line with what a file adds to it.
pub(crate) struct Completed {
    pub(crate) arguments: Vec<OsString>,
    pub(crate) file: PathBuf,
}

/// Completes what was typed; nothing where there is no file.
pub(crate) fn complete(
    typed: Vec<OsString>,
    matches: &ArgMatches,
) -> Result<Option<Completed>, Failure> {
    let Some((name, command)) = matches.subcommand() else { return Ok(None) };
    let Some(file) = file(command) else { return Ok(None) };
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Failure::new(format!("cannot read the configuration `{}`", file.display()))
            .because(error)
            .usage()
    })?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        Failure::new(format!("`{}` is not TOML", file.display()))
            .because_of(error.to_string().trim().to_owned())
            .usage()
    })?;
    let options = options(&table, name, command, &file)?;
    let mut arguments = typed;
    // What follows `--` are no options.
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    arguments.splice(end..end, options);
    Ok(Some(Completed { arguments, file }))
}

fn file(command: &ArgMatches) -> Option<PathBuf> {
    let named: Option<&PathBuf> = command.get_one("config");
    let default = Path::new(DEFAULT_FILE);
    named.cloned().or_else(|| default.is_file().then(|| default.to_owned()))
}

/// The options that the file gives and that nobody typed or set in the environment.
fn options(
    table: &Table,
    name: &str,
    matches: &ArgMatches,
    file: &Path,
) -> Result<Vec<OsString>, Failure> {
    let mut root = args::command();
    root.build();
    let known = |command: &str, key: &str| {
        let command = root.find_subcommand(command)?;
        command.get_arguments().find(|arg| arg.get_long() == Some(key))
    };
    let commands: Vec<&str> = root.get_subcommands().map(clap::Command::get_name).collect();
    let unknown = |key: &str| {
        Failure::new(format!("`{}` holds the unknown key `{key}`", file.display()))
            .hint(Some("keys are the names of options, such as `lake` or `tps`"))
            .usage()
    };
    let mut options = Vec::new();
    let mut add = |key: &str, value: &Value| -> Result<(), Failure> {
        let Some(arg) = known(name, key) else { return Ok(()) };
        let is_given = matches!(
            matches.value_source(arg.get_id().as_str()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        if !is_given {
            options.extend(as_options(key, value).ok_or_else(|| unknown(key))?);
        }
        Ok(())
    };
    for (key, value) in table {
        match value {
            Value::Table(own) if commands.contains(&key.as_str()) => {
                for (option, value) in own {
                    if known(key, option).is_none() {
                        return Err(unknown(&format!("{key}.{option}")));
                    }
                    if key == name {
                        add(option, value)?;
                    }
                }
            }
            // A key of the command's own table wins over one at the top.
            _ if table.get(name).and_then(|own| own.get(key)).is_some() => {}
            value => {
                if !commands.iter().any(|command| known(command, key).is_some()) {
                    return Err(unknown(key));
                }
                add(key, value)?;
            }
        }
    }
    Ok(options)
}

/// A key as it would be typed.
fn as_options(key: &str, value: &Value) -> Option<Vec<OsString>> {
    let option = |text: String| OsString::from(format!("--{key}={text}"));
    Some(match value {
        Value::Boolean(false) => Vec::new(),
        Value::Boolean(true) => vec![OsString::from(format!("--{key}"))],
        Value::Array(values) => {
            let values: Option<Vec<String>> = values.iter().map(as_text).collect();
            values?.into_iter().map(option).collect()
        }
        value => vec![option(as_text(value)?)],
    })
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Datetime(time) => Some(time.to_string()),
        _ => None,
    }
}
