//! Point lookups in a run.

use super::Run;
use super::block::KeyBlock;
use kv_api::{Result, Val, Version};
use std::sync::Arc;

/// Where a row was found.
pub(crate) struct RowPlace {
    pub(crate) block: usize,
    pub(crate) row: usize,
    pub(crate) keys: Arc<KeyBlock>,
}

impl RowPlace {
    pub(crate) fn version(&self) -> Version {
        self.keys.version(self.row)
    }
}

/// What a search finds in a block.
enum Look {
    Found(usize),
    Absent,
    /// Where it is anywhere, it is the first row of the next.
    InNextBlock,
}

impl Run {
    /// The newest row of `key` up to `version`.
    pub(crate) async fn find(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<RowPlace>> {
        match self.index.find(key, version, hash)? {
            Some(block) => self.find_from(block, key, version).await,
            None => Ok(None),
        }
    }

    /// The same, past the filter: for a key that the run is known to have.
    pub(crate) async fn seek(&self, key: &[u8], version: Version) -> Result<Option<RowPlace>> {
        self.find_from(self.block_at(key, version)?, key, version).await
    }

    async fn find_from(&self, mut block: usize, key: &[u8], version: Version) -> Result<Option<RowPlace>> {
        loop {
            let keys = self.keys_alone(block).await?;
            match look(&keys, key, version) {
                Look::Found(row) => return Ok(Some(RowPlace { block, row, keys })),
                Look::Absent => return Ok(None),
                Look::InNextBlock => block += 1,
            }
        }
    }

    /// As [`find`](Self::find), from memory alone; `None` where the file has to be read.
    pub(crate) fn find_cached(&self, key: &[u8], version: Version, hash: u64) -> Option<Option<RowPlace>> {
        let Some(mut block) = self.index.find_cached(key, version, hash)? else { return Some(None) };
        loop {
            let keys = self.cache.keys(self.id, block as u32)?;
            match look(&keys, key, version) {
                Look::Found(row) => return Some(Some(RowPlace { block, row, keys })),
                Look::Absent => return Some(None),
                Look::InNextBlock => block += 1,
            }
        }
    }

    /// As [`get`](Self::get), from memory alone; `None` where the file has to be read.
    pub(crate) fn get_cached(&self, key: &[u8], version: Version, hash: u64) -> Option<Option<Option<Val>>> {
        match self.find_cached(key, version, hash)? {
            None => Some(None),
            Some(found) => self.val_of_cached(&found).map(Some),
        }
    }

    /// The value of `key` at `version`: `None` where the run has no row for it, `Some(None)` for a
    /// tombstone.
    pub(crate) async fn get(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<Option<Val>>> {
        match self.find(key, version, hash).await? {
            None => Ok(None),
            Some(found) => Ok(Some(self.val_of(&found).await?)),
        }
    }

    /// As [`get`](Self::get), without reading the value: whether there is one.
    pub(crate) async fn exists(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<bool>> {
        Ok(self.find(key, version, hash).await?.map(|found| !found.keys.is_tombstone(found.row)))
    }

    /// The value of a row that was found; `None` for a tombstone.
    pub(crate) async fn val_of(&self, place: &RowPlace) -> Result<Option<Val>> {
        if place.keys.is_tombstone(place.row) {
            return Ok(None);
        }
        Ok(Some(self.vals(place.block).await?.slice(place.row)))
    }

    /// The same, from memory alone; `None` where the file has to be read.
    pub(crate) fn val_of_cached(&self, place: &RowPlace) -> Option<Option<Val>> {
        if place.keys.is_tombstone(place.row) {
            return Some(None);
        }
        self.cache.vals(self.id, place.block as u32).map(|vals| Some(vals.slice(place.row)))
    }

    /// The version of the newest row of `key`.
    pub(crate) async fn newest(&self, key: &[u8], hash: u64) -> Result<Option<Version>> {
        Ok(self.find(key, Version::MAX, hash).await?.map(|found| found.keys.version(found.row)))
    }
}

/// Looks for a row in the block in which the search begins, or in the one behind it.
fn look(keys: &KeyBlock, key: &[u8], version: Version) -> Look {
    let row = keys.lower_bound(key, version);
    if row < keys.len() {
        return if keys.key(row) == key { Look::Found(row) } else { Look::Absent };
    }
    match row.checked_sub(1) {
        Some(last) if keys.goes_on() && keys.key(last) == key => Look::InNextBlock,
        _ => Look::Absent,
    }
}
