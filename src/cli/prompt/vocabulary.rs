//! The words that mean something here: keywords, tables with their columns, functions, canned queries.

use std::collections::{BTreeMap, BTreeSet};

use ivsight::query::{Engine, Library};

/// The words of SQL that are offered and highlighted. Those that only schema changes use are left out.
pub(super) const KEYWORDS: [&str; 78] = [
    "ALL",
    "AND",
    "ANTI",
    "ARRAY",
    "AS",
    "ASC",
    "BETWEEN",
    "BIGINT",
    "BOOLEAN",
    "BY",
    "CASE",
    "CAST",
    "COPY",
    "CREATE",
    "CROSS",
    "CURRENT",
    "DATE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DOUBLE",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "EXTRACT",
    "FALSE",
    "FILTER",
    "FOLLOWING",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NATURAL",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "RECURSIVE",
    "RIGHT",
    "ROWS",
    "SELECT",
    "SEMI",
    "SET",
    "SHOW",
    "TABLE",
    "THEN",
    "TRUE",
    "UNBOUNDED",
    "UNION",
    "USING",
    "VALUES",
    "VARCHAR",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// What a canned query takes.
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) choices: Vec<String>,
}

/// The words of a session. Tables that it makes later are not among them.
#[derive(Default)]
pub(super) struct Vocabulary {
    pub(super) functions: BTreeSet<String>,
    pub(super) relations: BTreeMap<String, Vec<String>>,
    /// Canned queries: their titles and parameters.
    pub(super) queries: BTreeMap<String, (String, Vec<Taken>)>,
}

impl Vocabulary {
    pub(super) fn of(engine: &Engine, library: &Library) -> Self {
        let queries = library.queries().map(|canned| {
            let header = canned.header();
            let taken = header.params.iter().map(|parameter| Taken {
                name: parameter.name.clone(),
                help: parameter.help.clone(),
                choices: parameter.choices.clone(),
            });
            (header.name.clone(), (header.title.clone(), taken.collect()))
        });
        Self {
            functions: engine.functions(),
            relations: engine.relations(),
            queries: queries.collect(),
        }
    }

    pub(super) fn is_query(&self, name: &str) -> bool {
        self.queries.contains_key(name)
    }

    pub(super) fn is_keyword(word: &str) -> bool {
        KEYWORDS.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_found_in_any_case() {
        assert!(KEYWORDS.is_sorted());
        assert!(Vocabulary::is_keyword("select") && Vocabulary::is_keyword("FROM"));
        assert!(!Vocabulary::is_keyword("name"));
    }
}
