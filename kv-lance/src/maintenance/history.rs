//! Which rows of a key a compaction keeps.

use kv_api::Version;

/// Decides row by row, in the order of a run.
pub(super) struct HistoryFilter {
    /// Rows that are newer all stay; of the others, each key's newest.
    horizon: Version,
    key: Vec<u8>,
    /// The key's newest row up to the horizon has been seen.
    settled: bool,
    any: bool,
    pub(super) dropped: u64,
}

impl HistoryFilter {
    pub(super) fn new(horizon: Version) -> Self {
        Self { horizon, key: Vec::new(), settled: false, any: false, dropped: 0 }
    }

    /// Whether the row stays. A tombstone that nothing older lies under goes as well: this merge takes in all runs.
    pub(super) fn keeps(&mut self, key: &[u8], version: Version, tombstone: bool) -> bool {
        if !self.any || self.key != key {
            self.any = true;
            self.settled = false;
            self.key.clear();
            self.key.extend_from_slice(key);
        }
        if version > self.horizon {
            return true;
        }
        let keeps = !self.settled && !tombstone;
        self.settled = true;
        self.dropped += u64::from(!keeps);
        keeps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(horizon: Version, rows: &[(&str, Version, bool)]) -> Vec<(String, Version)> {
        let mut filter = HistoryFilter::new(horizon);
        rows.iter()
            .filter(|(k, v, t)| filter.keeps(k.as_bytes(), *v, *t))
            .map(|(k, v, _)| (k.to_string(), *v))
            .collect()
    }

    #[test]
    fn the_newest_row_up_to_the_horizon_stays_and_the_older_go() {
        let rows = [("", 9, false), ("a", 9, false), ("a", 5, false), ("a", 3, false), ("b", 4, true), ("b", 2, false)];
        let of = |horizon| kept(horizon, &rows).iter().map(|(k, v)| format!("{k}{v} ")).collect::<String>();
        assert_eq!(of(0), "9 a9 a5 a3 b4 b2 ");
        assert_eq!(of(3), "9 a9 a5 a3 b4 b2 ");
        assert_eq!(of(4), "9 a9 a5 a3 ");
        assert_eq!(of(5), "9 a9 a5 ");
        assert_eq!(of(9), "9 a9 ");
        assert_eq!(of(99), "9 a9 ");
    }
}
