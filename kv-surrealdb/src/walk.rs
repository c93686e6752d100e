//! A walk through a range in either direction that goes on where it stopped: what cursors and scans are made of.

use crate::error::Mapped as _;
use crate::range::range;
use kv_api::{KeyRange, ScanLimit, Transactable, Version};
use std::ops::ControlFlow;
use surrealdb_kvs::api::{KeyVisitor, ScanChunkStats, ValVisitor};
use surrealdb_kvs::{Direction, Result};

/// What is fetched at once: bounded by both, so that neither long values nor short ones cost much memory.
const PAGE_ROWS: u32 = 1000;
const PAGE_BYTES: u32 = 1 << 20;

/// What is left of a range.
pub(crate) struct Walk<'a> {
    tx: &'a dyn Transactable,
    left: KeyRange,
    direction: Direction,
    version: Option<Version>,
    skip: u32,
    ended: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        tx: &'a dyn Transactable,
        over: surrealdb_kvs::KeyRange<'_>,
        direction: Direction,
        skip: u32,
        version: Option<Version>,
    ) -> Self {
        Self { tx, left: range(over), direction, version, skip, ended: false }
    }

    /// Hands out up to `limit` keys, or fewer where `visit` breaks off.
    pub(crate) async fn keys(&mut self, limit: u32, visit: &mut dyn KeyVisitor) -> Result<ScanChunkStats> {
        let mut stats = ScanChunkStats::default();
        while !self.ended && stats.rows < u64::from(limit) {
            let (before, wanted) = (stats, self.wanted(limit, &stats));
            let page = ScanLimit::BytesOrCount(PAGE_BYTES, wanted);
            let (left, skip) = (self.left.clone(), std::mem::take(&mut self.skip));
            let keys = match self.direction {
                Direction::Forward => self.tx.keys(left, page, skip, self.version).await,
                Direction::Backward => self.tx.keysr(left, page, skip, self.version).await,
            }
            .mapped()?;
            for key in keys {
                let flow = visit(&key)?;
                count(&mut stats, &key, &[]);
                self.pass(&key);
                if flow == ControlFlow::Break(()) {
                    return Ok(stats);
                }
            }
            self.ended = is_last(&before, &stats, wanted);
        }
        Ok(stats)
    }

    /// As [`keys`](Self::keys), with the values.
    pub(crate) async fn vals(&mut self, limit: u32, visit: &mut dyn ValVisitor) -> Result<ScanChunkStats> {
        let mut stats = ScanChunkStats::default();
        while !self.ended && stats.rows < u64::from(limit) {
            let (before, wanted) = (stats, self.wanted(limit, &stats));
            let page = ScanLimit::BytesOrCount(PAGE_BYTES, wanted);
            let (left, skip) = (self.left.clone(), std::mem::take(&mut self.skip));
            let rows = match self.direction {
                Direction::Forward => self.tx.scan(left, page, skip, self.version).await,
                Direction::Backward => self.tx.scanr(left, page, skip, self.version).await,
            }
            .mapped()?;
            for (key, val) in rows {
                let flow = visit(&key, &val)?;
                count(&mut stats, &key, &val);
                self.pass(&key);
                if flow == ControlFlow::Break(()) {
                    return Ok(stats);
                }
            }
            self.ended = is_last(&before, &stats, wanted);
        }
        Ok(stats)
    }

    fn wanted(&self, limit: u32, stats: &ScanChunkStats) -> u32 {
        let left = u64::from(limit).saturating_sub(stats.rows);
        u32::try_from(left).unwrap_or(u32::MAX).min(PAGE_ROWS)
    }

    fn pass(&mut self, key: &[u8]) {
        match self.direction {
            Direction::Forward => self.left.start = KeyRange::key_after(key),
            Direction::Backward => self.left.end = Some(key.to_vec().into()),
        }
    }
}

/// Whether a page ended before either of its bounds was reached: there is no row after it.
fn is_last(before: &ScanChunkStats, after: &ScanChunkStats, wanted: u32) -> bool {
    let bytes = |stats: &ScanChunkStats| stats.key_bytes + stats.value_bytes;
    after.rows - before.rows < wanted.into() && bytes(after) - bytes(before) < PAGE_BYTES.into()
}

fn count(stats: &mut ScanChunkStats, key: &[u8], val: &[u8]) {
    stats.rows += 1;
    stats.key_bytes += key.len() as u64;
    stats.value_bytes += val.len() as u64;
}
