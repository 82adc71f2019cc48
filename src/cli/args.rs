//! What can be typed.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 finished but incomplete, 4 stopped at the deadline,
5 another collector holds this scope of this lake, 130 interrupted (what was collected is safe).
A closed pipe is not an error.";

/// Every session, participant and event of Amazon IVS Real-Time stages, in Parquet you own, one SQL prompt away
#[derive(Clone, Debug, Parser)]
#[command(name = "ivsight", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
// Of an option that is given twice the last counts, so that a script's own can be overridden.
#[command(args_override_self = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The command line with what clap derives.
pub(crate) fn command() -> clap::Command {
    Arguments::command()
}

/// Options of every command
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// The lake: a folder, or `s3://BUCKET/PREFIX`
    #[arg(
        long,
        global = true,
        env = "IVSIGHT_LAKE",
        default_value = "./ivs-lake",
        value_name = "PATH"
    )]
    pub(crate) lake: PathBuf,
    /// Named AWS profile for a lake in S3 [default: as the AWS SDK finds its credentials]
    #[arg(long, global = true, env = "IVSIGHT_LAKE_PROFILE", value_name = "PROFILE")]
    pub(crate) lake_profile: Option<String>,
    /// Where S3 is reached for the lake, if not at AWS
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL_S3", value_name = "URL", hide = true)]
    pub(crate) lake_endpoint_url: Option<String>,
    /// Configuration file; every option has a key there [default: ivsight.toml, if there is one]
    #[arg(long, global = true, env = "IVSIGHT_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What is logged to stderr
    #[arg(long, global = true, env = "IVSIGHT_LOG_LEVEL", value_enum, default_value_t = LogLevel::Warn, value_name = "LEVEL")]
    pub(crate) log_level: LogLevel,
    /// How it is logged
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Colour on a terminal; `NO_COLOR` switches it off
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
    /// How progress is shown on stderr
    #[arg(long, global = true, value_enum, default_value_t = ProgressChoice::Auto, value_name = "HOW")]
    pub(crate) progress: ProgressChoice,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressChoice {
    /// Bars on a terminal, else a line every 30 seconds
    Auto,
    Bar,
    Plain,
    None,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Crawl the API into the lake (the scheduled export job)
    #[command(after_help = EXIT_CODES, args_override_self = true)]
    Collect(Collect),
    /// Ask the lake: SQL text, a canned query by name, a file, or a prompt
    #[command(args_override_self = true)]
    Query(Query),
    /// List the canned queries, or show one
    Queries(Queries),
    /// What the lake holds: sessions, freshness, gaps, failures, size
    #[command(args_override_self = true)]
    Status(StatusArgs),
    /// Check the lake's own promises, or a sample of it against the service; exit 1 where something is wrong
    #[command(args_override_self = true)]
    Verify(VerifyArgs),
    /// Rewrite past days into few sorted files, and delete what no snapshot of the last 7 days needs
    #[command(args_override_self = true)]
    Compact(MaintainArgs),
    /// Derive intervals again, where an older rule wrote them or a session's end became known later
    #[command(args_override_self = true)]
    Rebuild(RebuildArgs),
    /// Delete the rows of old sessions; the register of sessions stays, so that they are not fetched again
    #[command(args_override_self = true)]
    Prune(PruneArgs),
    /// Tables and columns of the lake, or the permissions that collecting needs
    Schema(SchemaArgs),
    /// Start, stop and list replications; every request is written into the lake
    Replication(super::replication::args::Replication),
    /// Serve the simulator on a port, for any AWS SDK
    Sim(Sim),
    /// Simulator, collector, lake and reports, once, in a scratch folder
    Demo(Demo),
    /// Print the completions for a shell
    Completions(Completions),
    /// Print the manual page, or write those of all commands into a folder
    Man(Man),
}

impl Command {
    /// Fills the lake or keeps it in order: a scheduler's work, beside whatever else a machine does.
    pub(crate) fn is_upkeep(&self) -> bool {
        matches!(
            self,
            Self::Collect(_)
                | Self::Verify(_)
                | Self::Compact(_)
                | Self::Rebuild(_)
                | Self::Prune(_)
        )
    }
}

/// How the service is reached
#[derive(Clone, Debug, Args)]
pub(crate) struct Service {
    /// Region; may be repeated [default: as the AWS SDK finds it]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Vec<String>,
    /// Named AWS profile; may be repeated, each is a scope of its own
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Vec<String>,
    /// Where IVS alone is reached: the simulator, a proxy, a VPC endpoint
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Permitted calls per second per operation, of the service's 5; 0 is no pacing
    #[arg(long, default_value_t = 4.0, value_name = "N")]
    pub(crate) tps: f64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Collect {
    #[command(flatten)]
    pub(crate) service: Service,
    /// Only these stages: an ARN, or a pattern for the name; may be repeated. With ARNs alone ListStages is not called
    #[arg(long, value_name = "ARN|GLOB")]
    pub(crate) stage: Vec<String>,
    /// Only these sessions; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) session: Vec<String>,
    /// Only stages that carry this tag; may be repeated, all must fit
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
    /// Only sessions that started at or after this: RFC 3339, a date, now, today, yesterday, or an age such as 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Only sessions that started before this
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// How long after its end a session is left alone
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    pub(crate) settle: String,
    /// Whose details (GetParticipant) are read
    #[arg(long, value_enum, default_value_t = DetailsChoice::Published, value_name = "WHOSE")]
    pub(crate) details: DetailsChoice,
    /// In which order sessions are fetched: half of the permits for the last 24 hours and half for the oldest, or the oldest
    #[arg(long, value_enum, default_value_t = OrderChoice::Fresh, value_name = "ORDER")]
    pub(crate) order: OrderChoice,
    /// Stop cleanly after this long; the next run goes on where this one stopped
    #[arg(long, value_name = "DURATION")]
    pub(crate) deadline: Option<String>,
    /// Fetch again what is in range although it is done (a damaged or deleted part of the lake)
    #[arg(long)]
    pub(crate) refetch: bool,
    /// List, then print the plan: sessions, participants, calls and time; writes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The summary as one JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DetailsChoice {
    Published,
    All,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderChoice {
    Fresh,
    Oldest,
}

#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are independent")]
pub(crate) struct Query {
    /// SQL, or the name of a canned query; without it stdin is read, at a terminal by a prompt
    #[arg(value_name = "SQL|NAME")]
    pub(crate) text: Option<String>,
    /// Read SQL, and the prompt's commands, from a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) file: Option<PathBuf>,
    /// A value for the parameter $NAME; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) param: Vec<String>,
    /// The period's begin: RFC 3339, a date, now, today, yesterday, or an age such as 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// The period's end, exclusive
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Only these stages: an ARN, or a pattern for the name; may be repeated
    #[arg(long, value_name = "ARN|GLOB")]
    pub(crate) stage: Vec<String>,
    /// Only this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Width of a bucket: 15m, 6h, 1d, 1w, 1mo
    #[arg(long, value_name = "WIDTH")]
    pub(crate) bucket: Option<String>,
    /// What to group by; several with commas between, where the query takes them
    #[arg(long, value_name = "DIMENSION")]
    pub(crate) by: Option<String>,
    /// What to do with replicas
    #[arg(long, value_name = "exclude|include|only")]
    pub(crate) replicas: Option<String>,
    /// Time zone of buckets, such as Europe/Berlin or +05:30 [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
    /// Rows at most
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Format of the result; auto is a table on a terminal, else CSV
    #[arg(long, default_value = "auto", value_name = "FORMAT")]
    pub(crate) format: String,
    /// Write the result to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Rows that a table shows at most; the footer says what was left out
    #[arg(long, value_name = "N")]
    pub(crate) max_rows: Option<usize>,
    /// Say on stderr how long it took
    #[arg(long)]
    pub(crate) timing: bool,
    /// Show the plan instead of the rows
    #[arg(long)]
    pub(crate) explain: bool,
    /// Exit with 3 where the verdict of a canned query is bad
    #[arg(long)]
    pub(crate) check: bool,
    /// Let statements write files, set options and create tables of their own
    #[arg(long)]
    pub(crate) allow_write: bool,
    /// A folder of canned queries of your own; they may override those that come with the program
    #[arg(long, value_name = "DIR")]
    pub(crate) queries: Option<PathBuf>,
    /// Memory that a query may hold before it spills, such as 2GiB [default: half of what there is]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory_limit: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Queries {
    #[command(subcommand)]
    pub(crate) action: Option<QueriesAction>,
    /// As JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// A folder of canned queries of your own
    #[arg(long = "queries", global = true, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum QueriesAction {
    /// Documentation, parameters, columns and SQL of one query, view or function
    Show {
        /// Its name
        name: String,
        /// Its SQL alone, for another engine that has the views of `ivsight schema --ddl`
        #[arg(long, value_enum, value_name = "ENGINE", conflicts_with = "json")]
        ddl: Option<Engine>,
    },
    /// All of them as one page of Markdown
    Markdown,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArgs {
    /// Only these stages: an ARN, or a pattern for the name; may be repeated
    #[arg(long, value_name = "ARN|GLOB")]
    pub(crate) stage: Vec<String>,
    /// Exit 3 where the last complete or partial run of a scope is older than this, such as 26h
    #[arg(long, value_name = "AGE")]
    pub(crate) check: Option<String>,
    /// As one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct MaintainArgs {
    /// The result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Instead: fetch so many complete sessions from the service again and compare every row of them
    #[arg(long, value_name = "N")]
    pub(crate) sample: Option<usize>,
    /// With `--sample`: what the choice is made from; the same seed chooses the same sessions [default: the time]
    #[arg(long, requires = "sample", value_name = "N")]
    pub(crate) seed: Option<u64>,
    #[command(flatten, next_help_heading = "With --sample")]
    pub(crate) service: Service,
    /// The result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RebuildArgs {
    /// Say what would be derived again; writes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PruneArgs {
    /// Sessions that started before this: RFC 3339, a date, today, yesterday, or an age such as 90d
    #[arg(long, value_name = "TIME")]
    pub(crate) before: String,
    /// Delete; without it, only say what would go
    #[arg(long)]
    pub(crate) yes: bool,
    /// The result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SchemaArgs {
    /// One table
    #[arg(value_name = "TABLE")]
    pub(crate) table: Option<String>,
    /// Statements that open the lake, its tables and views, in another engine
    #[arg(long, value_enum, value_name = "ENGINE", conflicts_with_all = ["table", "iam", "json"])]
    pub(crate) ddl: Option<Engine>,
    /// The least-privilege policy for collecting, as JSON
    #[arg(long, conflicts_with = "table")]
    pub(crate) iam: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Sim {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 7777, value_name = "PORT")]
    pub(crate) port: u16,
    /// Seed of the world; the same seed gives the same bytes
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// What kind of world
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
    /// Calls per second per operation before it throttles; 0 is no limit
    #[arg(long, default_value_t = 5.0, value_name = "N")]
    pub(crate) tps: f64,
    /// Faults, such as `throttle=0.1,500=0.02,slow=0.01`
    #[arg(long, default_value = "", value_name = "FAULTS")]
    pub(crate) faults: String,
    /// The account that owns the stages
    #[arg(long, value_name = "DIGITS")]
    pub(crate) account: Option<String>,
    /// The region that they are in
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// The simulated time at the start, such as `now` [default: 2026-11-15T21:30:00Z, so that a seed gives the same bytes]
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<String>,
    /// Write what the world was made from, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Demo {
    /// Seed of the simulated account
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Duckdb,
    Spark,
    Athena,
    Trino,
    Clickhouse,
}

impl From<Engine> for ivsight::query::Dialect {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Duckdb => Self::DuckDb,
            Engine::Spark => Self::Spark,
            Engine::Athena => Self::Athena,
            Engine::Trino => Self::Trino,
            Engine::Clickhouse => Self::ClickHouse,
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Man {
    /// A folder, such as /usr/local/share/man/man1, for a page of each command
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}
