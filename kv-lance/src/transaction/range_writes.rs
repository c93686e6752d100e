//! Writes of many keys at once.

use super::LanceTransaction;
use crate::read::Merge;
use crate::write::Write;
use kv_api::{Direction, Key, KeyRange, Result};

/// So many writes are made before others get their turn.
const BATCH: usize = 128;

impl LanceTransaction {
    /// Takes away every key of `range`: one pass over it, and then one over the pending writes. To
    /// erase is to write those too that have no value any more, whose history may still be there.
    pub(super) async fn delete_range(&self, range: KeyRange, deletion: &Write) -> Result<()> {
        self.check_write()?;
        let mut keys = Vec::new();
        let mut merge = self.merge(range.clone(), Direction::Forward, None, false, 0)?;
        if deletion.erases {
            merge = merge.with_tombstones();
        }
        while merge.advance().await? {
            keys.extend(merge.rows().iter().flat_map(|rows| rows.iter()).map(|row| row.key_slice()));
        }
        drop(merge);
        if deletion.erases {
            self.past_keys(&range, &mut keys).await?;
        }
        self.note_scan(range, Direction::Forward, None, None);
        self.check_still_open()?;
        self.write_all(keys.into_iter().map(|key| (key, deletion.clone()))).await
    }

    /// Adds the keys that have nothing but history, unless that is deletions which no read finds any more: else each call
    /// would write all keys again that have been deleted within the retention.
    async fn past_keys(&self, range: &KeyRange, keys: &mut Vec<Key>) -> Result<()> {
        let (_, view) = self.reading(None)?;
        let mut past = Merge::of_past_keys(&view.levels, range.clone());
        while past.advance().await? {
            for row in past.rows().iter().flat_map(|rows| rows.iter()) {
                let is_absence = row.is_tombstone() && row.superseded() == Some(row.version());
                if !is_absence && keys.last().is_none_or(|last| last != row.key()) {
                    keys.push(row.key_slice());
                }
            }
        }
        Ok(())
    }

    pub(super) async fn write_all(&self, mut writes: impl Iterator<Item = (Key, Write)> + Send) -> Result<()> {
        loop {
            {
                let mut pending = self.pending.lock();
                let mut left = BATCH;
                while left > 0 {
                    let Some((key, write)) = writes.next() else { return Ok(()) };
                    pending.write(key, write)?;
                    left -= 1;
                }
            }
            tokio::task::consume_budget().await;
        }
    }
}
