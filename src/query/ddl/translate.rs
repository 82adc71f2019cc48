//! The SQL of a view in the words of another engine.
//!
//! Parameters become their defaults, and what they decide is decided: a view of another engine takes none. What is left
//! is the same statement with that engine's functions. Times are told from numbers by their names, which end alike
//! throughout the lake.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident, Interval, ObjectName,
    Select, SelectItem, Subscript, TimezoneInfo, UnaryOperator, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::Dialect;
use crate::query::arguments::{Kind, Parameter};
use crate::query::functions::FUNCTIONS;
use crate::query::library::Canned;
use crate::times::parse_duration;

/// The statement of a view; else, why the engine can't have it.
pub(super) fn translate(view: &Canned, dialect: Dialect) -> Result<String, String> {
    let words = match dialect {
        Dialect::DuckDb => Words::DuckDb,
        Dialect::Spark => Words::Spark,
        Dialect::Athena | Dialect::Trino | Dialect::ClickHouse => {
            return Err(format!("its SQL is not written for {}", dialect.name()));
        }
    };
    let Parsed::Statement(mut statement) = view.statement.parsed.clone() else {
        return Err("it is no query".to_owned());
    };
    let mut translation = Translation { view, words };
    match statement.visit(&mut translation) {
        ControlFlow::Continue(()) => Ok(format!("{statement:#}")),
        ControlFlow::Break(reason) => Err(reason),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    DuckDb,
    Spark,
}

struct Translation<'a> {
    view: &'a Canned,
    words: Words,
}

impl VisitorMut for Translation<'_> {
    type Break = String;

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<String> {
        match expression {
            Expr::Identifier(ident) => self.quote(ident),
            Expr::CompoundIdentifier(idents) => idents.iter_mut().for_each(|it| self.quote(it)),
            _ => {}
        }
        match self.rewritten(expression) {
            Ok(Some(rewritten)) => *expression = rewritten,
            Ok(None) => {}
            Err(reason) => return ControlFlow::Break(reason),
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<String> {
        if select.selection.as_ref().is_some_and(|it| constant(it) == Some(true)) {
            select.selection = None;
        }
        for item in &mut select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.quote(alias);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Translation<'_> {
    /// What stands in the place of an expression whose parts are rewritten already.
    fn rewritten(&self, expression: &Expr) -> Result<Option<Expr>, String> {
        Ok(match expression {
            Expr::Value(value) => match &value.value {
                Value::Placeholder(name) => Some(self.default_of(name.trim_start_matches('$'))?),
                _ => None,
            },
            Expr::IsNull(inner) if is_null(inner) => Some(boolean(true)),
            Expr::IsNotNull(inner) if is_null(inner) => Some(boolean(false)),
            Expr::Nested(inner) => constant(inner).map(boolean),
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => decided(left, right, true),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => decided(left, right, false),
            Expr::Interval(interval) => Self::interval(interval),
            Expr::Cast { expr, data_type, .. } if data_type.to_string() == "BIGINT" => {
                self.microseconds(expr)
            }
            Expr::Cast { kind, expr, data_type, array, format } => {
                self.data_type(data_type).map(|data_type| Expr::Cast {
                    kind: kind.clone(),
                    expr: expr.clone(),
                    data_type,
                    array: *array,
                    format: format.clone(),
                })
            }
            Expr::CompoundFieldAccess { root, access_chain } => field(root, access_chain),
            Expr::Like { negated, any, expr, pattern, escape_char: None }
                if self.words == Words::DuckDb && pattern.to_string().contains('\\') =>
            {
                Some(Expr::Like {
                    negated: *negated,
                    any: *any,
                    expr: expr.clone(),
                    pattern: pattern.clone(),
                    escape_char: Some(Value::SingleQuotedString("\\".to_owned()).into()),
                })
            }
            Expr::Function(function) => self.function(function)?,
            _ => None,
        })
    }

    /// A type that the other engine calls otherwise.
    fn data_type(&self, data_type: &DataType) -> Option<DataType> {
        match (data_type, self.words) {
            // Spark's VARCHAR has a length.
            (DataType::Varchar(None), Words::Spark) => Some(DataType::String(None)),
            // Microseconds are all that both have.
            (DataType::Timestamp(Some(6), zone), Words::DuckDb) => {
                Some(DataType::Timestamp(None, *zone))
            }
            (DataType::Timestamp(Some(6), _), Words::Spark) => {
                Some(DataType::Timestamp(None, TimezoneInfo::None))
            }
            _ => None,
        }
    }

    /// Names that are words of the other engine, or in quotation marks that mean a text there.
    fn quote(&self, ident: &mut Ident) {
        match self.words {
            Words::DuckDb if ident.value == "at" => ident.quote_style = Some('"'),
            Words::Spark if ident.quote_style.is_some() => ident.quote_style = Some('`'),
            _ => {}
        }
    }

    fn default_of(&self, name: &str) -> Result<Expr, String> {
        let parameter: &Parameter =
            self.view.parameter(name).ok_or_else(|| format!("it takes `{name}`"))?;
        let Some(default) = &parameter.default else { return Ok(Expr::value(Value::Null)) };
        let number = |text: String| Expr::value(Value::Number(text, false));
        Ok(match parameter.kind {
            Kind::Duration => {
                let duration = parse_duration(default).map_err(|error| error.to_string())?;
                number(format!("{:?}", duration.as_secs_f64()))
            }
            Kind::Integer | Kind::Float => number(default.clone()),
            Kind::Boolean => boolean(default == "true"),
            Kind::Text | Kind::Choices | Kind::Globs | Kind::Bucket | Kind::Zone => {
                Expr::value(Value::SingleQuotedString(default.clone()))
            }
            Kind::Timestamp => return Err(format!("`{name}` is a time")),
            Kind::Rates => return Err(format!("`{name}` is a file")),
        })
    }

    /// `INTERVAL '1 day'` as every engine reads it: `INTERVAL '1' DAY`.
    fn interval(interval: &Interval) -> Option<Expr> {
        let Expr::Value(value) = &*interval.value else { return None };
        let Value::SingleQuotedString(text) = &value.value else { return None };
        let (number, unit) = text.split_once(' ')?;
        let field = match unit.trim_end_matches('s') {
            "day" => DateTimeField::Day,
            "hour" => DateTimeField::Hour,
            "minute" => DateTimeField::Minute,
            "second" => DateTimeField::Second,
            _ => return None,
        };
        Some(Expr::Interval(Interval {
            value: Box::new(Expr::value(Value::SingleQuotedString(number.to_owned()))),
            leading_field: Some(field),
            ..interval.clone()
        }))
    }

    /// The microseconds of a time, or between two.
    fn microseconds(&self, expression: &Expr) -> Option<Expr> {
        let function = match self.words {
            Words::DuckDb => "epoch_us",
            Words::Spark => "unix_micros",
        };
        // A whole number is made of no other difference.
        if let Expr::BinaryOp { left, op: BinaryOperator::Minus, right } = expression {
            return expression_of(&format!("({function}({left}) - {function}({right}))"));
        }
        if is_time(expression) { expression_of(&format!("{function}({expression})")) } else { None }
    }

    fn function(&self, function: &Function) -> Result<Option<Expr>, String> {
        let name = function.name.to_string();
        if FUNCTIONS.iter().any(|own| own.name == name && !own.is_common) {
            return Err(format!("it calls `{name}`, which only ivsight has"));
        }
        let FunctionArguments::List(list) = &function.args else { return Ok(None) };
        let arguments: Vec<&Expr> = list.args.iter().filter_map(argument).collect();
        let text = match (name.as_str(), arguments.as_slice(), self.words) {
            ("arrow_cast", [value, kind], words) => {
                match (words, kind.to_string().contains("Duration")) {
                    // A sum of whole numbers is wider there.
                    (Words::DuckDb, true) => format!("to_microseconds(CAST({value} AS BIGINT))"),
                    (Words::DuckDb, false) => format!("make_timestamptz({value})"),
                    (Words::Spark, true) => {
                        format!("make_dt_interval(0, 0, 0, CAST({value} / 1e6 AS DECIMAL(18, 6)))")
                    }
                    (Words::Spark, false) => format!("timestamp_micros({value})"),
                }
            }
            // NULL counts for nothing in both.
            ("greatest" | "least", arguments, _) if arguments.iter().any(|it| is_null(it)) => {
                let left: Vec<String> =
                    arguments.iter().filter(|it| !is_null(it)).map(ToString::to_string).collect();
                match left.as_slice() {
                    [only] => only.clone(),
                    left => format!("{name}({})", left.join(", ")),
                }
            }
            ("cardinality", [list], Words::DuckDb) => format!("len({list})"),
            ("array_has", [list, value], Words::Spark) => {
                format!("array_contains({list}, {value})")
            }
            ("array_except", [all, without], Words::DuckDb) => {
                format!("list_filter({all}, it -> NOT list_contains({without}, it))")
            }
            ("make_array", arguments, words) => {
                let list = if words == Words::DuckDb { "list_value" } else { "array" };
                let items: Vec<String> = arguments.iter().map(ToString::to_string).collect();
                format!("{list}({})", items.join(", "))
            }
            ("array_remove_all", [list, item], Words::DuckDb) => {
                format!("list_filter({list}, it -> it <> {item})")
            }
            ("array_remove_all", [list, item], Words::Spark) => {
                format!("array_remove({list}, {item})")
            }
            ("string_to_array", [text, separator], Words::Spark) => {
                format!("split({text}, {separator})")
            }
            ("unnest", [list], Words::Spark) => format!("explode({list})"),
            ("generate_series", [from, to], Words::Spark) => format!("sequence({from}, {to})"),
            ("first_value" | "last_value", [_], _) if function.over.is_none() => {
                return self.first_or_last(function, name == "first_value").map(Some);
            }
            _ => return Ok(None),
        };
        expression_of(&text).map(Some).ok_or_else(|| format!("`{text}` can't be read back"))
    }

    /// The value that comes first or last by an order.
    fn first_or_last(&self, function: &Function, is_first: bool) -> Result<Expr, String> {
        let mut other = function.clone();
        let FunctionArguments::List(list) = &mut other.args else {
            return Err(format!("`{function}` has no arguments"));
        };
        if self.words == Words::DuckDb {
            other.name = name(if is_first { "first" } else { "last" });
            return Ok(Expr::Function(other));
        }
        let clauses = std::mem::take(&mut list.clauses);
        let mut keys = Vec::new();
        for clause in &clauses {
            let FunctionArgumentClause::OrderBy(by) = clause else {
                return Err(format!("`{function}` is more than an order"));
            };
            for key in by {
                // Numbers alone are ordered downwards in the views.
                let is_down = key.options.asc == Some(false);
                let minus = Expr::UnaryOp {
                    op: UnaryOperator::Minus,
                    expr: Box::new(Expr::Nested(Box::new(key.expr.clone()))),
                };
                keys.push(if is_down { minus } else { key.expr.clone() }.to_string());
            }
        }
        other.name = name(if is_first { "min_by" } else { "max_by" });
        let key = expression_of(&format!("struct({})", keys.join(", ")))
            .ok_or_else(|| format!("the order of `{function}` can't be read back"))?;
        list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(key)));
        Ok(Expr::Function(other))
    }
}

fn name(text: &str) -> ObjectName {
    ObjectName::from(vec![Ident::new(text)])
}

fn argument(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    }
}

/// An expression from its text.
fn expression_of(text: &str) -> Option<Expr> {
    Parser::new(&GenericDialect {}).try_with_sql(text).ok()?.parse_expr().ok()
}

fn boolean(value: bool) -> Expr {
    Expr::value(Value::Boolean(value))
}

fn is_null(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(value) if value.value == Value::Null)
}

fn constant(expression: &Expr) -> Option<bool> {
    match expression {
        Expr::Value(value) => match value.value {
            Value::Boolean(value) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// `AND` and `OR` with a side that is known: `decisive` on one side decides, the other value leaves the other side.
fn decided(left: &Expr, right: &Expr, decisive: bool) -> Option<Expr> {
    match (constant(left), constant(right)) {
        (Some(known), _) if known == decisive => Some(boolean(decisive)),
        (_, Some(known)) if known == decisive => Some(boolean(decisive)),
        (Some(_), _) => Some(right.clone()),
        (_, Some(_)) => Some(left.clone()),
        (None, None) => None,
    }
}

/// `token['user_id']` as `token.user_id`.
fn field(root: &Expr, chain: &[AccessExpr]) -> Option<Expr> {
    let mut text = root.to_string();
    for access in chain {
        match access {
            AccessExpr::Dot(name) => text = format!("{text}.{name}"),
            AccessExpr::Subscript(Subscript::Index { index: Expr::Value(value) }) => {
                let Value::SingleQuotedString(name) = &value.value else { return None };
                text = format!("{text}.{name}");
            }
            AccessExpr::Subscript(_) => return None,
        }
    }
    expression_of(&text)
}

/// Whether an expression is a time, by the names that columns have.
fn is_time(expression: &Expr) -> bool {
    let by_name = |ident: &Ident| {
        let name = ident.value.as_str();
        let endings = ["_time", "_at", "_start", "_end", "_until"];
        ["at", "start", "end"].contains(&name) || endings.iter().any(|it| name.ends_with(it))
    };
    match expression {
        Expr::Identifier(ident) => by_name(ident),
        Expr::CompoundIdentifier(idents) => idents.last().is_some_and(by_name),
        Expr::Nested(inner) => is_time(inner),
        Expr::Function(function) => {
            let name = function.name.to_string();
            let FunctionArguments::List(list) = &function.args else { return false };
            let of_time = ["greatest", "least", "min", "max", "lead", "lag", "coalesce"];
            of_time.contains(&name.as_str())
                && list.args.first().and_then(argument).is_some_and(is_time)
        }
        _ => false,
    }
}
