//! Committing to the dataset, and keeping it the engine's own.

use super::commit_handler::Expected;
use super::dataset::{CommitFailure, Table};
use super::error::from_lance;
use super::foreign::{self, Foreign};
use super::fragments;
use super::levels::Levels;
use super::manifests;
use super::open::{create_dataset, has_manifest};
use super::schema::Columns;
use super::state::{Record, TableState};
use super::tags::Tags;
use kv_api::{Error, Result};
use lance::dataset::transaction::{Operation, Transaction, TransactionBuilder};
use lance::dataset::write::CommitBuilder;
use lance_file::version::LanceFileVersion;
use std::sync::Arc;

/// Another tool can commit just before us, again and again; so often we begin anew.
const ATTEMPTS: usize = 32;

impl Table {
    /// Looks whether the table is still the engine's, and undoes what another tool did where that is harmless.
    ///
    /// # Errors
    /// `TableChanged` where rows or columns are no longer the engine's.
    pub(crate) async fn check(&mut self) -> Result<(), CommitFailure> {
        self.healthy()?;
        self.links.prepare()?;
        self.links.mend(self.levels.runs().map(|run| run.name.as_str()))?;
        self.settle().await
    }

    /// Commits these runs as the whole of the table.
    pub(super) async fn commit(
        &mut self,
        levels: &Levels,
        state: TableState,
        tags: &Tags,
    ) -> Result<(), CommitFailure> {
        self.healthy()?;
        // Nobody would find all rows of such levels. Whoever made them has to be mended; the table stays as it is.
        let in_order = levels.check_order();
        debug_assert!(in_order.is_ok(), "{in_order:?}");
        in_order?;
        self.links.mend(levels.runs().map(|run| run.name.as_str()))?;
        // First what is added, so that no row is in neither of the two for whoever reads both.
        if !levels.history().is_same(self.levels.history()) {
            self.show_history(levels.history()).await;
        }
        self.commit_on_top(Some((levels, state, tags))).await
    }

    /// Takes in what other tools have committed. Where that is the same rows in other files, puts the engine's own back.
    pub(super) async fn settle(&mut self) -> Result<(), CommitFailure> {
        self.commit_on_top(None).await
    }

    /// Commits what is new, if anything is, on top of what other tools have committed, however often they come between.
    async fn commit_on_top(&mut self, new: Option<(&Levels, TableState, &Tags)>) -> Result<(), CommitFailure> {
        let mut attempt = 1;
        loop {
            let is_own = self.look().await?;
            let done = match &new {
                Some((levels, state, tags)) => self.execute(levels, *state, tags).await,
                None if is_own => return Ok(()),
                None => self.commit_again().await,
            };
            match done {
                Err(CommitFailure::NotCommitted(e)) => {
                    if attempt == ATTEMPTS || !self.is_behind().await? {
                        return Err(e.into());
                    }
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    /// Takes the newest version of the table; whether its files are the engine's.
    ///
    /// # Errors
    /// `TableChanged` where its rows are not. The dataset stays at a version of the engine's then: a commit on top of the
    /// other tool's would undo that.
    async fn look(&mut self) -> Result<bool, CommitFailure> {
        if self.is_gone()? {
            self.make_again().await?;
            return Ok(false);
        }
        let newest = manifests::newest(&**self.files.files(), &self.dataset, &self.root).await?;
        let is_own = fragments::are(newest.manifest(), self.record.runs());
        if !is_own {
            match foreign::since(&self.root, &newest, &self.record, &self.levels).await? {
                Foreign::Changed(what) => return Err(foreign::refused(&self.root, &what).into()),
                Foreign::SameRows => {
                    tracing::warn!(path = %self.root.display(), "another tool has rewritten the table; its own files are put back");
                }
            }
        }
        self.dataset = newest;
        Ok(is_own)
    }

    /// Whether another tool has committed since the last look.
    async fn is_behind(&self) -> Result<bool> {
        Ok(self.is_gone()?
            || manifests::newest(&**self.files.files(), &self.dataset, &self.root).await?.manifest().version
                != self.dataset.manifest().version)
    }

    /// Whether another tool has taken the whole table away.
    fn is_gone(&self) -> Result<bool> {
        Ok(!has_manifest(&**self.files.files(), &self.root)?)
    }

    /// Makes the dataset anew, with no rows: a commit is to follow. What it had beside the engine's rows is gone.
    async fn make_again(&mut self) -> Result<()> {
        tracing::warn!(path = %self.root.display(), "another tool has removed the table; it is made again");
        self.dataset = create_dataset(&**self.files.files(), &self.root, self.handler.clone()).await?;
        Ok(())
    }

    /// Commits once more what was committed last.
    pub(super) async fn commit_again(&mut self) -> Result<(), CommitFailure> {
        let (levels, tags) = (self.levels.clone(), self.record.tags.clone());
        self.execute(&levels, self.record.state, &tags).await
    }

    /// One try to commit: the difference between the table and these runs.
    pub(super) async fn execute(
        &mut self,
        levels: &Levels,
        state: TableState,
        tags: &Tags,
    ) -> Result<(), CommitFailure> {
        let record = Record {
            state,
            levels: levels.names(),
            history: levels.history().names(),
            tags: tags.clone(),
            sequence: self.record.sequence + 1,
            table_version: 0,
        };
        let operation = fragments::operation(self.dataset.manifest(), levels.runs(), Columns::Current)
            .map_err(|e| from_lance("committing to", &self.root, e))?;
        self.handler.expect(Expected::Record(record.clone()));
        let done = CommitBuilder::new(Arc::new(self.dataset.clone()))
            .with_storage_format(LanceFileVersion::V2_2)
            .with_skip_auto_cleanup(true)
            .execute(transaction(self.dataset.manifest().version, operation))
            .await;
        match done {
            Ok(dataset) => {
                self.record = Record { table_version: dataset.manifest().version, ..record };
                self.keep_record();
                self.levels = levels.clone();
                self.dataset = dataset;
                Ok(())
            }
            Err(e) => {
                let error = from_lance("committing to", &self.root, e);
                if !self.handler.has_published() {
                    return Err(CommitFailure::NotCommitted(error));
                }
                self.failed = Some(error.to_string());
                Err(CommitFailure::Unknown(error))
            }
        }
    }

    /// Keeps the record beside the table. Where that fails, the one from before does no harm: it counts only where the
    /// table has none that is newer.
    pub(super) fn keep_record(&self) {
        if let Err(e) = self.links.keep(&self.record) {
            tracing::warn!(error = %e, "the record beside the table is behind: were it removed, it could not be made again");
        }
    }

    fn healthy(&self) -> Result<()> {
        match &self.failed {
            Some(reason) => Err(Error::StoreFailed { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

pub(super) fn transaction(read_version: u64, operation: Operation) -> Transaction {
    TransactionBuilder::new(read_version, operation).build()
}

/// Where nothing goes on after the failure, it does not matter which it was.
pub(super) fn told(failure: CommitFailure) -> Error {
    match failure {
        CommitFailure::NotCommitted(e) | CommitFailure::Unknown(e) => e,
    }
}
