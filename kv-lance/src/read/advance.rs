//! How a merge moves from rows to rows: it awaits nothing until a block has to be read.

use super::Visible;
use super::cursor::Cursor;
use super::heap::Entry;
use super::merge::Merge;
use super::rows::Rows;
use kv_api::{Result, Version};

/// What stands between a merge and its next rows.
enum Next {
    /// Nothing.
    Rows,
    /// There are none.
    End,
    /// The cursor at this place of the heap needs a block.
    Block(usize),
    /// The first cursor needs the values of its block.
    Vals,
    /// It has to be looked up whether the history of the first row, as of this version, has been erased.
    Erasure(Version),
    /// It is others' turn.
    Pause,
}

impl<'a> Merge<'a> {
    /// Moves to the next [rows](Self::rows); whether there are any.
    pub(crate) async fn advance(&mut self) -> Result<bool> {
        if !self.begun {
            self.begin().await?;
        }
        loop {
            match self.next() {
                Next::Rows => return Ok(true),
                Next::End => return Ok(false),
                Next::Block(place) => self.settle(place).await?,
                Next::Vals => self.read_vals().await?,
                Next::Erasure(version) => {
                    let erased = self.is_erased(version).await?;
                    if !erased {
                        self.read_vals().await?;
                    }
                    self.hand_out(1);
                    if !erased {
                        return Ok(true);
                    }
                }
                Next::Pause => self.pace.give_way().await,
            }
        }
    }

    /// What [`advance`](Self::advance) has moved to.
    pub(crate) fn rows(&self) -> Option<Rows<'_>> {
        self.first()?.rows(self.handed_out, &self.span)
    }

    async fn begin(&mut self) -> Result<()> {
        for cursor in &mut self.cursors {
            cursor.fill(&self.span).await?;
        }
        let Self { heap, cursors, order, .. } = self;
        for (number, cursor) in cursors.iter().enumerate().filter(|(_, cursor)| cursor.key().is_some()) {
            let entry = Entry { head: order.head(cursor), cursor: number };
            heap.push(entry, |a, b| order.is_before(cursors, a, b));
        }
        self.begun = true;
        Ok(())
    }

    fn next(&mut self) -> Next {
        loop {
            if self.pace.is_due() {
                return Next::Pause;
            }
            let passed = std::mem::take(&mut self.handed_out);
            if passed > 0 && !self.pass(0, passed) {
                return Next::Block(0);
            }
            if let Err(place) = self.pass_older() {
                return Next::Block(place);
            }
            let Some(first) = self.first() else { return Next::End };
            if let Visible::At(version) = self.span.visible {
                match first.is_tombstone() {
                    true if !self.span.tombstones => {
                        self.hand_out(1);
                        continue;
                    }
                    false if self.erasures.is_some() => return Next::Erasure(version),
                    _ => {}
                }
            }
            if first.lacks_vals(&self.span) {
                return Next::Vals;
            }
            self.hand_out(self.reach());
            return Next::Rows;
        }
    }

    /// Notes rows of the first cursor that have been handed out, or are not to be.
    fn hand_out(&mut self, rows: usize) {
        self.handed_out = rows;
        self.pace.passed(rows);
    }

    /// Moves behind what older sources have of the first row's key, which is not seen; at the place of one that needs a
    /// block this ends.
    fn pass_older(&mut self) -> std::result::Result<(), usize> {
        if self.span.visible == Visible::All {
            return Ok(());
        }
        while let Some(second) = self.second().filter(|second| self.has_first_key(*second)) {
            self.pace.passed(1);
            if !self.pass(second, 1) {
                return Err(second);
            }
        }
        Ok(())
    }

    /// Moves a cursor on, and to where it then belongs; not where it needs a block.
    fn pass(&mut self, place: usize, rows: usize) -> bool {
        if let Some(cursor) = self.heap.at(place).and_then(|entry| self.cursors.get_mut(entry.cursor)) {
            cursor.advance(rows, &self.span);
            if cursor.needs_fill() {
                return false;
            }
        }
        self.sink(place);
        true
    }

    /// Fills a cursor that has moved on, and moves it to where it then belongs.
    pub(super) async fn settle(&mut self, place: usize) -> Result<()> {
        if let Some(cursor) = self.heap.at(place).and_then(|entry| self.cursors.get_mut(entry.cursor))
            && cursor.needs_fill()
        {
            cursor.fill(&self.span).await?;
        }
        self.sink(place);
        Ok(())
    }

    fn sink(&mut self, place: usize) {
        let Self { heap, cursors, order, .. } = self;
        let Some(cursor) = heap.at(place).and_then(|entry| cursors.get(entry.cursor)) else { return };
        match cursor.key().is_some() {
            true => heap.sink(place, order.head(cursor), |a, b| order.is_before(cursors, a, b)),
            false => heap.remove(place, |a, b| order.is_before(cursors, a, b)),
        }
    }

    async fn read_vals(&mut self) -> Result<()> {
        match self.heap.first().and_then(|entry| self.cursors.get_mut(entry.cursor)) {
            Some(cursor) if cursor.lacks_vals(&self.span) => cursor.read_vals().await,
            _ => Ok(()),
        }
    }

    async fn is_erased(&self, version: Version) -> Result<bool> {
        match (&self.erasures, self.first().and_then(Cursor::key)) {
            (Some(erasures), Some(key)) => erasures.view.has_erased(key, version, erasures.snapshot).await,
            _ => Ok(false),
        }
    }

    pub(super) fn first(&self) -> Option<&Cursor<'a>> {
        self.cursors.get(self.heap.first()?.cursor)
    }

    fn second(&self) -> Option<usize> {
        self.heap.second(|a, b| self.order.is_before(&self.cursors, a, b))
    }

    fn key_at(&self, place: usize) -> Option<&[u8]> {
        self.cursors.get(self.heap.at(place)?.cursor)?.key()
    }

    /// Whether the cursor at a place is at the same key as the first.
    fn has_first_key(&self, place: usize) -> bool {
        let head = |place| self.heap.at(place).map(|entry| entry.head);
        head(place) == head(0) && self.key_at(place) == self.key_at(0)
    }

    /// The key of the second cursor, before which the first is alone.
    pub(super) fn limit(&self) -> Option<&[u8]> {
        self.key_at(self.second()?)
    }

    /// How many rows of the first cursor come before those of any other.
    fn reach(&self) -> usize {
        let second = self.second();
        match self.first() {
            // One of several with the same key, or each has to be looked up.
            Some(_) if self.erasures.is_some() || second.is_some_and(|second| self.has_first_key(second)) => 1,
            Some(first) => first.reach(second.and_then(|second| self.key_at(second)), &self.span),
            None => 0,
        }
    }
}
