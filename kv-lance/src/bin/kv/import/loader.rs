//! Writes the entries of a source in batches, a transaction each.

use super::directory::Skipped;
use super::entry::Source;
use super::progress::Progress;
use crate::failure::{Failure, Outcome};
use kv_api::{Datastore, TransactionOptions};
use std::fmt::Display;

/// A batch ends with the entry that reaches this.
const BATCH_BYTES: u64 = 4 << 20;

/// What an import has committed.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) entries: u64,
    /// Of keys and values.
    pub(crate) bytes: u64,
    pub(crate) skipped: Skipped,
}

/// Writes every entry, `batch` of them a transaction. Stops at the first that cannot be read or written: its batch is not in the
/// store then, and the ones before are.
pub(crate) async fn load(
    store: &dyn Datastore,
    mut source: Source,
    prefix: &[u8],
    batch: u32,
    progress: &Progress,
) -> Outcome<Loaded> {
    let mut loaded = Loaded { skipped: source.skipped, ..Loaded::default() };
    loop {
        let tx = store.begin(TransactionOptions::write()).await?;
        let (mut entries, mut bytes, mut read) = (0, 0, 0);
        while entries < u64::from(batch) && bytes < BATCH_BYTES {
            let Some(entry) = source.entries.next() else { break };
            let entry = entry.map_err(|bad| loaded.stopped(bad))?;
            let key = [prefix, &entry.key].concat();
            entries += 1;
            bytes += (key.len() + entry.val.as_ref().map_or(0, Vec::len)) as u64;
            read = entry.read;
            let written = match entry.val {
                Some(val) => tx.set(key.into(), val.into()).await,
                None => tx.del(key.into()).await,
            };
            written.map_err(|e| loaded.stopped(format!("{}: {e}", entry.place)))?;
        }
        if entries == 0 {
            tx.cancel().await?;
            return Ok(loaded);
        }
        tx.commit().await.map_err(|e| loaded.stopped(e))?;
        loaded.entries += entries;
        loaded.bytes += bytes;
        progress.reached(read, loaded.entries);
    }
}

impl Loaded {
    fn stopped(&self, reason: impl Display) -> Failure {
        Failure::File(format!("{reason} (committed before it: {} entries)", self.entries))
    }
}
