//! Who and where: accounts, regions, stages, sessions, participants.

use std::fmt;
use std::sync::Arc;

use super::text::identifier;

identifier! {
    /// An AWS account: digits, of which leading zeros count.
    AccountId
}
identifier! {
    /// An AWS region such as `eu-west-1`.
    Region
}
identifier! {
    /// A stage session such as `st-a1b2c3d4e5f6g`.
    SessionId
}
identifier! {
    /// A participant of a stage session. The same id may stand in other sessions, and in other stages
    /// as a replica: the key is always stage, session and participant.
    ParticipantId
}

/// The service left out an identifier that a row can't do without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service gave an empty {noun}")]
pub struct MissingId {
    /// Which kind of identifier.
    pub noun: &'static str,
}

/// A text that should be the ARN of a stage and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the ARN of a stage")]
pub struct MalformedArn {
    /// The text as it was given.
    pub text: String,
}

/// One account in one region: what has quotas, a lock and failures of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The account that owns the stages.
    pub account_id: AccountId,
    /// The region that they are in.
    pub region: Region,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account_id, self.region)
    }
}

/// The ARN of a stage, `arn:aws:ivs:<region>:<account>:stage/<id>`, taken apart once.
///
/// Only what enters a partition or a path is checked: the service's own samples break its patterns.
#[derive(Clone)]
pub struct StageArn(Arc<ArnParts>);

struct ArnParts {
    text: String,
    scope: Scope,
    resource_id: String,
}

impl StageArn {
    /// Takes an ARN apart.
    ///
    /// # Errors
    /// [`MalformedArn`] where the text has another shape.
    pub fn parse(text: &str) -> Result<Self, MalformedArn> {
        Self::parts(text)
            .map(|parts| Self(Arc::new(parts)))
            .ok_or_else(|| MalformedArn { text: text.to_owned() })
    }

    fn parts(text: &str) -> Option<ArnParts> {
        let [arn, partition, service, region, account, resource] =
            <[&str; 6]>::try_from(text.split(':').collect::<Vec<_>>()).ok()?;
        let resource_id = resource.strip_prefix("stage/")?;
        let well_formed = arn == "arn"
            && partition.starts_with("aws")
            && service == "ivs"
            && is_made_of(region, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && is_made_of(account, |c| c.is_ascii_digit())
            && is_made_of(resource_id, |c| c.is_ascii_alphanumeric() || c == '-');
        well_formed.then(|| ArnParts {
            text: text.to_owned(),
            scope: Scope { account_id: AccountId(account.into()), region: Region(region.into()) },
            resource_id: resource_id.to_owned(),
        })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The account and region that the ARN names.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// What follows `stage/`: letters, digits and hyphens, at most 128 of them.
    #[must_use]
    pub fn resource_id(&self) -> &str {
        &self.0.resource_id
    }
}

/// Longest part of an ARN that is taken; the service's own limit on a whole ARN.
const PART_LENGTH_MAX: usize = 128;

fn is_made_of(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.len() <= PART_LENGTH_MAX && text.chars().all(allowed)
}

impl fmt::Display for StageArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for StageArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StageArn({})", self.as_str())
    }
}

impl PartialEq for StageArn {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for StageArn {}

impl PartialOrd for StageArn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StageArn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl std::hash::Hash for StageArn {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// One session of one stage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    /// The stage.
    pub stage_arn: StageArn,
    /// Its session.
    pub session_id: SessionId,
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session `{}` of stage `{}`", self.session_id, self.stage_arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_taken_apart_and_keeps_its_leading_zeros() {
        let arn = StageArn::parse("arn:aws:ivs:us-west-2:012345678901:stage/AbCd-1").unwrap();
        assert_eq!(arn.scope().to_string(), "012345678901/us-west-2");
        assert_eq!(arn.resource_id(), "AbCd-1");
    }

    #[test]
    fn what_could_leave_a_folder_is_no_arn() {
        for text in [
            "",
            "arn:aws:ivs:us-west-2:012345678901:stage/",
            "arn:aws:ivs:us-west-2:012345678901:stage/../x",
            "arn:aws:ivs:../x:012345678901:stage/a",
            "arn:aws:ivs:us-west-2:abc:stage/a",
            "arn:aws:ivs:us-west-2:012345678901:channel/a",
            "arn:aws:ivs:us-west-2:012345678901:stage/a:b",
        ] {
            assert!(StageArn::parse(text).is_err(), "{text}");
        }
    }
}
