//! What has changed between two versions, key by key.
//!
//! [Candidates](candidates) are found first, by versions alone: what can have changed has a row of a version between the two,
//! or one that was superseded between them. Of each the two values are then read as any read of the past reads them, from one
//! view, and compared.

mod candidates;
mod stores;

use crate::core::{Snapshot, View};
use crate::datastore::{LanceDatastore, Role};
use candidates::Candidates;
use futures::stream::{self, BoxStream, StreamExt};
use kv_api::{Error, Key, KeyRange, Result, Val, Version};
use std::sync::Arc;

/// A key whose value is another at one version than at the other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The key.
    pub key: Key,
    /// Its value at the first version; `None` where it had none.
    pub old: Option<Val>,
    /// Its value at the second version; `None` where it has none.
    pub new: Option<Val>,
}

impl LanceDatastore {
    /// Compares the keys of a range at two versions, either of which may be the older one, and returns those with other values,
    /// in the order of the keys. A key that has been set to the value that it had is not among them, and what has been erased
    /// has no value. A version after the newest is that.
    ///
    /// Runs that have nothing of a version between the two are not read. While the stream is there, so are the files and
    /// memtables that it began with.
    ///
    /// # Errors
    /// [`UnsupportedVersionedQueries`](Error::UnsupportedVersionedQueries), [`StoreClosed`](Error::StoreClosed),
    /// [`VersionNotRetained`](Error::VersionNotRetained); those of the stream are those of reads.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use futures::TryStreamExt;
    /// use kv_api::{Datastore, KeyRange, TransactionOptions};
    /// use kv_lance::{LanceConfig, LanceDatastore};
    ///
    /// let dir = tempfile::tempdir().unwrap();
    /// let store = LanceDatastore::open(LanceConfig::new(dir.path().join("store"))).await?;
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("room/kitchen".into(), "21.5".into()).await?;
    /// tx.commit().await?;
    /// let before = store.tag("morning", None).await?;
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("room/kitchen".into(), "22.0".into()).await?;
    /// tx.commit().await?;
    ///
    /// let now = store.current_version().await?;
    /// let differences: Vec<_> = store.diff(before, now, KeyRange::prefix("room/"))?.try_collect().await?;
    /// assert_eq!(differences[0].key, "room/kitchen");
    /// assert_eq!(differences[0].old.as_deref(), Some(&b"21.5"[..]));
    /// assert_eq!(differences[0].new.as_deref(), Some(&b"22.0"[..]));
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn diff(&self, from: Version, to: Version, range: KeyRange) -> Result<BoxStream<'static, Result<Difference>>> {
        if !self.core.config.versioned {
            return Err(Error::UnsupportedVersionedQueries);
        }
        let (snapshot, view) = newest(self)?;
        let diff = Diff::begin(view, snapshot, (from, to), &range)?;
        let differences = stream::try_unfold(diff, |mut diff| async move {
            let found = diff.next().await?;
            Ok(found.map(|found| (found, diff)))
        });
        Ok(differences.boxed())
    }
}

/// The newest version of a store, and a view that has all rows of it.
fn newest(store: &LanceDatastore) -> Result<(Snapshot, Arc<View>)> {
    match &store.role {
        // Taken first: no later view lacks a row that it needs.
        Role::Writer(_) => Ok((store.core.snapshot(false)?, store.core.views.load())),
        Role::Reader(reader) => reader.state(&store.core),
    }
}

/// A comparison under way.
struct Diff {
    view: Arc<View>,
    snapshot: Snapshot,
    from: Version,
    to: Version,
    candidates: Candidates,
}

impl Diff {
    /// Begins to compare the keys of a range at two versions, either of which may be the older one.
    ///
    /// # Errors
    /// `VersionNotRetained`.
    fn begin(view: Arc<View>, snapshot: Snapshot, (from, to): (Version, Version), range: &KeyRange) -> Result<Self> {
        view.check_retained(from)?;
        view.check_retained(to)?;
        let (from, to) = (from.min(snapshot.version), to.min(snapshot.version));
        let candidates = Candidates::between(&view, (from.min(to), from.max(to)), range);
        Ok(Self { view, snapshot, from, to, candidates })
    }

    /// The next difference, in the order of the keys; `None` where there are no more.
    async fn next(&mut self) -> Result<Option<Difference>> {
        while let Some(key) = self.candidates.next().await? {
            tokio::task::consume_budget().await;
            let (old, new) = (self.value(&key, self.from).await?, self.value(&key, self.to).await?);
            if old != new {
                return Ok(Some(Difference { key, old, new }));
            }
        }
        Ok(None)
    }

    async fn value(&self, key: &[u8], at: Version) -> Result<Option<Val>> {
        let found = self.view.get(key, at).await?;
        let snapshot = self.snapshot.version;
        let may_be_erased = found.is_some() && at < snapshot && self.view.may_have_erased(at);
        if may_be_erased && self.view.has_erased(key, at, snapshot).await? {
            return Ok(None);
        }
        Ok(found)
    }
}
