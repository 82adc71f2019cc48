//! Makes a lake: each day a world of its own, whose sessions are staged and published as after a nightly crawl.

use std::io::Write;

use chrono::{DurationRound, TimeDelta};
use ivsight::clock::SystemClock;
use ivsight::lake::Held;
use ivsight::lake::Lake;
use ivsight::lake::batch::{Collection, SessionRow, StageRow};
use ivsight::lake::publish::{self, Published};
use ivsight::lake::register;
use ivsight::lake::staging::Record;
use ivsight::model::{
    AccountId, DetailsPolicy, Participant, Region, Scope, SessionId, SessionKey, Stage,
};
use ivsight::sim::{self, Scenario, World, world};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Generate, Outcome, told};

/// Events that a collector publishes together.
const PUBLICATION_EVENTS: i64 = 250_000;

pub(super) async fn generate(args: &Generate) -> Outcome<()> {
    let clock = SystemClock::shared();
    let began = clock.monotonic();
    let lake = Lake::at(&args.lake)?;
    if lake.is_there().await? {
        return Err(format!("`{}` holds a lake already", args.lake.display()).into());
    }
    let scope = Scope {
        account_id: AccountId::new(sim::Config::DEFAULT_ACCOUNT)?,
        region: Region::new(sim::Config::DEFAULT_REGION)?,
    };
    let held = lake.take_scope(&scope, "the benchmark").await?;
    let rng = ChaCha8Rng::seed_from_u64(args.seed);
    let mut crawl = Crawl { held, rng, waiting: Vec::new(), sum: Published::default() };
    for day in 0..args.days {
        crawl.day(args, day).await?;
        let took = clock.monotonic().saturating_sub(began).as_secs_f64();
        let Published { events, participants, sessions, bytes_written, .. } = crawl.sum;
        writeln!(
            std::io::stdout(),
            "day {} of {}: {events} events, {participants} participants, {sessions} sessions, {bytes_written} bytes, {took:.1} s",
            day + 1,
            args.days,
        )?;
    }
    crawl.held.release().await;
    Ok(())
}

/// A collector that has everything already.
struct Crawl {
    held: Held,
    rng: ChaCha8Rng,
    /// Sessions that are staged whole.
    waiting: Vec<SessionRow>,
    sum: Published,
}

impl Crawl {
    /// Sessions of one day, stage by stage, until the lake has the share of its events that is due by then.
    async fn day(&mut self, args: &Generate, day: u32) -> Outcome<()> {
        let days_left = i64::from(args.days - 1 - day);
        let midnight = sim::Config::default().start().duration_trunc(TimeDelta::days(1))?;
        let world = World::generate(&sim::Config {
            seed: args.seed,
            scenario: Scenario::Day,
            now: Some(midnight - TimeDelta::days(days_left)),
            ..sim::Config::default()
        });
        let due_n = i64::try_from(args.events * u64::from(day + 1) / u64::from(args.days))?;
        let mut events_n = i64::try_from(self.sum.events)?;
        let mut stages = Vec::new();
        for stage in world.stages.iter() {
            if events_n >= due_n {
                break;
            }
            let seen = told::stage(stage)?;
            for session in stage.sessions.iter() {
                if events_n < due_n {
                    events_n += self.stage_session(&world, &seen, session).await?;
                }
            }
            let (first_seen_at, last_seen_at) = (world.now, world.now);
            stages.push(StageRow { stage: seen, first_seen_at, last_seen_at, gone_at: None });
        }
        if events_n < due_n {
            return Err(
                format!("a day holds {events_n} of {due_n} events: ask for more days").into()
            );
        }
        self.publish().await?;
        register::commit_stages(self.held.lake.tables(), &self.held.scope, stages).await?;
        Ok(())
    }

    /// Stages all that a crawl would ask of a session. Gives the number of its events.
    async fn stage_session(
        &mut self,
        world: &World,
        stage: &Stage,
        session: &world::Session,
    ) -> Outcome<i64> {
        let session_id = SessionId::new(session.id().unwrap_or_default())?;
        let key = SessionKey { stage_arn: stage.arn.clone(), session_id };
        let participants = session
            .participants
            .iter()
            .map(told::participant)
            .collect::<Result<Vec<Participant>, _>>()?;
        let listing = Record::Listing {
            as_of: world.now,
            end_time: session.end_time,
            details: DetailsPolicy::Published,
            participants: participants.clone(),
        };
        self.held.staging.append(&key, &listing).await?;
        let mut events_n = 0;
        for (participant, told) in participants.iter().zip(session.participants.iter()) {
            events_n += self.stage_participant(world, &key, session, participant, told).await?;
        }
        self.waiting.push(row(world, stage, session, key, participants.len(), events_n)?);
        let events_n = i64::try_from(events_n)?;
        let waiting_n: i64 = self.waiting.iter().filter_map(|row| row.events_n).sum();
        if waiting_n >= PUBLICATION_EVENTS {
            self.publish().await?;
        }
        Ok(events_n)
    }

    async fn stage_participant(
        &mut self,
        world: &World,
        key: &SessionKey,
        session: &world::Session,
        participant: &Participant,
        told: &world::Participant,
    ) -> Outcome<usize> {
        let participant_id = participant.participant_id.clone();
        let events = told::events(&session.life(told).events, &mut self.rng);
        let events_n = events.len();
        let fetched_at = world.now;
        let id = participant_id.clone();
        let record = Record::Events { participant_id: id, fetched_at, events };
        self.held.staging.append(key, &record).await?;
        if DetailsPolicy::Published.wants(participant) {
            let id = participant_id.clone();
            let details = told::details(&told.details);
            self.held.staging.append(key, &Record::Details { participant_id: id, details }).await?;
        }
        if participant.is_source() {
            let is_its_own = |replica: &&world::Replica| {
                replica.participant_id == participant_id.as_str()
                    && replica.source_session_id == key.session_id.as_str()
            };
            let replicas = world.replicas.iter().filter(is_its_own).map(told::replica);
            let replicas = replicas.collect::<Outcome<Vec<_>>>()?;
            let record = Record::Replicas { participant_id, listed_at: world.now, replicas };
            self.held.staging.append(key, &record).await?;
        }
        Ok(events_n)
    }

    async fn publish(&mut self) -> Outcome<()> {
        self.held.staging.flush().await?;
        let rows = std::mem::take(&mut self.waiting);
        self.sum += publish::publish(&self.held, rows).await?;
        Ok(())
    }
}

fn row(
    world: &World,
    stage: &Stage,
    session: &world::Session,
    key: SessionKey,
    participants_n: usize,
    events_n: usize,
) -> Outcome<SessionRow> {
    Ok(SessionRow {
        key,
        stage_name: stage.name.clone(),
        stage_tags: stage.tags.clone(),
        start_time: session.start_time.ok_or("a session has no start")?,
        start_synthetic: false,
        end_time: session.end_time,
        collection: Collection::Complete,
        listed_at: world.now,
        as_of: Some(world.now),
        failing_since: None,
        attempts_n: 0,
        last_error: None,
        participants_n: Some(i64::try_from(participants_n)?),
        events_n: Some(i64::try_from(events_n)?),
        publication: None,
        intervals_rule: None,
        pruned_at: None,
        run_id: "benchmark".to_owned(),
    })
}
