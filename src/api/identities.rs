//! The SDK's cache of credentials, with two things added: it can be told to forget, and its failures are
//! told apart from those of the network.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_sdk_ivsrealtime::config::{
    ConfigBag, IdentityCache, ResolveCachedIdentity, RuntimeComponents, SharedIdentityCache,
};
use aws_sdk_ivsrealtime::error::BoxError;
use aws_smithy_runtime_api::client::identity::{IdentityFuture, SharedIdentityResolver};

/// Credentials could not be loaded, so nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("credentials can't be loaded")]
pub(super) struct LoadFailed {
    source: BoxError,
}

/// A cache of credentials that forgets on request.
#[derive(Clone, Debug)]
pub(super) struct Identities {
    cache: Arc<RwLock<Cache>>,
    load_timeout: Duration,
}

#[derive(Debug)]
struct Cache {
    cache: SharedIdentityCache,
    /// When it was made, by the monotonic clock.
    since: Duration,
}

impl Identities {
    pub(super) fn new(load_timeout: Duration) -> Self {
        let cache = Cache { cache: fresh(load_timeout), since: Duration::ZERO };
        Self { cache: Arc::new(RwLock::new(cache)), load_timeout }
    }

    /// The next call loads credentials anew, from wherever they come, unless that was done already since the
    /// attempt that started at `start` and was refused: many are refused together.
    pub(super) fn forget(&self, start: Duration, now: Duration) {
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        if start >= cache.since {
            *cache = Cache { cache: fresh(self.load_timeout), since: now };
        }
    }

    fn current(&self) -> SharedIdentityCache {
        self.cache.read().unwrap_or_else(PoisonError::into_inner).cache.clone()
    }
}

fn fresh(load_timeout: Duration) -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(load_timeout).build()
}

impl ResolveCachedIdentity for Identities {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.current();
        IdentityFuture::new(async move {
            cache
                .resolve_cached_identity(resolver, components, config)
                .await
                .map_err(|source| LoadFailed { source }.into())
        })
    }
}
