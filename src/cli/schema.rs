//! `ivsight schema`: tables and columns, and the permissions that collecting needs.

use std::io;

use ivsight::api::Operation;
use ivsight::lake::tables::{Column, Table};
use serde_json::{Value, json};

use super::Exit;
use super::args::SchemaArgs;
use super::error::Failure;
use super::output::Output;

/// Prints what was asked for.
pub(crate) fn run(args: &SchemaArgs, output: &Output) -> Result<Exit, Failure> {
    if args.iam {
        output.result(&format!("{:#}", policy()))?;
        return Ok(Exit::Done);
    }
    let tables = match &args.table {
        None => Table::ALL.to_vec(),
        Some(name) => vec![find(name)?],
    };
    if args.json {
        let tables: Vec<Value> = tables.into_iter().map(as_json).collect();
        output.result(&format!("{:#}", Value::from(tables)))?;
    } else {
        for table in tables {
            print(table, output)?;
        }
    }
    Ok(Exit::Done)
}

fn find(name: &str) -> Result<Table, Failure> {
    Table::ALL.into_iter().find(|table| table.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        Failure::new(format!("there is no table `{name}`"))
            .hint(Some(format!("the tables are {}", names.join(", "))))
            .usage()
    })
}

fn print(table: Table, output: &Output) -> io::Result<()> {
    output.result(&format!("{}: {}", table.name(), table.doc()))?;
    for Column { name, data_type, nullable, doc } in table.columns() {
        let data_type = data_type.to_string();
        let kind = data_type.split('(').next().unwrap_or_default();
        let star = if nullable { " " } else { "*" };
        output.result(&format!("  {name:<26}{star} {kind:<10} {doc}"))?;
    }
    output.result("")
}

fn as_json(table: Table) -> Value {
    let columns: Vec<Value> = table
        .columns()
        .into_iter()
        .map(|column| {
            json!({
                "name": column.name,
                "type": column.data_type.to_string(),
                "nullable": column.nullable,
                "doc": column.doc,
            })
        })
        .collect();
    json!({
        "name": table.name(),
        "doc": table.doc(),
        "partition_columns": table.partition_names(),
        "columns": columns,
    })
}

/// The actions that collecting calls, and nothing else.
fn policy() -> Value {
    let actions: Vec<String> = Operation::ALL
        .into_iter()
        .filter(|operation| !operation.writes())
        .map(|operation| format!("ivs:{}", operation.name()))
        .collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "IvsightCollect",
            "Effect": "Allow",
            "Action": actions,
            "Resource": "*",
        }],
    })
}
