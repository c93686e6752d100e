//! What flushes and compactions make of each row: it stays current, becomes history, or goes.

use crate::table::Pins;
use kv_api::Version;

/// How far rows may go.
#[derive(Debug, Clone)]
pub(super) struct Horizons {
    /// Nobody reads what had been superseded by this version.
    pub(super) history: Version,
    /// No open transaction began before this version: rows that were erased up to here are read by nobody.
    pub(super) erasing: Version,
    /// Of what had been superseded by then, what these versions find is read all the same.
    pub(super) pins: Pins,
}

/// What is known of the rows that are not among those decided about.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rest {
    /// Nothing on a level is older and of their keys.
    pub(super) is_bottom: bool,
    /// Nor has history anything that one of them erases.
    pub(super) has_nothing_erased: bool,
}

/// A row to be decided about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) key: &'a [u8],
    pub(super) version: Version,
    pub(super) tombstone: bool,
    pub(super) erases: bool,
    /// Since when it is history.
    pub(super) superseded: Option<Version>,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Goes,
    /// Whether there is still something for it to erase.
    Current {
        erases: bool,
    },
    History {
        superseded: Version,
    },
}

/// Decides row by row: keys ascending, versions of a key descending.
pub(super) struct HistoryFilter {
    horizons: Horizons,
    rest: Rest,
    key: Vec<u8>,
    /// The version of the key's row before.
    newer: Option<Version>,
    /// What is older has been erased.
    erased: bool,
    /// Rows of history that have grown too old.
    pub(super) dropped: u64,
}

impl HistoryFilter {
    pub(super) fn new(horizons: Horizons, rest: Rest) -> Self {
        Self { horizons, rest, key: Vec::new(), newer: None, erased: false, dropped: 0 }
    }

    /// What becomes of the next row.
    ///
    /// A deletion at the bottom says what its absence says, as all that is older and has become history was superseded by it
    /// at the latest. So it becomes history as well, which was in force at no version: change feeds ask for it, and nobody
    /// else. A row that still erases something stays current, where it is looked for, and so do deletions then: under one of
    /// them there may be such a row.
    pub(super) fn decide(&mut self, row: Candidate<'_>) -> Fate {
        if self.newer.is_none() || self.key != row.key {
            (self.newer, self.erased) = (None, false);
            self.key.clear();
            self.key.extend_from_slice(row.key);
        }
        let newer = self.newer.replace(row.version);
        // A row that lies on two levels, as a compaction between them has not gone through all keys, is one.
        if self.erased || newer == Some(row.version) {
            return Fate::Goes;
        }
        self.erased = row.erases && row.version <= self.horizons.erasing;
        let has_nothing_under_it = self.rest.is_bottom && self.rest.has_nothing_erased;
        let erases = row.erases && !(self.erased && has_nothing_under_it);
        let is_absence = row.tombstone && has_nothing_under_it && row.superseded.is_none();
        let superseded = newer.into_iter().chain(row.superseded).min();
        // A transaction that began before the deletion is told of it.
        let is_seen = row.version > self.horizons.erasing;
        match superseded {
            _ if erases => Fate::Current { erases },
            None if !is_absence || is_seen => Fate::Current { erases },
            Some(superseded) if !is_absence => self.past(row.version, superseded),
            _ => self.past(row.version, row.version),
        }
    }

    /// What becomes of a row that was in force from one version up to another.
    fn past(&mut self, version: Version, superseded: Version) -> Fate {
        if superseded <= self.horizons.history && !self.horizons.pins.any_in(version, superseded) {
            self.dropped += 1;
            return Fate::Goes;
        }
        Fate::History { superseded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTTOM: Rest = Rest { is_bottom: true, has_nothing_erased: true };

    /// Key, version, `-` for a deletion, `!` where it erases, and since when it is history.
    type Row = (&'static str, Version, &'static str, Option<Version>);

    /// What stays of rows: those that are current, and `|`, and history. And how many were dropped.
    fn split(history: Version, erasing: Version, rest: Rest, rows: &[Row]) -> (String, u64) {
        split_with(&[], history, erasing, rest, rows)
    }

    /// The same where some versions are pinned.
    fn split_with(pins: &[Version], history: Version, erasing: Version, rest: Rest, rows: &[Row]) -> (String, u64) {
        let pins = Pins::new(pins.iter().copied());
        let mut filter = HistoryFilter::new(Horizons { history, erasing, pins }, rest);
        let (mut current, mut past) = (String::new(), String::new());
        for (key, version, kind, superseded) in rows {
            let candidate = Candidate {
                key: key.as_bytes(),
                version: *version,
                tombstone: kind.contains('-'),
                erases: kind.contains('!'),
                superseded: *superseded,
            };
            match filter.decide(candidate) {
                Fate::Goes => {}
                Fate::Current { erases } => current += &format!("{key}{version}{} ", if erases { "!" } else { "" }),
                Fate::History { superseded } => past += &format!("{key}{version}<{superseded} "),
            }
        }
        (format!("{current}| {past}"), filter.dropped)
    }

    #[test]
    fn the_newest_row_is_current_and_the_others_are_history_until_the_horizon() {
        let rows: [Row; 6] = [
            ("", 9, "", None),
            ("a", 9, "", None),
            ("a", 5, "", None),
            ("a", 3, "", None),
            ("b", 4, "-", None),
            ("b", 2, "", None),
        ];
        let of = |history| split(history, 9, BOTTOM, &rows);
        assert_eq!(of(0), ("9 a9 | a5<9 a3<5 b4<4 b2<4 ".into(), 0));
        assert_eq!(of(3), ("9 a9 | a5<9 a3<5 b4<4 b2<4 ".into(), 0));
        assert_eq!(of(4), ("9 a9 | a5<9 a3<5 ".into(), 2));
        assert_eq!(of(5), ("9 a9 | a5<9 ".into(), 3));
        assert_eq!(of(9), ("9 a9 | ".into(), 4));
    }

    #[test]
    fn a_deletion_is_history_where_nothing_lies_under_it_and_no_transaction_is_older() {
        let rows: [Row; 4] = [("a", 8, "-", None), ("b", 8, "", None), ("b", 6, "-", None), ("b", 5, "", None)];
        let of = |erasing, is_bottom| split(0, erasing, Rest { is_bottom, ..BOTTOM }, &rows).0;
        assert_eq!(of(9, true), "b8 | a8<8 b6<6 b5<6 ");
        assert_eq!(of(7, true), "a8 b8 | b6<6 b5<6 ");
        assert_eq!(of(9, false), "a8 b8 | b6<8 b5<6 ");
        // Once it is dropped, nobody can follow the changes from before.
        assert_eq!(split(8, 9, BOTTOM, &rows), ("b8 | ".into(), 3));
    }

    #[test]
    fn what_has_been_erased_goes_when_nobody_reads_it() {
        let rows: [Row; 5] =
            [("a", 9, "", None), ("a", 7, "-!", None), ("a", 5, "", None), ("b", 6, "!", None), ("b", 4, "", Some(5))];
        let of = |erasing, rest| split(0, erasing, rest, &rows);
        assert_eq!(of(5, BOTTOM), ("a9 a7! b6! | a5<7 b4<5 ".into(), 0));
        assert_eq!(of(6, BOTTOM), ("a9 a7! b6 | a5<7 ".into(), 0));
        assert_eq!(of(7, BOTTOM), ("a9 b6 | a7<7 ".into(), 0));
        // There may be more of it below, or in history.
        assert_eq!(of(7, Rest { is_bottom: false, ..BOTTOM }), ("a9 a7! b6! | ".into(), 0));
        assert_eq!(of(7, Rest { has_nothing_erased: false, ..BOTTOM }), ("a9 a7! b6! | ".into(), 0));
    }

    /// A deletion went, and what it had deleted was still there, as it erased what was before: it was found again.
    #[test]
    fn a_deletion_stays_above_what_still_erases() {
        let rows: [Row; 2] = [("a", 9, "-", None), ("a", 6, "!", None)];
        let of = |erasing, has_nothing_erased| split(9, erasing, Rest { has_nothing_erased, ..BOTTOM }, &rows).0;
        assert_eq!(of(9, false), "a9 a6! | ");
        assert_eq!(of(9, true), "| ");
        assert_eq!(of(7, true), "a9 | ");
        assert_eq!(of(5, true), "a9 a6! | ");
    }

    #[test]
    fn what_a_pin_finds_stays_and_nothing_else() {
        let rows: [Row; 7] = [
            ("a", 9, "", None),
            ("a", 6, "", None),
            ("a", 4, "", None),
            ("a", 2, "", None),
            ("b", 7, "-", None),
            ("b", 3, "", None),
            ("c", 4, "", Some(9)),
        ];
        let of = |pins: &[Version]| split_with(pins, 9, 9, BOTTOM, &rows);
        assert_eq!(of(&[]), ("a9 | ".into(), 6));
        assert_eq!(of(&[5]), ("a9 | a4<6 b3<7 c4<9 ".into(), 3));
        assert_eq!(of(&[2, 8]), ("a9 | a6<9 a2<4 c4<9 ".into(), 3));
        // Its own version finds a row, and the version that superseded it does not.
        assert_eq!(of(&[4]), ("a9 | a4<6 b3<7 c4<9 ".into(), 3));
        assert_eq!(of(&[9]), ("a9 | ".into(), 6));
        // What has been erased is not kept for a pin either.
        let erased: [Row; 2] = [("a", 7, "-!", None), ("a", 5, "", None)];
        assert_eq!(split_with(&[5], 9, 9, BOTTOM, &erased).0, "| ");
    }

    #[test]
    fn a_row_that_is_there_twice_is_one() {
        let rows: [Row; 6] = [
            ("a", 9, "", None),
            ("a", 9, "", None),
            ("a", 5, "", None),
            ("a", 5, "", Some(9)),
            ("b", 9, "-!", None),
            ("b", 9, "-", None),
        ];
        assert_eq!(split(0, 8, BOTTOM, &rows), ("a9 b9! | a5<9 ".into(), 0));
        assert_eq!(split(9, 9, BOTTOM, &rows), ("a9 | ".into(), 2));
    }

    #[test]
    fn history_stays_history_and_says_as_early_as_is_known_when_it_was_superseded() {
        let rows: [Row; 4] =
            [("a", 7, "", Some(9)), ("a", 5, "-", Some(9)), ("a", 3, "", Some(4)), ("b", 3, "", Some(6))];
        let of = |history| split(history, 9, Rest::default(), &rows);
        assert_eq!(of(0), ("| a7<9 a5<7 a3<4 b3<6 ".into(), 0));
        assert_eq!(of(6), ("| a7<9 a5<7 ".into(), 2));
        assert_eq!(of(9), ("| ".into(), 4));
        let mixed: [Row; 3] = [("a", 8, "", None), ("a", 5, "-", Some(9)), ("a", 3, "", None)];
        // That deletion may have to hide what is older and in other runs.
        assert_eq!(split(0, 9, BOTTOM, &mixed), ("a8 | a5<8 a3<5 ".into(), 0));
    }
}
