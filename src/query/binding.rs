//! Puts the values of parameters into a plan.

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::DataType;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::LogicalPlan;

use super::arguments::{Arguments, Kind, Parameter};
use super::error::Error;
use super::{ColumnKind, plain};
use crate::times;

/// Parameters by name; `None` where only the plan can tell the type.
pub(super) type Parameters = BTreeMap<String, Option<Parameter>>;

/// Puts the values into a plan. They are wanted again for the views that are kept.
pub(super) fn bind(
    query: &str,
    plan: LogicalPlan,
    parameters: &Parameters,
    arguments: &Arguments,
    text: &str,
) -> Result<(LogicalPlan, ParamValues), Error> {
    if parameters.is_empty() {
        return Ok((plan, ParamValues::from(HashMap::<String, ScalarValue>::new())));
    }
    let inferred = plan.get_parameter_types().map_err(|error| plain::planning(error, text))?;
    let mut values: HashMap<String, ScalarValue> = HashMap::new();
    for (name, parameter) in parameters {
        let value = if let Some(parameter) = parameter {
            parameter.value(query, arguments.given(name), arguments.now())?
        } else {
            let data_type = inferred.get(&format!("${name}")).and_then(Option::as_ref);
            untyped(query, name, data_type, arguments)?
        };
        values.insert(name.clone(), value);
    }
    let values = ParamValues::from(values);
    let bound = plan.with_param_values(values.clone());
    Ok((bound.map_err(|error| plain::planning(error, text))?, values))
}

/// The value of a parameter that nothing declares: text, or what the plan compares it with.
fn untyped(
    query: &str,
    name: &str,
    data_type: Option<&DataType>,
    arguments: &Arguments,
) -> Result<ScalarValue, Error> {
    let missing = || {
        let (query, name) = (query.to_owned(), name.to_owned());
        Error::MissingParameter { query, name, kind: Kind::Text }
    };
    let text = match arguments.given(name) {
        [] => return Err(missing()),
        [text] => text,
        [.., last] => {
            return Err(Error::InvalidParameter {
                name: name.to_owned(),
                value: last.clone(),
                reason: "it was given a value already".to_owned(),
            });
        }
    };
    let invalid = |reason: String| Error::InvalidParameter {
        name: name.to_owned(),
        value: text.clone(),
        reason,
    };
    match data_type {
        None | Some(DataType::Null) => Ok(ScalarValue::from(text.as_str())),
        Some(data_type @ DataType::Timestamp(_, _)) => {
            let time = times::parse_time(text, arguments.now())
                .map_err(|error| invalid(error.to_string()))?;
            ScalarValue::TimestampMicrosecond(Some(time.timestamp_micros()), Some("UTC".into()))
                .cast_to(data_type)
                .map_err(|error| invalid(error.strip_backtrace()))
        }
        Some(data_type) => ScalarValue::try_from_string(text.clone(), data_type)
            .map_err(|_| invalid(format!("it is compared with {}", type_name(data_type)))),
    }
}

fn type_name(data_type: &DataType) -> String {
    ColumnKind::of(data_type).map_or_else(
        || "a value of another type".to_owned(),
        |kind| format!("values of type {}", kind.name()),
    )
}
