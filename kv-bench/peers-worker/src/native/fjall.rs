//! `OptimisticTxDatabase`: a snapshot is read from; a commit writes blindly, which fjall does not check.

use super::{conflict, failed, touched};
use async_trait::async_trait;
use kv_api::Result;
use kv_bench::native::{Native, Reader};
use kv_peers::fjall::{OptimisticTxDatabase, OptimisticTxKeyspace, PersistMode, Readable, Snapshot};
use kv_peers::{Tuning, fjall_database, fjall_persistence};
use std::path::PathBuf;

pub(super) struct Fjall {
    db: OptimisticTxDatabase,
    rows: OptimisticTxKeyspace,
    tuning: Tuning,
}

impl Fjall {
    pub(super) fn open(dir: PathBuf, tuning: Tuning) -> Result<Self> {
        let (db, rows) = fjall_database(dir, tuning)?;
        Ok(Self { db, rows, tuning })
    }
}

#[async_trait]
impl Native for Fjall {
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(View { snapshot: self.db.read_tx(), rows: &self.rows }))
    }

    async fn commit(&self, key: &[u8], val: &[u8]) -> Result<()> {
        let tx = self.db.write_tx().map_err(failed)?;
        let mut tx = tx.durability(Some(fjall_persistence(self.tuning.durability)));
        tx.insert(&self.rows, key, val);
        tx.commit().map_err(failed)?.map_err(|_| conflict("fjall"))
    }

    async fn shutdown(&self) -> Result<()> {
        self.db.persist(PersistMode::SyncAll).map_err(failed)
    }
}

struct View<'a> {
    snapshot: Snapshot,
    rows: &'a OptimisticTxKeyspace,
}

impl Reader for View<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>> {
        let val = self.snapshot.get(self.rows, key).map_err(failed)?;
        Ok(val.map(|val| touched(&val)))
    }

    fn scan(&mut self, start: &[u8], count: u32) -> Result<u32> {
        let mut found = 0;
        for row in self.snapshot.range(self.rows, start..).take(count as usize) {
            let (key, val) = row.into_inner().map_err(failed)?;
            touched(&key);
            touched(&val);
            found += 1;
        }
        Ok(found)
    }
}
