//! redb: a table of a read transaction is read from; a commit is a write transaction.

use super::{failed, touched};
use async_trait::async_trait;
use kv_api::Result;
use kv_bench::native::{Native, Reader};
use kv_peers::redb::{Database, Error, ReadOnlyTable, ReadableDatabase};
use kv_peers::{REDB_TABLE, Tuning, redb_database, redb_durability};
use std::path::PathBuf;

pub(super) struct Redb {
    db: Database,
    tuning: Tuning,
}

impl Redb {
    pub(super) fn open(dir: PathBuf, tuning: Tuning) -> Result<Self> {
        Ok(Self { db: redb_database(dir, tuning)?, tuning })
    }

    fn view(&self) -> Result<View, Error> {
        Ok(View(self.db.begin_read()?.open_table(REDB_TABLE)?))
    }

    fn overwrite(&self, key: &[u8], val: &[u8]) -> Result<(), Error> {
        let mut tx = self.db.begin_write()?;
        tx.set_durability(redb_durability(self.tuning.durability))?;
        tx.open_table(REDB_TABLE)?.insert(key, val)?;
        Ok(tx.commit()?)
    }
}

#[async_trait]
impl Native for Redb {
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(self.view().map_err(failed)?))
    }

    async fn commit(&self, key: &[u8], val: &[u8]) -> Result<()> {
        self.overwrite(key, val).map_err(failed)
    }

    async fn shutdown(&self) -> Result<()> {
        // Closed when it is dropped; every commit has been synced.
        Ok(())
    }
}

struct View(ReadOnlyTable<&'static [u8], &'static [u8]>);

impl Reader for View {
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>> {
        let val = self.0.get(key).map_err(failed)?;
        Ok(val.map(|val| touched(val.value())))
    }

    fn scan(&mut self, start: &[u8], count: u32) -> Result<u32> {
        let mut found = 0;
        for row in self.0.range(start..).map_err(failed)?.take(count as usize) {
            let (key, val) = row.map_err(failed)?;
            touched(key.value());
            touched(val.value());
            found += 1;
        }
        Ok(found)
    }
}
