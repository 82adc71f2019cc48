//! One call: permit, attempt, classify, back off, permit again.

use std::error::Error;
use std::time::Duration;

use aws_sdk_ivsrealtime::config::http::HttpResponse;
use aws_sdk_ivsrealtime::error::{ProvideErrorMetadata, SdkError};
use rand::RngExt;

use super::classify::{Failure, Remedy};
use super::pace::Throttled;
use super::{CallError, Client, ErrorKind, Operation};

/// Attempts that may fail before a call does; throttled ones don't count.
const ATTEMPTS_MAX: u32 = 8;
/// Throttled attempts of one call before it counts as starved, however others fare.
const THROTTLES_MAX: u32 = 1_000;
/// The longest first back-off; each further one may be twice as long.
const BACK_OFF_FIRST: Duration = Duration::from_secs(2);
/// The longest back-off.
const BACK_OFF_MAX: Duration = Duration::from_mins(1);
/// The longest back-off after a throttle: the operation has slowed down as a whole already.
const BACK_OFF_THROTTLED_MAX: Duration = Duration::from_secs(20);
/// Longest pause that the service may ask of one call.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// What a call has been through.
#[derive(Debug, Default)]
struct Tally {
    attempts: u32,
    failures: u32,
    throttles: u32,
    refreshed: bool,
    /// An attempt may have changed something, and nobody knows.
    in_doubt: bool,
}

enum Next {
    BackOff(Duration),
    GiveUp(ErrorKind),
}

impl Client {
    /// Makes one call to its end: an answer, or the error that no further attempt would change.
    pub(super) async fn call<O, E, Fut>(
        &self,
        operation: Operation,
        send: impl Fn() -> Fut + Send + Sync,
    ) -> Result<O, CallError>
    where
        Fut: Future<Output = Result<O, SdkError<E, HttpResponse>>> + Send,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let mut tally = Tally::default();
        loop {
            let (start, answer) = self
                .attempt(operation, &send, tally.attempts > 0)
                .await
                .ok_or_else(|| cancelled(operation, &tally))?;
            tally.attempts += 1;
            let failure = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => Failure::of(&error),
            };
            tally.in_doubt |= operation.writes() && failure.may_have_been_done();
            match self.next(operation, &failure, start, &mut tally) {
                Next::GiveUp(kind) => {
                    // A refusal speaks of its own attempt, not of the one before it whose answer was lost.
                    let kind = if tally.in_doubt { ErrorKind::Unknown } else { kind };
                    return Err(failure.into_error(operation, kind, tally.attempts));
                }
                Next::BackOff(pause) => {
                    self.say_why_again(operation, &failure, pause);
                    let slept = self.unless_cancelled(self.clock().sleep(pause)).await;
                    slept.ok_or_else(|| cancelled(operation, &tally))?;
                }
            }
        }
    }

    /// Someone who waits for a first answer should know what for; later on failures are nothing to watch.
    fn say_why_again(&self, operation: Operation, failure: &Failure, pause: Duration) {
        if self.has_service_time() {
            tracing::debug!(%operation, ?failure, ?pause, "trying again");
        } else {
            let error = &failure.message;
            tracing::warn!(%operation, %error, "no answer from the service yet, trying again");
        }
    }

    /// One attempt and the moment of its start; `None` where the client was told to stop before it began.
    async fn attempt<O, E, Fut>(
        &self,
        operation: Operation,
        send: &(impl Fn() -> Fut + Send + Sync),
        again: bool,
    ) -> Option<(Duration, Result<O, SdkError<E, HttpResponse>>)>
    where
        Fut: Future<Output = Result<O, SdkError<E, HttpResponse>>> + Send,
    {
        let lane = self.lane(operation);
        let _attempt = lane.attempt();
        let start = self.unless_cancelled(lane.permit()).await?;
        if again {
            lane.count_retry();
        }
        let answer = send().await;
        if answer.is_ok() {
            lane.succeeded();
        }
        Some((start, answer))
    }

    fn next(
        &self,
        operation: Operation,
        failure: &Failure,
        start: Duration,
        tally: &mut Tally,
    ) -> Next {
        let lane = self.lane(operation);
        let remedy = failure.remedy();
        if remedy != Remedy::Wait {
            lane.failed();
        }
        if tally.in_doubt && !operation.may_be_repeated() {
            return Next::GiveUp(ErrorKind::Unknown);
        }
        match remedy {
            Remedy::Wait => {
                tally.throttles += 1;
                let Throttled { halved_to, starved } = lane.throttled(start, failure.retry_after);
                if let Some(rate) = halved_to {
                    tracing::warn!(%operation, rate, "throttled by the service; slowing down");
                }
                if starved || tally.throttles >= THROTTLES_MAX {
                    return Next::GiveUp(ErrorKind::Starved);
                }
                self.back_off(tally.throttles, BACK_OFF_THROTTLED_MAX, failure)
            }
            Remedy::Retry => {
                tally.failures += 1;
                if tally.failures >= ATTEMPTS_MAX {
                    return Next::GiveUp(failure.kind);
                }
                self.back_off(tally.failures, BACK_OFF_MAX, failure)
            }
            Remedy::Refresh if !tally.refreshed => {
                tally.refreshed = true;
                self.identities().forget(start, self.clock().monotonic());
                self.back_off(1, BACK_OFF_MAX, failure)
            }
            Remedy::Refresh | Remedy::None => Next::GiveUp(failure.kind),
        }
    }

    /// Any time up to the limit is as likely as any other, so that calls which failed together don't
    /// come back together; never sooner than the service asked.
    fn back_off(&self, failures: u32, limit: Duration, failure: &Failure) -> Next {
        let doublings = 2_u32.saturating_pow(failures - 1);
        let longest = BACK_OFF_FIRST.saturating_mul(doublings).min(limit);
        let drawn = longest.mul_f64(self.rng().random_range(0.0..=1.0));
        let asked = failure.retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
        Next::BackOff(drawn.max(asked))
    }
}

fn cancelled(operation: Operation, tally: &Tally) -> CallError {
    CallError {
        operation,
        kind: if tally.in_doubt { ErrorKind::Unknown } else { ErrorKind::Cancelled },
        code: "Cancelled".to_owned(),
        message: String::new(),
        attempts: tally.attempts,
        status: None,
    }
}
