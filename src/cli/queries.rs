//! `ivsight queries`: what can be asked by name.

use std::io;

use ivsight::query::{Canned, Dialect, FUNCTIONS};
use serde_json::{Value, json};

use super::Exit;
use super::args::{Queries, QueriesAction};
use super::error::Failure;
use super::output::Output;
use super::query::library;

/// Lists the queries, or shows one.
pub(crate) fn run(args: &Queries, output: &Output) -> Result<Exit, Failure> {
    let library = library(args.folder.as_deref())?;
    match &args.action {
        Some(QueriesAction::Show { name, ddl }) => {
            if let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) {
                output.result(function.usage)?;
                output.result(function.help)?;
                return Ok(Exit::Done);
            }
            let canned = library.describe(name).map_err(|error| Failure::from(error).usage())?;
            if let Some(engine) = ddl {
                let sql = Dialect::from(*engine).query(canned, &library);
                output.result(&sql.map_err(|error| Failure::of(&error))?)?;
            } else if args.json {
                output.result(&format!("{:#}", as_json(canned)))?;
            } else {
                show(canned, output)?;
            }
        }
        Some(QueriesAction::Markdown) => output.result(library.markdown().trim_end())?,
        None if args.json => {
            let all: Vec<Value> = library.queries().map(as_json).collect();
            output.result(&format!("{:#}", Value::from(all)))?;
        }
        None => list(library.queries().collect(), output)?,
    }
    Ok(Exit::Done)
}

fn list(mut queries: Vec<&Canned>, output: &Output) -> io::Result<()> {
    queries.sort_by_key(|canned| (&canned.header().group, &canned.header().name));
    let mut group = "";
    for canned in queries {
        let header = canned.header();
        if header.group != group {
            group = &header.group;
            output.result(group)?;
        }
        output.result(&format!("  {:<24} {}", header.name, header.title))?;
    }
    Ok(())
}

fn show(canned: &Canned, output: &Output) -> io::Result<()> {
    let header = canned.header();
    output.result(&format!("{}: {}", header.name, header.title))?;
    output.result(&header.question)?;
    for caveat in &header.caveats {
        output.result(&format!("  - {caveat}"))?;
    }
    if let Some(note) = &header.note {
        output.result(&format!("said beside every answer: {note}"))?;
    }
    output.result("\nparameters")?;
    for param in &header.params {
        let default = param.default.as_ref().map_or(String::new(), |text| format!(" [{text}]"));
        let (name, value) = (&param.name, param.example());
        output.result(&format!("  {name} {value}{default}  {}", param.help))?;
    }
    output.result("\ncolumns")?;
    for column in &header.columns {
        let unit = column.unit.as_ref().map_or(String::new(), |unit| format!(" ({unit})"));
        let kind = column.kind.name();
        output.result(&format!("  {:<24} {kind}{unit}  {}", column.name, column.help))?;
    }
    if let Some(check) = &header.check {
        let bad = if check.bad.is_empty() { "false".to_owned() } else { check.bad.join(" or ") };
        output.result(&format!("\n--check exits with 3 where {} is {bad}", check.column))?;
    }
    output.result("\nSQL")?;
    output.result(canned.sql().trim())
}

fn as_json(canned: &Canned) -> Value {
    let header = canned.header();
    let params: Vec<Value> = header
        .params
        .iter()
        .map(|param| {
            json!({
                "name": param.name,
                "type": param.kind.name(),
                "default": param.default,
                "choices": param.choices,
                "required": param.required,
                "help": param.help,
            })
        })
        .collect();
    let columns: Vec<Value> = header
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "type": column.kind.name(),
                "unit": column.unit,
                "help": column.help,
            })
        })
        .collect();
    json!({
        "name": header.name,
        "group": header.group,
        "title": header.title,
        "question": header.question,
        "caveats": header.caveats,
        "note": header.note,
        "uses": header.uses,
        "params": params,
        "check": header.check.as_ref().map(|check| json!({
            "column": check.column,
            "bad": check.bad,
        })),
        "columns": columns,
        "sql": canned.sql(),
    })
}
