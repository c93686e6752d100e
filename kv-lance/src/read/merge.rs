//! The merge of all sources of a read. Of rows with one key, the newest source's comes first.

#[cfg(feature = "sql")]
use super::chunk::WholeKeys;
use super::cursor::Cursor;
use super::heap::Heap;
use super::order::Order;
use super::pace::Pace;
use super::{ChunkSource, Span, Visible};
use crate::core::View;
use crate::table::{Levels, Run};
use kv_api::{KeyRange, Version};
use std::sync::Arc;

/// A read of many rows under way.
pub(crate) struct Merge<'a> {
    pub(super) span: Span,
    /// Newest source first.
    pub(super) cursors: Vec<Cursor<'a>>,
    pub(super) heap: Heap,
    pub(super) order: Order,
    /// Every cursor is at its first row.
    pub(super) begun: bool,
    /// So many rows of the first cursor have been handed out.
    pub(super) handed_out: usize,
    pub(super) pace: Pace,
    pub(super) erasures: Option<Erasures>,
}

/// Versions, the first and the last of which are among them.
#[cfg(feature = "sql")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) from: Version,
    pub(crate) to: Version,
}

/// Which keys are passed over: those whose history a transaction at `snapshot` finds erased.
pub(crate) struct Erasures {
    pub(crate) view: Arc<View>,
    pub(crate) snapshot: Version,
}

impl<'a> Merge<'a> {
    /// Merges `pending`, the writes of the transaction itself, over a view.
    pub(crate) fn new(span: Span, pending: Option<Box<dyn ChunkSource + 'a>>, view: &View) -> Self {
        let mut cursors = Vec::with_capacity(2 + view.frozen.len() + view.levels.flushed().len() + view.levels.depth());
        let memtables = view.memtables().filter(|memtable| !memtable.is_empty());
        let memory = pending.into_iter().chain(memtables.map(|memtable| Box::new(memtable.clone()) as Box<_>));
        cursors.extend(memory.map(|source| Cursor::over_memory(source, &span)));
        cursors.extend(over_levels(&view.levels, &span));
        let current = cursors.len();
        if let Visible::At(version) = span.visible {
            cursors.extend(over_history(view.levels.history().at(version), &span));
        }
        let by_version = cursors.len() > current;
        Self::of(cursors, span, by_version)
    }

    /// Passes over keys whose history has been erased.
    pub(crate) fn without(mut self, erasures: Option<Erasures>) -> Self {
        self.erasures = erasures;
        self
    }

    /// Shows keys without a value as well.
    pub(crate) fn with_tombstones(mut self) -> Self {
        self.span.tombstones = true;
        self
    }

    /// Merges every row there is in a range on some levels, and in their history.
    pub(crate) fn of_levels(levels: &Levels, range: KeyRange) -> Self {
        Self::of_all(levels, Span { range, ..Span::all_rows() })
    }

    /// Merges the keys of what is history in a range, each as often as it has rows.
    pub(crate) fn of_past_keys(levels: &Levels, range: KeyRange) -> Self {
        let history = Levels::of_history(levels.history().runs().to_vec());
        Self::of_all(&history, Span { range, vals: false, ..Span::all_rows() })
    }

    /// Merges every row of a range that memory and the files of a view have: those that [can have](Versions) some versions.
    #[cfg(feature = "sql")]
    pub(crate) fn of_view(view: &View, span: Span, versions: Versions) -> Self {
        let memtables = view.memtables().filter(|memtable| memtable.max_version() >= versions.from);
        let memory = memtables.map(|memtable| Box::new(WholeKeys(memtable.clone())) as Box<dyn ChunkSource>);
        let mut cursors: Vec<_> = memory.map(|source| Cursor::over_memory(source, &span)).collect();
        let levels = view.levels.only(|run| {
            let statistics = run.statistics();
            statistics.max_version >= versions.from && statistics.min_version <= versions.to
        });
        cursors.extend(over_levels(&levels, &span).chain(over_history(levels.history().runs().iter(), &span)));
        Self::of(cursors, span, true)
    }

    fn of_all(levels: &Levels, span: Span) -> Self {
        let history = levels.history();
        let cursors = over_levels(levels, &span).chain(over_history(history.runs().iter(), &span)).collect();
        // Also without history. A row that still erases something lies beside its key's newest one, and where a compaction
        // has not gone through all keys, both levels have it: then what the lower has is not all older.
        Self::of(cursors, span, true)
    }

    fn of(cursors: Vec<Cursor<'a>>, span: Span, by_version: bool) -> Self {
        Self {
            order: Order::new(&span.range, &cursors, span.direction, by_version),
            span,
            cursors,
            heap: Heap::default(),
            begun: false,
            handed_out: 0,
            pace: Pace::default(),
            erasures: None,
        }
    }
}

/// Cursors in the order of precedence: one over each flushed run, and one over each sorted level.
fn over_levels<'a>(levels: &Levels, span: &Span) -> impl Iterator<Item = Cursor<'a>> {
    let flushed = levels.flushed().iter().map(std::slice::from_ref);
    let count = levels.flushed().len() + levels.depth().saturating_sub(1);
    // The lowest level has most of the rows that are wanted, and each of the others few.
    let wanted = move |at: usize| if span.vals && at + 1 == count { span.wanted } else { 0 };
    let runs = flushed.chain(levels.sorted()).enumerate();
    runs.filter_map(move |(at, runs)| Cursor::over_runs(runs, span, wanted(at)))
}

/// Cursors over runs of history, one each.
fn over_history<'a, 'r>(runs: impl Iterator<Item = &'r Arc<Run>>, span: &Span) -> impl Iterator<Item = Cursor<'a>> {
    runs.filter_map(|run| Cursor::over_runs(std::slice::from_ref(run), span, 0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::read::Rows;
    use crate::table::{History, testing};

    /// Compactions wrote rows out of order, and history that was superseded before it was written: reads of the past did not
    /// find it.
    #[tokio::test]
    async fn rows_of_a_key_come_by_their_versions_whatever_their_levels() {
        let dir = tempfile::tempdir().unwrap();
        let mut levels = vec![vec![]];
        for newest in [9, 5] {
            let rows = [(b"k".to_vec(), newest, Some(vec![1]), false, None), (b"k".to_vec(), 2, None, true, None)];
            let path = testing::write(dir.path(), 256, &rows).await;
            levels.push(vec![Arc::new(testing::open(&path, 1 << 20).await.unwrap())]);
        }
        let mut merge = Merge::of_levels(&Levels::new(levels, History::default()), KeyRange::all());
        let mut versions = vec![];
        while merge.advance().await.unwrap() {
            versions.extend(merge.rows().iter().flat_map(Rows::iter).map(|row| row.version()));
        }
        assert_eq!(versions, [9, 5, 2, 2]);
    }
}
