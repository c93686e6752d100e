//! What is measured, as data.

mod select;
mod table;

pub use select::{Options, UnknownWorkload, names, selected};
pub use table::table;

use crate::dataset::Shape;
use serde::{Deserialize, Serialize};

/// When a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Once it is on the medium.
    Immediate,
    /// Once it is with the operating system.
    Eventual,
}

impl std::fmt::Display for Durability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Immediate => "immediate",
            Self::Eventual => "eventual",
        })
    }
}

/// What one operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Fills an empty store in the order of the keys, 1000 rows a commit, and counts rows.
    Load,
    /// As `Load`, then compacts: what matters is the size on disk.
    Size,
    /// Overwrites random rows, so many a commit, and counts rows.
    Batch(u64),
    /// Overwrites one random row.
    Commit,
    /// Reads a random row that is there.
    Get,
    /// Looks for a key that is not there.
    Missing,
    /// Reads so many rows from a random one on.
    Scan(u32),
    /// Reads so many keys, without their values, from a random one on.
    Keys(u32),
    /// Counts every row.
    Count,
    /// Counts the rows and finds the greatest value, row by row.
    AggregateRows,
    /// The same over Arrow record batches.
    AggregateArrow,
    /// The same by SQL, where there is a table.
    AggregateSql(Over),
    /// Reads a random row as it was before a tenth of the rows was overwritten.
    AsOf,
    /// Flushes and compacts what the workloads before have left, and counts the store's rows.
    Settle,
    /// One of the core workloads of YCSB, each operation a transaction of its own.
    Ycsb(Mix),
    /// Half reads, half updates, so many popular rows in a transaction, for minutes, looked at second by second.
    Steady(u64),
}

impl Kind {
    /// Whether each operation is about all rows of the store.
    pub fn reads_all(self) -> bool {
        matches!(self, Self::Count | Self::AggregateRows | Self::AggregateArrow | Self::AggregateSql(_))
    }

    /// Whether its operations commit writes.
    pub fn writes(self) -> bool {
        match self {
            Self::Load | Self::Size | Self::Batch(_) | Self::Commit | Self::Settle | Self::Steady(_) => true,
            Self::Ycsb(mix) => mix != Mix::C,
            Self::Get
            | Self::Missing
            | Self::Scan(_)
            | Self::Keys(_)
            | Self::Count
            | Self::AggregateRows
            | Self::AggregateArrow
            | Self::AggregateSql(_)
            | Self::AsOf => false,
        }
    }
}

/// What SQL runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// The files at rest, as any reader of them would.
    Files,
    /// The store, which is open.
    Store,
}

/// The core workloads of YCSB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mix {
    /// Half reads, half updates.
    A,
    /// 95% reads, 5% updates.
    B,
    /// Reads.
    C,
    /// 95% reads of what is recent, 5% inserts.
    D,
    /// 95% scans of up to 100 rows, 5% inserts.
    E,
    /// Half reads, half read-modify-writes.
    F,
}

/// Which of a run's stores a workload uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// All rows, values of the asked size.
    Main,
    /// A tenth of the rows, values of 1 KiB.
    Wide,
    /// A quarter of the rows, JSON documents.
    Documents,
    /// Half of the rows, values of 1 KiB: for workloads with less memory than that.
    Large,
}

impl Store {
    /// The store's folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Wide => "wide",
            Self::Documents => "documents",
            Self::Large => "large",
        }
    }

    /// What its rows look like, of how many there are, and the size of their values.
    pub fn contents(self, rows: u64, value_bytes: usize) -> (Shape, u64, usize) {
        match self {
            Self::Main => (Shape::Plain, rows, value_bytes),
            Self::Wide => (Shape::Plain, (rows / 10).max(1), 1024),
            Self::Documents => (Shape::Json, (rows / 4).max(1), 300),
            Self::Large => (Shape::Plain, (rows / 2).max(1), 1024),
        }
    }
}

/// What is in memory when a workload begins, and how much may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// Everything has been read once.
    Warm,
    /// The engine's cache is a tenth of the data, and the page cache holds none of the store's files.
    Cold,
    /// As `Cold`, and the process and its part of the page cache together get a third of the data's size.
    Scarce,
}

/// A line of the comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its name in options and results.
    pub name: String,
    /// One line for a person.
    pub title: String,
    /// What an operation does.
    pub kind: Kind,
    /// Where.
    pub store: Store,
    /// How many clients run at once, each in a closed loop.
    pub clients: u32,
    /// When commits are acknowledged.
    pub durability: Durability,
    /// What is in memory.
    pub memory: Memory,
    /// Operations in a second that begin on their own schedule, whether or not those before have ended (an open loop); `None` = each
    /// client begins one when its last one has ended (a closed loop).
    pub pace: Option<u32>,
    /// The workload whose figures stand in for engines that cannot do this one.
    pub stand_in: Option<String>,
    /// How many times the usual duration it runs.
    pub duration_factor: u32,
    /// The seconds that it runs, whatever is usual.
    #[serde(default)]
    pub seconds: Option<u32>,
}

impl Workload {
    /// Whether it fills a store.
    pub fn loads(&self) -> bool {
        matches!(self.kind, Kind::Load | Kind::Size)
    }

    /// Whether it is only for a full comparison: minutes of writes, or a store larger than the memory for it.
    pub fn is_long(&self) -> bool {
        self.duration_factor > 1 || self.seconds.is_some() || self.store == Store::Large || self.kind == Kind::Settle
    }

    /// Whether it runs only where it is asked for by its name.
    pub fn only_by_name(&self) -> bool {
        matches!(self.kind, Kind::Steady(_))
    }

    /// Whether its figure is operations in a second; else it is the space on disk, or the time that something takes.
    pub fn is_throughput(&self) -> bool {
        self.pace.is_none() && !matches!(self.kind, Kind::Size | Kind::Settle)
    }

    /// Whether its operations commit writes.
    pub fn writes(&self) -> bool {
        self.kind.writes()
    }
}
