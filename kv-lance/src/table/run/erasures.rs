//! Whether a run holds a row that hides the history of a key.

use super::{RowPlace, Run};
use kv_api::{Result, Version};

impl Run {
    /// Whether a row of `key` after `since` and up to `until` erases what was before.
    pub(crate) async fn erases(&self, key: &[u8], since: Version, until: Version, hash: u64) -> Result<bool> {
        if self.statistics().max_erasing <= since {
            return Ok(false);
        }
        let Some(RowPlace { mut block, mut row, mut keys }) = self.find(key, until, hash).await? else {
            return Ok(false);
        };
        loop {
            while row < keys.len() {
                if keys.key(row) != key || keys.version(row) <= since {
                    return Ok(false);
                }
                if keys.erases(row) {
                    return Ok(true);
                }
                row += 1;
            }
            if !keys.goes_on() {
                return Ok(false);
            }
            block += 1;
            (keys, row) = (self.keys(block).await?, 0);
        }
    }
}
