//! What the prompt knows of itself, as rows: they look as results do, and go where results go.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use ivsight::lake::tables::Table;
use ivsight::query::{Answer, Canned, Engine, Library};

use super::super::error::Failure;
use super::super::prompt::command::FORMS;

/// Functions whose names hold `$text`.
pub(super) const FUNCTIONS: &str = "
SELECT routine_name AS name, min(function_type) AS kind, min(syntax_example) AS usage, min(description) AS help
FROM information_schema.routines
WHERE strpos(routine_name, $text) > 0
GROUP BY routine_name
ORDER BY routine_name";

/// The commands.
pub(super) fn help() -> Answer {
    let rows = FORMS.iter().map(|form| {
        let others = form.names[1..].join(" ");
        [form.usage(), form.help.to_owned(), others]
    });
    table(["command", "what it does", "also"], rows)
}

/// Tables and views, and what each is for.
pub(super) fn relations(engine: &Engine, library: &Library) -> Answer {
    let rows = engine.relations().into_keys().map(|name| {
        let view = library.views().find(|view| view.header().name == name);
        let (kind, help) = match (lake_table(&name), view) {
            (Some(table), _) => ("table", table.doc().to_owned()),
            (None, Some(view)) => ("view", view.header().question.clone()),
            (None, None) => ("own", String::new()),
        };
        [name, kind.to_owned(), help]
    });
    table(["name", "kind", "help"], rows)
}

/// The columns of a table or view.
pub(super) fn columns(engine: &Engine, library: &Library, name: &str) -> Result<Answer, Failure> {
    const NAMES: [&str; 4] = ["column", "type", "null", "help"];
    if let Some(found) = lake_table(name) {
        let rows = found.columns().into_iter().map(|column| {
            let null = if column.nullable { "yes" } else { "no" };
            [
                column.name.to_owned(),
                column.data_type.to_string(),
                null.to_owned(),
                column.doc.to_owned(),
            ]
        });
        return Ok(table(NAMES, rows));
    }
    if let Some(view) = library.views().find(|view| view.header().name == name) {
        let rows = view.header().columns.iter().map(|column| {
            let unit = column.unit.as_ref().map_or(String::new(), |unit| format!(" [{unit}]"));
            let help = format!("{}{unit}", column.help);
            [column.name.clone(), column.kind.name().to_owned(), "yes".to_owned(), help]
        });
        return Ok(table(NAMES, rows));
    }
    match engine.relations().remove(name) {
        Some(own) => Ok(table(["column"], own.into_iter().map(|name| [name]))),
        None => Err(Failure::from(engine.unknown_table(name))),
    }
}

/// The canned queries.
pub(super) fn queries(library: &Library) -> Answer {
    let mut all: Vec<&Canned> = library.queries().collect();
    all.sort_by_key(|canned| (&canned.header().group, &canned.header().name));
    let rows = all.into_iter().map(|canned| {
        let header = canned.header();
        let taken: Vec<&str> = header.params.iter().map(|it| it.name.as_str()).collect();
        [header.name.clone(), header.group.clone(), header.title.clone(), taken.join(" ")]
    });
    table(["name", "group", "title", "parameters"], rows)
}

/// One canned query: what it answers, takes and gives.
pub(super) fn query(canned: &Canned) -> Answer {
    let header = canned.header();
    let told = [("question", "", header.question.clone())]
        .into_iter()
        .chain(header.caveats.iter().map(|caveat| ("caveat", "", caveat.clone())))
        .map(|(what, name, help)| [what.to_owned(), name.to_owned(), help]);
    let parameters = header.params.iter().map(|parameter| {
        let default = parameter.default.as_ref().map_or(String::new(), |it| format!(" [{it}]"));
        let name = format!("{}={}", parameter.name, parameter.example());
        ["parameter".to_owned(), name, format!("{}{default}", parameter.help)]
    });
    let columns = header
        .columns
        .iter()
        .map(|column| ["column".to_owned(), column.name.clone(), column.help.clone()]);
    table(["what", "name", "help"], told.chain(parameters).chain(columns))
}

fn lake_table(name: &str) -> Option<Table> {
    Table::ALL.into_iter().find(|table| table.name() == name)
}

/// Rows of texts.
fn table<const N: usize>(names: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Answer {
    let rows: Vec<[String; N]> = rows.collect();
    let columns = names.iter().enumerate().map(|(index, name)| {
        let texts: StringArray = rows.iter().map(|row| Some(row[index].as_str())).collect();
        (*name, Arc::new(texts) as ArrayRef)
    });
    Answer::of(RecordBatch::try_from_iter(columns).expect("the columns are of one length"))
}
