//! What a feed hands out that is not in the tail any more, from a view.

use super::BATCH_BYTES;
use super::backlog::{Backlog, Rows};
use super::batch::{Batch, Change};
use super::oldest::Oldest;
use crate::core::{Core, View};
use crate::memtable::MemTable;
use arrow_array::RecordBatch;
use kv_api::{Key, KeyRange, Result, Version};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::coop::consume_budget;

/// Rows in memory that are looked at between two looks at the budget of the task.
const STRIDE: usize = 256;

/// What comes next.
pub(super) struct Caught {
    batch: Batch,
    /// The version up to which that is all.
    pub(super) until: Version,
    /// What had been erased up to this version has been left out.
    pub(super) seen: Version,
    /// What is known of what comes after that.
    pub(super) backlog: Option<Backlog>,
}

impl Caught {
    /// `None` where nothing of the range was changed.
    pub(super) fn finish(self) -> Result<Option<RecordBatch>> {
        self.batch.finish()
    }
}

/// Looks for the first commits after `position`, some of which are visible.
///
/// # Errors
/// `VersionNotRetained`; those of the files.
pub(super) async fn next(
    core: Arc<Core>,
    range: KeyRange,
    position: Version,
    backlog: Option<Backlog>,
) -> Result<Caught> {
    // In this order: the view has all that is visible.
    let seen = core.snapshots.visible();
    let view = core.views.load();
    view.check_retained(position)?;
    let in_runs = view.levels.all().map(|run| run.statistics().max_version).max().unwrap_or(0).min(seen);
    let (rows, backlog) = if position < in_runs {
        let (rows, backlog) = of_runs(&core, &view, &range, position, in_runs, backlog).await?;
        (rows, Some(backlog))
    } else {
        // What is in memory is later than what is in runs, and the memtables lie in the order of their commits.
        let oldest = view.memtables().filter(|memtable| memtable.max_version() > position).last();
        let rows = match oldest {
            Some(memtable) => of_memtable(memtable, &range, position, memtable.max_version().min(seen)).await,
            None => Rows { rows: Vec::new(), until: seen },
        };
        (rows, None)
    };
    let Rows { mut rows, until } = rows;
    leave_out_erased(&view, &mut rows, seen).await?;
    let mut batch = Batch::default();
    for Change { version, key, val } in &rows {
        batch.push(*version, key, val.as_deref())?;
    }
    Ok(Caught { batch, until, seen, backlog })
}

async fn of_runs(
    core: &Core,
    view: &View,
    range: &KeyRange,
    position: Version,
    last: Version,
    backlog: Option<Backlog>,
) -> Result<(Rows, Backlog)> {
    let kept = backlog.and_then(|backlog| Some((backlog.runs_in(view)?, backlog)));
    let (runs, mut backlog) = match kept {
        Some(kept) => kept,
        None => {
            core.feeds.passes.fetch_add(1, Ordering::Relaxed);
            let backlog = Backlog::find(view, range, position, last).await?;
            (backlog.runs_in(view).unwrap_or_default(), backlog)
        }
    };
    let rows = backlog.read(&runs, range).await?;
    backlog.pass(rows.until);
    Ok((rows, backlog))
}

async fn of_memtable(memtable: &MemTable, range: &KeyRange, position: Version, last: Version) -> Rows {
    let mut oldest = Oldest::new(BATCH_BYTES, last);
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
