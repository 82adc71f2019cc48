//! `ivsight collect`: one run over every region and profile that was asked for, side by side.

use std::sync::Arc;

use chrono::TimeDelta;
use ivsight::api::{Client, Settings as ApiSettings};
use ivsight::clock::{SharedClock, SystemClock};
use ivsight::collect::settings::{Filter, Glob, Order, Settings};
use ivsight::collect::summary::{Plan, SUMMARY_VERSION, Status, Summary};
use ivsight::collect::{self, Outcome, Request};
use ivsight::lake::Lake;
use ivsight::model::{DetailsPolicy, SessionId, StageArn};
use ivsight::times::{parse_duration, parse_time};
use tokio::sync::watch;

use super::args::{Collect, Common, DetailsChoice, OrderChoice, Service};
use super::error::Failure;
use super::output::Output;
use super::{Exit, lake, progress, signals, summary};

/// Collects, and says how it went.
pub(crate) async fn run(common: &Common, args: &Collect, output: &Output) -> Result<Exit, Failure> {
    let clock = SystemClock::shared();
    let interrupt = signals::interrupt(Arc::clone(&clock))?;
    let settings = Arc::new(settings(args, &clock)?);
    let lake = lake::open(common).await?;
    let clients = clients(&args.service, common_region(&settings.filter), &clock).await?;
    let began = clock.monotonic();
    let (requests, failures) = requests(clients, &lake, &settings, &clock, &interrupt);
    let outcomes = collect_all(common, requests, &clock, output).await;
    let duration = clock.monotonic().saturating_sub(began);

    for outcome in &outcomes {
        if let Some(error) = &outcome.error {
            output.failure(&Failure::of(error).hint(hint(error)));
        }
    }
    for failure in &failures {
        output.failure(failure);
    }
    let plans: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.plan).collect();
    let summary = whole(&settings.run_id, duration.as_secs_f64(), outcomes, failures.len());
    match print(&summary, &plans, args, output) {
        // How it went is in the exit code, whoever reads the rest.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit(summary.status)),
    }
}

fn print(
    summary: &Summary,
    plans: &[Plan],
    args: &Collect,
    output: &Output,
) -> std::io::Result<()> {
    if args.dry_run {
        summary::print_plan(summary, plans, args, output)
    } else if args.json {
        output.result(&serde_json::to_string(summary)?)
    } else {
        summary::print(summary, output)
    }
}

/// Clients, and why some can't be made.
pub(super) type Clients = Vec<Result<Client, Failure>>;

/// A client for each profile and region; those that can't be made don't stop the others. `region` holds where none was
/// typed.
pub(super) async fn clients(
    service: &Service,
    region: Option<String>,
    clock: &SharedClock,
) -> Result<Clients, Failure> {
    let mut wanted = Vec::new();
    for profile in optional(&service.profile) {
        for typed in optional(&service.region) {
            wanted.push((profile.clone(), typed.or_else(|| region.clone())));
        }
    }
    let made = wanted.into_iter().map(|(profile, region)| {
        let settings = ApiSettings {
            region,
            profile,
            endpoint_url: service.endpoint_url.clone(),
            tps: service.tps,
            jitter_seed: u64::from(std::process::id()),
            ..ApiSettings::default()
        };
        Client::connect(settings, Arc::clone(clock))
    });
    let mut clients: Clients = futures::future::join_all(made)
        .await
        .into_iter()
        .map(|made| made.map_err(Failure::from))
        .collect();
    // A single one that can't be made is the whole story, and a mistake in typing holds for all.
    let is_usage = |made: &Result<Client, Failure>| {
        made.as_ref().is_err_and(|failure| failure.exit() == Exit::Usage)
    };
    if clients.len() == 1 || clients.iter().any(is_usage) {
        clients.sort_by_key(|made| !is_usage(made));
        let first = clients.swap_remove(0);
        return first.map(|client| vec![Ok(client)]);
    }
    Ok(clients)
}

fn optional(values: &[String]) -> Vec<Option<String>> {
    let mut seen = Vec::new();
    for value in values {
        // Twice the same would be two collectors of one scope.
        if !seen.contains(&Some(value.clone())) {
            seen.push(Some(value.clone()));
        }
    }
    if seen.is_empty() { vec![None] } else { seen }
}

/// The region that the stages' ARNs name, where nothing else does.
fn common_region(filter: &Filter) -> Option<String> {
    let first = filter.stage_arns.first()?;
    Some(first.scope().region.to_string())
}

/// What is asked of each scope's run, and why some can't be made.
fn requests(
    clients: Clients,
    lake: &Lake,
    settings: &Arc<Settings>,
    clock: &SharedClock,
    interrupt: &watch::Receiver<bool>,
) -> (Vec<Request>, Vec<Failure>) {
    let (mut requests, mut failures) = (Vec::new(), Vec::new());
    for client in clients {
        match client {
            Ok(client) => requests.push(Request {
                lake: lake.clone(),
                client,
                settings: Arc::clone(settings),
                clock: Arc::clone(clock),
                interrupt: interrupt.clone(),
                progress: Arc::default(),
            }),
            Err(failure) => failures.push(failure),
        }
    }
    (requests, failures)
}

/// Runs all scopes side by side, each on a task of its own.
async fn collect_all(
    common: &Common,
    requests: Vec<Request>,
    clock: &SharedClock,
    output: &Output,
) -> Vec<Outcome> {
    let watched = requests
        .iter()
        .map(|request| (request.client.clone(), Arc::clone(&request.progress)))
        .collect();
    let runs: Vec<_> =
        requests.into_iter().map(|request| tokio::spawn(collect::run(request))).collect();
    let runs = async {
        let mut outcomes = Vec::new();
        for run in runs {
            outcomes.push(run.await.expect("a run does not panic"));
        }
        outcomes
    };
    progress::Display::new(common, output, watched).during(runs, clock).await
}

fn whole(run_id: &str, duration_s: f64, outcomes: Vec<Outcome>, unconnected: usize) -> Summary {
    let scopes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.summary).collect();
    let mut statuses: Vec<Status> = scopes.iter().map(|scope| scope.status).collect();
    statuses.extend(std::iter::repeat_n(Status::Failed, unconnected));
    Summary {
        version: SUMMARY_VERSION,
        run_id: run_id.to_owned(),
        status: Status::of_run(&statuses),
        duration_s,
        bytes_written: scopes.iter().map(|scope| scope.bytes_written).sum(),
        stages: scopes.iter().map(|scope| scope.stages).sum(),
        sessions: scopes.iter().map(|scope| scope.sessions).sum(),
        participants: scopes.iter().map(|scope| scope.participants).sum(),
        events: scopes.iter().map(|scope| scope.events).sum(),
        scopes,
    }
}

/// The exit code of a status.
pub(super) fn exit(status: Status) -> Exit {
    match status {
        Status::Complete => Exit::Done,
        Status::Partial => Exit::Incomplete,
        Status::Deadline => Exit::Deadline,
        Status::Locked => Exit::Locked,
        Status::Interrupted => Exit::Interrupted,
        Status::Failed => Exit::Failed,
    }
}

/// What to do about it.
pub(super) fn hint(error: &collect::CollectError) -> Option<String> {
    use collect::CollectError as E;
    match error {
        E::Lake(error) => error.hint(),
        E::Discover(error) => error.hint(),
        E::Credentials => {
            Some("renew the credentials (for SSO `aws sso login`) and run again".to_owned())
        }
        E::ForeignStage { .. } => {
            Some("give stages of one account and region in one run".to_owned())
        }
        E::Time(_) => None,
    }
}

fn settings(args: &Collect, clock: &SharedClock) -> Result<Settings, Failure> {
    let usage = |error: &(dyn std::error::Error + 'static)| Failure::of(error).usage();
    let settle = parse_duration(&args.settle).map_err(|error| usage(&error))?;
    // Read once to say early what can't be read; what is relative is read again by the service's clock.
    for time in [&args.from, &args.to].into_iter().flatten() {
        parse_time(time, clock.now()).map_err(|error| usage(&error))?;
    }
    Ok(Settings {
        run_id: run_id(clock),
        filter: filter(args)?,
        settle: TimeDelta::from_std(settle)
            .map_err(|_| Failure::new("`--settle` is too long").usage())?,
        details: match args.details {
            DetailsChoice::Published => DetailsPolicy::Published,
            DetailsChoice::All => DetailsPolicy::All,
            DetailsChoice::None => DetailsPolicy::None,
        },
        order: match args.order {
            OrderChoice::Fresh => Order::Fresh,
            OrderChoice::Oldest => Order::Oldest,
        },
        deadline: args
            .deadline
            .as_deref()
            .map(parse_duration)
            .transpose()
            .map_err(|error| usage(&error))?,
        refetch: args.refetch,
        dry_run: args.dry_run,
    })
}

/// The id of a run that begins now.
pub(super) fn run_id(clock: &SharedClock) -> String {
    let now = clock.now();
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    let timestamp =
        uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos());
    uuid::Uuid::new_v7(timestamp).to_string()
}

fn filter(args: &Collect) -> Result<Filter, Failure> {
    let mut filter = Filter { from: args.from.clone(), to: args.to.clone(), ..Filter::default() };
    for stage in &args.stage {
        if stage.starts_with("arn:") {
            let arn = StageArn::parse(stage).map_err(|error| {
                Failure::of(&error)
                    .hint(Some("give `arn:aws:ivs:REGION:ACCOUNT:stage/ID`, or a name"))
                    .usage()
            })?;
            filter.stage_arns.push(arn);
        } else {
            filter.stage_names.push(Glob::new(stage));
        }
    }
    for session in &args.session {
        let id =
            SessionId::new(session).map_err(|_| Failure::new("`--session` is empty").usage())?;
        filter.sessions.push(id);
    }
    for tag in &args.tag {
        let (key, value) = tag.split_once('=').ok_or_else(|| {
            Failure::new(format!("`{tag}` is not a tag"))
                .hint(Some("give `--tag KEY=VALUE`"))
                .usage()
        })?;
        filter.tags.push((key.to_owned(), value.to_owned()));
    }
    Ok(filter)
}
