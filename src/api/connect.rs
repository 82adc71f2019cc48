//! From settings to a client of the SDK: region, credentials, time-outs; all that can be wrong before the
//! first call is found here, in bounded time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{
    ProfileFileCredentialsProvider, ProfileFileLoadError, ProfileFileRegionProvider,
};
use aws_config::provider_config::ProviderConfig;
use aws_config::{AppName, BehaviorVersion, default_provider};
use aws_sdk_ivsrealtime::config::retry::RetryConfig;
use aws_sdk_ivsrealtime::config::timeout::TimeoutConfig;
use aws_sdk_ivsrealtime::config::{
    self, Credentials, ProvideCredentials, SharedCredentialsProvider,
};

use super::Settings;
use super::error::chain;
use super::identities::Identities;
use super::service_time::{DateObserver, ServiceTime};
use crate::clock::SharedClock;
use crate::model::Region;

/// The region of a simulator on this machine, where nothing else names one.
const LOOPBACK_REGION: &str = "us-west-2";

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The endpoint is not an `http` or `https` address.
    #[error("`{url}` is not the URL of an endpoint")]
    EndpointUrl {
        /// The address as it was given.
        url: String,
    },
    /// The region is not a name that an address could be made of.
    #[error("`{region}` is not the name of a region")]
    RegionName {
        /// The name as it was given.
        region: String,
    },
    /// The permitted rate is not a number of calls per second.
    #[error("{tps} is not a number of calls per second")]
    Tps {
        /// The number as it was given.
        tps: f64,
    },
    /// Neither settings nor environment, profile or instance metadata name a region.
    #[error("no region found")]
    NoRegion,
    /// The files with the profiles can't be read.
    #[error("the AWS profiles can't be read")]
    ProfileFiles {
        /// Which file, and why.
        source: ProfileFileLoadError,
    },
    /// There is no profile of that name.
    #[error("there is no profile `{profile}`")]
    UnknownProfile {
        /// The name as it was given.
        profile: String,
    },
    /// Nothing gave credentials.
    #[error("no usable AWS credentials found: {message}")]
    NoCredentials {
        /// What the last place that was asked said.
        message: String,
    },
    /// Credentials did not come in time.
    #[error("no AWS credentials came within {} s", limit.as_secs())]
    CredentialsTimeout {
        /// How long they were waited for.
        limit: Duration,
    },
}

impl ConnectError {
    /// The next step for the person who runs this.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::EndpointUrl { .. } => "give one like `http://127.0.0.1:7777`",
            Self::RegionName { .. } => "give one like `eu-west-1`",
            Self::Tps { .. } => "give a number of 0 (no pacing) or more",
            Self::NoRegion => "give `--region`, or set AWS_REGION",
            Self::ProfileFiles { .. } => "correct the file, by default `~/.aws/config`",
            Self::UnknownProfile { .. } => "`aws configure list-profiles` prints those that exist",
            Self::NoCredentials { .. } | Self::CredentialsTimeout { .. } => {
                "set AWS_PROFILE or give `--profile` (for SSO run `aws sso login` first); \
                 without an AWS account try `ivsight demo`"
            }
        }
    }
}

/// What a client is built on.
pub(super) struct Connection {
    pub(super) sdk: aws_sdk_ivsrealtime::Client,
    pub(super) region: Region,
    pub(super) service_time: Arc<ServiceTime>,
    pub(super) identities: Identities,
}

pub(super) async fn connect(
    settings: &Settings,
    clock: &SharedClock,
) -> Result<Connection, ConnectError> {
    if !settings.tps.is_finite() || settings.tps < 0.0 {
        return Err(ConnectError::Tps { tps: settings.tps });
    }
    let endpoint = settings.endpoint_url.as_deref().map(endpoint_url).transpose()?;
    let is_loopback = endpoint.as_ref().is_some_and(is_loopback);
    if let Some(profile) = &settings.profile {
        check_profile(Some(profile)).await?;
    }
    let region = region(settings, is_loopback).await?;
    let credentials = credentials(settings, &region, is_loopback).await?;
    let service_time = Arc::new(ServiceTime::new(Arc::clone(clock)));
    let identities = Identities::new(settings.credentials_timeout);
    let shared = shared_config(settings, &region, credentials).await;
    let mut builder = config::Builder::from(&shared)
        .identity_cache(identities.clone())
        .interceptor(DateObserver(Arc::clone(&service_time)));
    let is_plain_loopback =
        is_loopback && endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http");
    if let Some(endpoint) = endpoint {
        // A given address is taken as it is: the SDK refuses one beside its own variants of an address.
        builder = builder.endpoint_url(endpoint).use_fips(false).use_dual_stack(false);
    }
    if is_plain_loopback {
        // A proxy of the environment would look for the simulator on its own machine.
        builder = builder.http_client(aws_smithy_http_client::Builder::new().build_http());
    }
    let sdk = aws_sdk_ivsrealtime::Client::from_conf(builder.build());
    Ok(Connection { sdk, region, service_time, identities })
}

async fn shared_config(
    settings: &Settings,
    region: &Region,
    credentials: SharedCredentialsProvider,
) -> aws_config::SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .read_timeout(settings.read_timeout)
        .operation_attempt_timeout(settings.attempt_timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(config::Region::new(region.as_str().to_owned()))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .app_name(AppName::new("ivsight").expect("letters alone make a name"));
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

pub(super) fn endpoint_url(text: &str) -> Result<url::Url, ConnectError> {
    url::Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
        .ok_or_else(|| ConnectError::EndpointUrl { url: text.to_owned() })
}

pub(super) fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// The region that was given, else the SDK's chain: environment, profile, instance metadata. A loopback
/// endpoint has a default, so the metadata service, which may be slow to be absent, is not asked.
pub(super) async fn region(settings: &Settings, is_loopback: bool) -> Result<Region, ConnectError> {
    if let Some(region) = &settings.region {
        return region_name(region);
    }
    let files = profile_region(settings.profile.as_deref());
    let environment = EnvironmentVariableRegionProvider::new();
    let mut chain = RegionProviderChain::first_try(environment).or_else(files);
    if is_loopback {
        chain = chain.or_else(config::Region::from_static(LOOPBACK_REGION));
    } else if settings.profile.is_none() {
        chain = chain.or_default_provider();
    }
    let found = tokio::time::timeout(settings.credentials_timeout, chain.region()).await;
    if let Some(region) = found.ok().flatten() {
        return region_name(region.as_ref());
    }
    check_profile(settings.profile.as_deref()).await?;
    Err(ConnectError::NoRegion)
}

fn profile_region(profile: Option<&str>) -> ProfileFileRegionProvider {
    let builder = ProfileFileRegionProvider::builder();
    match profile {
        Some(profile) => builder.profile_name(profile),
        None => builder,
    }
    .build()
}

fn region_name(text: &str) -> Result<Region, ConnectError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = text.len() <= 63 && text.chars().all(allowed);
    Region::new(text)
        .ok()
        .filter(|_| is_name)
        .ok_or_else(|| ConnectError::RegionName { region: text.to_owned() })
}

/// Credentials that have been got once. A profile that was given is the only source: the environment's would
/// be those of another account.
pub(super) async fn credentials(
    settings: &Settings,
    region: &Region,
    is_loopback: bool,
) -> Result<SharedCredentialsProvider, ConnectError> {
    let region = config::Region::new(region.as_str().to_owned());
    let provider_config = ProviderConfig::without_region().with_region(Some(region.clone()));
    let provider = match &settings.profile {
        Some(profile) => {
            SharedCredentialsProvider::new(profile_credentials(profile, &provider_config))
        }
        None if is_loopback => SharedCredentialsProvider::new(local_chain(&provider_config)),
        None => {
            let chain = default_provider::credentials::DefaultCredentialsChain::builder();
            SharedCredentialsProvider::new(chain.region(region).build().await)
        }
    };
    match resolve(settings, &provider).await {
        Ok(()) => Ok(provider),
        Err(_) if is_loopback && settings.profile.is_none() => {
            tracing::debug!("no AWS credentials; the endpoint on this machine gets made-up ones");
            Ok(SharedCredentialsProvider::new(loopback_credentials()))
        }
        Err(error) => {
            check_profile(settings.profile.as_deref()).await?;
            Err(error)
        }
    }
}

fn profile_credentials(profile: &str, config: &ProviderConfig) -> ProfileFileCredentialsProvider {
    ProfileFileCredentialsProvider::builder().profile_name(profile).configure(config).build()
}

/// What this machine itself knows: no instance metadata.
fn local_chain(config: &ProviderConfig) -> CredentialsProviderChain {
    let files = ProfileFileCredentialsProvider::builder().configure(config).build();
    CredentialsProviderChain::first_try(
        "Environment",
        EnvironmentVariableCredentialsProvider::new(),
    )
    .or_else("Profile", files)
}

fn loopback_credentials() -> Credentials {
    Credentials::new("LOOPBACK", "loopback", None, None, "loopback")
}

async fn resolve(
    settings: &Settings,
    provider: &impl ProvideCredentials,
) -> Result<(), ConnectError> {
    let limit = settings.credentials_timeout;
    match tokio::time::timeout(limit, provider.provide_credentials()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ConnectError::NoCredentials { message: chain(&error) }),
        Err(_) => Err(ConnectError::CredentialsTimeout { limit }),
    }
}

/// A profile that is named, here or in the environment, must exist. The SDK would go on without it.
pub(super) async fn check_profile(given: Option<&str>) -> Result<(), ConnectError> {
    let (system, environment, files) = Default::default();
    let profiles = aws_config::profile::load(&system, &environment, &files, None)
        .await
        .map_err(|source| ConnectError::ProfileFiles { source })?;
    let profile = given.unwrap_or_else(|| profiles.selected_profile());
    let is_named = given.is_some() || profile != "default";
    if is_named && profiles.get_profile(profile).is_none() {
        return Err(ConnectError::UnknownProfile { profile: profile.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
