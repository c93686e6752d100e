//! Opening a run whose index is damaged.
//!
//! Nothing is taken without a checksum: every block has its own, and the parts of the index, which have those, are found
//! without the index by the places that Lance's metadata gives of them.

use super::index::RunIndex;
use super::opening::Opening;
use super::{BlockCache, Run};
use crate::files::OpenFiles;
use kv_api::{Error, Result};
use lance_io::scheduler::ScanScheduler;
use std::path::PathBuf;
use std::sync::Arc;

/// A run of which some blocks may be read.
pub(in crate::table) struct Salvaged {
    pub(in crate::table) run: Run,
    /// Whether its first and last key are known.
    pub(in crate::table) bounded: bool,
    /// What is wrong with its index, and was got around.
    pub(in crate::table) damage: Vec<Error>,
}

impl Run {
    /// Opens a data file, past damage to its index where that can be.
    ///
    /// # Errors
    /// As [`open`](Self::open), where it cannot.
    pub(in crate::table) async fn salvage(
        path: PathBuf,
        name: String,
        scheduler: &Arc<ScanScheduler>,
        cache: Arc<BlockCache>,
        files: Arc<OpenFiles>,
    ) -> Result<Salvaged> {
        let opening = Opening::read(path, name, scheduler, &files).await?;
        let read = opening.read_index();
        let decoded = read.and_then(|index| RunIndex::decode(&index, opening.file.clone(), cache.indexes().clone()));
        let (index, bounded, damage) = match decoded {
            Ok(mut index) => {
                let damage = index.accept_damaged_parts();
                (index, true, damage)
            }
            Err(error @ Error::UnsupportedFormat { .. }) => return Err(error),
            Err(error) => {
                let (file, cache) = (opening.file.clone(), cache.indexes().clone());
                match RunIndex::rebuilt(&opening.parts(), opening.rows(), file, cache) {
                    Some(index) => (index, false, vec![error]),
                    None => return Err(error),
                }
            }
        };
        Ok(Salvaged { run: opening.finish(index, cache).await?, bounded, damage })
    }

    /// What is lost with a block that cannot be read: the number of the next one that may be, which is greater, and how many
    /// rows lie before that.
    pub(crate) fn lost_with(&self, block: usize) -> (usize, u64) {
        let (next, rows) = self.index.lost_with(block);
        (next.max(block + 1), rows)
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }
}
