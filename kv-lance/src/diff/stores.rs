//! What differs between two stores that had their beginning in common.
//!
//! Runs are told by their names, which no other run ever has: of a key that lies only in runs which both stores have, both find the
//! same. So only the keys of other runs, and of memtables, are looked at.

use super::candidates::Keys;
use super::{Difference, newest};
use crate::core::{Snapshot, View};
use crate::datastore::LanceDatastore;
use crate::read::{Merge, Span, Visible};
use futures::stream::{self, BoxStream, StreamExt};
use kv_api::{Direction, Key, KeyRange, Result};
use std::collections::HashSet;
use std::sync::Arc;

impl LanceDatastore {
    /// Compares the keys of a range at the newest versions of this store and of another, as of a [branch](kv_api::Datastore::branch) of it, and
    /// returns those with other values, in the order of the keys: the value here is the old one.
    ///
    /// Of stores that have runs in common, those are not read: it costs what either has written or compacted since. Any two
    /// stores can be compared.
    ///
    /// # Errors
    /// [`StoreClosed`](kv_api::Error::StoreClosed); those of the stream are those of reads.
    pub fn diff_with(&self, other: &Self, range: KeyRange) -> Result<BoxStream<'static, Result<Difference>>> {
        let sides = [Side::of(self)?, Side::of(other)?];
        let names = |side: &Side| side.view.levels.runs().map(|run| run.name().to_owned()).collect::<HashSet<_>>();
        let [ours, theirs] = sides.each_ref().map(names);
        let keys = [sides[0].keys_beside(&theirs, &range), sides[1].keys_beside(&ours, &range)];
        let differences = stream::try_unfold(StoreDiff { sides, keys }, |mut diff| async move {
            let found = diff.next().await?;
            Ok(found.map(|found| (found, diff)))
        });
        Ok(differences.boxed())
    }
}

/// One of the two, as it was when the comparison began.
struct Side {
    snapshot: Snapshot,
    view: Arc<View>,
}

impl Side {
    fn of(store: &LanceDatastore) -> Result<Self> {
        let (snapshot, view) = newest(store)?;
        Ok(Self { snapshot, view })
    }

    /// The keys of the runs that the other has not, and of what is in memory.
    fn keys_beside(&self, theirs: &HashSet<String>, range: &KeyRange) -> Keys {
        let view = View { levels: self.view.levels.only(|run| !theirs.contains(run.name())), ..(*self.view).clone() };
        let span = Span {
            range: range.clone(),
            direction: Direction::Forward,
            visible: Visible::At(self.snapshot.version),
            vals: false,
            tombstones: true,
            wanted: 0,
        };
        Keys::of(Merge::new(span, None, &view), |_, _| true)
    }
}

/// A comparison under way.
struct StoreDiff {
    sides: [Side; 2],
    keys: [Keys; 2],
}

impl StoreDiff {
    async fn next(&mut self) -> Result<Option<Difference>> {
        while let Some(key) = self.candidate().await? {
            tokio::task::consume_budget().await;
            let [ours, theirs] = &self.sides;
            let old = ours.view.get(&key, ours.snapshot.version).await?;
            let new = theirs.view.get(&key, theirs.snapshot.version).await?;
            if old != new {
                return Ok(Some(Difference { key, old, new }));
            }
        }
        Ok(None)
    }

    /// The next key of either, each once.
    async fn candidate(&mut self) -> Result<Option<Key>> {
        let [ours, theirs] = &mut self.keys;
        ours.look().await?;
        theirs.look().await?;
        let next = ours.next().into_iter().chain(theirs.next()).min().cloned();
        if let Some(next) = &next {
            ours.pass(next);
            theirs.pass(next);
        }
        Ok(next)
    }
}
