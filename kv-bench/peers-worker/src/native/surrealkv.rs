//! SurrealKV: a read-only transaction is read from; a commit is a transaction of its own, and asynchronous.

use super::{conflict, failed, touched};
use async_trait::async_trait;
use kv_api::Result;
use kv_bench::native::{Native, Reader};
use kv_peers::surrealkv::{Error, LSMIterator, Mode, ReadOptions, Transaction, Tree};
use kv_peers::{Tuning, surrealkv_durability, surrealkv_tree};
use std::path::PathBuf;

pub(super) struct Surreal {
    tree: Tree,
    tuning: Tuning,
}

impl Surreal {
    pub(super) async fn open(dir: PathBuf, tuning: Tuning) -> Result<Self> {
        Ok(Self { tree: surrealkv_tree(dir, tuning).await?, tuning })
    }
}

#[async_trait]
impl Native for Surreal {
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(View(self.tree.begin_with_mode(Mode::ReadOnly).map_err(failed)?)))
    }

    async fn commit(&self, key: &[u8], val: &[u8]) -> Result<()> {
        let tx = self.tree.begin_with_mode(Mode::ReadWrite).map_err(failed)?;
        let mut tx = tx.with_durability(surrealkv_durability(self.tuning.durability));
        tx.set(key, val).map_err(failed)?;
        tx.commit().await.map_err(|e| match e {
            Error::TransactionWriteConflict | Error::TransactionRetry => conflict("SurrealKV"),
            e => failed(e),
        })
    }

    async fn shutdown(&self) -> Result<()> {
        self.tree.close().await.map_err(failed)
    }
}

struct View(Transaction);

impl View {
    fn count(&self, start: &[u8], count: u32) -> Result<u32, Error> {
        let mut options = ReadOptions::new();
        options.set_iterate_lower_bound(Some(start.to_vec()));
        let mut rows = self.0.range_with_options(&options)?;
        rows.seek_first()?;
        let mut found = 0;
        while found < count && rows.valid() {
            touched(rows.key().user_key());
            touched(&rows.value()?);
            found += 1;
            rows.next()?;
        }
        Ok(found)
    }
}

impl Reader for View {
    fn get(&mut self, key: &[u8]) -> Result<Option<usize>> {
        let val = self.0.get(key).map_err(failed)?;
        Ok(val.map(|val| touched(&val)))
    }

    fn scan(&mut self, start: &[u8], count: u32) -> Result<u32> {
        self.count(start, count).map_err(failed)
    }
}
