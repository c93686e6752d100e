//! The merge of a compaction: rows in order, without those that nobody reads any more.

use super::history::{Fate, HistoryFilter};
use crate::read::{Merge, Rows};
use crate::table::{Levels, RunsWriter, WrittenRun};
use kv_api::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a compaction has written.
pub(super) struct Merged {
    pub(super) runs: Vec<WrittenRun>,
    /// Rows of history that it has not.
    pub(super) dropped: u64,
}

/// Writes the rows of all inputs that `filter` keeps.
///
/// # Errors
/// Those of the files; `StoreClosed` where it was told to stop.
pub(super) async fn merge(
    inputs: &Levels,
    mut writer: RunsWriter,
    mut filter: HistoryFilter,
    stop: &AtomicBool,
) -> Result<Merged> {
    let mut merge = Merge::of_levels(inputs);
    while merge.advance().await? {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::StoreClosed);
        }
        for row in merge.rows().iter().flat_map(Rows::iter) {
            if let Fate::Stays { erases } = filter.decide(row.key(), row.version(), row.is_tombstone(), row.erases()) {
                let val = (!row.is_tombstone()).then(|| row.val());
                writer.push(row.key(), row.version(), val, erases).await?;
            }
        }
    }
    Ok(Merged { runs: writer.finish().await?, dropped: filter.dropped })
}
