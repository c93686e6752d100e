//! A store that opens transactions.

use crate::{Capabilities, ChangeFeed, ChangeFilter, Error, Isolation, Result, Statistics, Tag, Transactable, Version};
use async_trait::async_trait;
use std::path::Path;

/// Whether a transaction may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionType {
    /// Reads only; every write gives [`Error::TransactionReadonly`].
    Read,
    /// Reads and writes.
    Write,
}

/// How to begin a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TransactionOptions {
    /// Whether it may write.
    pub kind: TransactionType,
    /// What it is protected from. Default = [`Isolation::Snapshot`].
    pub isolation: Isolation,
}

impl TransactionOptions {
    /// A read-only transaction.
    pub fn read() -> Self {
        Self { kind: TransactionType::Read, isolation: Isolation::Snapshot }
    }

    /// A transaction that reads and writes.
    pub fn write() -> Self {
        Self { kind: TransactionType::Write, isolation: Isolation::Snapshot }
    }

    /// The same with [`Isolation::Serializable`].
    pub fn serializable(mut self) -> Self {
        self.isolation = Isolation::Serializable;
        self
    }
}

/// A store. Object-safe; all methods take `&self`, so one value behind an `Arc` serves every thread.
///
/// Dropping the last handle closes the store and loses nothing that was acknowledged under the
/// store's durability.
#[async_trait]
pub trait Datastore: Send + Sync {
    /// Returns the backend's name, as in `"kv-lance"`.
    fn kind(&self) -> &'static str;

    /// Returns what this store, as configured, promises.
    fn capabilities(&self) -> Capabilities;

    /// Begins a transaction that sees the commits made before this call and no later ones. To those made before belong the
    /// ones that have answered, and each that a conflict reported before this call was with.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the isolation is stronger than the declared one,
    /// [`Error::StoreClosed`] after [`shutdown`](Self::shutdown).
    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>>;

    /// Returns the version of the newest visible commit; 0 in a store without one.
    ///
    /// # Errors
    /// [`Error::UnsupportedVersionedQueries`] where the store has no versions.
    async fn current_version(&self) -> Result<Version>;

    /// Stops background work, makes every acknowledged commit durable and releases the store's files.
    /// Transactions still open cannot commit any more. A second call does nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] where background work did not stop within the backend's limit: nothing is lost, and
    /// the store closes when that work ends.
    async fn shutdown(&self) -> Result<()>;

    /// Writes what is buffered in memory to the store's files at rest. Default = nothing to do.
    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Rewrites the store's files into the fewest, dropping history that is past its retention. Default =
    /// nothing to do.
    async fn compact(&self) -> Result<()> {
        Ok(())
    }

    /// Returns figures of the running store. Default = none.
    fn statistics(&self) -> Statistics {
        Statistics::default()
    }

    /// Returns the commits whose version is greater than `since`, in commit order, from history and then live. 0 asks for all of them; after a
    /// version that no commit has reached, the feed waits for the commits beyond it.
    ///
    /// A feed speaks of versions: only a store with [`versioned_reads`](Capabilities::versioned_reads) can declare it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the capability [`change_feed`](Capabilities::change_feed) is declared;
    /// [`Error::StoreClosed`] after [`shutdown`](Self::shutdown); [`Error::VersionNotRetained`] where the history after `since` has been
    /// pruned, which is never so for the current version: `oldest` is the earliest version that a feed can begin after.
    async fn changes(&self, since: Version, filter: ChangeFilter) -> Result<Box<dyn ChangeFeed>> {
        self.changes_until(since, Version::MAX, filter).await
    }

    /// Returns the commits of [`changes`](Self::changes) up to the version `until`: the feed ends once the store has come to that
    /// version and they have been handed out, also while the store is open. With [`Version::MAX`] it is
    /// [`changes`](Self::changes).
    ///
    /// # Errors
    /// As [`changes`](Self::changes).
    async fn changes_until(&self, since: Version, until: Version, filter: ChangeFilter) -> Result<Box<dyn ChangeFeed>> {
        let _ = (since, until, filter);
        Err(Error::Unsupported { operation: "changes" })
    }

    /// Gives a version a name and returns it; without one, the version of the newest commit.
    ///
    /// From then on, and until the tag is [removed](Self::untag), reads at that version answer as they do now, also once history
    /// before and after it is past the retention, and after the store has been opened again: all but what has been erased.
    /// The tag is as durable as a commit when this returns. Several tags may stand for one version.
    ///
    /// Tags speak of versions: only a store with [`versioned_reads`](Capabilities::versioned_reads) can declare them.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the capability [`tags`](Capabilities::tags) is declared; [`Error::StoreClosed`] after
    /// [`shutdown`](Self::shutdown); [`Error::InvalidTagName`], see [`check_tag_name`](crate::check_tag_name); [`Error::TagExists`];
    /// [`Error::VersionNotRetained`] where the version cannot be read any more; [`Error::VersionNotReached`] where it is
    /// greater than that of the newest commit.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("a".into(), "1".into()).await?;
    /// tx.commit().await?;
    /// let version = store.tag("release-1", None).await?;
    /// assert_eq!(store.tagged("release-1").await?, version);
    ///
    /// let tx = store.begin(TransactionOptions::read()).await?;
    /// assert!(tx.exists(b"a", Some(version)).await?);
    /// store.untag("release-1").await?;
    /// assert_eq!(store.tags().await?, []);
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn tag(&self, name: &str, version: Option<Version>) -> Result<Version> {
        let _ = (name, version);
        Err(Error::Unsupported { operation: "tag" })
    }

    /// Removes a tag and returns the version that it stood for. The history that it alone kept goes with a later compaction.
    ///
    /// # Errors
    /// [`Error::Unsupported`] and [`Error::StoreClosed`] as of [`tag`](Self::tag); [`Error::TagNotFound`].
    async fn untag(&self, name: &str) -> Result<Version> {
        let _ = name;
        Err(Error::Unsupported { operation: "untag" })
    }

    /// Returns all tags, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Unsupported`] and [`Error::StoreClosed`] as of [`tag`](Self::tag).
    async fn tags(&self) -> Result<Vec<Tag>> {
        Err(Error::Unsupported { operation: "tags" })
    }

    /// Makes a store of its own, in the directory `into`, that begins with what this one holds now, or held at a
    /// [tag](Self::tag), and opens it.
    ///
    /// Neither ever changes the other: what is committed, flushed, compacted or shut down in one is so in that alone. What
    /// was committed before this is called is in the branch; of what is committed meanwhile, each commit is there as a whole or
    /// not at all, and none without those before it. A transaction that is open is no part of it. Commits of the branch
    /// have greater versions than what it began with. Without a tag, reads of the past answer as they do in this store; a branch
    /// from a tag may have no history. It has no tags.
    ///
    /// `into` is not there, or empty; a store in memory does not look at it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the capability [`branches`](Capabilities::branches) is declared, and for tags that a store
    /// cannot begin at; [`Error::StoreClosed`] after [`shutdown`](Self::shutdown); [`Error::TagNotFound`];
    /// [`Error::NotAStore`] where `into` holds something; [`Error::Io`]. There is no branch then.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("a".into(), "1".into()).await?;
    /// tx.commit().await?;
    ///
    /// let branch = store.branch("experiment".as_ref(), None).await?;
    /// let tx = branch.begin(TransactionOptions::write()).await?;
    /// tx.del("a".into()).await?;
    /// tx.commit().await?;
    ///
    /// assert!(store.begin(TransactionOptions::read()).await?.exists(b"a", None).await?);
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn branch(&self, into: &Path, tag: Option<&str>) -> Result<Box<dyn Datastore>> {
        let _ = (into, tag);
        Err(Error::Unsupported { operation: "branch" })
    }

    /// Opens what this store has at rest once more, to read it alone, as another process can while this one writes.
    ///
    /// A reader is at one state: that between two commits of the store, with all that had been committed when the last
    /// [`flush`](Self::flush) that has answered began, or with more. It stays there, whatever is committed, flushed, compacted
    /// or erased meanwhile, until it is [refreshed](Self::refresh), and a transaction of it stays at the state that it began with.
    /// Every read answers as the store's would have at that state, those of the past and [`tags`](Self::tags) too.
    ///
    /// A reader is a store of its own: it is shut down by itself, goes on when this one has been shut down, and opens
    /// further readers. It leaves no trace. Whatever would write answers [`Error::StoreReadonly`]: beginning to write,
    /// [`flush`](Self::flush), [`compact`](Self::compact), [`tag`](Self::tag), [`untag`](Self::untag), [`branch`](Self::branch),
    /// and a transaction's [`compact`](Transactable::compact). What goes by commits to come is [`Error::Unsupported`]:
    /// [`changes`](Self::changes), and a transaction's [`timestamp`](Transactable::timestamp) and
    /// [`safe_timestamp`](Transactable::safe_timestamp). A reader's [`capabilities`](Self::capabilities) are the store's without
    /// those, and without [`read_checks`](Capabilities::read_checks), which are of transactions that write.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the capability [`readers`](Capabilities::readers) is declared; [`Error::StoreClosed`] after
    /// [`shutdown`](Self::shutdown); [`Error::Io`].
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # use kv_api::{Datastore, TransactionOptions};
    /// # let store = kv_conformance::Reference::new();
    /// let reader = store.reader().await?;
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("a".into(), "1".into()).await?;
    /// tx.commit().await?;
    /// store.flush().await?;
    ///
    /// assert!(!reader.begin(TransactionOptions::read()).await?.exists(b"a", None).await?);
    /// reader.refresh().await?;
    /// assert!(reader.begin(TransactionOptions::read()).await?.exists(b"a", None).await?);
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    async fn reader(&self) -> Result<Box<dyn Datastore>> {
        Err(Error::Unsupported { operation: "reader" })
    }

    /// Moves a [reader](Self::reader) on to a state that has all that had been committed when the last [`flush`](Self::flush) that
    /// has answered began, never back, and returns the version of the newest commit in it; 0 in a store without versions. Transactions that
    /// have begun keep theirs. A store that is open for writing is always at its newest: there this does nothing, which is the
    /// default.
    ///
    /// # Errors
    /// [`Error::StoreClosed`] after [`shutdown`](Self::shutdown); [`Error::Io`]. The reader is then at the state where it was.
    async fn refresh(&self) -> Result<Version> {
        match self.current_version().await {
            Err(Error::UnsupportedVersionedQueries) => Ok(0),
            version => version,
        }
    }

    /// Returns the version that a tag stands for.
    ///
    /// # Errors
    /// [`Error::Unsupported`] and [`Error::StoreClosed`] as of [`tag`](Self::tag); [`Error::TagNotFound`].
    async fn tagged(&self, name: &str) -> Result<Version> {
        let tags = self.tags().await?;
        let found = tags.into_iter().find(|tag| tag.name == name);
        found.map(|tag| tag.version).ok_or_else(|| Error::TagNotFound { name: name.to_owned() })
    }
}
