//! The merge of all sources of a read. Of rows with one key, the newest source's comes first.

use super::cursor::Cursor;
use super::heap::Heap;
use super::pace::Pace;
use super::rows::Rows;
use super::{ChunkSource, Span, Visible};
use crate::core::View;
use crate::table::{Levels, Run};
use kv_api::{Direction, KeyRange, Result, Version};
use std::cmp::Ordering;
use std::sync::Arc;

/// A read of many rows under way.
pub(crate) struct Merge<'a> {
    pub(super) span: Span,
    /// Newest source first.
    pub(super) cursors: Vec<Cursor<'a>>,
    pub(super) heap: Heap,
    pub(super) order: Order,
    /// Every cursor is at its first row.
    begun: bool,
    /// So many rows of the first cursor have been handed out.
    pub(super) handed_out: usize,
    pub(super) pace: Pace,
    pub(super) erasures: Option<Erasures>,
}

/// Which of two cursors comes first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    direction: Direction,
    /// Rows of one key come by their versions: some sources are of history. Else by their sources, which gives the same.
    by_version: bool,
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

    /// Merges every row there is on some levels.
    pub(crate) fn of_levels(levels: &Levels) -> Self {
        Self::of_all(levels, Span::all_rows())
    }

    /// Merges the keys of what is history in a range, each as often as it has rows.
    pub(crate) fn of_past_keys(levels: &Levels, range: KeyRange) -> Self {
        let history = Levels::of_history(levels.history().runs().to_vec());
        Self::of_all(&history, Span { range, vals: false, ..Span::all_rows() })
    }

    fn of_all(levels: &Levels, span: Span) -> Self {
        let history = levels.history();
        let cursors = over_levels(levels, &span).chain(over_history(history.runs().iter(), &span)).collect();
        Self::of(cursors, span, !history.is_empty())
    }

    fn of(cursors: Vec<Cursor<'a>>, span: Span, by_version: bool) -> Self {
        Self {
            order: Order { direction: span.direction, by_version },
            span,
            cursors,
            heap: Heap::default(),
            begun: false,
            handed_out: 0,
            pace: Pace::default(),
            erasures: None,
        }
    }

    /// Moves to the next [rows](Self::rows); whether there are any.
    pub(crate) async fn advance(&mut self) -> Result<bool> {
        while self.seek_first().await? {
            if self.is_hidden().await? {
                self.handed_out = 1;
                self.pace.passed(1);
                continue;
            }
            let first = self.heap.first().and_then(|first| self.cursors.get_mut(first));
            if let Some(cursor) = first.filter(|cursor| cursor.lacks_vals(&self.span)) {
                cursor.read_vals(&self.span).await?;
            }
            self.handed_out = self.reach();
            self.pace.passed(self.handed_out);
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether the first row is not to be seen.
    async fn is_hidden(&self) -> Result<bool> {
        let (Visible::At(version), Some(first)) = (self.span.visible, self.first()) else { return Ok(false) };
        if first.is_tombstone() {
            return Ok(!self.span.tombstones);
        }
        match (&self.erasures, first.key()) {
            (Some(erasures), Some(key)) => erasures.view.has_erased(key, version, erasures.snapshot).await,
            _ => Ok(false),
        }
    }

    /// What [`advance`](Self::advance) has moved to.
    pub(crate) fn rows(&self) -> Option<Rows<'_>> {
        self.first()?.rows(self.handed_out, &self.span)
    }

    /// Moves behind what has been handed out, with the first cursor at the next row that is seen, which no other has too;
    /// whether there is one.
    pub(super) async fn seek_first(&mut self) -> Result<bool> {
        self.pace.give_way().await;
        if !self.begun {
            self.begin().await?;
        }
        match std::mem::take(&mut self.handed_out) {
            0 => {}
            rows => self.pass(0, rows).await?,
        }
        if self.span.visible != Visible::All {
            // What older sources have of the key is not seen.
            while let Some(second) = self.second()
                && self.key_at(second) == self.key_at(0)
            {
                self.pace.passed(1);
                self.pass(second, 1).await?;
            }
        }
        Ok(self.heap.first().is_some())
    }

    async fn begin(&mut self) -> Result<()> {
        for number in 0..self.cursors.len() {
            let Some(cursor) = self.cursors.get_mut(number) else { continue };
            cursor.fill(&self.span).await?;
            if cursor.key().is_some() {
                let Self { heap, cursors, order, .. } = self;
                heap.push(number, |a, b| is_before(cursors, *order, a, b));
            }
        }
        self.begun = true;
        Ok(())
    }

    /// Moves a cursor on, and to where it then belongs.
    pub(super) async fn pass(&mut self, place: usize, rows: usize) -> Result<()> {
        if let Some(cursor) = self.heap.at(place).and_then(|number| self.cursors.get_mut(number)) {
            cursor.advance(rows, &self.span);
            self.settle(place).await?;
        }
        Ok(())
    }

    /// Fills a cursor that has moved on, and moves it to where it then belongs.
    pub(super) async fn settle(&mut self, place: usize) -> Result<()> {
        let Self { heap, cursors, span, order, .. } = self;
        let Some(cursor) = heap.at(place).and_then(|number| cursors.get_mut(number)) else { return Ok(()) };
        if cursor.needs_fill() {
            cursor.fill(span).await?;
        }
        match cursor.key().is_some() {
            true => heap.sink(place, |a, b| is_before(cursors, *order, a, b)),
            false => heap.remove(place, |a, b| is_before(cursors, *order, a, b)),
        }
        Ok(())
    }

    pub(super) fn first(&self) -> Option<&Cursor<'a>> {
        self.cursors.get(self.heap.first()?)
    }

    fn second(&self) -> Option<usize> {
        self.heap.second(|a, b| is_before(&self.cursors, self.order, a, b))
    }

    fn key_at(&self, place: usize) -> Option<&[u8]> {
        self.cursors.get(self.heap.at(place)?)?.key()
    }

    /// The key of the second cursor, before which the first is alone.
    pub(super) fn limit(&self) -> Option<&[u8]> {
        self.key_at(self.second()?)
    }

    /// How many rows of the first cursor come before those of any other.
    fn reach(&self) -> usize {
        let limit = self.limit();
        match self.first() {
            // One of several with the same key, or each has to be looked up.
            Some(first) if self.erasures.is_some() || limit.is_some() && limit == first.key() => 1,
            Some(first) => first.reach(limit, &self.span),
            None => 0,
        }
    }
}

/// Cursors in the order of precedence: one over each flushed run, and one over each sorted level.
fn over_levels<'a>(levels: &Levels, span: &Span) -> impl Iterator<Item = Cursor<'a>> {
    let flushed = levels.flushed().iter().map(std::slice::from_ref);
    flushed.chain(levels.sorted()).filter_map(|runs| Cursor::over_runs(runs, span))
}

/// Cursors over runs of history, one each.
fn over_history<'a, 'r>(runs: impl Iterator<Item = &'r Arc<Run>>, span: &Span) -> impl Iterator<Item = Cursor<'a>> {
    runs.filter_map(|run| Cursor::over_runs(std::slice::from_ref(run), span))
}

/// Whether cursor `a` comes before `b`.
fn is_before(cursors: &[Cursor<'_>], order: Order, a: usize, b: usize) -> bool {
    let (a_key, b_key) = (cursors.get(a).and_then(Cursor::key), cursors.get(b).and_then(Cursor::key));
    let keys = match order.direction {
        Direction::Forward => a_key.cmp(&b_key),
        Direction::Backward => b_key.cmp(&a_key),
    };
    let version = |cursor: usize| cursors.get(cursor).map_or(0, Cursor::version);
    let versions = || if order.by_version { version(b).cmp(&version(a)) } else { Ordering::Equal };
    keys.then_with(versions).then(a.cmp(&b)) == Ordering::Less
}
