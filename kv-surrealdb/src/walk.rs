//! A walk through a range in either direction that goes on where it stopped: what cursors and scans
//! are made of.

use crate::error::Mapped as _;
use crate::range::range;
use kv_api::{Direction, KeyRange, Transactable, Version};
use std::ops::ControlFlow;
use surrealdb_kvs::Result;
use surrealdb_kvs::api::{KeyVisitor, ScanChunkStats, ValVisitor};

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
        direction: surrealdb_kvs::Direction,
        skip: u32,
        version: Option<Version>,
    ) -> Self {
        let direction = match direction {
            surrealdb_kvs::Direction::Forward => Direction::Forward,
            surrealdb_kvs::Direction::Backward => Direction::Backward,
        };
        Self { tx, left: range(over), direction, version, skip, ended: false }
    }

    /// Shows `visit` up to `limit` keys, or fewer where it breaks off.
    pub(crate) async fn keys(&mut self, limit: u32, visit: &mut dyn KeyVisitor) -> Result<ScanChunkStats> {
        self.rows(limit, false, &mut |key: &[u8], _: &[u8]| visit(key)).await
    }

    /// As [`keys`](Self::keys), with the values.
    pub(crate) async fn vals(&mut self, limit: u32, visit: &mut dyn ValVisitor) -> Result<ScanChunkStats> {
        self.rows(limit, true, visit).await
    }

    async fn rows(&mut self, limit: u32, vals: bool, visit: &mut dyn ValVisitor) -> Result<ScanChunkStats> {
        let mut stats = ScanChunkStats::default();
        if limit == 0 {
            // No row, and the checks that come before rows.
            self.tx.getm(Vec::new(), self.version).await.mapped()?;
        }
        if limit == 0 || self.ended {
            return Ok(stats);
        }
        let skip = &mut self.skip;
        let mut stopped = None;
        let mut failed = Ok(());
        let mut show = |key: &[u8], val: &[u8]| {
            if *skip > 0 {
                *skip -= 1;
                return ControlFlow::Continue(());
            }
            let flow = match visit(key, val) {
                Ok(flow) => flow,
                Err(e) => {
                    failed = Err(e);
                    return ControlFlow::Break(());
                }
            };
            stats.rows += 1;
            stats.key_bytes += key.len() as u64;
            stats.value_bytes += val.len() as u64;
            if flow.is_continue() && stats.rows < u64::from(limit) {
                return flow;
            }
            stopped = Some(key.to_vec());
            ControlFlow::Break(())
        };
        self.tx.visit(self.left.clone(), self.direction, self.version, vals, &mut show).await.mapped()?;
        failed?;
        match stopped {
            None => self.ended = true,
            Some(key) => match self.direction {
                Direction::Forward => self.left.start = KeyRange::key_after(&key),
                Direction::Backward => self.left.end = Some(key.into()),
            },
        }
        Ok(stats)
    }
}
