//! The client of a bucket.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AwsCredentialProvider, resolve_bucket_region};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, Result, RetryConfig};
use url::Url;

use super::timeouts::TimedConnector;

/// The region of a store that is not AWS's, where nothing else names one: most take any.
const REGION_ELSEWHERE: &str = "us-east-1";

/// A failed request is tried again this often, for this long at most: some 20 seconds of a store that is away.
const RETRIES_MAX: usize = 8;
const RETRY_WITHIN: Duration = Duration::from_mins(2);
const BACKOFF_MAX: Duration = Duration::from_secs(8);

/// How a bucket is reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// Asked for each request; refreshes by itself.
    pub credentials: AwsCredentialProvider,
    /// The bucket's region.
    pub region: String,
    /// Where S3 is, if not where AWS has it.
    pub endpoint: Option<Url>,
}

impl Access {
    /// The region that was given, else the one that the bucket is said to be in.
    ///
    /// # Errors
    /// Where nobody knows.
    pub async fn region_of(
        bucket: &str,
        given: Option<String>,
        endpoint: Option<&Url>,
    ) -> Result<String> {
        match (given, endpoint) {
            (Some(region), _) => Ok(region),
            (None, Some(_)) => Ok(REGION_ELSEWHERE.to_owned()),
            (None, None) => resolve_bucket_region(bucket, &ClientOptions::new()).await,
        }
    }
}

pub(super) fn connect(bucket: &str, access: &Access) -> Result<Arc<dyn ObjectStore>> {
    let retry = RetryConfig {
        backoff: BackoffConfig { max_backoff: BACKOFF_MAX, ..BackoffConfig::default() },
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_WITHIN,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&access.region)
        .with_credentials(Arc::clone(&access.credentials))
        .with_retry(retry)
        .with_http_connector(TimedConnector)
        .with_client_options(options(access.endpoint.as_ref()));
    builder = match &access.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint.as_str().trim_end_matches('/')),
        // A name with dots fits no certificate of a host that begins with it.
        None => builder.with_virtual_hosted_style_request(!bucket.contains('.')),
    };
    Ok(Arc::new(builder.build()?))
}

fn options(endpoint: Option<&Url>) -> ClientOptions {
    // What bounds a request is its size: see `timeouts`.
    let options = ClientOptions::new().with_timeout_disabled();
    let Some(endpoint) = endpoint else { return options };
    let options = options.with_allow_http(endpoint.scheme() == "http");
    if !is_loopback(endpoint) {
        return options;
    }
    // A proxy of the environment would look for this machine on its own. There is no way to ask for none; one that is
    // given and excludes the only host that is asked comes to the same.
    let host = endpoint.host_str().unwrap_or_default().trim_matches(['[', ']']);
    options.with_proxy_url(endpoint.as_str()).with_proxy_excludes(host)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
