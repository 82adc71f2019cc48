//! Progress of a run on stderr: bars on a terminal, else a line every 30 seconds.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use ivsight::api::{Client, Meter, Operation};
use ivsight::clock::SharedClock;
use ivsight::collect::progress::{Count, Progress};

use super::args::{Common, ProgressChoice};
use super::output::Output;

const BAR_EVERY: Duration = Duration::from_millis(250);
const LINE_EVERY: Duration = Duration::from_secs(30);

/// What is watched: a client and how far its run is.
type Watched = (Client, Arc<Progress>);

/// Shows the progress of a run's scopes.
pub(crate) struct Display<'a> {
    watched: Vec<Watched>,
    how: How,
    output: &'a Output,
}

enum How {
    Bars(Vec<ScopeBars>),
    Lines,
    Nothing,
}

/// The bars of one scope.
struct ScopeBars {
    stages: ProgressBar,
    sessions: ProgressBar,
    participants: ProgressBar,
}

impl<'a> Display<'a> {
    pub(crate) fn new(common: &Common, output: &'a Output, watched: Vec<Watched>) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let how = match common.progress {
            _ if output.is_quiet() => How::Nothing,
            ProgressChoice::None => How::Nothing,
            ProgressChoice::Plain => How::Lines,
            ProgressChoice::Auto if !is_terminal => How::Lines,
            ProgressChoice::Auto | ProgressChoice::Bar => {
                let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
                How::Bars(watched.iter().map(|(client, _)| ScopeBars::new(&bars, client)).collect())
            }
        };
        Self { watched, how, output }
    }

    /// Shows progress while the work is done.
    pub(crate) async fn during<T>(self, work: impl Future<Output = T>, clock: &SharedClock) -> T {
        let every = if matches!(self.how, How::Bars(_)) { BAR_EVERY } else { LINE_EVERY };
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    self.clear();
                    return done;
                }
                () = clock.sleep(every) => self.show(),
            }
        }
    }

    fn show(&self) {
        match &self.how {
            How::Nothing => {}
            How::Lines => {
                for (client, progress) in &self.watched {
                    self.output.note(&line(client, progress));
                }
            }
            How::Bars(bars) => {
                for ((client, progress), bars) in self.watched.iter().zip(bars) {
                    bars.update(client, progress);
                }
            }
        }
    }

    fn clear(&self) {
        if let How::Bars(bars) = &self.how {
            for bars in bars {
                bars.stages.finish_and_clear();
                bars.sessions.finish_and_clear();
                bars.participants.finish_and_clear();
            }
        }
    }
}

impl ScopeBars {
    fn new(bars: &MultiProgress, client: &Client) -> Self {
        let style = ProgressStyle::with_template("{prefix:>22} {bar:30} {pos}/{len} {msg}")
            .expect("the template is well formed");
        let bar = |noun: &str| {
            let bar = ProgressBar::new(0).with_style(style.clone());
            bars.add(bar.with_prefix(format!("{} {noun}", client.region())))
        };
        Self { stages: bar("stages"), sessions: bar("sessions"), participants: bar("people") }
    }

    fn update(&self, client: &Client, progress: &Progress) {
        let set = |bar: &ProgressBar, done: Count, total: Count| {
            bar.set_length(progress.get(total));
            bar.set_position(progress.get(done));
        };
        set(&self.stages, Count::StagesListed, Count::Stages);
        set(&self.sessions, Count::SessionsFetched, Count::Sessions);
        set(&self.participants, Count::ParticipantsFetched, Count::Participants);
        self.participants.set_message(pace(client, progress));
    }
}

fn line(client: &Client, progress: &Progress) -> String {
    let of = |done, total| format!("{}/{}", progress.get(done), progress.get(total));
    let mut parts = vec![
        format!("{}: stages {}", client.region(), of(Count::StagesListed, Count::Stages)),
        format!("sessions {}", of(Count::SessionsFetched, Count::Sessions)),
        format!("participants {}", of(Count::ParticipantsFetched, Count::Participants)),
    ];
    parts.extend(Some(pace(client, progress)).filter(|pace| !pace.is_empty()));
    parts.join(", ")
}

/// The rate that is used, throttles, and the time that the participants known so far will take.
fn pace(client: &Client, progress: &Progress) -> String {
    let meters = client.meters();
    let throttles: u64 = meters.values().map(|meter| meter.throttles).sum();
    let mut parts = Vec::new();
    if let Some(Meter { rate: Some(rate), utilization, .. }) =
        meters.get(&Operation::ListParticipantEvents)
    {
        let used = utilization.map_or(String::new(), |used| format!("{:.0} % of ", used * 100.0));
        parts.push(format!("{used}{rate:.1} calls/s, {} left", remaining(progress, *rate)));
    }
    if throttles > 0 {
        parts.push(format!("{throttles} throttled"));
    }
    parts.join(", ")
}

#[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
fn remaining(progress: &Progress, rate: f64) -> String {
    let total = progress.get(Count::Participants);
    let left = total.saturating_sub(progress.get(Count::ParticipantsFetched));
    let seconds = left as f64 / rate.max(f64::MIN_POSITIVE);
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}
