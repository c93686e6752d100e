//! Saving what can be saved of a damaged store into a new one.
//!
//! [`sources`] says what is left of runs and journal, [`merge`] goes through it in the order of the keys and finds of each
//! the newest row, [`losses`] keeps what cannot be read, by the keys that it may hide, and [`target`] writes the new store.

mod cursor;
mod losses;
mod merge;
mod sources;
mod target;

use crate::config::LanceConfig;
use crate::layout::{Layout, check_new};
use crate::lock::StoreLock;
use kv_api::{Key, Result};
use std::ops::Bound;
use std::path::PathBuf;
use target::Target;

/// How to repair.
#[derive(Debug, Clone, Default)]
pub struct RepairOptions {
    strict: bool,
}

impl RepairOptions {
    /// Whether to leave out every key of which a newer value, or a deletion, may have been lost. Default = no: the value that
    /// was found is saved, and counted as [doubtful](Repaired::doubtful).
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }
}

/// Something of a store that cannot be read, or is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// The file, or the directory of the table that it is of.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// Between which keys rows may have been lost by it; `None` where no row of the newest state was.
    pub keys: Option<(Bound<Key>, Bound<Key>)>,
    /// How many rows cannot be read, where that is known. Some of them may have been superseded.
    pub rows: Option<u64>,
    /// Keys of which there is an older value, and this may have hidden a newer one, or a deletion. Where several may have,
    /// it is counted once.
    pub doubtful: u64,
}

/// What a repair has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// Keys that have a value in the new store.
    pub keys: u64,
    /// Bytes of these keys and values.
    pub bytes: u64,
    /// Keys of which only a value is left that may be outdated, or deleted: saved with that, or with
    /// [`strict`](RepairOptions::strict) left out.
    pub doubtful: u64,
    /// Commits that were read from the journal.
    pub commits: u64,
    /// What cannot be read; nothing where the store is undamaged.
    pub losses: Vec<Loss>,
}

/// Saves what can be saved of a closed, damaged store into a new one at `into`: of each key the newest value. Older versions
/// are not taken over, and those of the new store are new. A store that is undamaged is copied.
///
/// The damaged store is opened to read alone, and stays as it is to the byte. Only what has the right checksum is taken, so
/// each value that is saved was once committed under its key. A commit in the journal is saved whole or not at all; of one
/// that was in a run already, rows may be saved and others not.
///
/// What cannot be read may hide a newer row of a key, or its deletion: an older value that is found is *doubtful* then.
///
/// `progress` is told how many rows have been looked at, and of how many.
///
/// # Errors
/// [`NotAStore`](kv_api::Error::NotAStore) where there is none, or where `into` holds anything, or lies in the store;
/// [`StoreLocked`](kv_api::Error::StoreLocked) while a process has it open,
/// [`UnsupportedFormat`](kv_api::Error::UnsupportedFormat),
/// [`InvalidConfiguration`](kv_api::Error::InvalidConfiguration); what writing the new store gives, which is incomplete then:
/// remove it.
pub async fn repair(
    config: &LanceConfig,
    into: &LanceConfig,
    options: &RepairOptions,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<Repaired> {
    config.validate()?;
    into.validate()?;
    let layout = Layout::of_damaged(config.files.clone(), &config.path)?;
    check_new(&layout.root, &into.path, "repaired")?;
    let _lock = StoreLock::acquire_to_read(&layout.root)?;
    let (sources, losses) = sources::read(config, &layout).await?;
    // Only now is it known that there is something to save.
    let mut target = Target::make(into).await?;
    let merged = merge::merge(sources, losses, options, &mut target, progress).await;
    let closed = target.close().await;
    let repaired = merged?;
    closed?;
    Ok(repaired)
}
