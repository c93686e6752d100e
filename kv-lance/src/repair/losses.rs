//! What cannot be read, and which keys it may hide newer rows of.

use super::Loss;
use crate::table::{HISTORY, Rank};
use kv_api::{Error, Key};
use std::ops::Bound;
use std::path::{Path, PathBuf};

/// The losses found so far.
pub(super) struct Losses {
    root: PathBuf,
    found: Vec<Loss>,
    /// Those that concern the key that is being looked at, or keys behind it.
    active: Vec<Active>,
}

struct Active {
    loss: usize,
    rank: Rank,
    start: Bound<Key>,
    end: Bound<Key>,
}

impl Losses {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.into(), found: Vec::new(), active: Vec::new() }
    }

    /// Something is wrong by which no row is lost.
    pub(super) fn note(&mut self, error: Error) {
        let (path, what) = self.said(error);
        self.found.push(Loss { path, what, keys: None, rows: None, doubtful: 0 });
    }

    /// Rows are lost that lie between two keys, of a source of this rank; how many, where that is known.
    pub(super) fn rows(&mut self, error: Error, rank: Rank, keys: (Bound<Key>, Bound<Key>), rows: Option<u64>) {
        let (path, what) = self.said(error);
        if rank == HISTORY {
            // All of that has been superseded.
            return self.found.push(Loss { path, what, keys: None, rows, doubtful: 0 });
        }
        let (start, end) = keys.clone();
        self.active.push(Active { loss: self.found.len(), rank, start, end });
        self.found.push(Loss { path, what, keys: Some(keys), rows, doubtful: 0 });
    }

    /// The newest value of a key is lost, by its row's block: the number of the loss, for other values of the block.
    pub(super) fn val(&mut self, error: Error, key: &Key) -> usize {
        let (path, what) = self.said(error);
        let keys = Some((Bound::Included(key.clone()), Bound::Included(key.clone())));
        self.found.push(Loss { path, what, keys, rows: Some(1), doubtful: 0 });
        self.found.len() - 1
    }

    /// The same, of a block of which there is a loss already.
    pub(super) fn another_val(&mut self, loss: usize, key: &Key) {
        if let Some(Loss { keys: Some((_, end)), rows: Some(rows), .. }) = self.found.get_mut(loss) {
            *end = Bound::Included(key.clone());
            *rows += 1;
        }
    }

    /// The loss that may hide the newest row of a key of which one was found in a source of this rank. Keys are asked for in
    /// their order.
    pub(super) fn hiding(&mut self, key: &[u8], rank: Rank) -> Option<usize> {
        self.active.retain(|active| match &active.end {
            Bound::Unbounded => true,
            Bound::Included(end) => key <= end,
            Bound::Excluded(end) => key < end,
        });
        let covers = |active: &&Active| match &active.start {
            Bound::Unbounded => true,
            Bound::Included(start) => key >= start,
            Bound::Excluded(start) => key > start,
        };
        let hiding = self.active.iter().filter(|active| active.rank >= rank).filter(covers);
        hiding.max_by_key(|active| active.rank).map(|active| active.loss)
    }

    /// Counts a key that a loss makes doubtful.
    pub(super) fn doubt(&mut self, loss: usize) {
        if let Some(loss) = self.found.get_mut(loss) {
            loss.doubtful += 1;
        }
    }

    pub(super) fn into_found(self) -> Vec<Loss> {
        self.found
    }

    fn said(&self, error: Error) -> (PathBuf, String) {
        match error {
            Error::Corruption { path, detail } => (path, detail),
            Error::NotAStore { path, reason } => (path, reason),
            Error::Io { operation, path, source } => (path, format!("{operation} it: {source}")),
            other => (self.root.clone(), other.to_string()),
        }
    }
}
