//! Writes of many keys at once.

use super::LanceTransaction;
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
        let mut merge = self.merge(range.clone(), Direction::Forward, None, false)?;
        if deletion.erases {
            merge = merge.with_tombstones();
        }
        while merge.advance().await? {
            keys.extend(merge.rows().iter().flat_map(|rows| rows.iter()).map(|row| row.key_slice()));
        }
        drop(merge);
        self.note_scan(range, Direction::Forward, None, None);
        self.check_still_open()?;
        self.write_all(keys.into_iter().map(|key| (key, deletion.clone()))).await
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
