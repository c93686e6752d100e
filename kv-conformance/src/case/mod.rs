//! A case, what it needs, suites of them, and what they are run with.

mod limit;
mod panics;
mod progress;
mod random;
mod replay;
mod seed;

pub(crate) use limit::{limited, limited_on_one_thread};
pub(crate) use panics::{guarded, install_hook};
pub(crate) use progress::{INTERVAL, Running, Ticker, progress};
pub(crate) use random::Random;
pub(crate) use replay::{REPLAY, replay};
pub(crate) use seed::{SEED, mixed, seed};

use crate::backend::Backend;
use crate::fixture::{Store, Verdict};
use crate::level::Level;
use futures::future::BoxFuture;
use kv_api::{Durability, Isolation};

/// What a case can be.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Gets a store of its own, and a time limit.
    Once(fn(Store) -> BoxFuture<'static, Verdict>),
    /// Opens stores as it likes and limits its time itself.
    Many(fn(Backend, String, Level) -> Verdict),
}

/// One case.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
    pub(crate) needs: Vec<Need>,
}

/// What a backend must have, or must not have, for a case to mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Versions,
    NoVersions,
    Serializable,
    NoSerializable,
    ReadChecks,
    NoReadChecks,
    Erasing,
    NoErasing,
    ChangeFeed,
    NoChangeFeed,
    SafeTimestamps,
    NoSafeTimestamps,
    Tags,
    NoTags,
    Branches,
    NoBranches,
    Readers,
    NoReaders,
    Persistent,
    SurvivesCrash,
}

impl Need {
    /// Why a case with this need is skipped.
    pub(crate) fn unmet(self, backend: &Backend) -> Option<&'static str> {
        let declared = &backend.declared;
        let serializable = declared.isolation >= Isolation::Serializable;
        let (met, otherwise) = match self {
            Self::Versions => (declared.versioned_reads, "versioned reads are not declared"),
            Self::NoVersions => (!declared.versioned_reads, "versioned reads are declared"),
            Self::Serializable => (serializable, "serializable isolation is not declared"),
            Self::NoSerializable => (!serializable, "serializable isolation is declared"),
            Self::ReadChecks => (declared.read_checks, "read checks are not declared"),
            Self::NoReadChecks => (!declared.read_checks, "read checks are declared"),
            Self::Erasing => (declared.erases_history, "erasing history is not declared"),
            Self::NoErasing => (!declared.erases_history, "erasing history is declared"),
            Self::ChangeFeed => (declared.change_feed, "a change feed is not declared"),
            Self::NoChangeFeed => (!declared.change_feed, "a change feed is declared"),
            Self::SafeTimestamps => (declared.safe_timestamps, "safe timestamps are not declared"),
            Self::NoSafeTimestamps => (!declared.safe_timestamps, "safe timestamps are declared"),
            Self::Tags => (declared.tags, "tags are not declared"),
            Self::NoTags => (!declared.tags, "tags are declared"),
            Self::Branches => (declared.branches, "branches are not declared"),
            Self::NoBranches => (!declared.branches, "branches are declared"),
            Self::Readers => (declared.readers, "readers are not declared"),
            Self::NoReaders => (!declared.readers, "readers are declared"),
            Self::Persistent => (backend.persistent, "the backend is in memory"),
            Self::SurvivesCrash => (
                backend.persistent && declared.durability >= Durability::ProcessCrash,
                "surviving the end of the process is not declared",
            ),
        };
        (!met).then_some(otherwise)
    }
}

/// Cases on one subject.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) cases: Vec<Case>,
}

impl Suite {
    pub(crate) fn new(name: &'static str, cases: Vec<Case>) -> Self {
        Self { name, cases }
    }

    /// Adds cases that need something of the backend.
    pub(crate) fn needing(mut self, need: Need, cases: Vec<Case>) -> Self {
        self.cases.extend(cases.into_iter().map(|mut case| {
            case.needs.push(need);
            case
        }));
        self
    }

    /// `suite::case`, as waivers name it.
    pub(crate) fn case_name(&self, case: &Case) -> String {
        format!("{}::{}", self.name, case.name)
    }
}

/// Registers `async fn(Store) -> Verdict`s under their own names.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        vec![$($crate::case::Case {
            name: stringify!($case),
            run: $crate::case::Run::Once(|store| Box::pin($case(store))),
            needs: Vec::new(),
        }),*]
    };
}

pub(crate) use cases;
