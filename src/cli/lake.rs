//! Where the lake of a command is: the one place where the AWS SDK's credentials and the lake's bucket meet.

use std::path::Path;
use std::sync::Arc;

use ivsight::api::StoreAccess;
use ivsight::clock::{SharedClock, SystemClock};
use ivsight::lake::bucket::{Access, Bucket};
use ivsight::lake::place::{Address, Place};
use ivsight::lake::{Lake, LakeError};

use super::args::Common;
use super::error::Failure;

/// The lake that `--lake` names, to be written to.
pub(crate) async fn open(common: &Common) -> Result<Lake, Failure> {
    Ok(Lake::of(place(common).await?))
}

/// What `--lake` says.
pub(crate) fn address(lake: &Path) -> Result<Address, Failure> {
    Address::parse(lake).map_err(|error| Failure::from(error).usage())
}

/// The place that `--lake` names. A folder asks nothing of AWS.
pub(crate) async fn place(common: &Common) -> Result<Place, Failure> {
    let path: &Path = &common.lake;
    let (bucket, prefix) = match address(path)? {
        Address::Folder(path) => return Ok(Place::folder(&path)?),
        Address::Bucket { bucket, prefix } => (bucket, prefix),
    };
    let clock: SharedClock = SystemClock::shared();
    let profile = common.lake_profile.as_deref();
    let endpoint_url = common.lake_endpoint_url.as_deref();
    let StoreAccess { credentials, region, endpoint } =
        StoreAccess::find(profile, endpoint_url, &clock).await.map_err(|error| {
            let hint = error.hint().replace("`--profile`", "`--lake-profile`");
            Failure::from(error)
                .within(format!("cannot use the lake `{}`", path.display()))
                .hint(Some(hint))
        })?;
    let region = Access::region_of(&bucket, region, endpoint.as_ref()).await.map_err(|source| {
        LakeError::Bucket { action: "find", place: format!("s3://{bucket}"), source }
    })?;
    let access = Access { credentials, region, endpoint };
    Ok(Place::Bucket(Bucket::open(&bucket, &prefix, &access, Arc::clone(&clock))?))
}
