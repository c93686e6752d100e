//! The keys that can have changed between two versions.
//!
//! Where a key has another value at the later one, there is either a row of a version in between that is in force there, or
//! none any more, and then what was in force before says that it was superseded in between. So runs, and memtables, of which
//! neither is true are not looked into.

use crate::core::View;
use crate::read::{Merge, Row, Rows, Span, Visible};
use crate::table::Run;
use kv_api::{Direction, Key, KeyRange, Result, Version};
use std::collections::VecDeque;

pub(super) struct Candidates {
    written: Keys,
    superseded: Keys,
    /// The last that was handed out: a key has rows in several runs.
    last: Option<Key>,
}

/// Keys of those rows of a merge that are asked for, ascending.
pub(super) struct Keys {
    merge: Merge<'static>,
    /// Asks for rows by their version and when they were superseded.
    wants: Box<dyn Fn(Version, Option<Version>) -> bool + Send + Sync>,
    found: VecDeque<Key>,
}

impl Candidates {
    /// Those of a range; `after` is the earlier version.
    pub(super) fn between(view: &View, (after, until): (Version, Version), range: &KeyRange) -> Self {
        let lies_between = move |version: Version| version > after && version <= until;
        let overlaps = move |(least, greatest): (Version, Version)| greatest > after && least <= until;
        let has_written = move |run: &Run| overlaps((run.statistics().min_version, run.statistics().max_version));
        let has_superseded =
            move |run: &Run| overlaps((run.statistics().min_superseded, run.statistics().max_superseded));
        let written = View {
            levels: view.levels.only(|run| has_written(run)),
            frozen: view.frozen.iter().filter(|frozen| frozen.memtable.max_version() > after).cloned().collect(),
            ..view.clone()
        };
        let span = Span {
            range: range.clone(),
            direction: Direction::Forward,
            visible: Visible::At(until),
            vals: false,
            tombstones: true,
            wanted: 0,
        };
        Self {
            written: Keys::of(Merge::new(span, None, &written), move |version, _| lies_between(version)),
            superseded: Keys::of(
                Merge::of_past_keys(&view.levels.only(|run| has_superseded(run)), range.clone()),
                move |version, superseded| version <= after && superseded.is_some_and(lies_between),
            ),
            last: None,
        }
    }

    /// The next of them, each once.
    pub(super) async fn next(&mut self) -> Result<Option<Key>> {
        loop {
            self.written.look().await?;
            self.superseded.look().await?;
            let next = self.written.next().into_iter().chain(self.superseded.next()).min().cloned();
            let Some(next) = next else { return Ok(None) };
            self.written.pass(&next);
            self.superseded.pass(&next);
            if self.last.as_ref() != Some(&next) {
                self.last = Some(next.clone());
                return Ok(Some(next));
            }
        }
    }
}

impl Keys {
    pub(super) fn of(
        merge: Merge<'static>,
        wants: impl Fn(Version, Option<Version>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { merge, wants: Box::new(wants), found: VecDeque::new() }
    }

    /// Looks for the next of them, unless it is known.
    pub(super) async fn look(&mut self) -> Result<()> {
        while self.found.is_empty() && self.merge.advance().await? {
            let wanted = |row: &Row<'_>| (self.wants)(row.version(), row.superseded());
            let rows = self.merge.rows();
            self.found.extend(rows.iter().flat_map(Rows::iter).filter(wanted).map(|row| row.key_slice()));
        }
        Ok(())
    }

    /// The next, where it is known.
    pub(super) fn next(&self) -> Option<&Key> {
        self.found.front()
    }

    pub(super) fn pass(&mut self, key: &Key) {
        while self.found.front().is_some_and(|found| found == key) {
            self.found.pop_front();
        }
    }
}
