//! Taking in what another tool has written to what was published.

use super::{Publication, Publisher, on_a_thread, open, publish};
use crate::committer::Committer;
use crate::core::{Command, Core};
use crate::datastore::{LanceDatastore, unanswered};
use crate::table::Proposed;
use crate::transaction::LanceTransaction;
use kv_api::{Error, Result, Transactable, TransactionOptions, Version};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adopted {
    /// The version of the commit; `None` where nothing in it was new.
    pub version: Option<Version>,
    /// Keys that have got a value, a new one or another.
    pub set: u64,
    /// Keys that have none any more.
    pub deleted: u64,
    /// What was published after it.
    pub publication: Publication,
}

impl LanceDatastore {
    /// Takes in what other tools have written to `published.lance` since it was [published](Self::publish), as one transaction,
    /// and publishes again; `None` where they have left its rows as they are.
    ///
    /// A row that was appended, merged or updated sets its key to its value (`version` and `tombstone` do not count, a row
    /// without a value deletes), and a row that was deleted deletes its key. Rows that were only rewritten, as by
    /// `compact_files`, change nothing. The transaction is one like any other: durable, in the change feed, and a conflict where
    /// one of its keys has been committed otherwise since what was published. Then nothing is taken in, and the next
    /// publication undoes what the tool wrote. Called a second time after a crash, it takes nothing in twice.
    ///
    /// All that the tool has written is held in memory meanwhile, and has to fit into a transaction.
    ///
    /// # Errors
    /// [`TransactionConflict`](Error::TransactionConflict);
    /// [`TableChanged`](Error::TableChanged) where the columns are others, a key was written twice, or the version that had been
    /// published has been cleaned up; [`VersionNotRetained`](Error::VersionNotRetained) where it is past the store's retention;
    /// [`UnsupportedVersionedQueries`](Error::UnsupportedVersionedQueries) where the store has no versions;
    /// else as [`publish`](Self::publish) and as commits.
    pub async fn adopt(&self) -> Result<Option<Adopted>> {
        let writer = self.writer()?;
        if !self.core.config.versioned {
            return Err(Error::UnsupportedVersionedQueries);
        }
        let (core, publisher) = (self.core.clone(), writer.publisher.clone());
        let committer = writer.committer.clone();
        on_a_thread(&self.core, adopt(core, publisher, committer)).await
    }
}

async fn adopt(core: Arc<Core>, publisher: Publisher, committer: Arc<Committer>) -> Result<Option<Adopted>> {
    let mut table = publisher.lock().await;
    open(&core)?;
    let Some(proposed) = table.proposed().await? else { return Ok(None) };
    let tx = LanceTransaction::begin(core.clone(), committer.clone(), TransactionOptions::write())?;
    let (set, deleted) = write(&tx, proposed).await?;
    tx.commit().await?;
    drop(table);
    committer.freeze_active()?;
    let (done, flushed) = oneshot::channel();
    core.background.ask(Command::Flushed(done)).map_err(|()| unanswered(&core))?;
    let publication = publish(core, publisher, flushed, None).await?;
    Ok(Some(Adopted { version: tx.commit_version(), set, deleted, publication }))
}

/// Writes what is new of it; how many keys are set, and deleted.
async fn write(tx: &LanceTransaction, proposed: Proposed) -> Result<(u64, u64)> {
    let (mut set, mut deleted) = (0, 0);
    for (key, new) in proposed.rows {
        let before = tx.get(&key, Some(proposed.base)).await?;
        // Checked at the commit, too.
        let now = tx.getu(&key).await?;
        if now == new {
            continue;
        }
        if now != before {
            return Err(Error::conflict_over(
                key,
                "another tool has written a key that has been committed since it was published",
            ));
        }
        match new {
            Some(new) => {
                set += 1;
                tx.set(key, new).await?;
            }
            None => {
                deleted += 1;
                tx.del(key).await?;
            }
        }
    }
    Ok((set, deleted))
}
