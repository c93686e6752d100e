//! Writes of many keys at once.

use super::LanceTransaction;
use crate::write::Write;
use kv_api::{Direction, Key, KeyRange, Result};
use std::ops::ControlFlow;

/// So many writes are made before others get their turn.
const BATCH: usize = 128;

impl LanceTransaction {
    /// Takes away every key of `range`: one pass over it, and then one over the pending writes.
    pub(super) async fn delete_range(&self, range: KeyRange, deletion: &Write) -> Result<()> {
        self.check_write()?;
        let mut keys = Vec::new();
        self.walk(range, Direction::Forward, None, false, |rows| {
            keys.extend(rows.iter().map(|row| row.key_slice()));
            ControlFlow::Continue(())
        })
        .await?;
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
