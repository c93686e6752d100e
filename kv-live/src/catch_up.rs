//! The commits that came before a queue was attached, from a feed of the subscription's own.

use crate::rows::{ChangedRows, Columns};
use kv_api::{ChangeFeed, ChangeFilter, Datastore, KeyRange, Result, Version};

/// A feed up to a version.
pub(crate) struct CatchUp {
    feed: Box<dyn ChangeFeed>,
    /// Its last version.
    pub(crate) until: Version,
}

impl CatchUp {
    /// # Errors
    /// Those of [`Datastore::changes_until`].
    pub(crate) async fn begin(store: &dyn Datastore, range: KeyRange, since: Version, until: Version) -> Result<Self> {
        let feed = store.changes_until(since, until, ChangeFilter { range }).await?;
        Ok(Self { feed, until })
    }

    /// The next commits; `None` behind the last.
    ///
    /// # Errors
    /// Those of [`ChangeFeed::next`].
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<ChangedRows>>> {
        let Some(batch) = self.feed.next().await? else { return Ok(None) };
        Ok(Some(Columns::of(&batch)?.copied().collect()))
    }
}
