//! The rows of a run, key by key, past the blocks that cannot be read.

use super::losses::Losses;
use crate::table::{KeyBlock, Rank, Run, ValBlock};
use kv_api::{Error, Key, Val, Version};
use std::ops::Bound;
use std::sync::Arc;

/// Rows of a key that are kept of each run: where the newest cannot be read, an older one may be.
const MOST_ROWS: usize = 8;

/// A row of a run, but for its value.
pub(super) struct FoundRow {
    pub(super) version: Version,
    pub(super) is_tombstone: bool,
    /// Whether it is of history.
    pub(super) is_superseded: bool,
    pub(super) block: usize,
    row: usize,
}

/// A place in a run.
pub(super) struct Cursor {
    run: Arc<Run>,
    pub(super) rank: Rank,
    run_last_key: Option<Key>,
    /// The block that is being gone through; `None` before the first and behind the last.
    keys: Option<Arc<KeyBlock>>,
    block: usize,
    row: usize,
    next_block: usize,
    /// The last key before the place.
    last_key: Option<Key>,
    /// How many rows have been gone past, those that are lost among them.
    pub(super) passed: u64,
    /// The values of the block that was last asked for.
    vals: Option<(usize, Arc<ValBlock>)>,
}

impl Cursor {
    /// Before the first row of a run, of which the last key is known or not.
    pub(super) fn new(run: Arc<Run>, rank: Rank, run_last_key: Option<Key>) -> Self {
        let (keys, last_key, vals) = (None, None, None);
        Self { run, rank, run_last_key, keys, block: 0, row: 0, next_block: 0, last_key, passed: 0, vals }
    }

    /// How many rows the run has.
    pub(super) fn rows(&self) -> u64 {
        self.run.statistics().rows
    }

    /// The key at the place; `None` behind the last.
    pub(super) fn key(&self) -> Option<Key> {
        self.keys.as_ref().filter(|keys| self.row < keys.len()).map(|keys| keys.key_slice(self.row))
    }

    /// Goes to the next row that can be read. What lies before it and cannot is a loss from then on.
    pub(super) async fn settle(&mut self, losses: &mut Losses) {
        if self.key().is_some() {
            return;
        }
        let mut lost: Option<(Error, u64)> = None;
        while self.next_block < self.run.blocks() {
            let block = self.next_block;
            match self.read(block).await {
                Ok(keys) => {
                    if let Some((error, rows)) = lost.take() {
                        let first = keys.key_slice(0);
                        let end = if keys.continues() { Bound::Included(first) } else { Bound::Excluded(first) };
                        losses.rows(error, self.rank, (self.behind_last(), end), Some(rows));
                    }
                    (self.keys, self.block, self.row, self.next_block) = (Some(keys), block, 0, block + 1);
                    return;
                }
                Err(error) => {
                    let (next, rows) = self.run.lost_with(block);
                    self.next_block = next;
                    self.passed += rows;
                    lost = Some(lost.map_or((error, rows), |(error, before)| (error, before + rows)));
                }
            }
        }
        self.keys = None;
        if let Some((error, rows)) = lost {
            let end = self.run_last_key.clone().map_or(Bound::Unbounded, Bound::Included);
            losses.rows(error, self.rank, (self.behind_last(), end), Some(rows));
        }
    }

    async fn read(&self, block: usize) -> Result<Arc<KeyBlock>, Error> {
        let keys = self.run.keys_uncached(block).await?;
        let in_order = keys.len() > 0 && self.last_key.as_ref().is_none_or(|last| keys.key(0) >= last.as_ref());
        if in_order {
            Ok(keys)
        } else {
            Err(Error::corruption(self.run.path(), format!("block {block} is out of order")))
        }
    }

    fn behind_last(&self) -> Bound<Key> {
        self.last_key.clone().map_or(Bound::Unbounded, Bound::Excluded)
    }

    /// Takes the rows of `key`, which is the key at the place, and goes on behind them.
    pub(super) async fn take(&mut self, key: &Key, losses: &mut Losses) -> Vec<FoundRow> {
        let mut rows = Vec::new();
        while let Some(keys) =
            self.keys.clone().filter(|keys| self.row < keys.len() && keys.key(self.row) == key.as_ref())
        {
            if rows.len() < MOST_ROWS {
                rows.push(FoundRow {
                    version: keys.version(self.row),
                    is_tombstone: keys.is_tombstone(self.row),
                    is_superseded: keys.superseded(self.row).is_some(),
                    block: self.block,
                    row: self.row,
                });
            }
            self.row += 1;
            self.passed += 1;
            if self.row == keys.len() {
                // A copy: a slice would keep the block.
                self.last_key = Some(Key::copy_from_slice(key));
                self.settle(losses).await;
            }
        }
        rows
    }

    /// The value of a row.
    ///
    /// # Errors
    /// Where the values of its block cannot be read.
    pub(super) async fn val(&mut self, found: &FoundRow) -> Result<Val, Error> {
        let vals = match &self.vals {
            Some((block, vals)) if *block == found.block => vals.clone(),
            _ => {
                let vals = self.run.vals_uncached(found.block).await?;
                self.vals = Some((found.block, vals.clone()));
                vals
            }
        };
        Ok(vals.slice(found.row))
    }
}
