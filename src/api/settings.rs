//! What a client is made from.

use std::time::Duration;

/// What a [`Client`](super::Client) is made from: one account in one region.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region; `None` asks the SDK's chain (environment, profile, instance metadata).
    pub region: Option<String>,
    /// A named profile, whose credentials are then the only ones; `None` asks the SDK's chain.
    pub profile: Option<String>,
    /// Where IVS alone is reached: the simulator, a proxy, a VPC endpoint.
    pub endpoint_url: Option<String>,
    /// Permitted starts per second of each operation; 0 is no pacing until the service throttles.
    pub tps: f64,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the head of an answer.
    pub read_timeout: Duration,
    /// Longest duration of one attempt, from resolving credentials to the last byte.
    pub attempt_timeout: Duration,
    /// Longest wait for a region or credentials, the instance metadata service included.
    pub credentials_timeout: Duration,
    /// Seed of the jitter between retries.
    pub jitter_seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            endpoint_url: None,
            tps: 4.0,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(30),
            attempt_timeout: Duration::from_mins(1),
            credentials_timeout: Duration::from_secs(10),
            jitter_seed: 0,
        }
    }
}
