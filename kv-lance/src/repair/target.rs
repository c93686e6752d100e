//! The new store: where it may be, and how it is written.

use crate::config::LanceConfig;
use crate::datastore::LanceDatastore;
use kv_api::{Datastore, Error, Key, Result, Transactable, TransactionOptions, Val};
use std::path::{Path, PathBuf};

/// A transaction ends with the row that reaches this.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_ROWS: usize = 10_000;

/// # Errors
/// `NotAStore` where there is anything at the new store's place, or it lies in the old one.
pub(super) fn check(store: &Path, into: &LanceConfig) -> Result<()> {
    let path = &into.path;
    let refused = |reason: &str| Err(Error::NotAStore { path: path.clone(), reason: reason.into() });
    if real_path(path).map_err(|e| Error::io("looking for", path, e))?.starts_with(store) {
        return refused("it lies in the store that is to be repaired: give another place");
    }
    match std::fs::read_dir(path) {
        Ok(found) => match found.count() {
            0 => Ok(()),
            _ => refused("it holds something: give an empty folder, or none"),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => refused("it is a file, not a directory"),
        Err(e) => Err(Error::io("opening", path, e)),
    }
}

/// Where a path leads that need not be there: the part that is, without links, and the rest.
fn real_path(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let (mut there, mut rest) = (path.as_path(), Vec::new());
    loop {
        match there.canonicalize() {
            Ok(real) => return Ok(rest.iter().rev().fold(real, |path, name| path.join(name))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        // There is no name where it ends with `..`: that of nothing is nowhere.
        let Some((parent, name)) = there.parent().zip(there.file_name()) else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        rest.push(name);
        there = parent;
    }
}

/// The new store, while it is written.
pub(super) struct Target {
    store: LanceDatastore,
    tx: Option<Box<dyn Transactable>>,
    bytes: usize,
    rows: usize,
}

impl Target {
    pub(super) async fn make(into: &LanceConfig) -> Result<Self> {
        let store = LanceDatastore::open(into.clone().create(true)).await?;
        Ok(Self { store, tx: None, bytes: 0, rows: 0 })
    }

    pub(super) async fn set(&mut self, key: Key, val: Val) -> Result<()> {
        self.bytes += key.len() + val.len();
        self.rows += 1;
        let tx = match self.tx.take() {
            Some(tx) => tx,
            None => self.store.begin(TransactionOptions::write()).await?,
        };
        tx.set(key, val).await?;
        self.tx = Some(tx);
        if self.bytes >= BATCH_BYTES || self.rows >= BATCH_ROWS {
            self.commit().await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        (self.bytes, self.rows) = (0, 0);
        match self.tx.take() {
            Some(tx) => tx.commit().await,
            None => Ok(()),
        }
    }

    /// Writes what is left, and closes the store.
    pub(super) async fn close(mut self) -> Result<()> {
        let written = async {
            self.commit().await?;
            self.store.flush().await
        };
        let written = written.await;
        let closed = self.store.shutdown().await;
        written.and(closed)
    }
}
