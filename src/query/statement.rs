//! SQL text to statements, and the placeholders in them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    CastKind, Expr, LimitClause, Query, Value, VisitMut, VisitorMut,
};

use super::arguments::Kind;
use super::error::Error;
use super::plain;

/// A text of SQL, taken apart into statements.
#[derive(Clone, Debug)]
pub struct Script {
    statements: Vec<Statement>,
}

/// One statement of a text.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) parsed: Parsed,
    pub(super) text: std::sync::Arc<str>,
}

/// How deep expressions and queries may nest.
const DEPTH_MAX: usize = 50;

impl Script {
    /// Reads a text: statements separated by `;`, of which the last may be left out.
    ///
    /// # Errors
    /// [`Error::Syntax`] with the place, [`Error::NoStatement`] where there is none.
    pub fn parse(sql: &str) -> Result<Self, Error> {
        let parsed = DFParserBuilder::new(sql)
            .with_recursion_limit(DEPTH_MAX)
            .build()
            .and_then(|mut parser| parser.parse_statements())
            .map_err(|error| plain::planning(error, sql))?;
        if parsed.is_empty() {
            return Err(Error::NoStatement);
        }
        let text: std::sync::Arc<str> = sql.into();
        let statements = parsed
            .into_iter()
            .map(|parsed| Statement { parsed, text: std::sync::Arc::clone(&text) })
            .collect();
        Ok(Self { statements })
    }

    /// The statements, to be run in turn.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The only statement.
    ///
    /// # Errors
    /// [`Error::SeveralStatements`] where there are more.
    pub fn single(mut self) -> Result<Statement, Error> {
        match (self.statements.len(), self.statements.pop()) {
            (1, Some(statement)) => Ok(statement),
            (found, _) => Err(Error::SeveralStatements { found }),
        }
    }
}

impl Statement {
    /// The placeholders of the statement, each cast to its type, and their names. A plan can be made of the
    /// result before the values are known, and values meet the type that they are compared with.
    pub(super) fn typed(
        &self,
        kind_of: impl Fn(&str) -> Option<Kind>,
    ) -> Result<(Parsed, Placeholders), Error> {
        let mut parsed = self.parsed.clone();
        let mut caster = Caster { kind_of, found: Placeholders::new(), nameless: false };
        cast_placeholders(&mut parsed, &mut caster);
        if caster.nameless {
            return Err(Error::Invalid {
                message: "`?` has no name; write `$name`".to_owned(),
                place: super::error::Place::default(),
            });
        }
        Ok((parsed, caster.found))
    }
}

/// Names of placeholders, and their types where they are known.
pub(super) type Placeholders = BTreeMap<String, Option<Kind>>;

fn cast_placeholders<F: Fn(&str) -> Option<Kind>>(parsed: &mut Parsed, caster: &mut Caster<F>) {
    match parsed {
        Parsed::Statement(statement) => {
            let _ = statement.visit(caster);
        }
        Parsed::Explain(explain) => cast_placeholders(&mut explain.statement, caster),
        Parsed::CopyTo(_) | Parsed::CreateExternalTable(_) | Parsed::Reset(_) => {}
    }
}

struct Caster<F> {
    kind_of: F,
    found: Placeholders,
    nameless: bool,
}

impl<F: Fn(&str) -> Option<Kind>> VisitorMut for Caster<F> {
    type Break = ();

    /// What limits rows is a whole number, although nothing beside it says so.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        match &mut query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                self.cast_limit(limit.as_mut());
                self.cast_limit(offset.as_mut().map(|offset| &mut offset.value));
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                self.cast_limit(Some(offset));
                self.cast_limit(Some(limit));
            }
            None => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let Some(name) = placeholder(expression) else { return ControlFlow::Continue(()) };
        let name = name.to_owned();
        if name.is_empty() {
            self.nameless = true;
            return ControlFlow::Break(());
        }
        let kind = (self.kind_of)(&name);
        if let Some(kind) = kind {
            cast(expression, kind);
        }
        let known = self.found.entry(name).or_insert(kind);
        *known = known.or(kind);
        ControlFlow::Continue(())
    }
}

impl<F: Fn(&str) -> Option<Kind>> Caster<F> {
    fn cast_limit(&mut self, expression: Option<&mut Expr>) {
        if let Some(expression) = expression
            && let Some(name) = placeholder(expression)
            && (self.kind_of)(name).is_none()
        {
            self.found.insert(name.to_owned(), Some(Kind::Integer));
            cast(expression, Kind::Integer);
        }
    }
}

fn placeholder(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(text) => Some(text.strip_prefix('$').unwrap_or_default()),
            _ => None,
        },
        _ => None,
    }
}

fn cast(expression: &mut Expr, kind: Kind) {
    let inner = std::mem::replace(expression, Expr::value(Value::Null));
    *expression = Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(inner),
        data_type: kind.sql_type(),
        array: false,
        format: None,
    };
}
