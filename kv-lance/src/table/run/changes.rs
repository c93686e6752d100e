//! What has changed in a run since a version: for the conflict check of transactions that are older
//! than the run.

use super::Run;
use bytes::Bytes;
use kv_api::{Key, KeyRange, Result, Version};

impl Run {
    /// A row of `range` after `since`, with its version.
    pub(crate) async fn changed(&self, range: &KeyRange, since: Version) -> Result<Option<(Key, Version)>> {
        if !self.has_keys_in(range) {
            return Ok(None);
        }
        let ends_before = |key: &[u8]| range.end.as_ref().is_some_and(|end| end.as_ref() <= key);
        for block in self.block_at(&range.start, Version::MAX)?..self.blocks() {
            tokio::task::consume_budget().await;
            let keys = self.keys(block).await?;
            for row in keys.lower_bound(&range.start, Version::MAX)..keys.len() {
                let key = keys.key(row);
                if ends_before(key) {
                    return Ok(None);
                }
                if keys.version(row) > since {
                    return Ok(Some((Bytes::copy_from_slice(key), keys.version(row))));
                }
            }
        }
        Ok(None)
    }
}
