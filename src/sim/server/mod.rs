//! The world behind HTTP on a port.
//!
//! What is answered is decided by the [`Desk`], which knows nothing of sockets; here it is only carried out, with
//! delays, cuts and resets where they were asked for.

mod connection;
mod desk;
mod reply;

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};
use futures::stream::{self, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::connection::{Door, Line};
use self::desk::Desk;
use self::reply::{Delivery, Reply};
use super::calls::Calls;
use super::truth::Truth;
use super::{Config, Faults, SimError, World};
use crate::clock::{SharedClock, SystemClock};
use crate::model::Timestamp;

/// Largest request that is read, in bytes; the service's own requests are far smaller.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// How long a shutdown waits for answers that are under way.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

/// A simulated service that listens.
#[derive(Debug)]
pub struct Server {
    desk: Arc<Desk>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Makes the world and listens; port 0 takes any free one. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`SimError::Bind`] where the address can't be had.
    pub async fn start(config: Config, bind: SocketAddr) -> Result<Self, SimError> {
        Self::start_with_clock(config, bind, SystemClock::shared()).await
    }

    /// The same by a clock that a test may hold: the simulated time, the quotas and slow answers follow its monotonic
    /// time.
    ///
    /// # Errors
    /// [`SimError::Bind`] where the address can't be had.
    pub async fn start_with_clock(
        config: Config,
        bind: SocketAddr,
        clock: SharedClock,
    ) -> Result<Self, SimError> {
        let world = World::generate(&config);
        Self::serve(world, config, bind, clock).await
    }

    /// Serves a world that was made before; the scenario of the configuration is not looked at.
    ///
    /// # Errors
    /// [`SimError::Bind`] where the address can't be had.
    pub async fn serve(
        world: World,
        config: Config,
        bind: SocketAddr,
        clock: SharedClock,
    ) -> Result<Self, SimError> {
        let cannot_bind = |source| SimError::Bind { address: bind, source };
        let listener = TcpListener::bind(bind).await.map_err(cannot_bind)?;
        let address = listener.local_addr().map_err(cannot_bind)?;
        let desk = Arc::new(Desk::new(world, config, clock));
        let router = Router::new()
            .fallback(handle)
            .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
            .with_state(Arc::clone(&desk));
        let (stop, stopped) = oneshot::channel();
        let service = router.into_make_service_with_connect_info::<Line>();
        let serving = axum::serve(Door::new(listener), service).with_graceful_shutdown(async {
            // The sender's end says the same as its word.
            let _ = stopped.await;
        });
        let task = tokio::spawn(serving.into_future());
        Ok(Self { desk, address, stop: Some(stop), task })
    }

    /// Where an SDK finds it.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The world as it is now; later changes don't show in it.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.desk.truth()
    }

    /// What was asked so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.desk.calls()
    }

    /// Forgets what was asked so far. Faults go on as if nothing had been forgotten.
    pub fn forget_calls(&self) {
        self.desk.forget_calls();
    }

    /// Changes the world; calls that come later see it changed.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.desk.edit(change)
    }

    /// Asks for other faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.desk.set_faults(faults);
    }

    /// The service's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.desk.now()
    }

    /// Sets the service's time, which goes on from there.
    pub fn set_now(&self, now: Timestamp) {
        self.desk.set_now(now);
    }

    /// Stops listening, lets answers that are under way finish, for at most 2 seconds.
    ///
    /// # Errors
    /// [`SimError::Serve`] where the listener had failed.
    pub async fn shutdown(mut self) -> Result<(), SimError> {
        drop(self.stop.take());
        match tokio::time::timeout(SHUTDOWN_PATIENCE, &mut self.task).await {
            Ok(Ok(served)) => served.map_err(|source| SimError::Serve { source }),
            Ok(Err(source)) => Err(SimError::Serve { source: source.into() }),
            Err(_) => {
                self.task.abort();
                Ok(())
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn handle(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(line): ConnectInfo<Line>,
    method: Method,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let reply = match (method == Method::POST, body) {
        (true, Ok(body)) => desk.reply(uri.path(), &body),
        (false, _) => desk.refuse_unknown(method.as_str(), uri.path()),
        (true, Err(rejection)) => desk.refuse_body(&rejection.to_string()),
    };
    match reply.delivery {
        Delivery::Slow(delay) => desk.clock().sleep(delay).await,
        Delivery::Reset => line.cut(),
        Delivery::Whole | Delivery::Truncated => {}
    }
    response(reply)
}

fn response(reply: Reply) -> Response<Body> {
    let length = reply.body.len();
    let body = match reply.delivery {
        Delivery::Truncated => {
            let half = Bytes::from(reply.body).slice(..length / 2);
            Body::from_stream(stream::once(async { Ok(half) }).chain(stream::once(cut_off())))
        }
        _ => Body::from(reply.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        // A message may quote the request; what no header can hold is left out.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Ends a body in the middle. It waits a turn, since the first half is sent only when the body has no more to give.
async fn cut_off() -> std::io::Result<Bytes> {
    tokio::task::yield_now().await;
    Err(std::io::ErrorKind::ConnectionAborted.into())
}
