//! What every commit of the engine leaves in the table, so that table and journal cannot disagree: in its configuration,
//! which every later manifest inherits, also those of other tools.

use super::tags::Tags;
use kv_api::Version;
use std::collections::HashMap;

const JOURNAL_THROUGH: &str = "kv-lance:journal-through";
const LAST_VERSION: &str = "kv-lance:last-version";
const HISTORY_FLOOR: &str = "kv-lance:history-floor";
const CHANGES_FLOOR: &str = "kv-lance:changes-floor";
const RUNS: &str = "kv-lance:runs";
const HISTORY: &str = "kv-lance:history";
const TAGS: &str = "kv-lance:tags";
const SEQUENCE: &str = "kv-lance:sequence";
const TABLE_VERSION: &str = "kv-lance:table-version";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TableState {
    /// The last journal segment whose commits the table holds.
    pub(crate) journal_through: u64,
    /// The greatest version issued up to there.
    pub(crate) last_version: Version,
    /// Reads below this version would miss what compaction has dropped.
    pub(crate) history_floor: Version,
    /// Deletions before this version may have been dropped as well: by a build that had no feeds, and did not say this.
    pub(crate) changes_floor: Version,
}

impl TableState {
    fn read(config: &HashMap<String, String>) -> Option<Self> {
        let last_version = number(config, LAST_VERSION)?;
        Some(Self {
            journal_through: counter(config, JOURNAL_THROUGH)?,
            last_version,
            history_floor: number(config, HISTORY_FLOOR)?,
            changes_floor: number(config, CHANGES_FLOOR).unwrap_or(last_version),
        })
    }
}

/// A commit of the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) state: TableState,
    /// The data files by level: the order of precedence.
    pub(super) levels: Vec<Vec<String>>,
    /// The data files of history, those that were written last first.
    pub(super) history: Vec<String>,
    pub(super) tags: Tags,
    /// The number of the engine's commits up to this one.
    pub(super) sequence: u64,
    /// The version of the table that it made.
    pub(super) table_version: u64,
}

impl Record {
    /// The names of the table's data files.
    pub(super) fn runs(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().flatten().map(String::as_str)
    }

    /// The same with those of history.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.runs().chain(self.history.iter().map(String::as_str))
    }

    pub(super) fn write(&self, config: &mut HashMap<String, String>) {
        let TableState { journal_through, last_version, history_floor, changes_floor } = self.state;
        config.insert(JOURNAL_THROUGH.to_owned(), journal_through.to_string());
        config.insert(LAST_VERSION.to_owned(), last_version.to_string());
        config.insert(HISTORY_FLOOR.to_owned(), history_floor.to_string());
        config.insert(CHANGES_FLOOR.to_owned(), changes_floor.to_string());
        let levels: Vec<String> = self.levels.iter().map(|runs| runs.join(",")).collect();
        config.insert(RUNS.to_owned(), levels.join(";"));
        config.insert(HISTORY.to_owned(), self.history.join(","));
        match self.tags.iter().len() {
            0 => config.remove(TAGS),
            _ => config.insert(TAGS.to_owned(), format!("{};{}", self.sequence, self.tags.encode())),
        };
        config.insert(SEQUENCE.to_owned(), self.sequence.to_string());
        config.insert(TABLE_VERSION.to_owned(), self.table_version.to_string());
    }

    pub(super) fn read(config: &HashMap<String, String>) -> Option<Self> {
        let names =
            |level: &str| level.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let levels = Some(config.get(RUNS)?).filter(|levels| !levels.is_empty()).map(|levels| levels.split(';'));
        let levels = levels.map_or_else(Vec::new, |levels| levels.map(names).collect());
        let sequence = counter(config, SEQUENCE)?;
        Some(Self {
            state: TableState::read(config)?,
            levels,
            history: names(config.get(HISTORY)?),
            tags: config.get(TAGS).map_or_else(|| Some(Tags::default()), |tags| read_tags(tags, sequence))?,
            sequence,
            table_version: counter(config, TABLE_VERSION)?,
        })
        .filter(|record| record.files().all(is_name))
    }
}

/// The tags that the commit with this number had. Those of another number are none any more: a build without tags has
/// committed since, and may have dropped what they kept.
fn read_tags(text: &str, sequence: u64) -> Option<Tags> {
    let (of, tags) = text.split_once(';')?;
    let tags = Tags::decode(tags)?;
    if of.parse() == Ok(sequence) {
        return Some(tags);
    }
    tracing::warn!(
        tags = tags.encode(),
        "a build that knows no tags has written to the store, which has none any more"
    );
    Some(Tags::default())
}

/// Whether it is the name of a file, and cannot lead out of the directory that it is in.
pub(super) fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(".lance").unwrap_or_default();
    !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// A number that is counted up: one that could not be for long is not the engine's.
fn counter(map: &HashMap<String, String>, name: &str) -> Option<u64> {
    number(map, name).filter(|number| *number <= u64::MAX / 2)
}

fn number(map: &HashMap<String, String>, name: &str) -> Option<u64> {
    map.get(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        let levels: [Vec<Vec<String>>; 4] = [
            vec![],
            vec![names(&["a.lance"])],
            vec![names(&["b.lance", "a.lance"]), names(&["c.lance"])],
            vec![vec![], vec![], names(&["b.lance", "a.lance"])],
        ];
        for levels in levels {
            let state = TableState { journal_through: 3, last_version: u64::MAX, history_floor: 7, changes_floor: 5 };
            let history = levels.first().cloned().unwrap_or_default();
            let tags = Tags::decode("a:1:2:,b:3:4:5").unwrap_or_default();
            assert_eq!(tags.iter().len(), 2);
            let record = Record { state, levels, history, tags, sequence: 9, table_version: 12 };
            let mut config = HashMap::from([("theirs".to_owned(), "1".to_owned())]);
            record.write(&mut config);
            assert_eq!(Record::read(&config), Some(record.clone()));
            assert_eq!(TableState::read(&config), Some(state));
            // A build that has no tags goes on from there, and leaves them as they are.
            let mut later = config.clone();
            later.insert(SEQUENCE.to_owned(), "10".to_owned());
            assert_eq!(Record::read(&later), Some(Record { tags: Tags::default(), sequence: 10, ..record.clone() }));
            // Where there are none any more, nothing is left of them.
            Record { tags: Tags::default(), ..record.clone() }.write(&mut later);
            assert!(!later.contains_key(TAGS));
            // A build that had no feeds wrote that.
            let mut older = config.clone();
            older.remove(CHANGES_FLOOR);
            assert_eq!(TableState::read(&older), Some(TableState { changes_floor: u64::MAX, ..state }));
            for name in [RUNS, HISTORY] {
                let mut config = config.clone();
                config.remove(name);
                assert_eq!(Record::read(&config), None);
            }
        }
    }
}
