//! `ivsight schema`: tables and columns, statements that open the lake in other engines, and the permissions that
//! collecting needs.

use std::io;
use std::path::Path;

use ivsight::api::Operation;
use ivsight::lake::place::Address;
use ivsight::lake::tables::{Column, Table};
use ivsight::query::{Dialect, Library};
use serde_json::{Value, json};

use super::Exit;
use super::args::{Common, SchemaArgs};
use super::error::Failure;
use super::lake::address;
use super::output::Output;

/// Prints what was asked for.
pub(crate) fn run(common: &Common, args: &SchemaArgs, output: &Output) -> Result<Exit, Failure> {
    if let Some(engine) = args.ddl {
        let location = location(&common.lake)?;
        let statements =
            Dialect::from(engine).statements(&location, &Library::embedded()).map_err(|error| {
                Failure::of(&error)
                    .hint(Some("copy the lake to S3, or give `--lake s3://…`"))
                    .usage()
            })?;
        output.result(statements.trim_end())?;
        return Ok(Exit::Done);
    }
    if args.iam {
        print_policy(&address(&common.lake)?, output)?;
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

/// The lake as other engines name it, which need not be there yet: a URL of S3, or an absolute path.
fn location(lake: &Path) -> Result<String, Failure> {
    let path = match address(lake)? {
        Address::Folder(path) => path,
        Address::Bucket { bucket, prefix } => {
            return Ok(format!("s3://{bucket}/{prefix}").trim_end_matches('/').to_owned());
        }
    };
    let unusable = || Failure::new(format!("cannot name the lake `{}`", lake.display()));
    let path = std::path::absolute(&path).map_err(|error| unusable().because(error))?;
    path.to_str().map(str::to_owned).ok_or_else(unusable)
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

/// The policy as JSON on stdout; what can't be part of one is said beside it.
fn print_policy(lake: &Address, output: &Output) -> io::Result<()> {
    let mut statements = vec![json!({
        "Sid": "IvsightCollect",
        "Effect": "Allow",
        "Action": actions(|operation| !operation.writes()),
        "Resource": "*",
    })];
    if let Address::Bucket { bucket, prefix } = lake {
        statements.extend(lake_statements(bucket, prefix));
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    output.result(&format!("{policy:#}"))?;
    output.note(&format!(
        "`ivsight replication start` and `stop` also need {}",
        actions(|operation| operation.writes()).join(" and ")
    ));
    if let Address::Bucket { bucket, prefix } = lake {
        output.note(&format!(
            "uploads that were cut off cost storage until the bucket removes them: \
             `aws s3api put-bucket-lifecycle-configuration --bucket {bucket} \
             --lifecycle-configuration '{}'` (it replaces the bucket's other rules)",
            lifecycle(prefix)
        ));
    }
    Ok(())
}

fn actions(wanted: impl Fn(&Operation) -> bool) -> Vec<String> {
    let wanted = Operation::ALL.into_iter().filter(|operation| wanted(operation));
    wanted.map(|operation| format!("ivs:{}", operation.name())).collect()
}

/// What a lake in S3 needs, and nothing else: its own prefix of one bucket.
fn lake_statements(bucket: &str, prefix: &str) -> [Value; 2] {
    let objects = if prefix.is_empty() { "*".to_owned() } else { format!("{prefix}/*") };
    let mut listing = json!({
        "Sid": "IvsightLakeList",
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": format!("arn:aws:s3:::{bucket}"),
    });
    if !prefix.is_empty() {
        // If it exists: reading an object names no prefix, and S3 says that an object is missing only to those who may
        // list; the others are denied, and could not tell the two apart.
        listing["Condition"] = json!({ "StringLikeIfExists": { "s3:prefix": objects } });
    }
    let writing = json!({
        "Sid": "IvsightLakeObjects",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
        "Resource": format!("arn:aws:s3:::{bucket}/{objects}"),
    });
    [listing, writing]
}

fn lifecycle(prefix: &str) -> Value {
    let filter = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    json!({ "Rules": [{
        "ID": "ivsight-aborted-uploads",
        "Status": "Enabled",
        "Filter": { "Prefix": filter },
        "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 },
    }] })
}
