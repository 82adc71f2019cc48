//! `ivsight sim`: the simulator on a port, until it is interrupted.

use std::net::{Ipv4Addr, SocketAddr};

use ivsight::clock::{Clock, SystemClock};
use ivsight::sim::{Config, Faults, Scenario, Server, World};
use ivsight::times::parse_time;

use super::args::Sim;
use super::error::Failure;
use super::output::Output;
use super::{Exit, signals};

/// Serves until a signal comes.
pub(crate) async fn run(args: &Sim, output: &Output) -> Result<Exit, Failure> {
    let clock = SystemClock::shared();
    let config = config(args, &*clock)?;
    if let Some(path) = &args.truth {
        World::generate(&config).write_truth(path).map_err(|error| Failure::of(&error))?;
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let (account, region) = (config.account().to_owned(), config.region.clone());
    let server = Server::start(config, address).await.map_err(|error| {
        Failure::of(&error).hint(Some("take another port with `--port`; 0 takes a free one"))
    })?;
    output.result(&server.endpoint_url())?;
    output.note(&format!("simulating account {account} in {region}; stop with Ctrl-C"));
    output.note(&format!("try: ivsight collect --endpoint-url {}", server.endpoint_url()));
    let mut interrupt = signals::interrupt(clock)?;
    // The sender lives as long as the process.
    let _ = interrupt.wait_for(|stop| *stop).await;
    server.shutdown().await.map_err(|error| Failure::of(&error))?;
    Ok(Exit::Done)
}

fn config(args: &Sim, clock: &dyn Clock) -> Result<Config, Failure> {
    let usage = |error: &(dyn std::error::Error + 'static)| Failure::of(error).usage();
    let mut config = Config { seed: args.seed, tps: args.tps, ..Config::default() };
    if !args.tps.is_finite() || args.tps < 0.0 {
        return Err(Failure::new(format!("{} is not a number of calls per second", args.tps))
            .hint(Some("give a number of 0 (no limit) or more"))
            .usage());
    }
    if let Some(name) = &args.scenario {
        config.scenario = name.parse::<Scenario>().map_err(|error| usage(&error))?;
    }
    config.faults = args.faults.parse::<Faults>().map_err(|error| usage(&error))?;
    if let Some(account) = &args.account {
        if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Failure::new(format!("`{account}` is not an account"))
                .hint(Some("give 12 digits"))
                .usage());
        }
        config.account_id = Some(account.clone());
    }
    if let Some(region) = &args.region {
        config.region.clone_from(region);
    }
    if let Some(now) = &args.now {
        config.now = Some(parse_time(now, clock.now()).map_err(|error| usage(&error))?);
    }
    Ok(config)
}
