//! The functions of SQL that are our own: buckets of time, which SQL has no words for in a time zone, and what the engine
//! lacks.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, ListArray, StructArray, TimestampMicrosecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};

use super::calendar::Calendar;
use super::min_by::MinBy;

/// A function of SQL that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub usage: &'static str,
    /// What it gives.
    pub help: &'static str,
    /// Whether `DuckDB` and Spark have it too.
    pub(super) is_common: bool,
}

/// All of them.
pub const FUNCTIONS: [Function; 3] = [
    Function {
        name: BUCKET_START,
        usage: "bucket_start(time, width, zone)",
        help: "The start of the bucket that holds a time. The width is a text: `15m`, `6h`, `1d`, `1w`, `1mo`. The zone is NULL for UTC, \
               `Europe/Berlin` or `+05:30`: in it days, weeks and months begin at midnight, and a day may have 23 or 25 hours. \
               Weeks begin on Monday. NULL where time or width is.",
        is_common: false,
    },
    Function {
        name: BUCKETS,
        usage: "buckets(from, until, width, zone)",
        help: "The buckets that hold any of the time from one moment until another, without that one: a list of structs \
               with `start` and `end`, for `unnest`. Width and zone are those of `bucket_start`.",
        is_common: false,
    },
    Function {
        name: MIN_BY,
        usage: "min_by(text, time)",
        help: "An aggregate: the text beside the least time; of several the least text. Rows where either is NULL do not \
               count.",
        is_common: true,
    },
];

const BUCKET_START: &str = "bucket_start";
const BUCKETS: &str = "buckets";
pub(super) const MIN_BY: &str = "min_by";

/// More buckets than this in one span are a mistake.
const BUCKETS_MAX: usize = 1_000_000;

/// Those of them that aggregate, for the engine.
pub(super) fn aggregates() -> [Arc<AggregateUDF>; 1] {
    [Arc::new(AggregateUDF::new_from_impl(MinBy::new()))]
}

/// The others.
pub(super) fn scalars() -> [Arc<ScalarUDF>; 2] {
    [
        Arc::new(ScalarUDF::new_from_impl(BucketStart { signature: signature(1) })),
        Arc::new(ScalarUDF::new_from_impl(Buckets { signature: signature(2) })),
    ]
}

pub(super) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn span_fields() -> Fields {
    let field = |name: &str| Field::new(name, time_type(), true);
    [field("start"), field("end")].into_iter().collect()
}

fn span_field() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Struct(span_fields()), true))
}

/// Times, a width, and a zone that may be left out.
fn signature(times_n: usize) -> Signature {
    let exact = |texts_n: usize| {
        let times = std::iter::repeat_n(time_type(), times_n);
        let texts = std::iter::repeat_n(DataType::Utf8, texts_n);
        TypeSignature::Exact(times.chain(texts).collect())
    };
    Signature::one_of(vec![exact(2), exact(1)], Volatility::Immutable)
}

/// What a call was given: times by row, and the buckets that it speaks of.
struct Call {
    times: Vec<ArrayRef>,
    /// None where the width is NULL.
    calendar: Option<Calendar>,
}

impl Call {
    fn of(name: &str, times_n: usize, args: &ScalarFunctionArgs) -> Result<Self> {
        let times = args.args[..times_n]
            .iter()
            .map(|value| value.to_array(args.number_rows))
            .collect::<Result<_>>()?;
        let width = constant(name, &args.args[times_n])?;
        let zone = args.args.get(times_n + 1).map_or(Ok(None), |value| constant(name, value))?;
        let calendar = width
            .map(|width| Calendar::new(width, zone))
            .transpose()
            .map_err(|reason| exec_datafusion_err!("{reason}"))?;
        Ok(Self { times, calendar })
    }

    fn time(&self, index: usize) -> &TimestampMicrosecondArray {
        self.times[index].as_primitive::<TimestampMicrosecondType>()
    }
}

fn constant<'a>(name: &str, value: &'a ColumnarValue) -> Result<Option<&'a str>> {
    match value {
        ColumnarValue::Scalar(value) if value.is_null() => Ok(None),
        ColumnarValue::Scalar(value) => Ok(value.try_as_str().flatten()),
        ColumnarValue::Array(_) => {
            exec_err!("the width and the zone of `{name}` must be the same for all rows")
        }
    }
}

fn too_far<T>() -> Result<T> {
    exec_err!("a time is too far away to be put into a bucket")
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct BucketStart {
    signature: Signature,
}

impl ScalarUDFImpl for BucketStart {
    fn name(&self) -> &'static str {
        BUCKET_START
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(time_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let call = Call::of(BUCKET_START, 1, &args)?;
        let starts: TimestampMicrosecondArray = match call.calendar {
            None => TimestampMicrosecondArray::new_null(args.number_rows),
            Some(calendar) => call
                .time(0)
                .iter()
                .map(|at| at.map(|at| calendar.start(at).map_or_else(too_far, Ok)).transpose())
                .collect::<Result<_>>()?,
        };
        Ok(ColumnarValue::Array(Arc::new(starts.with_timezone("UTC"))))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Buckets {
    signature: Signature,
}

impl ScalarUDFImpl for Buckets {
    fn name(&self) -> &'static str {
        BUCKETS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(span_field()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let call = Call::of(BUCKETS, 2, &args)?;
        let (from, until) = (call.time(0), call.time(1));
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        let (mut lengths, mut known) = (Vec::new(), Vec::new());
        for span in from.iter().zip(until) {
            let before = starts.len();
            if let (Some(calendar), (Some(from), Some(until))) = (call.calendar, span) {
                fill(&calendar, from, until, &mut starts, &mut ends)?;
                known.push(true);
            } else {
                known.push(false);
            }
            lengths.push(starts.len() - before);
        }
        let column = |times: Vec<i64>| {
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")) as ArrayRef
        };
        let spans = StructArray::try_new(span_fields(), vec![column(starts), column(ends)], None)?;
        let lists = ListArray::try_new(
            span_field(),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(spans),
            Some(NullBuffer::from(known)),
        )?;
        Ok(ColumnarValue::Array(Arc::new(lists)))
    }
}

/// The buckets of one span.
fn fill(
    calendar: &Calendar,
    from: i64,
    until: i64,
    starts: &mut Vec<i64>,
    ends: &mut Vec<i64>,
) -> Result<()> {
    if until <= from {
        return Ok(());
    }
    let Some(mut start) = calendar.start(from) else { return too_far() };
    for _ in 0..BUCKETS_MAX {
        let Some(end) = calendar.end(start) else { return too_far() };
        starts.push(start);
        ends.push(end);
        if end >= until {
            return Ok(());
        }
        start = end;
    }
    exec_err!("the period has more than {BUCKETS_MAX} buckets: choose a longer `--bucket`")
}
