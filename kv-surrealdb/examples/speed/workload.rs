//! What clients do.

use std::fmt::Write as _;

const BULK: usize = 500;
const RANGE: usize = 100;
/// Items with the same indexed value.
const ALIKE: usize = 10;
const EDGES: usize = 5;

/// What a client does again and again; first those that leave the data as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Workload {
    ById,
    Range,
    Indexed,
    Hop,
    Create,
    Bulk,
    Mixed,
}

impl Workload {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ById => "SELECT by id",
            Self::Range => "range of 100",
            Self::Indexed => "by index, 10 hits",
            Self::Hop => "graph hop, 5 edges",
            Self::Create => "CREATE",
            Self::Bulk => "INSERT of 500",
            Self::Mixed => "mixed",
        }
    }

    /// The `n`-th statement of a client, which makes records of identities that begin with `tag`.
    pub(crate) fn statement(self, data: Data, tag: &str, n: usize, random: usize) -> String {
        match self {
            Self::ById => format!("SELECT * FROM item:{}", random % data.rows),
            Self::Range => {
                let from = random % (data.rows - RANGE + 1);
                format!("SELECT * FROM item:{from}..{}", from + RANGE)
            }
            Self::Indexed => format!("SELECT * FROM item WHERE code = {}", random % data.codes()),
            Self::Hop => format!("SELECT VALUE ->knows->person.name FROM person:{}", random % data.persons()),
            Self::Create => format!("CREATE made:['{tag}', {n}] CONTENT {{ {} }}", fields(random, random % 1000)),
            Self::Bulk => {
                let mut rows = String::from("INSERT INTO made [");
                for row in 0..BULK {
                    let _ = write!(rows, "{{ id: ['{tag}', {}], {} }},", n * BULK + row, fields(random + row, row));
                }
                rows + "] RETURN NONE"
            }
            Self::Mixed => match n % 10 {
                0..5 => Self::ById.statement(data, tag, n, random),
                5 => Self::Range.statement(data, tag, n, random),
                6 => Self::Indexed.statement(data, tag, n, random),
                7 => Self::Create.statement(data, tag, n, random),
                _ => format!("UPDATE item:{} SET seen += 1", random % data.rows),
            },
        }
    }
}

/// Some 100 bytes.
fn fields(random: usize, code: usize) -> String {
    format!("code: {code}, name: 'item {random:020}', price: {}.5, tags: ['new', 'red'], seen: 0", random % 100)
}

/// What is there before anything is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Data {
    pub(crate) rows: usize,
}

impl Data {
    fn codes(self) -> usize {
        self.rows / ALIKE
    }

    fn persons(self) -> usize {
        self.rows / 10
    }

    pub(crate) fn schema(self) -> &'static [&'static str] {
        &[
            "DEFINE NAMESPACE speed",
            "USE NS speed; DEFINE DATABASE speed",
            "DEFINE TABLE item; DEFINE INDEX code ON item FIELDS code",
            "DEFINE TABLE made",
            "DEFINE TABLE person",
            "DEFINE TABLE knows TYPE RELATION FROM person TO person",
        ]
    }

    /// Statements that make it.
    pub(crate) fn contents(self) -> impl Iterator<Item = String> {
        let chunks = |end: usize| (0..end).step_by(BULK).map(move |from| from..(from + BULK).min(end));
        let insert = |into: &str, rows: Vec<String>| format!("INSERT {into} [{}] RETURN NONE", rows.join(","));
        let items = chunks(self.rows).map(move |rows| {
            let item = |n: usize| format!("{{ id: {n}, {} }}", fields(n, n % self.codes()));
            insert("INTO item", rows.map(item).collect())
        });
        let persons = chunks(self.persons()).map(move |rows| {
            insert("INTO person", rows.map(|n| format!("{{ id: {n}, name: 'person {n}' }}")).collect())
        });
        let edges = chunks(self.persons() * EDGES).map(move |rows| {
            let edge = |n: usize| {
                let (from, to) = (n / EDGES, (n * 7919 + 1) % self.persons());
                format!("{{ id: {n}, in: person:{from}, out: person:{to} }}")
            };
            insert("RELATION INTO knows", rows.map(edge).collect())
        });
        items.chain(persons).chain(edges)
    }
}
