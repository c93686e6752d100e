//! A cursor that goes down a run, for reads at a version. The newest rows of a key come first in a run, so a key that began in a
//! block before is looked up there.

use super::Span;
use super::loaded::Loaded;
use super::rows::Rows;
use crate::table::{ReadAhead, Run};
use kv_api::{Direction, Key, Result, Version};
use std::sync::Arc;

/// Walks the rows of a run that a span sees, last key first.
pub(super) struct BackwardCursor {
    run: Arc<Run>,
    place: Place,
    /// A row of a block other than that of the place.
    elsewhere: Option<(Loaded, usize)>,
    vals_ahead: ReadAhead,
}

/// How far the cursor has come.
enum Place {
    /// The rows of this block are next.
    Block(usize),
    /// The rows before this key are next.
    Before(Key),
    /// `row` is the current one, and those before `end` are next.
    Row {
        loaded: Loaded,
        row: usize,
        end: usize,
    },
    /// A key is next whose rows begin in a block before.
    Key(Key),
    End,
}

impl BackwardCursor {
    /// A cursor that needs its first [`fill`](Self::fill), and is likely to hand out so many rows.
    pub(super) fn new(run: &Arc<Run>, span: &Span, wanted: usize) -> Self {
        let place = match &span.range.end {
            Some(end) => Place::Before(end.clone()),
            None => Place::Block(run.blocks().saturating_sub(1)),
        };
        Self {
            run: run.clone(),
            place,
            elsewhere: None,
            vals_ahead: ReadAhead::of_rows(run, wanted, Direction::Backward),
        }
    }

    /// Whether the next row needs a block that is not loaded.
    pub(super) fn needs_fill(&self) -> bool {
        self.elsewhere.is_none() && matches!(self.place, Place::Block(_) | Place::Before(_) | Place::Key(_))
    }

    /// Moves to the next row, through as many blocks as that takes.
    pub(super) async fn fill(&mut self, span: &Span) -> Result<()> {
        while self.needs_fill() {
            match &self.place {
                Place::Block(block) => {
                    let block = *block;
                    self.look_ahead(block, span)?;
                    let loaded = Loaded::read(&self.run, block).await?;
                    let end = loaded.keys.len();
                    self.step(loaded, end, span);
                }
                Place::Before(key) => {
                    let key = key.clone();
                    let block = self.run.block_at(&key, Version::MAX)?;
                    self.look_ahead(block, span)?;
                    let loaded = Loaded::read(&self.run, block).await?;
                    let end = loaded.keys.lower_bound(&key, Version::MAX);
                    self.step(loaded, end, span);
                }
                Place::Key(key) => {
                    if let Some(found) = self.run.seek(key, span.visible.newest()).await?
                        && span.visible.shows(&found.keys, found.row)
                    {
                        let loaded = Loaded { block: found.block, keys: found.keys, vals: None };
                        self.elsewhere = Some((loaded, found.row));
                    }
                    self.place = Place::Before(key.clone());
                }
                Place::Row { .. } | Place::End => return Ok(()),
            }
        }
        Ok(())
    }

    /// Moves to the last key before row `end` of which a row is seen.
    fn step(&mut self, loaded: Loaded, mut end: usize, span: &Span) {
        let keys = &loaded.keys;
        while let Some(last) = end.checked_sub(1) {
            let key = keys.key(last);
            if key < span.range.start.as_ref() {
                self.place = Place::End;
                return;
            }
            end = keys.first_of_key(last);
            if end == 0 && keys.continues() {
                self.place = Place::Key(keys.key_slice(last));
                return;
            }
            let newest = keys.seek(end, key, span.visible.newest());
            if newest <= last && span.visible.shows(keys, newest) {
                self.place = Place::Row { loaded, row: newest, end };
                return;
            }
        }
        self.place = loaded.block.checked_sub(1).map_or(Place::End, Place::Block);
    }

    fn look_ahead(&mut self, block: usize, span: &Span) -> Result<()> {
        let run = &self.run;
        self.vals_ahead.begin(block, || run.block_at(&span.range.start, Version::MAX))
    }

    pub(super) fn loaded(&self) -> Option<(&Loaded, usize)> {
        match (&self.elsewhere, &self.place) {
            (Some((loaded, row)), _) | (None, Place::Row { loaded, row, .. }) => Some((loaded, *row)),
            (None, _) => None,
        }
    }

    pub(super) async fn read_vals(&mut self) -> Result<()> {
        match (&mut self.elsewhere, &mut self.place) {
            (Some((loaded, _)), _) | (None, Place::Row { loaded, .. }) => {
                loaded.read_vals(&self.run, &mut self.vals_ahead).await
            }
            (None, _) => Ok(()),
        }
    }

    /// Moves behind the first `rows` of those that have been [handed out](Self::rows).
    pub(super) fn advance(&mut self, rows: usize, span: &Span) {
        if self.elsewhere.take().is_some() {
            return;
        }
        match std::mem::replace(&mut self.place, Place::End) {
            Place::Row { loaded, end, .. } => self.step(loaded, (end + 1).saturating_sub(rows), span),
            other => self.place = other,
        }
    }

    /// How many rows from the current one down are seen and lie behind `limit`, in this block.
    pub(super) fn reach(&self, limit: Option<&[u8]>, span: &Span) -> usize {
        let (None, Place::Row { loaded, row, .. }) = (&self.elsewhere, &self.place) else { return 1 };
        let keys = &loaded.keys;
        if !keys.is_plain(span.visible.newest()) {
            return 1;
        }
        let start = keys.lower_bound(&span.range.start, Version::MAX);
        let behind = limit.map_or(0, |limit| keys.lower_bound(limit, 0));
        // The first row's key may have newer ones in the block before.
        let whole = usize::from(keys.continues());
        row + 1 - start.max(behind).max(whole).min(*row)
    }

    pub(super) fn rows(&self, rows: usize) -> Option<Rows<'_>> {
        let (Loaded { keys, vals, .. }, row) = self.loaded()?;
        Some(Rows::of_block(keys, vals.as_deref(), (row + 1).saturating_sub(rows)..row + 1, Direction::Backward))
    }
}
