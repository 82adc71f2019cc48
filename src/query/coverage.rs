//! How much of a period the lake holds, for the note beside an answer.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;

use super::arguments::Arguments;
use super::engine::Engine;
use super::error::Error;
use super::library::Library;

/// How many sessions of a period are in the lake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Sessions of the period that a listing ever showed.
    pub total_n: i64,
    /// Of these: not in the lake yet.
    pub missing_n: i64,
    /// Of these: given up with nothing, or deleted from the lake.
    pub gone_n: i64,
}

impl Coverage {
    /// The share of the period's sessions that is in the lake, 0 to 1; `None` where the period has none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share for people, of far fewer than 2^52")]
    pub fn share(&self) -> Option<f64> {
        let held = self.total_n - self.missing_n - self.gone_n;
        (self.total_n > 0).then(|| held as f64 / self.total_n as f64)
    }

    /// The note, where sessions are missing: `3 of 120 sessions of this period are not in the lake yet (97.5 % are)`.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        if self.missing_n == 0 {
            return None;
        }
        // Rounded down: 99.99 % must not read as all of them.
        let percent = (self.share()? * 1000.0).floor() / 10.0;
        Some(format!(
            "{} of {} sessions of this period are not in the lake yet ({percent:.1} % are there)",
            self.missing_n, self.total_n
        ))
    }
}

/// Counts the sessions that overlap the period, stages and sessions that a query was asked for: of its arguments,
/// `from`, `to`, `stage` and `session` are read.
///
/// # Errors
/// As [`Engine::run_canned`].
pub async fn coverage(
    engine: &Engine,
    library: &Library,
    arguments: &Arguments,
) -> Result<Coverage, Error> {
    let mut filters = Arguments::new(arguments.now());
    for name in ["from", "to", "stage", "session"] {
        for value in arguments.given(name) {
            filters.push(name, value);
        }
    }
    let answer = engine.run_canned(library.find("coverage")?, &filters).await?;
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await?;
    let number = |name: &str| {
        batches
            .iter()
            .find(|batch| batch.num_rows() > 0)
            .and_then(|batch| batch.column_by_name(name))
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .map_or(0, |column| column.value(0))
    };
    Ok(Coverage {
        total_n: number("sessions_n"),
        missing_n: number("missing_n"),
        gone_n: number("lost_n") + number("pruned_n"),
    })
}
