//! Which rows of the levels a reader at the newest version does not find: those above which there is a newer row of their
//! key, and deletions.

use super::keys::Keys;
use crate::table::{Known, Levels, Run, Shown};
use kv_api::Result;
use roaring::RoaringBitmap;
use std::cmp::Ordering;

/// The runs in the order of precedence, with what is hidden of each. Two runs that are known are not compared again, as
/// which of two runs counts never changes: so this costs as much as has been written since, and the blocks of other runs that
/// its keys lie in.
///
/// # Errors
/// What reading gives, and what `go_on` does, which is asked between any two runs.
pub(super) async fn hidden(levels: &Levels, known: &Known, go_on: impl Fn() -> Result<()>) -> Result<Vec<Shown>> {
    let mut shown: Vec<Shown> = Vec::new();
    for run in levels.runs() {
        let before = known.get(run.name());
        let mut hidden = before.cloned().unwrap_or_default();
        if before.is_none() {
            go_on()?;
            hide_own(run, &mut hidden).await?;
        }
        let is_new = |upper: &Shown| before.is_none() || !known.contains_key(upper.run.name());
        for upper in shown.iter_mut().filter(|upper| is_new(upper) && upper.run.overlaps(run.key_bounds())) {
            go_on()?;
            hide_below(upper, run, &mut hidden).await?;
        }
        shown.push(Shown { run: run.clone(), hidden });
    }
    Ok(shown)
}

/// Hides the deletions of a run, and of each key all rows but the newest.
async fn hide_own(run: &Run, rows: &mut RoaringBitmap) -> Result<()> {
    let statistics = run.statistics();
    if statistics.rows == statistics.keys && statistics.tombstones == 0 {
        return Ok(());
    }
    let mut keys = Keys::of(run).await?;
    let mut last: Option<Vec<u8>> = None;
    while let Some(key) = keys.key() {
        let is_older = last.as_deref() == Some(key);
        if is_older || keys.is_tombstone() {
            rows.insert(keys.row()?);
        }
        if !is_older {
            let last = last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(key);
        }
        keys.next().await?;
    }
    Ok(())
}

/// Hides the rows of a run whose keys another has that lies above it. A row that both have is hidden above: a compaction has
/// written it below, and will remove the other.
async fn hide_below(upper: &mut Shown, lower: &Run, rows: &mut RoaringBitmap) -> Result<()> {
    let Shown { run, hidden } = upper;
    let (mut upper, mut lower) = (Keys::of(run).await?, Keys::of(lower).await?);
    let mut last: Option<Vec<u8>> = None;
    while let (Some(above), Some(below)) = (upper.key(), lower.key()) {
        match above.cmp(below) {
            Ordering::Less => upper.seek(below).await?,
            Ordering::Greater => lower.seek(above).await?,
            // The newest of both, the first time.
            Ordering::Equal if last.as_deref() != Some(above) && upper.version() == lower.version() => {
                last = Some(above.to_vec());
                hidden.insert(upper.row()?);
                lower.next().await?;
            }
            Ordering::Equal => {
                rows.insert(lower.row()?);
                lower.next().await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;
    use crate::table::testing;
    use std::sync::Arc;

    /// A run of rows `(key, version, whether there is a value)`, in their order, with as many blocks as it takes.
    async fn run(dir: &std::path::Path, block_bytes: usize, rows: &[(u32, u64, bool)]) -> Arc<Run> {
        let dir = dir.join(format!("{}", std::fs::read_dir(dir).unwrap().count()));
        std::fs::create_dir(&dir).unwrap();
        let row = |&(key, version, is_there): &(u32, u64, bool)| {
            (format!("{key:06}").into_bytes(), version, is_there.then(Vec::new), false, None)
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        Arc::new(testing::open(&testing::write(&dir, block_bytes, &rows).await, 1 << 20).await.unwrap())
    }

    /// Numbers that a seed decides.
    fn numbers(mut state: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        }
    }

    #[tokio::test]
    async fn a_row_is_hidden_by_one_above_it_and_by_a_newer_one_of_its_run() {
        let dir = tempfile::tempdir().unwrap();
        for seed in 1..60 {
            let mut random = numbers(seed * 0x9e37_79b9);
            // From few keys of many to most of them, so that blocks are passed over, read in a row and shared.
            let density = [2, 10, 200][seed as usize % 3];
            let block_bytes = [1, 64, 4096][seed as usize % 2 + 1];
            let mut draw = |newest: u64, density: u64, most: u64| {
                let mut rows = Vec::new();
                for key in 0..1500 {
                    if random(density) == 0 {
                        let versions = 1 + random(most);
                        rows.extend((0..versions).map(|age| (key, newest - age, random(5) > 0)));
                    }
                }
                rows.push((9999, newest, true));
                rows
            };
            let (upper, lower) = (draw(20, density, 3), draw(10, 2, 3));
            let (above, below) =
                (run(dir.path(), block_bytes, &upper).await, run(dir.path(), block_bytes, &lower).await);
            let levels = Levels::new(vec![vec![above, below]], Default::default());
            let hidden = hidden(&levels, &Known::new(), || Ok(())).await.unwrap();
            let expected = |rows: &[(u32, u64, bool)], above: &[(u32, u64, bool)]| -> Vec<u32> {
                let is_hidden = |row: usize| {
                    let (key, _, is_there) = rows[row];
                    !is_there || (row > 0 && rows[row - 1].0 == key) || above.iter().any(|other| other.0 == key)
                };
                (0..rows.len()).filter(|row| is_hidden(*row)).map(|row| row as u32).collect()
            };
            let found: Vec<Vec<u32>> = hidden.iter().map(|shown| shown.hidden.iter().collect()).collect();
            assert_eq!(found, [expected(&upper, &[]), expected(&lower, &upper)], "seed {seed}");
        }
    }

    /// While a compaction is published step by step, a row lies in a run that it has written and in one that it will remove:
    /// once that had gone, the row was hidden for good.
    #[tokio::test]
    async fn a_row_that_two_runs_have_is_shown_by_the_one_below() {
        let dir = tempfile::tempdir().unwrap();
        let upper = run(dir.path(), 64, &[(1, 9, true), (2, 5, true), (2, 4, true), (3, 9, false)]).await;
        let lower = run(dir.path(), 64, &[(1, 8, true), (2, 5, true), (2, 3, true), (3, 9, false), (4, 1, true)]).await;
        let of = async |runs: Vec<Arc<Run>>, known: &Known| {
            let levels = Levels::new(runs.into_iter().map(|run| vec![run]).collect(), Default::default());
            hidden(&levels, known, || Ok(())).await.unwrap()
        };
        let rows =
            |shown: &[Shown]| -> Vec<Vec<u32>> { shown.iter().map(|shown| shown.hidden.iter().collect()).collect() };
        let both = of(vec![upper, lower.clone()], &Known::new()).await;
        assert_eq!(rows(&both), [vec![1, 2, 3], vec![0, 2, 3]]);
        // The row of key 1 goes with its run, and that of the other is then no row any more.
        let known: Known = both.into_iter().map(|shown| (shown.run.name().to_owned(), shown.hidden)).collect();
        assert_eq!(rows(&of(vec![lower], &known).await), [vec![0, 2, 3]]);
    }

    #[tokio::test]
    async fn what_is_known_is_not_looked_at_again() {
        let dir = tempfile::tempdir().unwrap();
        let rows: Vec<_> = (0..100).map(|key| (key, 1, true)).collect();
        let (new, old) = (run(dir.path(), 64, &[(5, 3, true)]).await, run(dir.path(), 64, &rows).await);
        let oldest = run(dir.path(), 64, &rows).await;
        // As nothing would say, were it looked at.
        let known = Known::from([old.name(), oldest.name()].map(|name| (name.to_owned(), RoaringBitmap::from([7]))));
        let levels = Levels::new(vec![vec![new, old, oldest]], Default::default());
        let hidden = hidden(&levels, &known, || Ok(())).await.unwrap();
        let found: Vec<Vec<u32>> = hidden.iter().map(|shown| shown.hidden.iter().collect()).collect();
        assert_eq!(found, [vec![], vec![5, 7], vec![5, 7]]);
    }
}
