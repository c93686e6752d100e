//! Which rows of a key a compaction keeps.

use kv_api::Version;

/// How far rows may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Horizons {
    /// Rows that are newer all stay; of the others, each key's newest.
    pub(super) history: Version,
    /// No open transaction began before this version: rows that were erased up to here are read by nobody.
    pub(super) erasing: Version,
}

/// Decides row by row, in the order of a run.
pub(super) struct HistoryFilter {
    horizons: Horizons,
    /// Nothing older than what is decided about has its keys.
    is_bottom: bool,
    key: Vec<u8>,
    /// The key's newest row up to the horizon has been seen.
    settled: bool,
    /// What is older has been erased.
    erased: bool,
    any: bool,
    /// Rows that have grown too old.
    pub(super) dropped: u64,
}

/// What a compaction does with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Goes,
    /// The row stays; whether there is still something for it to erase.
    Stays {
        erases: bool,
    },
}

impl HistoryFilter {
    pub(super) fn new(horizons: Horizons, is_bottom: bool) -> Self {
        Self { horizons, is_bottom, key: Vec::new(), settled: false, erased: false, any: false, dropped: 0 }
    }

    /// What becomes of the next row. At the bottom a tombstone goes as well, where nothing older lies under it.
    pub(super) fn decide(&mut self, key: &[u8], version: Version, tombstone: bool, erases: bool) -> Fate {
        if !self.any || self.key != key {
            self.any = true;
            (self.settled, self.erased) = (false, false);
            self.key.clear();
            self.key.extend_from_slice(key);
        }
        if self.erased {
            return Fate::Goes;
        }
        self.erased = erases && version <= self.horizons.erasing;
        let stays = Fate::Stays { erases: erases && !(self.erased && self.is_bottom) };
        if version > self.horizons.history {
            return stays;
        }
        let keeps = !(self.settled || tombstone && self.is_bottom);
        self.settled = true;
        self.dropped += u64::from(!keeps);
        if keeps { stays } else { Fate::Goes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(horizon: Version, rows: &[(&str, Version, bool)]) -> Vec<(String, Version)> {
        let horizons = Horizons { history: horizon, erasing: Version::MAX };
        let mut filter = HistoryFilter::new(horizons, true);
        rows.iter()
            .filter(|(k, v, t)| filter.decide(k.as_bytes(), *v, *t, false) != Fate::Goes)
            .map(|(k, v, _)| (k.to_string(), *v))
            .collect()
    }

    #[test]
    fn what_has_been_erased_goes_when_nobody_reads_it_and_counts_as_no_history() {
        let rows = [("a", 9, false, false), ("a", 7, true, true), ("a", 5, false, false), ("b", 6, false, true)];
        let after = |erasing, is_bottom| {
            let mut filter = HistoryFilter::new(Horizons { history: 0, erasing }, is_bottom);
            let fate = |filter: &mut HistoryFilter, (k, v, t, e): (&str, Version, bool, bool)| match filter.decide(
                k.as_bytes(),
                v,
                t,
                e,
            ) {
                Fate::Goes => String::new(),
                Fate::Stays { erases } => format!("{k}{v}{} ", if erases { "!" } else { "" }),
            };
            let left: String = rows.iter().map(|row| fate(&mut filter, *row)).collect();
            (left, filter.dropped)
        };
        assert_eq!(after(5, true), ("a9 a7! a5 b6! ".into(), 0));
        assert_eq!(after(6, true), ("a9 a7! a5 b6 ".into(), 0));
        assert_eq!(after(7, true), ("a9 a7 b6 ".into(), 0));
        // There may be more of it below.
        assert_eq!(after(7, false), ("a9 a7! b6! ".into(), 0));
    }

    #[test]
    fn a_tombstone_stays_where_something_may_lie_under_it() {
        let mut filter = HistoryFilter::new(Horizons { history: 9, erasing: 9 }, false);
        let stays = Fate::Stays { erases: false };
        let rows = [("a", 8, true), ("a", 5, false), ("b", 4, true)];
        let fates = rows.map(|(key, version, tombstone)| filter.decide(key.as_bytes(), version, tombstone, false));
        assert_eq!((fates, filter.dropped), ([stays, Fate::Goes, stays], 1));
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
