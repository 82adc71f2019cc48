//! SIGINT and SIGTERM: the first asks to stop, a second one stops.

use std::time::Duration;

use ivsight::clock::SharedClock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Exit;
use super::error::Failure;

/// How long publishing may take after the first signal.
const GRACE: Duration = Duration::from_secs(20);

/// Becomes true with the first signal. With a second one, or after a grace period, the process ends at once: what is
/// staged is safe, and the next run goes on from it.
pub(crate) fn interrupt(clock: SharedClock) -> Result<watch::Receiver<bool>, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|error| Failure::new("cannot listen for signals").because(error))
    };
    let (mut interrupts, mut terminations) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (asked, is_asked) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
        }
        asked.send_replace(true);
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terminations.recv() => {}
            () = clock.sleep(GRACE) => {}
        }
        exit_now();
    });
    Ok(is_asked)
}

#[expect(clippy::exit, reason = "a second signal does not wait for anything")]
fn exit_now() {
    std::process::exit(i32::from(Exit::Interrupted.code()));
}
