//! A simulator, a folder, and the program as a process between them.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use ivsight::clock::SystemClock;
use ivsight::sim::{Config, Faults, Scenario, Server, World};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{BUCKET, KEY, LakeFiles, S3Server, Settled};

/// The lake's part of a bucket.
const PREFIX: &str = "lakes/one";

/// A simulator that listens, and a folder for a lake. Everything is gone when it is dropped.
pub(crate) struct TestBed {
    pub(crate) server: Server,
    /// Where the lake is, if not in the folder.
    pub(crate) s3: Option<S3Server>,
    folder: TempDir,
    runtime: Runtime,
}

impl TestBed {
    /// A scenario without quotas or faults.
    pub(crate) fn of(scenario: Scenario) -> Self {
        Self::with(Config { scenario, tps: 0.0, ..Config::default() })
    }

    /// Three stages with one session each on one day: what most tests need, and quickly collected.
    pub(crate) fn few() -> Self {
        Self::few_of(Config::default().seed)
    }

    /// The same, from another seed.
    pub(crate) fn few_of(seed: u64) -> Self {
        let config = Config { seed, scenario: Scenario::Small, tps: 0.0, ..Config::default() };
        let mut world = World::generate(&config);
        for stage in world.stages.iter_mut() {
            let last = stage.sessions.iter().filter_map(|session| session.start_time).max();
            stage.sessions.retain(|session| session.start_time == last);
        }
        Self::serving(world, config)
    }

    /// Whatever is configured.
    pub(crate) fn with(config: Config) -> Self {
        Self::serving(World::generate(&config), config)
    }

    /// A world that was made before.
    pub(crate) fn serving(world: World, config: Config) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let clock = SystemClock::shared();
        let server = runtime.block_on(Server::serve(world, config, address, clock)).unwrap();
        Self { server, s3: None, folder: TempDir::new().unwrap(), runtime }
    }

    /// The same, and the lake lies in a bucket.
    pub(crate) fn in_bucket(self) -> Self {
        Self { s3: Some(S3Server::start()), ..self }
    }

    /// The bucket that the lake lies in.
    pub(crate) fn s3(&self) -> &S3Server {
        self.s3.as_ref().unwrap()
    }

    /// The lake as the command line names it.
    pub(crate) fn lake_name(&self) -> String {
        self.s3.as_ref().map_or_else(|| "lake".to_owned(), |_| format!("s3://{BUCKET}/{PREFIX}"))
    }

    /// The same lake, and another service: another account, say.
    pub(crate) fn second_server(&self, config: Config) -> Server {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.runtime.block_on(Server::start(config, address)).unwrap()
    }

    /// A folder of its own, which holds the lake and whatever else a test writes.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn lake_path(&self) -> PathBuf {
        match &self.s3 {
            Some(s3) => s3.path(PREFIX),
            None => self.folder().join("lake"),
        }
    }

    /// The lake as its files tell it.
    pub(crate) fn lake(&self) -> LakeFiles {
        LakeFiles::new(self.lake_path())
    }

    /// What should be in the lake by now.
    pub(crate) fn settled(&self) -> Settled {
        Settled::new(self.server.truth(), self.server.now())
    }

    pub(crate) fn set_faults(&self, faults: &str) {
        self.server.set_faults(faults.parse::<Faults>().unwrap());
    }

    /// The program with an empty environment, in the folder.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ivsight"));
        command.env_clear().current_dir(self.folder()).env("HOME", self.folder());
        command.stdin(Stdio::null());
        if let Some(s3) = &self.s3 {
            command.env("AWS_ENDPOINT_URL_S3", s3.endpoint_url());
            command.env("AWS_ACCESS_KEY_ID", KEY.0).env("AWS_SECRET_ACCESS_KEY", KEY.1);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn ivsight(&self, args: &[&str]) -> Ran {
        Ran::to_end(self.program().args(args))
    }

    /// Asks the lake.
    pub(crate) fn query(&self, args: &[&str]) -> Ran {
        Ran::to_end(self.program().args(["query", "--lake", &self.lake_name()]).args(args))
    }

    /// A run of the collector against the simulator, with its summary as JSON.
    pub(crate) fn collect(&self, args: &[&str]) -> Ran {
        Ran::to_end(&mut self.collector(args))
    }

    /// The same, and what was asked before is forgotten.
    pub(crate) fn collect_anew(&self, args: &[&str]) -> Ran {
        self.server.forget_calls();
        self.collect(args)
    }

    /// A run of the collector that goes on beside the test.
    pub(crate) fn start_collect(&self, args: &[&str]) -> Running {
        Running::start(&mut self.collector(args), self.folder())
    }

    /// The command of a run.
    pub(crate) fn collector(&self, args: &[&str]) -> Command {
        self.collector_of(&self.server.endpoint_url(), args)
    }

    /// The command of a run against another address.
    pub(crate) fn collector_of(&self, url: &str, args: &[&str]) -> Command {
        let mut command = self.program();
        command.args(["collect", "--lake", &self.lake_name(), "--endpoint-url", url]);
        command.args(["--tps", "0", "--progress", "none", "--json"]).args(args);
        command
    }
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn to_end(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self::new(output.status, output.stdout, &output.stderr)
    }

    fn new(status: ExitStatus, stdout: Vec<u8>, stderr: &[u8]) -> Self {
        Self { code: status.code(), stdout, stderr: String::from_utf8_lossy(stderr).into_owned() }
    }

    /// Fails unless it ended so.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.text(), self.stderr);
        self
    }

    /// Fails unless stderr holds all of these texts, and nothing that only a programmer understands.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "no `{text}` in:\n{}", self.stderr);
        }
        for jargon in ["panicked", "RUST_BACKTRACE", "Some(", "Err(", " { ", "unwrap"] {
            assert!(!self.stderr.contains(jargon), "`{jargon}` in:\n{}", self.stderr);
        }
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Stdout as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.text(), self.stderr))
    }

    /// The summary's part of the only scope.
    #[track_caller]
    pub(crate) fn scope(&self) -> Value {
        let summary = self.json();
        assert_eq!(summary["scopes"].as_array().unwrap().len(), 1, "{summary:#}");
        summary["scopes"][0].clone()
    }

    /// The failures of the only scope with this code.
    #[track_caller]
    pub(crate) fn failures(&self, code: &str) -> Vec<Value> {
        let failures = self.scope()["failures"].as_array().unwrap().clone();
        failures.into_iter().filter(|failure| failure["code"] == code).collect()
    }
}

/// A process under way, whose output goes to files so that nothing blocks it.
pub(crate) struct Running {
    child: Child,
    output: [PathBuf; 2],
}

impl Running {
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Self {
        let name = format!("output-{}", uuid::Uuid::new_v4());
        let output = ["out", "err"].map(|end| folder.join(format!("{name}.{end}")));
        let [stdout, stderr] = output.each_ref().map(|path| File::create(path).unwrap());
        let child = command.stdout(stdout).stderr(stderr).spawn().unwrap();
        Self { child, output }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Stops it where it is, until it is resumed.
    pub(crate) fn pause(&self) {
        signal(self.id(), "STOP");
    }

    pub(crate) fn resume(&self) {
        signal(self.id(), "CONT");
    }

    /// SIGKILL, now. False where it had ended before.
    pub(crate) fn kill(mut self) -> bool {
        let in_time = !self.has_ended();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        in_time
    }

    pub(crate) fn wait(mut self) -> Ran {
        let status = self.child.wait().unwrap();
        let [stdout, stderr] = self.output.each_ref().map(|path| std::fs::read(path).unwrap());
        Ran::new(status, stdout, &stderr)
    }

    /// Waits until something holds, as long as the process lasts. False where it ended first.
    pub(crate) fn until(&mut self, mut holds: impl FnMut() -> bool) -> bool {
        while !holds() {
            if self.has_ended() {
                return holds();
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        true
    }
}

impl Drop for Running {
    /// Nothing that a test started outlives it.
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

/// Sends a signal by its name.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {process}")).status();
    assert!(sent.unwrap().success());
}
