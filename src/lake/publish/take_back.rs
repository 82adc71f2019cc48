//! Taking back a publication that can't be finished: what was staged of a session is damaged or gone.
//!
//! The tables that have the publication's number return to the version before it, each in one commit that says so. Then
//! nothing of the publication is visible or in the way: sessions that are staged whole are published again under
//! the next number, the others are what they were before, with the rows that they had. A run that dies in between is
//! followed by one that goes on here.

use deltalake_core::DeltaTable;
use deltalake_core::kernel::transaction::CommitProperties;
use serde_json::{Value, json};

use super::{Publication, application};
use crate::lake::LakeError;
use crate::lake::delta;
use crate::lake::held::Held;
use crate::lake::tables::Table;

/// The key under which a commit names the publication that it takes back.
const TAKEN_BACK_KEY: &str = "ivsight.taken_back";

/// Takes back what the tables have of a publication. `missing` is the failure that it could not be finished for; it
/// stands where somebody has written to a table since.
pub(super) async fn take_back(
    held: &Held,
    publication: &Publication,
    missing: LakeError,
) -> Result<(), LakeError> {
    let (tables, application) = (held.lake.tables(), &application(&held.scope));
    let mut committed = Vec::new();
    for table in Table::DATA {
        let opened = tables.open(table, None).await?;
        let number = delta::transaction_number(table, &opened, application).await?;
        if number < publication.number {
            continue;
        }
        match newest(table, &opened, application, publication.number).await? {
            Newest::TakenBack => {}
            Newest::Publication(version) => committed.push((table, opened, version)),
            Newest::Other => return Err(missing),
        }
    }
    for (table, opened, version) in committed {
        held.confirm().await?;
        let note = (TAKEN_BACK_KEY.to_owned(), json!(publication.number));
        let restored =
            opened.restore().with_version_to_restore(version - 1).with_commit_properties(
                CommitProperties::default().with_metadata([note]).with_max_retries(0),
            );
        restored.await.map_err(|source| LakeError::commit(table, source))?;
    }
    tracing::warn!(
        "publication {} of {application} was taken back, because {missing}: what is missing is fetched again",
        publication.number
    );
    Ok(())
}

/// What the newest commit of a table is.
enum Newest {
    /// That of the publication, with its version.
    Publication(u64),
    /// The one that took it back.
    TakenBack,
    /// Something that came after it.
    Other,
}

async fn newest(
    table: Table,
    opened: &DeltaTable,
    application: &str,
    number: i64,
) -> Result<Newest, LakeError> {
    let version = opened.version().unwrap_or(0);
    let taken_back = delta::commit_metadata(table, opened, version, TAKEN_BACK_KEY).await?;
    if taken_back == Some(json!(number)) {
        return Ok(Newest::TakenBack);
    }
    let entry = opened.log_store().read_commit_entry(version).await;
    let entry = entry.map_err(|source| LakeError::open(table, source))?.unwrap_or_default();
    let is_publication = |line: &[u8]| {
        let action: Option<Value> = serde_json::from_slice(line).ok();
        let transaction = action.as_ref().and_then(|action| action.get("txn"));
        transaction.is_some_and(|it| it["appId"] == application && it["version"] == number)
    };
    let found = entry.split(|byte| *byte == b'\n').any(is_publication);
    Ok(if found { Newest::Publication(version) } else { Newest::Other })
}
