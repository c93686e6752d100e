//! The merge of a compaction: rows in order, each put where it belongs.

use super::split::{Split, SplitWriter};
use crate::read::{Merge, Rows};
use crate::table::{Levels, NewRow};
use kv_api::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};

/// Hands the rows of all inputs to `writer`.
///
/// # Errors
/// Those of the files; `StoreClosed` where it was told to stop.
pub(super) async fn merge(inputs: &Levels, mut writer: SplitWriter, stop: &AtomicBool) -> Result<Split> {
    let mut merge = Merge::of_levels(inputs);
    while merge.advance().await? {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::StoreClosed);
        }
        for row in merge.rows().iter().flat_map(Rows::iter) {
            let val = (!row.is_tombstone()).then(|| row.val());
            let (key, version, erases, superseded) = (row.key(), row.version(), row.erases(), row.superseded());
            writer.push(NewRow { key, version, val, erases, superseded }).await?;
        }
    }
    writer.finish().await
}
