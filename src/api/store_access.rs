//! The SDK's credentials, region and endpoint for a store that something else speaks to: S3, where a lake lies.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ivsrealtime::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use chrono::TimeDelta;
use object_store::Error;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use object_store::client::CredentialProvider;
use tokio::sync::Mutex;
use url::Url;

use super::Settings;
use super::connect::{self, ConnectError};
use super::error::chain;
use crate::clock::SharedClock;
use crate::model::{Region, Timestamp};

/// Where the token service is asked for credentials, while nobody knows the region.
const REGION_OF_TOKENS: &str = "us-east-1";
/// How long before they expire credentials are asked for anew.
const RENEW_BEFORE: TimeDelta = TimeDelta::minutes(2);

/// How a store is reached.
#[derive(Clone, Debug)]
pub struct StoreAccess {
    /// Asked for each request; refreshed before they expire.
    pub credentials: AwsCredentialProvider,
    /// The region of the SDK's chain, where that says one.
    pub region: Option<String>,
    /// The address that was given.
    pub endpoint: Option<Url>,
}

impl StoreAccess {
    /// Finds what the SDK would use: with this profile, or by its own chain. Credentials have been got once then.
    ///
    /// # Errors
    /// [`ConnectError`] where the address is none, the profile is unknown, or nothing gives credentials.
    pub async fn find(
        profile: Option<&str>,
        endpoint_url: Option<&str>,
        clock: &SharedClock,
    ) -> Result<Self, ConnectError> {
        let settings = Settings {
            profile: profile.map(str::to_owned),
            endpoint_url: endpoint_url.map(str::to_owned),
            ..Settings::default()
        };
        let endpoint = endpoint_url.map(connect::endpoint_url).transpose()?;
        let is_loopback = endpoint.as_ref().is_some_and(connect::is_loopback);
        if let Some(profile) = profile {
            connect::check_profile(Some(profile)).await?;
        }
        let region = match connect::region(&settings, is_loopback).await {
            Ok(region) => Some(region),
            Err(ConnectError::NoRegion) => None,
            Err(error) => return Err(error),
        };
        let of_tokens = || Region::new(REGION_OF_TOKENS).expect("it is a region");
        let provider =
            connect::credentials(&settings, &region.clone().unwrap_or_else(of_tokens), is_loopback)
                .await?;
        let credentials = Arc::new(Refreshed {
            provider,
            clock: Arc::clone(clock),
            limit: settings.credentials_timeout,
            last: Mutex::default(),
        });
        Ok(Self { credentials, region: region.map(|region| region.to_string()), endpoint })
    }
}

/// Credentials of the SDK, kept until shortly before they expire.
#[derive(Debug)]
struct Refreshed {
    provider: SharedCredentialsProvider,
    clock: SharedClock,
    limit: Duration,
    last: Mutex<Option<Last>>,
}

#[derive(Clone, Debug)]
struct Last {
    credential: Arc<AwsCredential>,
    expires_at: Option<Timestamp>,
}

impl Last {
    fn is_good_at(&self, time: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| time < expires_at)
    }
}

/// The SDK gave no credentials.
#[derive(Debug, thiserror::Error)]
#[error("no usable AWS credentials found: {message}")]
struct NoCredentials {
    message: String,
}

#[async_trait::async_trait]
impl CredentialProvider for Refreshed {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        if let Some(last) = last.as_ref().filter(|last| last.is_good_at(now + RENEW_BEFORE)) {
            return Ok(Arc::clone(&last.credential));
        }
        let asked = tokio::time::timeout(self.limit, self.provider.provide_credentials()).await;
        let message = match asked {
            Ok(Ok(found)) => {
                let found = last.insert(Last::from(&found));
                return Ok(Arc::clone(&found.credential));
            }
            Ok(Err(error)) => chain(&error),
            Err(_) => format!("none came within {} s", self.limit.as_secs()),
        };
        match last.as_ref().filter(|last| last.is_good_at(now)) {
            Some(last) => Ok(Arc::clone(&last.credential)),
            None => Err(Error::Unauthenticated {
                path: "the bucket".to_owned(),
                source: Box::new(NoCredentials { message }),
            }),
        }
    }
}

impl From<&Credentials> for Last {
    fn from(found: &Credentials) -> Self {
        let credential = AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        };
        let expires_at = found.expiry().map(Timestamp::from);
        Self { credential: Arc::new(credential), expires_at }
    }
}
