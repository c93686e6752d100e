//! LMDB: a read transaction hands out what is in the map, nothing is copied; a commit is a write transaction.

use super::{failed, touched};
use async_trait::async_trait;
use kv_api::Result;
use kv_bench::native::{Native, Reader};
use kv_peers::heed::{Env, Result as HeedResult, RoTxn, WithoutTls};
use kv_peers::{LmdbRows, Tuning, lmdb_environment};
use std::ops::Bound;
use std::path::PathBuf;

pub(super) struct Lmdb {
    env: Env<WithoutTls>,
    rows: LmdbRows,
}

impl Lmdb {
    pub(super) fn open(dir: PathBuf, tuning: Tuning) -> Result<Self> {
        let (env, rows) = lmdb_environment(dir, tuning)?;
        Ok(Self { env, rows })
    }

    fn overwrite(&self, key: &[u8], val: &[u8]) -> HeedResult<()> {
        let mut tx = self.env.write_txn()?;
        self.rows.put(&mut tx, key, val)?;
        tx.commit()
    }
}

#[async_trait]
impl Native for Lmdb {
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(View { tx: self.env.read_txn().map_err(failed)?, rows: self.rows }))
    }

    async fn commit(&self, key: &[u8], val: &[u8]) -> Result<()> {
        self.overwrite(key, val).map_err(failed)
    }

    async fn shutdown(&self) -> Result<()> {
        self.env.force_sync().map_err(failed)
    }
}

struct View<'a> {
    tx: RoTxn<'a, WithoutTls>,
    rows: LmdbRows,
}

impl Reader for View<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>> {
        Ok(self.rows.get(&self.tx, key).map_err(failed)?.map(touched))
    }

    fn scan(&mut self, start: &[u8], count: u32) -> Result<u32> {
        let range = (Bound::Included(start), Bound::Unbounded);
        let mut found = 0;
        for row in self.rows.range(&self.tx, &range).map_err(failed)?.take(count as usize) {
            let (key, val) = row.map_err(failed)?;
            touched(key);
            touched(val);
            found += 1;
        }
        Ok(found)
    }
}
