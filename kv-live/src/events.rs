//! What happened to the rows of a commit.

use crate::query::Contents;
use crate::rows::{ChangedRow, ChangedRows};
use crate::update::{Change, Commit, Event};
use kv_api::{Datastore, Result, TransactionOptions, Val};

/// The events of a commit.
///
/// # Errors
/// Those of reads at the version before it, where old values are asked for.
pub(crate) async fn events(store: &dyn Datastore, commit: &ChangedRows, contents: Contents) -> Result<Commit> {
    let rows = &commit.rows;
    let events = match contents {
        Contents::OldAndNew => {
            let old = old_values(store, commit).await?;
            rows.iter().zip(old).map(|(row, old)| event(row, with_old(row.val.clone(), old))).collect()
        }
        Contents::New => rows.iter().map(|row| event(row, without_old(row, row.val.clone()))).collect(),
        Contents::Keys => rows.iter().map(|row| event(row, without_old(row, None))).collect(),
    };
    Ok(Commit { version: commit.version, events })
}

/// What the keys had before a commit. No snapshot is held from one commit to the next: a subscription that is not polled keeps
/// nothing from being compacted.
async fn old_values(store: &dyn Datastore, commit: &ChangedRows) -> Result<Vec<Option<Val>>> {
    let keys = commit.rows.iter().map(|row| row.key.clone()).collect();
    let tx = store.begin(TransactionOptions::read()).await?;
    tx.getm(keys, Some(commit.version.saturating_sub(1))).await
}

fn event(row: &ChangedRow, change: Change) -> Event {
    Event { key: row.key.clone(), change }
}

fn with_old(new: Option<Val>, old: Option<Val>) -> Change {
    match (old, new) {
        (None, Some(new)) => Change::Inserted { new },
        (Some(old), Some(new)) => Change::Updated { old, new },
        (old, None) => Change::Deleted { old },
    }
}

fn without_old(row: &ChangedRow, new: Option<Val>) -> Change {
    match row.val {
        Some(_) => Change::Set { new },
        None => Change::Deleted { old: None },
    }
}
