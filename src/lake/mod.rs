//! The lake: Delta tables in a folder or a bucket, how a session becomes visible in them, and who may write.
//!
//! The boundary: it takes model values and gives Arrow; it knows no SDK type and no SQL.
//!
//! Reading order: [`tables`] says what the columns mean, [`publish`] how a session becomes visible, [`register`] what is
//! remembered, [`snapshot`] what a reader sees, [`journal`] who asked for replications; [`staging`] keeps what is not published yet. Below them: [`delta`]
//! speaks to Delta's library, [`batch`] turns values into rows, [`parquet`] says how files are written, [`place`] says where
//! it all lies ([`store`] puts it on the disk, [`bucket`] into S3), [`lock`] says who may. [`maintain`] looks after a lake
//! without calling the service.

pub mod batch;
pub mod bucket;
pub mod delta;
mod error;
mod held;
pub mod inflight;
pub mod journal;
mod leftovers;
pub mod lock;
pub mod maintain;
pub mod parquet;
pub mod partition;
pub mod place;
pub mod publish;
pub mod register;
pub mod running;
pub mod snapshot;
pub mod staging;
pub mod store;
mod stream;
pub mod tables;

use std::path::Path;

use serde_json::Value;

use self::delta::Tables;
pub use self::error::LakeError;
pub use self::held::Held;
use self::lock::Lock;
use self::place::Place;
use self::register::{VERSIONS_KEY, Versions};
use self::tables::Table;
use crate::model::{AccountId, Scope};

/// A lake that is written to. Readers take a [`snapshot::Snapshot`].
#[derive(Clone, Debug)]
pub struct Lake {
    place: Place,
    tables: Tables,
}

impl Lake {
    /// The lake in a folder, which need not be there yet: nothing is written before there is something to say.
    ///
    /// # Errors
    /// Where the path is that of a file, or of no file system.
    pub fn at(path: &Path) -> Result<Self, LakeError> {
        Ok(Self::of(Place::folder(path)?))
    }

    /// The lake at a place.
    #[must_use]
    pub fn of(place: Place) -> Self {
        Self { tables: Tables::new(&place), place }
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Its tables.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Whether it has been made.
    ///
    /// # Errors
    /// Where the bucket can't be listed.
    pub async fn is_there(&self) -> Result<bool, LakeError> {
        self.tables.exists(Table::Sessions).await
    }

    /// Takes a scope of this lake for one collector, and makes the tables that are not there.
    ///
    /// # Errors
    /// [`LakeError::Lock`] where another collector has it, [`LakeError::Mixed`] where simulated and real data would meet.
    pub async fn take_scope(&self, scope: &Scope, holder: &str) -> Result<Held, LakeError> {
        self.refuse_mixture(scope).await?;
        let lock = Lock::scope(&self.place, scope, holder).await?;
        match self.create_missing_tables(holder).await {
            Ok(()) => Held::open(self, scope, lock).await,
            Err(error) => {
                lock.release().await;
                Err(error)
            }
        }
    }

    /// Makes the tables that are not there, for a writer who takes no scope.
    async fn prepare(&self, scope: &Scope, holder: &str) -> Result<(), LakeError> {
        self.refuse_mixture(scope).await?;
        self.sign_in(&scope.account_id).await?;
        self.create_missing_tables(holder).await
    }

    /// Says whose data live here, as the lock of a collector would.
    async fn sign_in(&self, account: &AccountId) -> Result<(), LakeError> {
        match &self.place {
            Place::Folder(path) => {
                let folder = path.join(lock::FOLDER).join(account.as_str());
                std::fs::create_dir_all(&folder).map_err(|source| LakeError::Io {
                    action: "make",
                    path: folder,
                    source,
                })
            }
            Place::Bucket(bucket) => {
                // There are no folders in a bucket but by what lies in them.
                let path = bucket.path(&format!("{}/{account}/journal", lock::FOLDER));
                bucket.note(&path, "This account has requests in the journal.").await
            }
        }
    }

    async fn create_missing_tables(&self, holder: &str) -> Result<(), LakeError> {
        let exist = Table::ALL.map(|table| self.tables.exists(table));
        if futures::future::try_join_all(exist).await?.into_iter().all(|exists| exists) {
            return Ok(());
        }
        let turn = Lock::publish(&self.place, holder).await?;
        let created = self.create_tables().await;
        turn.release().await;
        created
    }

    /// Scopes that have something in flight from an earlier run.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub async fn scopes_in_flight(&self) -> Result<Vec<Scope>, LakeError> {
        inflight::scopes(&self.place).await
    }

    /// `sessions` is made last: where it is, everything is.
    async fn create_tables(&self) -> Result<(), LakeError> {
        for table in Table::ALL {
            if table != Table::Sessions {
                self.tables.create(table, Vec::new()).await?;
            }
        }
        let versions: Versions = Table::DATA.into_iter().map(|table| (table, 0)).collect();
        let note: Vec<(String, Value)> =
            vec![(VERSIONS_KEY.to_owned(), register::versions_to_json(&versions))];
        self.tables.create(Table::Sessions, note).await
    }

    async fn refuse_mixture(&self, scope: &Scope) -> Result<(), LakeError> {
        let asked = origin(scope.account_id.as_str());
        for account in inflight::folders(&self.place, lock::FOLDER).await? {
            let is_account = account.bytes().all(|byte| byte.is_ascii_digit());
            let present = origin(&account);
            if is_account && present != asked {
                return Err(LakeError::Mixed { present, asked });
            }
        }
        Ok(())
    }
}

/// Whether an account is one of AWS's documentation, which the simulator uses: three groups of four equal digits.
fn origin(account: &str) -> &'static str {
    let digits = account.as_bytes();
    let simulated = digits.len() == 12
        && digits.chunks(4).all(|group| group.iter().all(|digit| *digit == group[0]));
    if simulated { "simulated" } else { "real" }
}
