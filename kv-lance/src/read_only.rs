//! Reading a store that another process may be writing to.
//!
//! A reader is at one flushed state, whose files it holds open: whatever the writer merges and removes, they can be read. It
//! takes no lock and writes nothing, so that the writer knows nothing of it. A transaction therefore keeps the state that it
//! began with.

use crate::config::LanceConfig;
use crate::core::{Background, Core, Snapshot, View};
use crate::datastore::{LanceDatastore, Role};
use crate::files::OpenFiles;
use crate::layout::Layout;
use crate::memtable::MemTable;
use crate::table::{BlockCache, Flushed, FlushedTable};
use kv_api::Result;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What only a store has that is read alone.
pub(crate) struct Reader {
    table: FlushedTable,
    /// The number of the commit whose state this is; held while a newer one is looked for.
    sequence: tokio::sync::Mutex<u64>,
    /// Held while one state takes the place of another, and while one is taken: its view and its version belong together.
    switch: Mutex<()>,
}

impl Reader {
    /// The state now, and its version.
    pub(crate) fn state(&self, core: &Core) -> Result<(Snapshot, Arc<View>)> {
        let _held = self.switch.lock();
        Ok((core.snapshot(false)?, core.views.load()))
    }

    /// Moves on to the newest state.
    pub(crate) async fn refresh(&self, core: &Core) -> Result<()> {
        let mut sequence = self.sequence.lock().await;
        let known = core.views.load().levels.clone();
        let flushed = self.table.newest(&known).await?;
        if flushed.sequence != *sequence {
            *sequence = flushed.sequence;
            let _held = self.switch.lock();
            core.snapshots.publish(flushed.state.last_version);
            core.views.edit(|view| *view = view_of(flushed));
        }
        Ok(())
    }
}

fn view_of(Flushed { levels, state, tags, .. }: Flushed) -> View {
    View { active: Arc::new(MemTable::new()), frozen: Vec::new(), levels, history_floor: state.history_floor, tags }
}

impl LanceDatastore {
    /// Opens the store to read it alone, as [`reader`](kv_api::Datastore::reader) does with one that this process has open for
    /// writing, as it was when its newest manifest was written: after the last flush, compaction or tag. Commits that are in
    /// the journal alone are not seen.
    ///
    /// It may be open elsewhere meanwhile, for writing and for reading, or have been left by a crash. No lock is taken and nothing
    /// is written, so that a medium that can only be read will do. What is read is one state, until [`refresh`](kv_api::Datastore::refresh)
    /// moves on, and stays readable whatever the writer does: a handle of each of its files is held, one for each run. The
    /// space of files that the writer has replaced is free once the last reader of them has moved on or closed.
    ///
    /// Whatever would write answers [`StoreReadonly`](kv_api::Error::StoreReadonly). [`changes`](kv_api::Datastore::changes), and
    /// timestamps of transactions, are not supported. Blocks are cached apart from those of other openings, within a budget of the same
    /// size.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for `StoreLocked`; [`Io`](kv_api::Error::Io) also where the process may not have as many files
    /// open as there are runs, or where a writer has replaced the state 32 times while its files were being opened.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use kv_api::{Datastore, TransactionOptions};
    /// use kv_lance::{LanceConfig, LanceDatastore};
    ///
    /// let dir = tempfile::tempdir().unwrap();
    /// let config = LanceConfig::new(dir.path().join("store"));
    /// let writer = LanceDatastore::open(config.clone()).await?;
    /// let reader = LanceDatastore::open_read_only(config).await?;
    /// let tx = writer.begin(TransactionOptions::write()).await?;
    /// tx.set("city/Bergen".into(), "60.39 N".into()).await?;
    /// tx.commit().await?;
    /// writer.flush().await?;
    ///
    /// reader.refresh().await?;
    /// let tx = reader.begin(TransactionOptions::read()).await?;
    /// assert_eq!(tx.get(b"city/Bergen", None).await?.as_deref(), Some(&b"60.39 N"[..]));
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn open_read_only(config: LanceConfig) -> Result<Self> {
        config.validate()?;
        let layout = Layout::to_read(config.files.clone(), &config.path)?;
        let cache = BlockCache::new(config.cache_bytes, config.block_bytes as usize);
        let cache = Arc::new(cache.with_index_budget(config.index_cache_bytes));
        let files = Arc::new(OpenFiles::holding(config.files.clone()));
        let table = FlushedTable::at(&layout.table, cache.clone(), files.clone());
        let flushed = table.newest(&Default::default()).await?;
        let (sequence, version) = (flushed.sequence, flushed.state.last_version);
        // Nobody listens: there is no background work.
        let background = Background::new(mpsc::unbounded_channel().0, config.compaction_bandwidth);
        let core = Arc::new(Core::new(config, view_of(flushed), version, background));
        let reader = Reader { table, sequence: tokio::sync::Mutex::new(sequence), switch: Mutex::new(()) };
        Ok(Self { core, cache, files, role: Role::Reader(reader) })
    }
}
