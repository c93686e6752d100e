//! Which rows of runs a feed has to hand out next. Rows lie by their keys, so that those of one commit may be anywhere: a
//! *pass* goes through the versions of all rows, which are a few bytes each and no keys or values, and notes the places of
//! those of the oldest commits. Batches are made of them until they are used up.

use super::Budget;
use super::batch::Change;
use super::oldest::{OfCommit, Oldest};
use crate::core::View;
use crate::table::{KeyBlock, Run, ValBlock};
use bytes::Bytes;
use kv_api::{Error, KeyRange, Result, Version};
use std::ops::Range;
use std::sync::{Arc, Weak};
use tokio::task::coop::consume_budget;

/// Where a row is.
#[derive(Debug, Clone, Copy)]
struct Place {
    version: Version,
    /// Of the backlog's runs.
    run: u32,
    block: u32,
    row: u32,
}

impl OfCommit for Place {
    fn version(&self) -> Version {
        self.version
    }

    fn cost(&self) -> usize {
        1
    }
}

/// The places of the rows that come next.
pub(super) struct Backlog {
    /// Not held: a feed that nobody reads must not keep files.
    runs: Vec<Weak<Run>>,
    /// In the order of versions.
    places: Vec<Place>,
    /// So many of them lie before what is to be read.
    done: usize,
    /// The places up to this version are all there.
    until: Version,
}

/// Rows in the order of versions and keys, and the version up to which they are all.
pub(super) struct Rows {
    pub(super) rows: Vec<Change>,
    pub(super) until: Version,
}

impl Backlog {
    /// Goes through the versions of all rows of `range` in a view after `position` and up to `last`.
    pub(super) async fn find(
        view: &View,
        range: &KeyRange,
        position: Version,
        last: Version,
        budget: Budget,
    ) -> Result<Self> {
        let mut runs: Vec<&Arc<Run>> =
            view.levels.all().filter(|run| run.statistics().max_version > position).collect();
        // What lies wholly behind the oldest commits is then not looked at.
        runs.sort_unstable_by_key(|run| run.statistics().min_version);
        let mut oldest = Oldest::new(budget.places, last);
        for (number, run) in (0..).zip(&runs) {
            if run.statistics().min_version <= oldest.last() {
                note(run, number, range, position, &mut oldest).await?;
            }
        }
        let runs = runs.into_iter().map(Arc::downgrade).collect();
        let (places, until) = oldest.finish();
        Ok(Self { runs, places, done: 0, until })
    }

    /// The runs with the rows after a version, where the view has all of them still.
    pub(super) fn runs_in(&mut self, view: &View, position: Version) -> Option<Vec<Option<Arc<Run>>>> {
        self.go_on_after(position);
        let rest = self.places.get(self.done..).unwrap_or_default();
        let mut runs = vec![None; self.runs.len()];
        for place in rest {
            let number = place.run as usize;
            let (weak, slot) = (self.runs.get(number)?, runs.get_mut(number)?);
            if slot.is_none() {
                let run = weak.upgrade()?;
                view.levels.all().any(|other| Arc::ptr_eq(other, &run)).then_some(())?;
                *slot = Some(run);
            }
        }
        (!rest.is_empty()).then_some(runs)
    }

    /// Reads the rows of the next commits, of which the [runs](Self::runs_in) are there.
    pub(super) async fn read(&self, runs: &[Option<Arc<Run>>], range: &KeyRange, budget: Budget) -> Result<Rows> {
        let (mut places, until) = self.next_places(budget.batch_rows);
        places.sort_unstable_by_key(|place| (place.run, place.block, place.row));
        let mut oldest = Oldest::new(budget.batch_bytes, until);
        for of_run in places.chunk_by(|a, b| a.run == b.run) {
            let number = of_run.first().map_or(0, |place| place.run as usize);
            let run = runs.get(number).and_then(Option::as_ref);
            let run = run.ok_or_else(|| Error::backend("reading changes", "a run of the backlog is not there"))?;
            read_places(run, of_run, range, &mut oldest).await?;
        }
        let (mut rows, until) = oldest.finish();
        rows.sort_unstable_by(|a, b| (a.version, &a.key).cmp(&(b.version, &b.key)));
        // While a compaction is under way a row may be in two runs.
        rows.dedup_by(|a, b| a.version == b.version && a.key == b.key);
        Ok(Rows { rows, until })
    }

    /// The places of the next commits, whole ones, and the version up to which they are all.
    fn next_places(&self, most: usize) -> (Vec<Place>, Version) {
        let rest = self.places.get(self.done..).unwrap_or_default();
        let Some(last) = rest.get(most.min(rest.len()).saturating_sub(1)) else {
            return (Vec::new(), self.until);
        };
        let behind = |version: Version| rest.partition_point(|place| place.version <= version);
        let end = match behind(last.version) {
            end if end <= most || last.version == rest.first().map_or(0, |first| first.version) => end,
            // The last does not fit whole.
            _ => rest.partition_point(|place| place.version < last.version),
        };
        let places = rest.get(..end).unwrap_or_default();
        let until =
            if end == rest.len() { self.until } else { places.last().map_or(self.until, |place| place.version) };
        (places.to_vec(), until)
    }

    /// Goes on with what comes after a version.
    fn go_on_after(&mut self, version: Version) {
        self.done = self.places.partition_point(|place| place.version <= version);
    }
}

/// Notes the places of a run.
async fn note(run: &Run, number: u32, range: &KeyRange, position: Version, oldest: &mut Oldest<Place>) -> Result<()> {
    let Range { mut start, end } = run.blocks_in(range)?;
    while start < end {
        consume_budget().await;
        let blocks = run.versions(start..end)?;
        for versions in &blocks {
            let (least, greatest) = versions.bounds();
            if greatest <= position || least > oldest.last() {
                continue;
            }
            let block = versions.block as u32;
            for (row, version) in (0..).zip(versions.iter()).filter(|(_, version)| *version > position) {
                oldest.push(Place { version, run: number, block, row });
            }
        }
        start += blocks.len().max(1);
    }
    Ok(())
}

/// Reads the rows at places of a run, which are in its order.
async fn read_places(run: &Run, places: &[Place], range: &KeyRange, oldest: &mut Oldest<Change>) -> Result<()> {
    let mut loaded: std::vec::IntoIter<(u32, Arc<KeyBlock>, Option<Arc<ValBlock>>)> = Vec::new().into_iter();
    let mut rest = places;
    for of_block in places.chunk_by(|a, b| a.block == b.block) {
        let block = of_block.first().map_or(0, |place| place.block);
        let wanted = rest;
        rest = rest.get(of_block.len()..).unwrap_or_default();
        if of_block.iter().all(|place| place.version > oldest.last()) {
            continue;
        }
        let mut next = loaded.find(|(number, ..)| *number >= block);
        if next.as_ref().is_none_or(|(number, ..)| *number != block) {
            consume_budget().await;
            let stretch = run.stretch(block as usize, adjacent(wanted), true).await?;
            loaded = (block..).zip(stretch).map(|(n, (keys, vals))| (n, keys, vals)).collect::<Vec<_>>().into_iter();
            next = loaded.next();
        }
        let Some((_, keys, Some(vals))) = next else {
            return Err(Error::backend("reading changes", "a block that was read is not there"));
        };
        for place in of_block {
            let row = place.row as usize;
            if place.version <= oldest.last() && range.contains(keys.key(row)) {
                // Copied: a slice would keep all that was read with it.
                let key = Bytes::copy_from_slice(keys.key(row));
                let val = (!keys.is_tombstone(row)).then(|| Bytes::copy_from_slice(vals.val(row)));
                oldest.push(Change { version: place.version, key, val });
            }
        }
    }
    Ok(())
}

/// How many of the first blocks of places lie one after the other.
fn adjacent(places: &[Place]) -> usize {
    let mut blocks = places.chunk_by(|a, b| a.block == b.block).filter_map(|of_block| of_block.first());
    let Some(first) = blocks.next() else { return 1 };
    1 + (first.block + 1..).zip(blocks).take_while(|(expected, place)| *expected == place.block).count()
}
