//! Looking at a whole store without changing it.

use crate::config::LanceConfig;
use crate::files::OpenFiles;
use crate::journal;
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::table::{self, BlockCache};
use kv_api::{Error, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// What is wrong with a file of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The file, or the directory of the table that it is of.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// What a store holds, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Runs that could be read, those of history among them.
    pub runs: u64,
    /// Blocks of these.
    pub blocks: u64,
    /// Rows of these: of each key the newest, older ones and deletions.
    pub rows: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Journal segments that the table does not cover.
    pub segments: u64,
    /// Commits in these.
    pub commits: u64,
    /// What is wrong; nothing where the store is sound.
    pub damage: Vec<Damage>,
}

/// Reads a whole closed store: the journal, every block of every run with all checksums, manifests, and what these say of
/// each other. Nothing is written, and a store on a medium that can only be read will do.
///
/// Where a closed store is [sound](Verified::damage), [opening](crate::LanceDatastore::open) it and all reads give the right
/// answers. All is read twice or thrice, and none of it is kept in memory.
///
/// # Errors
/// [`NotAStore`](Error::NotAStore), [`StoreLocked`](Error::StoreLocked) while a process has it open,
/// [`UnsupportedFormat`](Error::UnsupportedFormat), [`InvalidConfiguration`](Error::InvalidConfiguration).
pub async fn verify(config: &LanceConfig) -> Result<Verified> {
    config.validate()?;
    let layout = Layout::prepare(config.files.clone(), &config.path, false)?;
    let _lock = StoreLock::acquire_to_read(&layout.root)?;
    let cache = BlockCache::new(0, config.block_bytes as usize).with_index_budget(config.index_cache_bytes);
    let files = Arc::new(OpenFiles::new(config.files.clone(), config.open_files));
    let table = table::verify(&layout.table, Arc::new(cache), files).await?;
    let covered = table.state.map(|state| (state.journal_through, state.last_version));
    let journal = journal::verify(&layout.journal, covered);
    let damage = table.damage.into_iter().chain(journal.damage).map(|e| damage(e, &layout.root)).collect();
    Ok(Verified {
        runs: table.runs,
        blocks: table.blocks,
        rows: table.rows,
        bytes: table.bytes,
        segments: journal.segments,
        commits: journal.commits,
        damage,
    })
}

/// What an error says of a file.
fn damage(error: Error, root: &std::path::Path) -> Damage {
    match error {
        Error::Corruption { path, detail } => Damage { path, what: detail },
        Error::NotAStore { path, reason } => Damage { path, what: reason },
        Error::Io { operation, path, source } => Damage { path, what: format!("{operation} it: {source}") },
        other => Damage { path: root.into(), what: other.to_string() },
    }
}
