//! Which engines there are, and how a worker opens one.

use crate::workload::{Durability, Kind, Memory, Store, Workload};
use kv_api::{Datastore, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// An engine, as the comparison knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// Its name in options and results.
    pub name: &'static str,
    /// What its transactions are protected from, under the options that are measured.
    pub isolation: &'static str,
    /// What a reader of the figures has to know.
    pub note: &'static str,
    /// How its clients run.
    pub clients: Clients,
    /// The greatest number of clients it is measured with.
    pub most_clients: u32,
    /// Whether it is built only with the feature `peers`.
    pub peer: bool,
    /// Whether it answers reads at a version.
    pub versioned: bool,
    /// Whether it is a table that SQL runs over, and so are its files.
    pub table: bool,
    /// Whether it is called without the trait.
    pub native: bool,
    /// Whether it is so slow that it is measured in the first run only, not warmed up by a read of all rows, and takes no part in
    /// what would take it minutes.
    pub slow: bool,
}

/// What follows the name of an engine that is called natively.
const NATIVE: &str = "-native";

impl Engine {
    /// The engine that is called natively.
    pub fn base(name: &str) -> &str {
        name.strip_suffix(NATIVE).unwrap_or(name)
    }

    /// Whether it takes part in a workload.
    pub fn runs(&self, workload: &Workload) -> bool {
        let able = match workload.kind {
            Kind::AsOf => self.versioned,
            Kind::AggregateSql(_) => self.table,
            _ => true,
        };
        let natively = matches!(workload.kind, Kind::Load | Kind::Get | Kind::Missing | Kind::Scan(_) | Kind::Commit);
        able && workload.clients <= self.most_clients
            && (!self.native || (natively && workload.store == Store::Main && workload.memory == Memory::Warm))
            && !(self.slow && (workload.is_long() || workload.kind.reads_all()))
    }

    /// Whether it takes part in a workload in the run of this number, the first of which is 1: what is slow is not repeated.
    pub fn runs_in(&self, run: u32, workload: &Workload) -> bool {
        self.runs(workload) && (run == 1 || !(self.slow || workload.is_long()))
    }
}

/// How concurrent clients of an engine run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clients {
    /// As tasks of a runtime of two threads: the engine's commits do not hold a thread while they wait.
    Tasks,
    /// Each on a thread of its own: the engine's calls block.
    Threads,
}

/// A peer, called through the trait, that has nothing to be said of.
const PEER: Engine = Engine {
    name: "",
    isolation: "snapshot",
    note: "",
    clients: Clients::Threads,
    most_clients: u32::MAX,
    peer: true,
    versioned: false,
    table: false,
    native: false,
    slow: false,
};

/// Every engine, in the order of the reports.
pub const ENGINES: &[Engine] = &[
    Engine {
        name: "kv-lance",
        note: "keeps every version for 7 days, as by default",
        clients: Clients::Tasks,
        peer: false,
        versioned: true,
        table: true,
        ..PEER
    },
    Engine {
        name: "kv-lance-unversioned",
        note: "kv-lance with `versioned=false`: keeps no version that no open transaction reads, as the peers do",
        clients: Clients::Tasks,
        peer: false,
        table: true,
        ..PEER
    },
    Engine {
        name: "original",
        note: "one Lance merge-insert a commit, one filtered scan a get; never syncs: none of its commits is durable; one at a time, so that more than 8 clients only wait",
        clients: Clients::Tasks,
        most_clients: 8,
        peer: false,
        slow: true,
        ..PEER
    },
    Engine { name: "rocksdb", note: "OptimisticTransactionDB", ..PEER },
    Engine { name: "surrealkv", clients: Clients::Tasks, ..PEER },
    Engine {
        name: "surrealkv-versioned",
        note: "keeps every version for 7 days, as kv-lance does; its versions are times of its own, so that the adapter reads at none",
        clients: Clients::Tasks,
        ..PEER
    },
    Engine {
        name: "fjall",
        note: "OptimisticTxDatabase; in its adapter a reader that begins waits for the commit that is under way",
        ..PEER
    },
    Engine {
        name: "redb",
        note: "one writer at a time; the adapter checks for conflicts; syncs each commit, under eventual durability too",
        ..PEER
    },
    Engine {
        name: "lmdb",
        note: "one writer at a time; the adapter checks for conflicts; no cache of its own, it maps its file; under eventual durability MDB_NOSYNC",
        ..PEER
    },
    native("rocksdb-native"),
    native("surrealkv-native"),
    native("fjall-native"),
    native("redb-native"),
    native("lmdb-native"),
];

const fn native(name: &'static str) -> Engine {
    Engine {
        name,
        isolation: "its own",
        note: "called as its documentation calls it, without trait and adapter",
        most_clients: 1,
        native: true,
        ..PEER
    }
}

/// There is no engine of this name, or not in this build.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownEngine {
    /// No build has it.
    #[error("there is no engine '{name}'; there are: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// It is a peer.
    #[error("the engine '{name}' is there with --features peers; this build has: {known}")]
    NotBuilt {
        /// The name asked for.
        name: String,
        /// Those that this build has.
        known: String,
    },
}

/// The engines called `wanted`, in the order of the reports; all that this build has where `wanted` is empty.
///
/// # Errors
/// [`UnknownEngine`]
pub fn selected(wanted: &[String], peers: bool) -> Result<Vec<Engine>, UnknownEngine> {
    let built = |engine: &&Engine| peers || !engine.peer;
    let listed = |engines: Vec<&Engine>| engines.iter().map(|e| e.name).collect::<Vec<_>>().join(", ");
    for name in wanted {
        match ENGINES.iter().find(|engine| engine.name == name) {
            None => {
                return Err(UnknownEngine::Unknown { name: name.clone(), known: listed(ENGINES.iter().collect()) });
            }
            Some(engine) if !built(&engine) => {
                let known = listed(ENGINES.iter().filter(built).collect());
                return Err(UnknownEngine::NotBuilt { name: name.clone(), known });
            }
            Some(_) => {}
        }
    }
    let chosen = |engine: &&Engine| wanted.is_empty() || wanted.iter().any(|name| name == engine.name);
    Ok(ENGINES.iter().filter(built).filter(chosen).copied().collect())
}

/// Where and how to open an engine.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The store's folder.
    pub dir: PathBuf,
    /// When commits are acknowledged.
    pub durability: Durability,
    /// The budget of the engine's cache.
    pub cache_bytes: u64,
}

/// A store that will be open.
pub type Opened = Pin<Box<dyn Future<Output = Result<Arc<dyn Datastore>>> + Send>>;

/// Opens the engine of a name; `None` for one that this worker does not have.
pub type Open = fn(name: &str, opening: Opening) -> Option<Opened>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Options, table};

    #[test]
    fn an_unknown_engine_is_answered_with_those_that_exist() {
        let error =
            |name: &str, peers| selected(&[name.into()], peers).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(
            error("rocks", true),
            "there is no engine 'rocks'; there are: kv-lance, kv-lance-unversioned, original, rocksdb, surrealkv, \
             surrealkv-versioned, fjall, redb, lmdb, rocksdb-native, surrealkv-native, fjall-native, redb-native, lmdb-native"
        );
        assert_eq!(
            error("redb", false),
            "the engine 'redb' is there with --features peers; this build has: kv-lance, kv-lance-unversioned, \
             original"
        );
    }

    #[test]
    fn what_is_slow_is_not_repeated() {
        let options = Options { clients: vec![1], durability: None, sustained: true, steady_seconds: 600 };
        let runs = |engine: &str, workload: &str| {
            let engine = ENGINES.iter().find(|e| e.name == engine);
            let workload = table(&options).into_iter().find(|w| w.name == workload);
            engine.zip(workload).map(|(engine, workload)| [1, 2, 5].map(|run| engine.runs_in(run, &workload)))
        };
        assert_eq!(runs("kv-lance", "get-hot"), Some([true; 3]));
        assert_eq!(runs("original", "get-hot"), Some([true, false, false]));
        assert_eq!(runs("rocksdb", "sustained"), Some([true, false, false]));
        assert_eq!(runs("original", "sustained"), Some([false; 3]));
        assert_eq!(runs("original", "count"), Some([false; 3]));
        assert_eq!(runs("kv-lance", "steady"), Some([true, false, false]));
        assert_eq!((runs("original", "steady"), runs("fjall-native", "steady")), (Some([false; 3]), Some([false; 3])));
    }

    #[test]
    fn without_a_choice_everything_that_is_built_runs() {
        let names = |peers| selected(&[], peers).map(|e| e.len());
        assert_eq!((names(false), names(true)), (Ok(3), Ok(ENGINES.len())));
    }
}
