//! What a feed hands out that is not in the tail any more, from a view.

use super::Budget;
use super::backlog::{Backlog, Rows};
use super::batch::{Batch, Change};
use super::oldest::Oldest;
use crate::core::{Core, View};
use crate::memtable::MemTable;
use arrow_array::RecordBatch;
use kv_api::{Key, KeyRange, Result, Version};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::coop::consume_budget;

/// Rows in memory that are looked at between two looks at the budget of the task.
const STRIDE: usize = 256;

/// What comes next.
pub(super) struct Caught {
    rows: Vec<Change>,
    /// The version up to which that is all.
    pub(super) until: Version,
    /// What had been erased up to this version has been left out.
    pub(super) seen: Version,
    /// What is known of what comes after that.
    pub(super) backlog: Option<Backlog>,
}

impl Caught {
    /// Leaves out what has been erased meanwhile, at the versions that are told by key.
    pub(super) fn leave_out(&mut self, erased: &HashMap<Key, Version>) {
        if !erased.is_empty() {
            self.rows.retain(|row| erased.get(&row.key).is_none_or(|erased| *erased <= row.version));
        }
    }

    /// `None` where nothing of the range was changed.
    pub(super) fn finish(self) -> Result<Option<RecordBatch>> {
        let mut batch = Batch::default();
        for Change { version, key, val } in &self.rows {
            batch.push(*version, key, val.as_deref())?;
        }
        batch.finish()
    }
}

/// Looks for the first commits after `position` and up to `end`, some of which are visible.
///
/// # Errors
/// `VersionNotRetained`; those of the files.
pub(super) async fn next(
    core: Arc<Core>,
    range: KeyRange,
    (position, end): (Version, Version),
    backlog: Option<Backlog>,
    budget: Budget,
) -> Result<Caught> {
    // In this order: the view has all that is visible.
    let seen = core.snapshots.visible();
    let view = core.views.load();
    core.feeds.check_retained(&view, position)?;
    let last = seen.min(end);
    let in_runs = view.levels.all().map(|run| run.statistics().max_version).max().unwrap_or(0).min(last);
    let (rows, backlog) = if position < in_runs {
        let (rows, backlog) = of_runs(&core, &view, &range, (position, in_runs), backlog, budget).await?;
        (rows, Some(backlog))
    } else {
        // What is in memory is later than what is in runs, and the memtables lie in the order of their commits.
        let oldest = view.memtables().filter(|memtable| memtable.max_version() > position).last();
        let rows = match oldest {
            Some(memtable) => {
                let last = memtable.max_version().min(last);
                of_memtable(memtable, &range, (position, last), budget).await
            }
            None => Rows { rows: Vec::new(), until: last },
        };
        (rows, None)
    };
    let Rows { mut rows, until } = rows;
    leave_out_erased(&view, &mut rows, seen).await?;
    Ok(Caught { rows, until, seen, backlog })
}

async fn of_runs(
    core: &Core,
    view: &View,
    range: &KeyRange,
    (position, last): (Version, Version),
    backlog: Option<Backlog>,
    budget: Budget,
) -> Result<(Rows, Backlog)> {
    let kept = backlog.and_then(|mut backlog| Some((backlog.runs_in(view, position)?, backlog)));
    let (runs, backlog) = match kept {
        Some(kept) => kept,
        None => {
            core.feeds.passes.fetch_add(1, Ordering::Relaxed);
            let mut backlog = Backlog::find(view, range, position, last, budget).await?;
            (backlog.runs_in(view, position).unwrap_or_default(), backlog)
        }
    };
    let rows = backlog.read(&runs, range, budget).await?;
    Ok((rows, backlog))
}

async fn of_memtable(
    memtable: &MemTable,
    range: &KeyRange,
    (position, last): (Version, Version),
    budget: Budget,
) -> Rows {
    let mut oldest = Oldest::new(budget.batch_bytes, last);
    let mut place: Option<(Key, Version)> = Some((range.start.clone(), Version::MAX));
    while let Some((key, version)) = place.filter(|_| !range.is_empty()) {
        consume_budget().await;
        place = memtable.see_rows((&key, version), range.end.as_ref(), STRIDE, |key, version, write| {
            if version > position {
                oldest.push(Change { version, key: key.clone(), val: write.val.clone() });
            }
        });
    }
    let (mut rows, until) = oldest.finish();
    rows.sort_unstable_by(|a, b| (a.version, &a.key).cmp(&(b.version, &b.key)));
    Rows { rows, until }
}

/// Leaves out what a commit up to `seen` has erased.
async fn leave_out_erased(view: &View, rows: &mut Vec<Change>, seen: Version) -> Result<()> {
    let Some(first) = rows.first().map(|row| row.version) else { return Ok(()) };
    if !view.may_have_erased(first) {
        return Ok(());
    }
    let mut left = Vec::with_capacity(rows.len());
    for row in rows.drain(..) {
        consume_budget().await;
        if !view.has_erased(&row.key, row.version, seen).await? {
            left.push(row);
        }
    }
    *rows = left;
    Ok(())
}

#[cfg(test)]
mod tests;
