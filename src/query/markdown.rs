//! The queries and views as one page of Markdown, made from their headers alone.

use std::fmt::Write;

use super::arguments::Kind;
use super::functions::FUNCTIONS;
use super::header::{ColumnSpec, Header};
use super::library::{Canned, Library};

/// What stands above the page.
const INTRODUCTION: &str = "# Reports

Made from the headers in `queries/` by `ivsight queries markdown`: change those, not this page.

`ivsight query NAME` runs one; `ivsight queries show NAME` prints its SQL. The views at the end are there for your
own SQL too: `ivsight query \"select * from presence limit 10\"`.
";

impl Library {
    /// Every query, by group, and every view: what it answers, takes and gives.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = INTRODUCTION.to_owned();
        let mut queries: Vec<&Canned> = self.queries().collect();
        queries.sort_by_key(|canned| (&canned.header().group, &canned.header().name));
        let mut group = "";
        for canned in queries {
            let header = canned.header();
            if header.group != group {
                group = &header.group;
                section(&mut page, 2, &capitalized(group));
            }
            describe(&mut page, header);
        }
        section(&mut page, 2, "Views");
        for view in self.views() {
            describe(&mut page, view.header());
        }
        section(&mut page, 2, "Functions");
        line(&mut page, "What SQL or the engine lacks. They are there for your own SQL too.\n");
        for function in FUNCTIONS {
            line(&mut page, &format!("- `{}`: {}", function.usage, function.help));
        }
        page
    }
}

fn section(page: &mut String, level: usize, title: &str) {
    line(page, &format!("\n{} {title}\n", "#".repeat(level)));
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("a String takes all that is written to it");
}

fn describe(page: &mut String, header: &Header) {
    section(page, 3, &format!("`{}`: {}", header.name, header.title));
    line(page, &header.question);
    if !header.caveats.is_empty() {
        line(page, "");
    }
    for caveat in &header.caveats {
        line(page, &format!("- {caveat}"));
    }
    if let Some(note) = &header.note {
        line(page, &format!("\nSaid beside every answer: {note}."));
    }
    if let Some(check) = &header.check {
        let bad = if check.bad.is_empty() { "false".to_owned() } else { check.bad.join(", ") };
        line(page, &format!("\n`--check` exits with 3 where `{}` is {bad}.", check.column));
    }
    for (by, other) in &header.by {
        line(page, &format!("\n`--by {by}` gives the columns of `{other}`."));
    }
    parameters(page, header);
    line(page, "\n| column | type | unit | |\n| --- | --- | --- | --- |");
    for ColumnSpec { name, kind, unit, help } in &header.columns {
        let unit = unit.as_deref().unwrap_or_default();
        line(page, &format!("| `{name}` | {} | {unit} | {} |", kind.name(), cell(help)));
    }
}

fn parameters(page: &mut String, header: &Header) {
    if header.params.is_empty() {
        return;
    }
    line(page, "\n| parameter | type | default | |\n| --- | --- | --- | --- |");
    for parameter in &header.params {
        let kind = if parameter.choices.is_empty() {
            parameter.kind.name().to_owned()
        } else {
            let choices = parameter.choices.join(", ");
            if parameter.kind == Kind::Choices { format!("some of {choices}") } else { choices }
        };
        let default = parameter.default.as_deref().unwrap_or_default();
        let help = cell(&parameter.help);
        line(page, &format!("| `{}` | {kind} | {default} | {help} |", parameter.name));
    }
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
