//! What a statement may do: read the lake, and nothing else, unless writing is allowed.

use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::prelude::SQLOptions;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement as Ast;

use super::error::Error;

const READ_ONLY: &str =
    "only queries are run; `--allow-write` lifts that for files and tables of your own";

/// Refuses a statement that does more than read.
pub(super) fn admit(statement: &Parsed, allow_write: bool) -> Result<(), Error> {
    if allow_write {
        return Ok(());
    }
    match statement {
        Parsed::Explain(explain) => admit(&explain.statement, allow_write),
        Parsed::Statement(statement) => admit_ast(statement),
        Parsed::CreateExternalTable(_) => {
            Err(refused("CREATE EXTERNAL TABLE reaches files outside of the lake"))
        }
        Parsed::CopyTo(_) => Err(refused("COPY writes files outside of the lake")),
        Parsed::Reset(_) => Err(refused("RESET changes the options of the engine")),
    }
}

/// Whether a statement only reads: everything that it names must exist.
pub(super) fn is_query(statement: &Parsed) -> bool {
    admit(statement, false).is_ok()
}

fn admit_ast(statement: &Ast) -> Result<(), Error> {
    match statement {
        Ast::Query(_)
        | Ast::ExplainTable { .. }
        | Ast::ShowTables { .. }
        | Ast::ShowColumns { .. }
        | Ast::ShowFunctions { .. }
        | Ast::ShowVariable { .. }
        | Ast::ShowCreate { .. } => Ok(()),
        Ast::Explain { statement, .. } => admit_ast(statement),
        other => Err(refused(&describe(other))),
    }
}

/// Refuses a plan that writes where its statement did not look like it: `WITH ... INSERT`, `SELECT ... INTO`.
pub(super) fn admit_plan(plan: &LogicalPlan, allow_write: bool) -> Result<(), Error> {
    if allow_write {
        return Ok(());
    }
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(plan)
        .map_err(|_| refused("the statement would write, or create something"))
}

/// Refuses, always, to change the tables and views of the lake: the collector alone writes, whole sessions at a time.
pub(super) fn spare_lake(plan: &LogicalPlan, is_lake: impl Fn(&str) -> bool) -> Result<(), Error> {
    let name = match plan {
        LogicalPlan::Explain(explain) => return spare_lake(&explain.plan, is_lake),
        LogicalPlan::Analyze(analyze) => return spare_lake(&analyze.input, is_lake),
        LogicalPlan::Dml(dml) => &dml.table_name,
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(create)) => &create.name,
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) => &create.name,
        LogicalPlan::Ddl(DdlStatement::CreateView(create)) => &create.name,
        LogicalPlan::Ddl(DdlStatement::DropTable(drop)) => &drop.name,
        LogicalPlan::Ddl(DdlStatement::DropView(drop)) => &drop.name,
        _ => return Ok(()),
    };
    if !is_lake(name.table()) {
        return Ok(());
    }
    Err(Error::Refused {
        what: format!("the statement would change `{}`, which belongs to the lake", name.table()),
        hint: "the lake is written by `ivsight collect` alone; copy what you need with COPY, or CREATE TABLE under another name"
            .to_owned(),
    })
}

/// Refuses a name that is a path or a reader of files, so that the answer is not "no such table".
pub(super) fn admit_name(name: &str) -> Result<(), Error> {
    let lower = name.to_lowercase();
    let is_path = lower.contains('/') || lower.contains('\\') || lower.contains("://");
    let is_file = [".parquet", ".csv", ".json", ".ndjson", ".arrow", ".avro"]
        .iter()
        .any(|ending| lower.ends_with(ending));
    let is_reader = lower.starts_with("read_") || lower.ends_with("_scan");
    if is_path || is_file || is_reader {
        return Err(Error::Refused {
            what: format!("`{name}` is outside of the lake"),
            hint: "only the tables and views of the lake can be read: `SHOW TABLES` lists them; `--allow-write` permits CREATE EXTERNAL TABLE"
                .to_owned(),
        });
    }
    Ok(())
}

fn describe(statement: &Ast) -> String {
    // The first words of a statement are its verb, whatever its kind: the rest may be long, or hold secrets.
    let text = statement.to_string();
    let verb: Vec<&str> = text
        .split_whitespace()
        .take_while(|word| word.chars().all(|c| c.is_ascii_uppercase()))
        .take(3)
        .collect();
    let verb = if verb.is_empty() { "the statement".to_owned() } else { verb.join(" ") };
    format!("{verb} does more than read")
}

fn refused(what: &str) -> Error {
    Error::Refused { what: what.to_owned(), hint: READ_ONLY.to_owned() }
}
