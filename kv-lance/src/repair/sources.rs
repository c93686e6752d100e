//! What is left of a store: its runs, and what the journal holds beyond them.

use super::cursor::Cursor;
use super::losses::Losses;
use crate::config::LanceConfig;
use crate::files::OpenFiles;
use crate::journal::{self, Piece, Record};
use crate::layout::Layout;
use crate::table::{self, BlockCache, LostRun, Rank};
use crate::write::Write;
use kv_api::{Error, Key, Result, Version};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// What is to be merged.
pub(super) struct Sources {
    pub(super) runs: Vec<Cursor>,
    /// Of each key the newest write.
    pub(super) journal: BTreeMap<Key, Journaled>,
    pub(super) commits: u64,
}

/// A write that the journal holds.
pub(super) struct Journaled {
    pub(super) version: Version,
    pub(super) rank: Rank,
    pub(super) write: Write,
}

/// # Errors
/// `UnsupportedFormat`; `Io` where a directory cannot be listed.
pub(super) async fn read(config: &LanceConfig, layout: &Layout) -> Result<(Sources, Losses)> {
    let mut losses = Losses::new(&layout.root);
    let cache = BlockCache::new(0, config.block_bytes as usize).with_index_budget(config.index_cache_bytes);
    let files = Arc::new(OpenFiles::new(config.files.clone(), config.open_files));
    let table = table::salvage(&layout.table, Arc::new(cache), files).await?;
    table.notes.into_iter().for_each(|note| losses.note(note));
    for LostRun { error, rank, keys } in table.lost {
        losses.rows(error, rank, keys, None);
    }
    let mut rank = table.newest + 1;
    if table.state.is_none() {
        let what = "nothing says which of the files are current: what was deleted or is outdated may be among them";
        losses.rows(Error::corruption(&layout.table, what), rank, (Bound::Unbounded, Bound::Unbounded), None);
    }
    let covered = table.state.map(|state| (state.journal_through, state.last_version));
    let (mut journal, mut commits) = (BTreeMap::new(), 0);
    for piece in journal::salvage(&layout.journal, covered)? {
        match piece {
            Piece::Note(error) => losses.note(error),
            Piece::Gap(error) => {
                rank += 1;
                losses.rows(error, rank, (Bound::Unbounded, Bound::Unbounded), None);
            }
            Piece::Commit(record) => {
                commits += 1;
                take(&mut journal, &record, rank + 1);
            }
        }
    }
    let runs = table.runs.into_iter().map(|run| Cursor::new(run.run, run.rank, run.last_key)).collect();
    Ok((Sources { runs, journal, commits }, losses))
}

/// Takes the writes of a commit that is newer than those before.
fn take(journal: &mut BTreeMap<Key, Journaled>, record: &Record, rank: Rank) {
    for (key, write) in record.writes().flatten() {
        journal.insert(key, Journaled { version: record.version, rank, write });
    }
}
