//! How many rows of a run lie where, from its fences and at most two blocks.

use super::Run;
use kv_api::{Key, KeyRange, Result, Version};

impl Run {
    /// How many rows have keys in `range`.
    pub(crate) async fn rows_in(&self, range: &KeyRange) -> Result<u64> {
        let start = self.rows_before(&range.start).await?;
        let end = match &range.end {
            Some(end) => self.rows_before(end).await?,
            None => self.statistics().rows,
        };
        Ok(end.saturating_sub(start))
    }

    /// How many rows have keys before this one.
    async fn rows_before(&self, key: &[u8]) -> Result<u64> {
        let (first, last) = self.key_bounds();
        if key <= first {
            return Ok(0);
        }
        if key > last {
            return Ok(self.statistics().rows);
        }
        let block = self.block_at(key, Version::MAX)?;
        Ok(self.first_row(block)? + self.keys(block).await?.lower_bound(key, Version::MAX) as u64)
    }

    /// About `most` keys of `range` that divide its rows evenly, each with the number of rows from it up to the next.
    pub(crate) fn samples(&self, range: &KeyRange, most: usize) -> Result<Vec<(Key, u64)>> {
        let first = self.block_at(&range.start, Version::MAX)?;
        let last = match &range.end {
            Some(end) => self.block_at(end, Version::MAX)? + 1,
            None => self.blocks(),
        };
        let step = (last.saturating_sub(first) / most.max(1)).max(1);
        let sample = |block: usize| {
            let rows = self.first_row((block + step).min(last))?.saturating_sub(self.first_row(block)?);
            Ok((self.fence(block)?.into(), rows))
        };
        (first..last).step_by(step).map(sample).collect()
    }
}
