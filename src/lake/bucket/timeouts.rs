//! How long a request may take: longer, the more it moves.
//!
//! The client's own bound is one number for all requests, which is either too short for a large object on a slow line
//! or too long for a lost packet of a small one.

use std::time::Duration;

use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::{ClientOptions, Result};

/// What the smallest request may take, to the head of its answer or from there to its end.
const BASE: Duration = Duration::from_secs(15);
/// The slowest line that is worth going on with.
const BYTES_PER_SECOND_MIN: u64 = 64 * 1024;
/// An answer that does not say how long it is.
const UNKNOWN_BYTES: u64 = 64 * 1024 * 1024;

/// Makes clients whose requests are bounded by their size.
#[derive(Debug)]
pub(super) struct TimedConnector;

impl HttpConnector for TimedConnector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Timed { inner, base: BASE }))
    }
}

#[derive(Debug)]
struct Timed {
    inner: HttpClient,
    base: Duration,
}

/// No answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", limit.as_secs())]
struct TimedOut {
    limit: Duration,
}

impl Timed {
    fn limit(&self, bytes: u64) -> Duration {
        self.base + Duration::from_secs(bytes / BYTES_PER_SECOND_MIN)
    }

    async fn within<T>(
        &self,
        bytes: u64,
        work: impl Future<Output = Result<T, HttpError>>,
    ) -> Result<T, HttpError> {
        let limit = self.limit(bytes);
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(HttpError::new(HttpErrorKind::Timeout, TimedOut { limit })),
        }
    }
}

#[async_trait::async_trait]
impl HttpService for Timed {
    /// The answer whole: nobody asks for more of an object at once than is to be in memory.
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let sent = request.body().content_length() as u64;
        let is_head = request.method().as_str() == "HEAD";
        let (head, body) = self.within(sent, self.inner.execute(request)).await?.into_parts();
        let length = head.headers.get("content-length").and_then(|it| it.to_str().ok());
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(UNKNOWN_BYTES);
        let expected = if is_head { 0 } else { length };
        let body = self.within(expected, body.bytes()).await?;
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

#[cfg(test)]
mod tests {
    use object_store::client::HttpRequestBody;

    use super::*;

    #[derive(Debug)]
    struct Silent;

    #[async_trait::async_trait]
    impl HttpService for Silent {
        async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
            std::future::pending().await
        }
    }

    #[test]
    fn a_large_request_may_take_longer_than_a_small_one() {
        let timed = Timed { inner: HttpClient::new(Silent), base: BASE };
        assert_eq!(timed.limit(10), BASE);
        assert_eq!(timed.limit(8 * 1024 * 1024), BASE + Duration::from_secs(128));
    }

    #[tokio::test]
    async fn a_store_that_never_answers_is_a_time_out() {
        let timed = Timed { inner: HttpClient::new(Silent), base: Duration::from_millis(1) };
        let error = timed.call(HttpRequest::new(HttpRequestBody::empty())).await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Timeout);
    }
}
