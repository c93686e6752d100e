//! Committing to the dataset, and keeping it the engine's own.

use super::dataset::{CommitFailure, Table};
use super::error::from_lance;
use super::foreign::{self, Foreign};
use super::fragments;
use super::run::Run;
use super::schema;
use super::state::{Record, TableState};
use kv_api::{Error, Result};
use lance::dataset::transaction::{Operation, Transaction, TransactionBuilder};
use lance::dataset::write::CommitBuilder;
use lance_file::version::LanceFileVersion;
use std::sync::Arc;

/// Another tool can commit just before us, again and again; so often we begin anew.
const ATTEMPTS: usize = 8;

impl Table {
    /// Looks whether the table is still the engine's, and undoes what another tool did where that is harmless.
    ///
    /// # Errors
    /// `TableChanged` where rows or columns are no longer the engine's.
    pub(crate) async fn check(&mut self) -> Result<(), CommitFailure> {
        self.healthy()?;
        self.links.mend(self.runs.iter().map(|run| run.name.as_str()))?;
        self.settle().await.map(drop)
    }

    /// Commits these runs as the whole of the table.
    pub(super) async fn commit(&mut self, runs: Vec<Arc<Run>>, state: TableState) -> Result<(), CommitFailure> {
        self.healthy()?;
        self.links.mend(runs.iter().map(|run| run.name.as_str()))?;
        let mut attempt = 1;
        loop {
            match self.execute(&runs, state).await {
                Err(CommitFailure::NotCommitted(e)) => {
                    attempt += 1;
                    if !self.settle().await? || attempt > ATTEMPTS {
                        return Err(e.into());
                    }
                }
                done => return done,
            }
        }
    }

    /// Takes in what other tools have committed; whether they have. Where that is the same rows in other files, puts the
    /// engine's own back.
    pub(super) async fn settle(&mut self) -> Result<bool, CommitFailure> {
        let known = self.dataset.manifest().version;
        let mut newest = self.dataset.clone();
        newest.checkout_latest().await.map_err(|e| from_lance("reading", &self.root, e))?;
        if fragments::are(newest.manifest(), &self.record.runs) {
            self.dataset = newest;
            return Ok(self.dataset.manifest().version != known);
        }
        match foreign::since(&self.root, &newest, self.record.table_version, &self.runs).await? {
            // The dataset stays at a version of the engine's: a commit on top of the other tool's would undo that.
            Foreign::Changed(what) => Err(foreign::refused(&self.root, &what).into()),
            Foreign::SameRows => {
                self.dataset = newest;
                tracing::warn!(path = %self.root.display(), "another tool has rewritten the table; its own files are put back");
                self.execute(&self.runs.clone(), self.record.state).await?;
                Ok(true)
            }
        }
    }

    /// One try to commit: the difference between the table and `runs`.
    pub(super) async fn execute(&mut self, runs: &[Arc<Run>], state: TableState) -> Result<(), CommitFailure> {
        let record = Record {
            state,
            runs: runs.iter().map(|run| run.name.clone()).collect(),
            sequence: self.record.sequence + 1,
            table_version: 0,
        };
        let operation = self.operation(runs)?;
        self.handler.expect(record.clone());
        let done = CommitBuilder::new(Arc::new(self.dataset.clone()))
            .with_storage_format(LanceFileVersion::V2_2)
            .with_skip_auto_cleanup(true)
            .execute(transaction(self.dataset.manifest().version, operation, state))
            .await;
        match done {
            Ok(dataset) => {
                self.record = Record { table_version: dataset.manifest().version, ..record };
                self.runs = runs.to_vec();
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

    fn operation(&self, runs: &[Arc<Run>]) -> Result<Operation> {
        let manifest = self.dataset.manifest();
        if !schema::is_own(&manifest.schema) {
            return Ok(Operation::Overwrite {
                fragments: runs.iter().map(|run| fragments::of(run)).collect(),
                schema: schema::lance(super::FORMAT_VERSION).map_err(|e| from_lance("committing to", &self.root, e))?,
                config_upsert_values: None,
                initial_bases: None,
            });
        }
        let (removed_fragment_ids, new_fragments) = fragments::difference(manifest, runs.iter().map(|run| &**run));
        if removed_fragment_ids.is_empty() {
            return Ok(Operation::Append { fragments: new_fragments });
        }
        Ok(Operation::Update {
            removed_fragment_ids,
            updated_fragments: vec![],
            new_fragments,
            fields_modified: vec![],
            compacted_sstables: vec![],
            fields_for_preserving_frag_bitmap: vec![],
            update_mode: None,
            inserted_rows_filter: None,
            updated_fragment_offsets: None,
        })
    }

    fn healthy(&self) -> Result<()> {
        match &self.failed {
            Some(reason) => Err(Error::StoreFailed { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

pub(super) fn transaction(read_version: u64, operation: Operation, state: TableState) -> Transaction {
    TransactionBuilder::new(read_version, operation).transaction_properties(Some(Arc::new(state.properties()))).build()
}

/// Where nothing goes on after the failure, it does not matter which it was.
pub(super) fn told(failure: CommitFailure) -> Error {
    match failure {
        CommitFailure::NotCommitted(e) | CommitFailure::Unknown(e) => e,
    }
}
