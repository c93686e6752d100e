//! About how many keys a range holds, and where to cut it: from fences, not from rows.

use super::LanceTransaction;
use kv_api::{Key, KeyRange, Result, check_parts};

/// So many rows of a memtable are counted, and no more: what is beyond is soon in a run.
const COUNTED: usize = 10_000;

/// Of a memtable and of the pending writes every so many keys are looked at; less than this is no part of its own.
const STEP: usize = 64;

/// Keys of each run that are looked at for each part.
const SAMPLES: usize = 32;

impl LanceTransaction {
    /// Versions and deletions are counted like keys.
    pub(super) async fn estimate(&self, range: &KeyRange) -> Result<u64> {
        self.check_read(None)?;
        let view = self.view();
        let mut rows =
            self.pending.lock().writes()?.keys().filter(|key| range.contains(key)).take(COUNTED).count() as u64;
        for memtable in view.memtables() {
            rows += memtable.keys(range).take(COUNTED).count() as u64;
        }
        for run in view.levels.runs() {
            rows += run.rows_in(range).await?;
        }
        Ok(rows)
    }

    pub(super) async fn parts(&self, range: KeyRange, n: u32) -> Result<Vec<KeyRange>> {
        check_parts(n)?;
        self.check_read(None)?;
        let view = self.view();
        let most = SAMPLES.saturating_mul(n as usize);
        let mut samples: Vec<(Key, u64)> = Vec::new();
        let sampled = |key: &Key| (key.clone(), STEP as u64);
        samples
            .extend(self.pending.lock().writes()?.keys().filter(|key| range.contains(key)).step_by(STEP).map(sampled));
        for memtable in view.memtables() {
            tokio::task::consume_budget().await;
            samples.extend(memtable.keys(&range).step_by(STEP).map(|key| sampled(&key)));
        }
        for run in view.levels.runs() {
            tokio::task::consume_budget().await;
            samples.extend(run.samples(&range, most)?);
        }
        samples.sort_unstable();
        Ok(range.split_at(bounds(&samples, n)))
    }
}

/// Keys that divide the rows into `parts`.
fn bounds(samples: &[(Key, u64)], parts: u32) -> Vec<Key> {
    let parts = u128::from(parts);
    let total: u64 = samples.iter().map(|(_, rows)| rows).sum();
    let (mut bounds, mut before, mut part) = (Vec::new(), 0, 1);
    for (key, rows) in samples {
        // Of a part that a single sample fills nothing is cut.
        if u128::from(before) * parts >= u128::from(total) * part && part < parts {
            bounds.push(key.clone());
            part = u128::from(before) * parts / u128::from(total.max(1)) + 1;
        }
        before += rows;
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(rows: &[u64], parts: u32) -> Vec<u8> {
        let samples: Vec<(Key, u64)> = (0u8..).zip(rows).map(|(i, rows)| (vec![i].into(), *rows)).collect();
        bounds(&samples, parts).iter().filter_map(|key| key.first().copied()).collect()
    }

    #[test]
    fn rows_are_divided_evenly() {
        assert_eq!(cut(&[1; 8], 4), [2, 4, 6]);
        assert_eq!(cut(&[1; 8], 3), [3, 6]);
        assert_eq!(cut(&[1; 3], 8), [1, 2]);
        assert_eq!(cut(&[90, 1, 1, 8], 10), [1]);
        assert_eq!(cut(&[1, 1, 8, 90], 10), [3]);
        assert_eq!(cut(&[5; 4], 1), [0u8; 0]);
        assert_eq!(cut(&[], 4), [0u8; 0]);
    }
}
