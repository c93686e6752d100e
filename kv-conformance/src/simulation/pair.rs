//! A transaction of the store and its counterpart.

use super::step::{Read, Write};
use crate::fixture::{Mismatch, show};
use crate::model::ReferenceTransaction;
use kv_api::{Error, Key, KeyRange, Result, ScanLimit, Transactable, Val, Version};

const ALL: ScanLimit = ScanLimit::Count(u32::MAX);

/// Both of them.
pub(super) struct Pair {
    pub(super) tested: Box<dyn Transactable>,
    pub(super) model: ReferenceTransaction,
}

/// The rows that one read gives.
pub(super) type Rows = Vec<(Key, Val)>;

impl Pair {
    /// Writes in both. The error is the store's.
    pub(super) async fn write(&self, write: &Write) -> std::result::Result<Result<()>, Mismatch> {
        let tested = apply(&*self.tested, write).await;
        if tested.is_ok() {
            apply(&self.model, write).await?;
        }
        Ok(tested)
    }
}

async fn apply(tx: &dyn Transactable, write: &Write) -> Result<()> {
    match write {
        Write::Set(key, val) => tx.set(key.clone(), val.clone()).await,
        Write::Del(key) => tx.del(key.clone()).await,
        Write::Clr(key) => tx.clr(key.clone()).await,
        Write::Delr(range) => tx.delr(range.clone()).await,
        Write::Clrr(range) => tx.clrr(range.clone()).await,
    }
}

/// What a range holds, read in one of the ways that there are, and its first key by a read of its own.
pub(super) async fn read(tx: &dyn Transactable, read: &Read, at: Option<Version>) -> Result<Rows> {
    let rows = match read.backward {
        false => tx.scan(read.range.clone(), ALL, 0, at).await?,
        true => {
            let mut rows = tx.scanr(read.range.clone(), ALL, 0, at).await?;
            rows.reverse();
            rows
        }
    };
    let got = tx.get(&read.range.start, at).await?;
    let scanned = rows.iter().find(|(key, _)| *key == read.range.start).map(|(_, val)| val.clone());
    if got != scanned && !read.range.is_empty() {
        return Err(Error::backend("reading", format!("a get of {:?} differs from a scan", read.range.start)));
    }
    Ok(rows)
}

/// All rows, read forwards; backwards, by key and by count too, where that is asked for.
pub(super) async fn all(tx: &dyn Transactable, at: Option<Version>, every_way: bool) -> Result<Rows> {
    let rows = tx.scan(KeyRange::all(), ALL, 0, at).await?;
    if !every_way {
        return Ok(rows);
    }
    let differs = |how: &str| Err(Error::backend("reading", format!("{how} differs from a scan of '{}'", show(&rows))));
    let mut backward = tx.scanr(KeyRange::all(), ALL, 0, at).await?;
    backward.reverse();
    if backward != rows {
        return differs("a scan backwards");
    }
    if tx.count(KeyRange::all(), at).await? != rows.len() as u64 {
        return differs("a count");
    }
    for (key, val) in &rows {
        if tx.get(key, at).await?.as_ref() != Some(val) {
            return differs("a get");
        }
    }
    Ok(rows)
}
