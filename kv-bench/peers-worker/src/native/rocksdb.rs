//! `OptimisticTransactionDB`: pinned gets and a raw iterator of a snapshot; a commit is a transaction with a snapshot.

use super::{conflict, failed, touched};
use async_trait::async_trait;
use kv_api::Result;
use kv_bench::native::{Native, Reader};
use kv_peers::rocksdb::{
    ErrorKind, OptimisticTransactionDB, OptimisticTransactionOptions, ReadOptions, SnapshotWithThreadMode,
};
use kv_peers::{Tuning, rocksdb_database, rocksdb_writes};
use std::path::PathBuf;

pub(super) struct Rocks {
    db: OptimisticTransactionDB,
    tuning: Tuning,
}

impl Rocks {
    pub(super) fn open(dir: PathBuf, tuning: Tuning) -> Result<Self> {
        Ok(Self { db: rocksdb_database(dir, tuning)?, tuning })
    }
}

#[async_trait]
impl Native for Rocks {
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(View(self.db.snapshot())))
    }

    async fn commit(&self, key: &[u8], val: &[u8]) -> Result<()> {
        let mut options = OptimisticTransactionOptions::default();
        options.set_snapshot(true);
        let tx = self.db.transaction_opt(&rocksdb_writes(self.tuning.durability), &options);
        tx.put(key, val).map_err(failed)?;
        tx.commit().map_err(|e| match e.kind() {
            ErrorKind::Busy | ErrorKind::TryAgain => conflict("RocksDB"),
            _ => failed(e),
        })
    }

    async fn shutdown(&self) -> Result<()> {
        self.db.cancel_all_background_work(true);
        Ok(())
    }
}

struct View<'a>(SnapshotWithThreadMode<'a, OptimisticTransactionDB>);

impl Reader for View<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>> {
        let val = self.0.get_pinned(key).map_err(failed)?;
        Ok(val.map(|val| touched(&val)))
    }

    fn scan(&mut self, start: &[u8], count: u32) -> Result<u32> {
        let mut rows = self.0.raw_iterator_opt(ReadOptions::default());
        rows.seek(start);
        let mut found = 0;
        while found < count {
            let Some((key, val)) = rows.item() else { break };
            touched(key);
            touched(val);
            found += 1;
            rows.next();
        }
        rows.status().map_err(failed)?;
        Ok(found)
    }
}
