//! Decides what is answered: quota, then faults, then the constraints, then the world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::reply::{Delivery, Reply, Stamp};
use crate::clock::SharedClock;
use crate::model::Timestamp;
use crate::sim::calls::Calls;
use crate::sim::draw;
use crate::sim::faults::{Fate, Mishap};
use crate::sim::quota::Quota;
use crate::sim::truth::Truth;
use crate::sim::wire::{Answer, Cursor, Operation, Refusal, Request, View, answer, change};
use crate::sim::world::Stage;
use crate::sim::{Config, Faults, World};

/// Requests whose attempts are counted apart; beyond that counting begins anew.
const REMEMBERED_MAX: usize = 1_000_000;
/// Empty pages that may follow each other.
const EMPTY_PAGES_MAX: u8 = 3;

/// The service without its sockets.
#[derive(Debug)]
pub(super) struct Desk {
    seed: u64,
    clock: SharedClock,
    // One lock for all: an answer is made in a fraction of a millisecond, and a test that changes the world
    // wants to see it changed everywhere at once.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    world: Arc<World>,
    faults: Faults,
    quota: Quota,
    calls: Calls,
    /// The service's time at a moment of the monotonic clock.
    anchor: (Timestamp, Duration),
    /// How often each request came.
    attempts: BTreeMap<u64, u32>,
    /// How often each listing was begun with success.
    listings: BTreeMap<u64, u32>,
    /// How often each stage that vanishes was asked about.
    stage_calls: BTreeMap<String, u32>,
    gone: BTreeSet<String>,
}

impl Desk {
    pub(super) fn new(world: World, config: Config, clock: SharedClock) -> Self {
        let state = State {
            anchor: (config.start(), clock.monotonic()),
            world: Arc::new(world),
            quota: Quota::new(config.tps),
            faults: config.faults,
            calls: Calls::default(),
            attempts: BTreeMap::new(),
            listings: BTreeMap::new(),
            stage_calls: BTreeMap::new(),
            gone: BTreeSet::new(),
        };
        Self { seed: config.seed, clock, state: Mutex::new(state) }
    }

    /// A panic of another call leaves a state that is still good to answer from.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    pub(super) fn truth(&self) -> Truth {
        Truth::new(Arc::clone(&self.state().world))
    }

    pub(super) fn calls(&self) -> Calls {
        self.state().calls.clone()
    }

    pub(super) fn forget_calls(&self) {
        self.state().calls = Calls::default();
    }

    pub(super) fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let now = self.now();
        let mut state = self.state();
        let world = Arc::make_mut(&mut state.world);
        world.settle_replications(now);
        world.now = now;
        let changed = change(world);
        // A session may have been ended: the replications that hang on it end with it.
        world.settle_replications(now);
        changed
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.state().now(self.clock.monotonic())
    }

    pub(super) fn set_now(&self, now: Timestamp) {
        self.state().anchor = (now, self.clock.monotonic());
    }

    /// Answers a call that no operation takes.
    pub(super) fn refuse_unknown(&self, method: &str, path: &str) -> Reply {
        let refusal = Refusal::UnknownOperation(format!("Unknown operation: {method} {path}"));
        Reply::refusal(&refusal, &self.state().stamp(self.clock.monotonic(), draw::key(&[path])))
    }

    /// Answers a call whose body can't be read.
    pub(super) fn refuse_body(&self, reason: &str) -> Reply {
        let refusal = Refusal::Validation(reason.to_owned());
        Reply::refusal(&refusal, &self.state().stamp(self.clock.monotonic(), draw::key(&[reason])))
    }

    /// Answers a call.
    pub(super) fn reply(&self, path: &str, body: &[u8]) -> Reply {
        let Some(operation) = path.strip_prefix('/').and_then(|name| name.parse().ok()) else {
            return self.refuse_unknown("POST", path);
        };
        let elapsed = self.clock.monotonic();
        let parsed = Request::parse(operation, body);
        let mut state = self.state();
        let now = state.now(elapsed);
        state.let_time_pass(now);
        let key = draw::key(&[operation.as_str(), &String::from_utf8_lossy(body)]);
        let attempt = count(&mut state.attempts, key);
        let stamp = state.stamp(elapsed, draw::mix(key ^ u64::from(attempt)));
        let fate = state.faults.draw(self.seed, key, attempt);
        let outcome = if state.quota.take(operation, elapsed) {
            self.decide(&mut state, operation, parsed.as_ref(), fate, now)
        } else {
            Err(throttle_form(stamp.request_id))
        };
        let mut reply = match outcome {
            Ok((answer, token)) => Reply::answer(answer, token, &stamp),
            Err(refusal) => Reply::refusal(&refusal, &stamp),
        };
        if reply.status == 200 {
            reply.delivery = delivery(fate, &state.faults);
        }
        let result = (reply.status, reply.delivery.is_whole(), reply.throttled);
        state.calls.add(operation, parsed.as_ref().ok(), result);
        reply
    }

    fn decide(
        &self,
        state: &mut State,
        operation: Operation,
        parsed: Result<&Request, &Refusal>,
        fate: Fate,
        now: Timestamp,
    ) -> Result<(Answer, Option<String>), Refusal> {
        if let Some(refusal) = fate.mishap.and_then(Mishap::refusal) {
            return Err(refusal);
        }
        let request = parsed.map_err(Clone::clone)?;
        self.admit(state, request, &request.stage_arn)?;
        if operation.writes() {
            self.admit(state, request, &request.destination_stage_arn)?;
            return state.carry_out(request, now).map(|answer| (answer, None));
        }
        let world = Arc::clone(&state.world);
        let cursor = self.cursor(state, request)?;
        let gone = &state.gone;
        let view = View { world: &world, is_gone: &|stage| gone.contains(stage.arn()), cursor };
        let whole = answer(&view, request)?;
        if request.next_token.is_none() {
            count(&mut state.listings, request.fingerprint());
        }
        Ok(turn_page(whole, cursor, request, fate))
    }

    /// Refuses what the caller's policy does not allow on a stage.
    fn admit(&self, state: &mut State, request: &Request, stage_arn: &str) -> Result<(), Refusal> {
        let operation = request.operation;
        let world = Arc::clone(&state.world);
        let subject = world.stages.find(stage_arn);
        if state.faults.denies(self.seed, operation, subject) {
            let resource = if stage_arn.is_empty() { "*" } else { stage_arn };
            return Err(Refusal::AccessDenied(format!(
                "User: arn:aws:iam::{}:user/simulated is not authorized to perform: \
                 ivs:{operation} on resource: {resource}",
                world.account_id
            )));
        }
        if state.faults.awaits_verification(operation) {
            return Err(Refusal::PendingVerification);
        }
        if let Some(stage) = subject {
            state.count_towards_vanishing(self.seed, stage);
        }
        Ok(())
    }

    /// Where the request begins. A listing that is begun again may leave items out.
    fn cursor(&self, state: &State, request: &Request) -> Result<Cursor, Refusal> {
        let fingerprint = request.fingerprint();
        if let Some(token) = &request.next_token {
            return Cursor::from_token(token, fingerprint);
        }
        let again = state.listings.contains_key(&fingerprint);
        let shrunk = again
            && !request.session_id.is_empty()
            && state.faults.shrinks(self.seed, &request.stage_arn, &request.session_id);
        Ok(Cursor { shrunk, ..Cursor::default() })
    }
}

/// The answer as it goes out, with its token: an empty page first, or the token it came with, if it is fated so.
fn turn_page(
    whole: Answer,
    cursor: Cursor,
    request: &Request,
    fate: Fate,
) -> (Answer, Option<String>) {
    let Answer::Page { name, items, next } = whole else { return (whole, None) };
    let fingerprint = request.fingerprint();
    if fate.empty && cursor.empty_pages < EMPTY_PAGES_MAX {
        let next = Cursor { empty_pages: cursor.empty_pages + 1, ..cursor };
        let page = Answer::Page { name, items: Vec::new(), next: Some(next) };
        return (page, Some(next.to_token(fingerprint)));
    }
    let repeated = request.next_token.clone().filter(|_| fate.repeats_token);
    let token = repeated.or_else(|| next.map(|next| next.to_token(fingerprint)));
    (Answer::Page { name, items, next }, token)
}

/// The service throttles in three forms, most often in API Gateway's.
fn throttle_form(chance: u64) -> Refusal {
    match chance % 10 {
        0 => Refusal::BareTooManyRequests,
        1 => Refusal::Throttling,
        _ => Refusal::TooManyRequests,
    }
}

fn delivery(fate: Fate, faults: &Faults) -> Delivery {
    match fate.mishap {
        Some(Mishap::Slow) => Delivery::Slow(faults.slow_for()),
        Some(Mishap::Reset) => Delivery::Reset,
        Some(Mishap::Truncate) => Delivery::Truncated,
        _ => Delivery::Whole,
    }
}

/// Counts one more and says how many there were before.
fn count(counts: &mut BTreeMap<u64, u32>, key: u64) -> u32 {
    if counts.len() >= REMEMBERED_MAX {
        counts.clear();
    }
    let seen = counts.entry(key).or_default();
    *seen = seen.saturating_add(1);
    *seen - 1
}

impl State {
    fn now(&self, elapsed: Duration) -> Timestamp {
        let (anchor, at) = self.anchor;
        anchor + elapsed.saturating_sub(at)
    }

    /// Ends what time has ended. The world is copied for it only while somebody still looks at the old one.
    fn let_time_pass(&mut self, now: Timestamp) {
        if self.world.has_unsettled_replications(now) {
            Arc::make_mut(&mut self.world).settle_replications(now);
        }
    }

    fn carry_out(&mut self, request: &Request, now: Timestamp) -> Result<Answer, Refusal> {
        let gone = &self.gone;
        let is_gone = |stage: &Stage| gone.contains(stage.arn());
        change(Arc::make_mut(&mut self.world), &is_gone, request, now)
    }

    fn stamp(&self, elapsed: Duration, request_id: u64) -> Stamp {
        Stamp { now: self.now(elapsed), request_id, retry_after: self.faults.retry_after() }
    }

    fn count_towards_vanishing(&mut self, seed: u64, stage: &Stage) {
        let Some(calls_max) = self.faults.vanishes_after(seed, stage) else { return };
        let calls = self.stage_calls.entry(stage.arn().to_owned()).or_default();
        *calls = calls.saturating_add(1);
        if *calls > calls_max {
            self.gone.insert(stage.arn().to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
