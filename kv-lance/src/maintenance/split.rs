//! Writes what is current and what is history, each as runs of its own.

use super::history::{Candidate, Fate, HistoryFilter};
use crate::table::{NewRow, Outputs, RunsWriter};
use kv_api::Result;

pub(super) struct SplitWriter {
    current: RunsWriter,
    history: RunsWriter,
    filter: HistoryFilter,
}

/// What has been written.
pub(super) struct Split {
    pub(super) runs: Outputs,
    /// Rows of history that have not been.
    pub(super) dropped: u64,
}

impl SplitWriter {
    pub(super) fn new(current: RunsWriter, history: RunsWriter, filter: HistoryFilter) -> Self {
        Self { current, history, filter }
    }

    /// Takes a row: keys ascending, versions of a key descending.
    pub(super) async fn push(&mut self, row: NewRow<'_>) -> Result<()> {
        let NewRow { key, version, val, erases, superseded } = row;
        match self.filter.decide(Candidate { key, version, tombstone: val.is_none(), erases, superseded }) {
            Fate::Goes => Ok(()),
            Fate::Current { erases } => self.current.push(NewRow { erases, superseded: None, ..row }).await,
            Fate::History { superseded } => {
                self.history.push(NewRow { erases: false, superseded: Some(superseded), ..row }).await
            }
        }
    }

    /// Ends and syncs the files.
    pub(super) async fn finish(self) -> Result<Split> {
        let runs = Outputs { current: self.current.finish().await?, history: self.history.finish().await? };
        Ok(Split { runs, dropped: self.filter.dropped })
    }
}
