//! What can be typed after `ivsight replication`.

use clap::{Args, Subcommand};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 refused, failed, not confirmed or answer lost, 2 usage, 4 the time to wait was up, 130 interrupted.";

#[derive(Clone, Debug, Args)]
pub(crate) struct Replication {
    #[command(subcommand)]
    pub(crate) action: Action,
    /// Named AWS profile [default: as the AWS SDK finds credentials]
    #[arg(long, global = true, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// Where IVS alone is reached: the simulator, a proxy, a VPC endpoint
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Permitted calls per second per operation, of the service's 5; 0 is no pacing
    #[arg(long, global = true, default_value_t = 4.0, value_name = "N")]
    pub(crate) tps: f64,
    /// The result as JSON on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Action {
    /// Replicate a publishing participant to another stage
    #[command(after_help = EXIT_CODES)]
    Start(Start),
    /// End a replication
    #[command(after_help = EXIT_CODES)]
    Stop(Stop),
    /// Where a participant is or was replicated to
    List(List),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Route {
    /// ARN of the stage that the participant publishes on; its region is the one that is asked
    #[arg(long, value_name = "ARN")]
    pub(crate) source_stage: String,
    /// ARN of the stage it is replicated to
    #[arg(long, value_name = "ARN")]
    pub(crate) destination_stage: String,
    /// The participant's id
    #[arg(long, value_name = "ID")]
    pub(crate) participant: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Manner {
    /// Do not ask; needed where stdin is no terminal
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Wait until the service lists it as ACTIVE, or as STOPPED
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait at most
    #[arg(long, default_value = "30s", requires = "wait", value_name = "DURATION")]
    pub(crate) timeout: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) route: Route,
    /// Seconds that the participant may be disconnected without ending it, 0 to 300 [default: 0]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(i32).range(0..=300))]
    pub(crate) reconnect_window: Option<i32>,
    /// Attribute of the replica; may be repeated, 1 KB in all. All participants can see it
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) attribute: Vec<String>,
    #[command(flatten)]
    pub(crate) manner: Manner,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    pub(crate) route: Route,
    #[command(flatten)]
    pub(crate) manner: Manner,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct List {
    /// ARN of the stage that the participant publishes on; its region is the one that is asked
    #[arg(long, value_name = "ARN")]
    pub(crate) source_stage: String,
    /// The participant's id
    #[arg(long, value_name = "ID")]
    pub(crate) participant: String,
}
