//! Looking at a whole run.

use super::block::{KeyBlock, ValBlock};
use super::statistics::RunStatistics;
use super::{NewRow, Run, hash};
use kv_api::{Error, Result, Version};

/// What has been read of a run so far.
#[derive(Default)]
struct Progress {
    statistics: RunStatistics,
    /// The row before.
    last: Option<(Vec<u8>, Version)>,
    /// Whether the block before ends with a key that goes on.
    goes_on: bool,
}

impl Run {
    /// Reads every block past the cache, with its checksums, and looks at what they say of each other: the order of the
    /// rows, the index, the filter, the figures. What is wrong; the first of each block.
    pub(in crate::table) async fn verify(&self, is_history: bool) -> Vec<Error> {
        let (mut progress, mut damage) = (Progress::default(), Vec::new());
        for block in 0..self.blocks() {
            if let Err(e) = self.verify_block(block, is_history, &mut progress).await
                // A part of the index is of many blocks.
                && damage.last().is_none_or(|last: &Error| last.to_string() != e.to_string())
            {
                damage.push(e);
            }
        }
        if damage.is_empty() {
            damage.extend(self.verify_whole(progress).err());
        }
        damage
    }

    async fn verify_block(&self, block: usize, is_history: bool, progress: &mut Progress) -> Result<()> {
        // What follows a block that cannot be read is looked at by itself.
        let before = std::mem::take(progress);
        let (keys, vals) = (self.keys_uncached(block).await?, self.vals_uncached(block).await?);
        let first = block == 0;
        *progress = before;
        let wrong = |what: &str| Err(self.damaged(block, what));
        let fence = self.fence(block)?;
        let continues = progress.last.as_ref().is_some_and(|(key, _)| keys.len() > 0 && key == keys.key(0));
        if keys.len() == 0 || keys.key(0) < fence.as_slice() {
            return wrong("begins before the index says");
        }
        let after_a_block = !first && progress.last.is_some();
        if after_a_block && (keys.continues() != continues || progress.goes_on != continues) {
            return wrong("goes on with another key than the index says");
        }
        if after_a_block && !continues && progress.last.as_ref().is_some_and(|(key, _)| *key >= fence) {
            return wrong("begins later than the index says");
        }
        progress.goes_on = keys.goes_on();
        for row in 0..keys.len() {
            self.verify_row(block, &keys, &vals, row, is_history, progress)?;
        }
        Ok(())
    }

    fn verify_row(
        &self,
        block: usize,
        keys: &KeyBlock,
        vals: &ValBlock,
        row: usize,
        is_history: bool,
        progress: &mut Progress,
    ) -> Result<()> {
        let wrong = |what: &str| Err(self.damaged(block, what));
        let (key, version, superseded) = (keys.key(row), keys.version(row), keys.superseded(row));
        let order = progress.last.as_ref().map(|(last, newer)| (last.as_slice().cmp(key), newer.cmp(&version)));
        let new_key = match order {
            None => true,
            Some((std::cmp::Ordering::Less, _)) => true,
            Some((std::cmp::Ordering::Equal, std::cmp::Ordering::Greater)) => false,
            Some(_) => return wrong("has rows out of order"),
        };
        // A deletion with nothing below it was in force at no version.
        let is_early = |by: Version| by < version || by == version && !keys.is_tombstone(row);
        if superseded.is_some() != is_history || superseded.is_some_and(is_early) {
            return wrong("has a row that is superseded at no version, or before its own");
        }
        if new_key && self.index.find(key, Version::MAX, hash(key))?.is_none() {
            return wrong("has a key that the filter does not know");
        }
        let val = (!keys.is_tombstone(row)).then(|| vals.val(row));
        progress.statistics.push(&NewRow { key, version, val, erases: keys.erases(row), superseded }, new_key);
        progress.last = Some((key.to_vec(), version));
        Ok(())
    }

    /// Compares what was read with what the index says of all of it.
    fn verify_whole(&self, progress: Progress) -> Result<()> {
        let wrong = |what: &str| Err(Error::corruption(&self.path, what));
        let said = self.statistics();
        let found = RunStatistics { level: said.level, journal_through: said.journal_through, ..progress.statistics };
        if found != *said {
            return wrong("its rows are not those that its figures tell of");
        }
        if progress.last.is_none_or(|(key, _)| key != *self.index.last_key) {
            return wrong("its last key is not the one that its index names");
        }
        Ok(())
    }
}
