//! Sequences of operations on a memtable, of any bytes, compared with a map.

use super::{MemRow, MemTable};
use crate::write::Write;
use kv_api::{Key, KeyRange, Val, Version};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that share prefixes.
const KEYS: [&str; 8] = ["", "a", "a\0", "aa", "ab", "b", "ba", "c"];

/// The rows in the order of a run.
type Rows = BTreeMap<(Key, Reverse<Version>), Write>;

/// Bytes as numbers; 0 once there are none.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn key(&mut self) -> Key {
        let number = usize::from(self.next());
        KEYS.into_iter().nth(number % KEYS.len()).unwrap_or_default().into()
    }

    /// A version up to one beyond the newest.
    fn version(&mut self, newest: Version) -> Version {
        Version::from(self.next()) % (newest + 2)
    }

    fn range(&mut self) -> KeyRange {
        let (start, end) = (self.key(), self.key());
        KeyRange { start, end: (!self.next().is_multiple_of(4)).then_some(end) }
    }
}

/// Inserts as commits make them, and reads in between.
pub(crate) fn memtable(data: &[u8]) {
    let (table, mut rows, mut newest) = (MemTable::new(), Rows::new(), 0);
    let mut numbers = Numbers(data);
    while !numbers.0.is_empty() {
        match numbers.next() % 12 {
            0..5 => {
                newest += Version::from(numbers.next() % 3 == 0 || newest == 0);
                let (key, kind) = (numbers.key(), numbers.next());
                let write = match kind % 8 {
                    0 => Write::erase(),
                    1 | 2 => Write::delete(),
                    _ => Write::set(Val::copy_from_slice(&[kind])),
                };
                // A commit writes a key once.
                if !rows.contains_key(&(key.clone(), Reverse(newest))) {
                    table.insert(key.clone(), newest, write.clone());
                    rows.insert((key, Reverse(newest)), write);
                }
            }
            5 => {
                let (key, version) = (numbers.key(), numbers.version(newest));
                assert_eq!(table.get(&key, version), up_to(&rows, &key, version).map(|row| row.val));
            }
            6 => {
                let (key, since, until) = (numbers.key(), numbers.version(newest), numbers.version(newest));
                let erases = of(&rows, &key).any(|(at, write)| write.erases && at > since && at <= until);
                assert_eq!(table.erases(&key, since, until), erases);
            }
            7 => {
                let (range, since) = (numbers.range(), numbers.version(newest));
                let changed = keys(&rows, &range).into_iter().find_map(|key| {
                    let newest = of(&rows, &key).next().map(|(at, _)| at).filter(|at| *at > since)?;
                    Some((key, newest))
                });
                assert_eq!(table.changed(&range, since), changed);
            }
            8 | 9 => {
                let (range, version, most) =
                    (numbers.range(), numbers.version(newest), usize::from(numbers.next() % 9));
                let mut seen: Vec<MemRow> =
                    keys(&rows, &range).iter().filter_map(|key| up_to(&rows, key, version)).collect();
                let forward = seen.iter().take(most).cloned().collect::<Vec<_>>();
                assert_eq!(table.forward(&range, version, most), forward);
                seen.reverse();
                seen.truncate(most);
                assert_eq!(table.backward(&range, version, most), seen);
            }
            10 => {
                let (key, version, most) = (numbers.key(), numbers.version(newest), usize::from(numbers.next() % 9));
                let mut seen = vec![];
                let next =
                    table.see_rows((&key, version), None, most, |key, at, _| seen.push((key.clone(), Reverse(at))));
                let mut expected = rows.range((key, Reverse(version))..).map(|(place, _)| place.clone());
                assert_eq!(seen, expected.by_ref().take(most).collect::<Vec<_>>());
                assert_eq!(next, expected.next().map(|(key, Reverse(at))| (key, at)));
            }
            _ => {
                let range = numbers.range();
                let all: Vec<_> =
                    rows.keys().filter(|(key, _)| range.contains(key)).map(|(key, _)| key.clone()).collect();
                assert_eq!(table.keys(&range).collect::<Vec<_>>(), if range.is_empty() { vec![] } else { all });
            }
        }
    }
    assert_eq!((table.rows(), table.is_empty()), (rows.len(), rows.is_empty()));
    assert_eq!(table.max_version(), rows.keys().map(|(_, Reverse(at))| *at).max().unwrap_or(0));
    let bounds = rows.keys().next().zip(rows.keys().next_back());
    assert_eq!(table.key_bounds(), bounds.map(|((first, _), (last, _))| (first.clone(), last.clone())));
    let all: Vec<_> = table.for_each_row().map(|(key, at, write)| ((key, Reverse(at)), write)).collect();
    assert_eq!(all, rows.into_iter().collect::<Vec<_>>());
}

/// The rows of a key, newest first.
fn of<'a>(rows: &'a Rows, key: &'a Key) -> impl Iterator<Item = (Version, &'a Write)> {
    let of_key = rows.range((key.clone(), Reverse(Version::MAX))..).take_while(move |((other, _), _)| other == key);
    of_key.map(|((_, Reverse(at)), write)| (*at, write))
}

fn up_to(rows: &Rows, key: &Key, version: Version) -> Option<MemRow> {
    let (version, write) = of(rows, key).find(|(at, _)| *at <= version)?;
    Some(MemRow { key: key.clone(), version, val: write.val.clone() })
}

fn keys(rows: &Rows, range: &KeyRange) -> BTreeSet<Key> {
    rows.keys().map(|(key, _)| key.clone()).filter(|key| range.contains(key)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_sequence_of_operations_is_as_on_a_map() {
        let mixed: Vec<u8> = (0..2000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        crate::fuzzing::run("memtable", &[mixed], super::memtable);
    }
}
