//! `ivsight demo`: a simulated account, crawled over real HTTP by the AWS SDK into a lake of its own, and two reports.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ivsight::api::{Client, Settings as ApiSettings};
use ivsight::clock::{SharedClock, SystemClock};
use ivsight::collect::progress::Progress;
use ivsight::collect::settings::Settings;
use ivsight::collect::summary::{ScopeSummary, Status};
use ivsight::collect::{self, Request};
use ivsight::lake::Lake;
use ivsight::lake::place::Place;
use ivsight::query::{Arguments, Engine, LakeSource, Library, Options};
use ivsight::render::{self, Format};
use ivsight::sim::{Config, Scenario, Server};
use tokio::sync::watch;

use super::args::{Common, Demo};
use super::collect::{exit, run_id};
use super::error::Failure;
use super::output::Output;
use super::query::table_width;
use super::{Exit, progress, signals};

/// Rows of each report that are shown.
const ROWS_MAX: usize = 12;

/// All of it once.
pub(crate) async fn run(common: &Common, args: &Demo, output: &Output) -> Result<Exit, Failure> {
    let clock = SystemClock::shared();
    let interrupt = signals::interrupt(Arc::clone(&clock))?;
    let config = Config {
        seed: args.seed,
        scenario: Scenario::Demo,
        // The service's 5 calls a second would make this last for minutes.
        tps: 0.0,
        now: Some(clock.now()),
        ..Config::default()
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::start(config, address).await.map_err(|error| Failure::of(&error))?;
    let lake = scratch_folder(&clock)?;
    let demo = Scene { common, output, clock, interrupt, endpoint: server.endpoint_url(), lake };

    output.result(&format!("A simulated account answers at {}.", demo.endpoint))?;
    output.result("\nFirst collect: everything that has ended goes into the lake.")?;
    let first = demo.collect().await?;
    if first.status != Status::Complete {
        output.result(&facts(&first))?;
        return Ok(exit(first.status));
    }
    output.result(&facts(&first))?;
    output.result("\nSecond collect: nothing is fetched twice.")?;
    let second = demo.collect().await?;
    output.result(&facts(&second))?;
    output.result("\nivsight query error-codes")?;
    demo.report("error-codes").await?;
    output.result("\nivsight query replication-durations --by edge")?;
    demo.report("replication-edges").await?;
    demo.what_next()?;
    server.shutdown().await.map_err(|error| Failure::of(&error))?;
    Ok(Exit::Done)
}

/// A folder of its own, which stays for whoever wants to look at it.
fn scratch_folder(clock: &SharedClock) -> Result<PathBuf, Failure> {
    let path = std::env::temp_dir().join(format!("ivsight-demo-{}", run_id(clock)));
    std::fs::create_dir_all(&path).map_err(|error| {
        Failure::new(format!("cannot make the folder `{}`", path.display())).because(error)
    })?;
    Ok(path)
}

struct Scene<'a> {
    common: &'a Common,
    output: &'a Output,
    clock: SharedClock,
    interrupt: watch::Receiver<bool>,
    endpoint: String,
    lake: PathBuf,
}

impl Scene<'_> {
    async fn collect(&self) -> Result<ScopeSummary, Failure> {
        let settings = ApiSettings {
            region: Some(Config::DEFAULT_REGION.to_owned()),
            endpoint_url: Some(self.endpoint.clone()),
            tps: 0.0,
            ..ApiSettings::default()
        };
        let client = Client::connect(settings, Arc::clone(&self.clock)).await?;
        let progress = Arc::new(Progress::default());
        let watched = vec![(client.clone(), Arc::clone(&progress))];
        let run = collect::run(Request {
            lake: Lake::at(&self.lake)?,
            client,
            settings: Arc::new(Settings::new(run_id(&self.clock))),
            clock: Arc::clone(&self.clock),
            interrupt: self.interrupt.clone(),
            progress,
        });
        let display = progress::Display::new(self.common, self.output, watched);
        let outcome = display.during(run, &self.clock).await;
        match outcome.error {
            Some(error) => Err(Failure::of(&error)),
            None => Ok(outcome.summary),
        }
    }

    async fn report(&self, name: &str) -> Result<(), Failure> {
        let library = Arc::new(Library::embedded());
        let source = Arc::new(LakeSource::new(&Place::folder(&self.lake)?));
        let engine = Engine::new(source, Arc::clone(&library), &Options::default())?;
        let arguments = Arguments::new(self.clock.now());
        let answer = engine.run_canned(library.find(name)?, &arguments).await?;
        let options = render::Options {
            format: Format::Table,
            terminal: true,
            width: Some(table_width()),
            rows_max: Some(ROWS_MAX),
        };
        let mut out = std::io::stdout();
        match render::render(&answer.schema, answer.batches, &options, &mut out).await {
            Ok(_) => Ok(out.flush()?),
            Err(render::Error::Rows(error)) => Err(error.into()),
            Err(error) => Err(Failure::of(&error)),
        }
    }

    fn what_next(&self) -> Result<(), Failure> {
        let lake = shown(&self.lake);
        self.output.result(&format!(
            "\nThe lake stays at {lake}. Try next:\n\
             \n  ivsight query --lake {lake} \"select name, count(*) from events group by name order by 2 desc\"\
             \n  ivsight queries\
             \n  ivsight sim --port 7777      # then, in another shell:\
             \n  ivsight collect --endpoint-url http://127.0.0.1:7777 --lake ./sim-lake\
             \n  ivsight collect              # your own account, with the credentials of the AWS CLI"
        ))?;
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn facts(summary: &ScopeSummary) -> String {
    let calls: Vec<String> = summary
        .calls
        .iter()
        .map(|(operation, calls)| format!("{} {operation}", calls.attempts))
        .collect();
    format!(
        "  {}: {} sessions, {} participants, {} events\n  calls: {}",
        summary.status.as_str(),
        summary.sessions,
        summary.participants,
        summary.events,
        calls.join(", ")
    )
}
