//! Publishing: a table for other tools with exactly one row for each key that has a value, as of one version.
//!
//! The table of the store itself has older rows and deletions as well, as far as runs have not been merged. `published.lance`,
//! beside it, has the same files, and for each what Lance calls a deletion file: the rows that nobody is to see. So nothing
//! is copied, and nothing in the store waits.

mod adopt;
mod hidden;
mod keys;

pub use adopt::Adopted;

use crate::core::{Command, Core};
use crate::datastore::{LanceDatastore, unanswered};
use crate::table::{Levels, PublishedTable};
use hidden::hidden;
use kv_api::{Error, Result, Version, check_tag_name};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};

/// What one publication shows stays for so long once another has taken its place. Readers of it hold no files and take no
/// locks, so that nobody knows when they have ended.
const READER_GRACE: Duration = Duration::from_secs(10 * 60);

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publication {
    /// The Lance dataset.
    pub path: PathBuf,
    /// The version of the dataset that shows this.
    pub dataset_version: u64,
    /// The version of the store that it shows: every commit up to there, and none later.
    pub version: Version,
    /// As many rows as there are keys with a value.
    pub rows: u64,
}

/// The one who publishes, one publication after the other.
pub(crate) type Publisher = Arc<Mutex<PublishedTable>>;

impl LanceDatastore {
    /// Makes the Lance dataset `published.lance`, in the store's directory, show the store as it is now: the columns
    /// `key, version, tombstone, val`, with exactly one row for each key that has a value (and `tombstone` false), in no particular
    /// order. With a name, that version of the dataset is tagged in Lance, and stays until
    /// [`unpublish`](Self::unpublish).
    ///
    /// What is in memory is flushed. No row is copied: the dataset has the store's own files, and says of each which rows are
    /// hidden. This reads keys alone, of what has been written since the last publication, and of what that replaces.
    /// Readers and writers go on meanwhile. Publications come one after the other; where the future is dropped, one that has
    /// begun goes on.
    ///
    /// A version of the dataset without a tag can be read for ten minutes after the next has replaced it, and so takes the space of
    /// files that the store has replaced; with a tag, for as long as that is there. What other tools do to the dataset,
    /// except for indexes and tags, is undone by the next publication, unless [`adopt`](Self::adopt) takes it in; the store never reads it, and where it is removed, it is made
    /// anew.
    ///
    /// # Errors
    /// [`InvalidTagName`](Error::InvalidTagName), [`TagExists`](Error::TagExists) where a publication has that name,
    /// [`StoreReadonly`](Error::StoreReadonly), [`StoreClosed`](Error::StoreClosed), also where the store is shut down
    /// meanwhile, [`Io`](Error::Io) and others of the table; what was published before is still there then.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use kv_api::{Datastore, TransactionOptions};
    /// use kv_lance::{LanceConfig, LanceDatastore};
    ///
    /// let dir = tempfile::tempdir().unwrap();
    /// let store = LanceDatastore::open(LanceConfig::new(dir.path())).await?;
    /// for temperature in ["21.5", "22.0"] {
    ///     let tx = store.begin(TransactionOptions::write()).await?;
    ///     tx.set("room/kitchen".into(), temperature.into()).await?;
    ///     tx.commit().await?;
    /// }
    /// let published = store.publish(Some("evening")).await?;
    /// assert_eq!(published.rows, 1);
    ///
    /// let dataset = lance::Dataset::open(published.path.to_str().unwrap()).await.unwrap();
    /// let dataset = dataset.checkout_version("evening").await.unwrap();
    /// assert_eq!(dataset.count_rows(Some("val = CAST('22.0' AS BINARY)".into())).await.unwrap(), 1);
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn publish(&self, name: Option<&str>) -> Result<Publication> {
        let writer = self.writer()?;
        if let Some(name) = name {
            check_tag_name(name)?;
        }
        self.freeze(writer).await?;
        let (done, flushed) = oneshot::channel();
        self.core.background.ask(Command::Flushed(done)).map_err(|()| unanswered(&self.core))?;
        let (core, publisher, name) = (self.core.clone(), writer.publisher.clone(), name.map(str::to_owned));
        on_a_thread(&self.core, publish(core, publisher, flushed, name)).await
    }

    /// Removes the name of a publication. The space that it alone takes is free ten minutes after it was replaced, with the
    /// next publication or removal of a name.
    ///
    /// # Errors
    /// [`TagNotFound`](Error::TagNotFound); else as [`publish`](Self::publish).
    pub async fn unpublish(&self, name: &str) -> Result<()> {
        let writer = self.writer()?;
        check_tag_name(name)?;
        let (core, publisher, name) = (self.core.clone(), writer.publisher.clone(), name.to_owned());
        let removed = async move {
            let mut table = publisher.lock().await;
            open(&core)?;
            table.remove_name(&name)?;
            table.clean_up(READER_GRACE).await;
            Ok(())
        };
        on_a_thread(&self.core, removed).await
    }
}

/// What holds the publisher is on a thread of its own, and not in a future that nobody may poll.
async fn publish(
    core: Arc<Core>,
    publisher: Publisher,
    flushed: oneshot::Receiver<Result<(Levels, Version)>>,
    name: Option<String>,
) -> Result<Publication> {
    let mut table = publisher.lock().await;
    let go_on = || open(&core);
    let (levels, version) = flushed.await.map_err(|_| unanswered(&core))??;
    if let Some(name) = &name {
        table.check_name(name).await?;
    }
    let known = table.known().await?;
    let shown = hidden(&levels, &known, go_on).await?;
    go_on()?;
    table.show(&shown, &known, version).await?;
    let rows = shown.iter().map(|shown| shown.run.statistics().rows - shown.hidden.len()).sum();
    if let Some(name) = &name {
        table.name(name, version)?;
    }
    table.clean_up(READER_GRACE).await;
    Ok(Publication { path: table.path().into(), dataset_version: table.version(), version, rows })
}

/// Refuses what a store that is being closed has no time for.
fn open(core: &Core) -> Result<()> {
    if core.health.is_closed() { Err(Error::StoreClosed) } else { Ok(()) }
}

/// Runs something that blocks on a thread of its own: it is not the business of the caller's runtime. Goes on where the future is dropped.
async fn on_a_thread<T: Send + 'static>(
    core: &Core,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let path = core.config.path.clone();
    let failed = |e| Error::io("starting a thread to publish", &path, e);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (done, answer) = oneshot::channel();
    let run = move || {
        // Whoever asked may have gone.
        let _ = done.send(runtime.block_on(work));
    };
    std::thread::Builder::new().name("kv-lance-publish".into()).spawn(run).map_err(failed)?;
    answer.await.map_err(|_| Error::backend("publishing", "the thread that publishes died"))?
}
