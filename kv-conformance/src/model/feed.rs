//! The change feed of the reference store: a place in the history, and a look from there.

use super::history::{Change, History};
use super::reference::Shared;
use arrow_array::{BinaryArray, BooleanArray, RecordBatch, UInt64Array};
use async_trait::async_trait;
use kv_api::{ChangeFeed, Error, KeyRange, Result, Version, change_schema};
use std::sync::Arc;

/// Hands out a commit at a time, or all that there are.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) store: Arc<Shared>,
    pub(super) range: KeyRange,
    /// The commits up to here have been handed out, or wrote no key of the range.
    pub(super) position: Version,
    /// Nothing after this version is handed out.
    pub(super) until: Version,
}

/// What lies after a feed's position.
pub(super) enum Look {
    /// A commit.
    Changes(Vec<Change>),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    End,
}

impl Feed {
    pub(super) fn new(store: Arc<Shared>, (since, until): (Version, Version), range: KeyRange) -> Result<Self> {
        retained(&store.history.lock(), since)?;
        Ok(Self { store, range, position: since, until })
    }

    /// Looks for the next commit and moves past it in one step, so that a dropped future has done neither or been answered.
    pub(super) fn look(&mut self) -> Result<Look> {
        let store = self.store.clone();
        let history = store.history.lock();
        // There may be something after the greatest: the end of the store.
        let bounded = self.until < Version::MAX;
        if bounded && self.position >= self.until {
            return Ok(Look::End);
        }
        retained(&history, self.position)?;
        // A store opened again goes on with the same history; this feed ended with the one before.
        let end = store.shut_down.get().copied();
        let newest = end.unwrap_or_else(|| history.newest());
        let changes = history.commit_after(self.position, &self.range);
        match changes.first().map(|change| change.version) {
            Some(version) if version <= newest.min(self.until) => {
                self.position = version;
                Ok(Look::Changes(changes))
            }
            _ if end.is_some() || bounded && newest >= self.until => Ok(Look::End),
            _ => {
                self.position = self.position.max(newest);
                Ok(Look::Nothing)
            }
        }
    }

    pub(super) async fn next_changes(&mut self) -> Result<Option<Vec<Change>>> {
        let store = self.store.clone();
        loop {
            // Listens before it looks: a commit in between is heard.
            let news = store.news.notified();
            match self.look()? {
                Look::Changes(mut changes) => {
                    // What goes wrong on the way goes wrong again with the next call.
                    while store.whole_backlogs
                        && let Ok(Look::Changes(more)) = self.look()
                    {
                        changes.extend(more);
                    }
                    return Ok(Some(changes));
                }
                Look::End => return Ok(None),
                Look::Nothing => news.await,
            }
        }
    }
}

#[async_trait]
impl ChangeFeed for Feed {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.next_changes().await?.map(|changes| batch(&changes)).transpose()
    }
}

fn retained(history: &History, since: Version) -> Result<()> {
    match history.oldest() {
        oldest if since < oldest => Err(Error::VersionNotRetained { requested: since, oldest }),
        _ => Ok(()),
    }
}

/// Changes as rows of [`change_schema`].
pub(super) fn batch(changes: &[Change]) -> Result<RecordBatch> {
    let versions = UInt64Array::from_iter_values(changes.iter().map(|change| change.version));
    let keys = BinaryArray::from_iter_values(changes.iter().map(|change| &change.key));
    let vals = BinaryArray::from_iter(changes.iter().map(|change| change.val.as_deref()));
    let tombstones = BooleanArray::from_iter(changes.iter().map(|change| Some(change.val.is_none())));
    let columns = vec![Arc::new(versions) as _, Arc::new(keys) as _, Arc::new(vals) as _, Arc::new(tombstones) as _];
    RecordBatch::try_new(change_schema(), columns).map_err(|e| Error::backend("building a batch of changes", e))
}
