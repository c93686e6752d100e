//! Branching: a store of its own that begins with another's files.

use crate::core::Command;
use crate::datastore::LanceDatastore;
use crate::layout::Layout;
use kv_api::{Datastore, Result, Version};
use std::path::PathBuf;

impl LanceDatastore {
    /// As [`branch`](Datastore::branch), without opening it: makes a new store in `into`, a directory that is empty or not
    /// there, of what this one holds now, or held when a [tag](Datastore::tag) of its newest version was made. The version that it
    /// begins with.
    ///
    /// The two have their files in common, by hard links, and nothing else: each is written to, compacted, moved and removed
    /// by itself, and a file takes space until neither has it. So this takes as long as there are files, however large they
    /// are; the two have to lie on one file system. What is in memory is flushed first. The branch has the history of this
    /// store, or none where it begins at a tag, and no tags. It is opened as any store is, also while this one is open.
    ///
    /// Nothing is left in `into` where this fails.
    ///
    /// # Errors
    /// [`NotAStore`](kv_api::Error::NotAStore) where `into` holds something, or lies in this store;
    /// [`TagNotFound`](kv_api::Error::TagNotFound); [`Unsupported`](kv_api::Error::Unsupported) for a tag of a version that was
    /// not the newest, or whose Lance tag another tool has taken away with its version; [`Io`](kv_api::Error::Io), also where
    /// `into` is on another file system; [`StoreReadonly`](kv_api::Error::StoreReadonly), [`StoreClosed`](kv_api::Error::StoreClosed).
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use kv_api::{Datastore, TransactionOptions};
    /// use kv_lance::{LanceConfig, LanceDatastore};
    ///
    /// let dir = tempfile::tempdir().unwrap();
    /// let store = LanceDatastore::open(LanceConfig::new(dir.path().join("store"))).await?;
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("price/tea".into(), "3".into()).await?;
    /// tx.commit().await?;
    ///
    /// store.make_branch(dir.path().join("experiment"), None).await?;
    /// let branch = LanceDatastore::open(LanceConfig::new(dir.path().join("experiment"))).await?;
    /// let tx = branch.begin(TransactionOptions::write()).await?;
    /// tx.set("price/tea".into(), "4".into()).await?;
    /// tx.commit().await?;
    ///
    /// let tx = store.begin(TransactionOptions::read()).await?;
    /// assert_eq!(tx.get(b"price/tea", None).await?.as_deref(), Some(&b"3"[..]));
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn make_branch(&self, into: impl Into<PathBuf>, tag: Option<&str>) -> Result<Version> {
        let (version, branch) = self.open_branch(into.into(), tag).await?;
        branch.shutdown().await?;
        Ok(version)
    }

    /// Makes a branch and opens it, which makes its table and shows that all is there. The version that it begins with.
    pub(crate) async fn open_branch(&self, into: PathBuf, tag: Option<&str>) -> Result<(Version, Self)> {
        let writer = self.writer()?;
        self.freeze(writer).await?;
        let layout = Layout::of_branch(self.core.config.files.clone(), &self.core.config.path, &into)?;
        let root = layout.root.clone();
        let tag = tag.map(str::to_owned);
        let made = async {
            let version = self.ask(writer, |done| Command::Branch(Box::new(layout), tag, done)).await?;
            let mut config = self.core.config.clone();
            (config.path, config.create) = (into, false);
            Ok((version, Self::open(config).await?))
        };
        made.await.inspect_err(|_| {
            if let Err(e) = std::fs::remove_dir_all(&root) {
                tracing::warn!(path = %root.display(), error = %e, "what there is of a branch that could not be made is left behind");
            }
        })
    }
}
