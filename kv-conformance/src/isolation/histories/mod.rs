//! Random transactions of concurrent clients, recorded and searched for cycles of dependencies.
//!
//! Clients on several threads run transactions over few keys. What each read and wrote is recorded with its begin and its end; a
//! conflict ends the transaction and is recorded as its abort, an unknown outcome as *maybe*. The history must then be
//! what the declared level allows, in real time: strong snapshot isolation, or strict serializability.
//!
//! | workload | a transaction's steps |
//! |---|---|
//! | list-append | read a key, append a unique number to its list, scan all keys |
//! | registers | read a key, overwrite it with a unique number without a look, scan all keys |
//!
//! # The checker
//! [`adya`] infers the dependencies between the transactions and looks for the cycles that a level forbids, as Jepsen's Elle does
//! (Kingsbury and Alvaro, VLDB 2020). It is young, so it is pinned, and qualified in two ways: the tests of `check` give it
//! histories written by hand, each with one known anomaly or none, and the self-test has it find those mutants that break
//! isolation. It knows no predicates: a scan is recorded as a read of every key, found or not; predicates proper are the matter of the
//! `isolation` suite.

mod check;
mod client;
mod plan;
mod record;
mod run;

use crate::case::{Case, Need, Run, Suite};
use kv_api::Isolation;

/// What clients write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Lists that grow: every read tells the order of all writes before it.
    ListAppend,
    /// Single numbers, overwritten.
    Register,
}

/// One case.
#[derive(Debug)]
struct Workload {
    name: &'static str,
    kind: Kind,
    isolation: Isolation,
    keys: usize,
    /// After so many transactions others keys are used, for whom nothing is there yet; 0 = never.
    window: usize,
    /// Whether flushes and compactions run besides.
    maintenance: bool,
}

const fn workload(name: &'static str, kind: Kind, isolation: Isolation, keys: usize) -> Workload {
    Workload { name, kind, isolation, keys, window: 0, maintenance: false }
}

use Isolation::{Serializable, Snapshot};
use Kind::{ListAppend, Register};

static LISTS: Workload = workload("list_append", ListAppend, Snapshot, 5);
static LISTS_IN_MOTION: Workload =
    Workload { maintenance: true, ..workload("list_append_during_maintenance", ListAppend, Snapshot, 8) };
static REGISTERS: Workload = workload("registers", Register, Snapshot, 4);
static LISTS_IN_ORDER: Workload = workload("list_append_serializable", ListAppend, Serializable, 6);
static NEW_LISTS_IN_ORDER: Workload =
    Workload { window: 12, ..workload("list_append_to_new_keys_serializable", ListAppend, Serializable, 4) };
static REGISTERS_IN_ORDER: Workload =
    Workload { maintenance: true, ..workload("registers_serializable", Register, Serializable, 5) };

pub(super) fn suite() -> Suite {
    // A function pointer captures nothing, so each case says its workload itself.
    macro_rules! case {
        ($workload:ident) => {
            Case {
                name: $workload.name,
                run: Run::Many(|backend, title, level| run::histories(&backend, &title, level, &$workload)),
                needs: Vec::new(),
            }
        };
    }
    Suite::new("histories", vec![case!(LISTS), case!(LISTS_IN_MOTION), case!(REGISTERS)])
        .needing(Need::Serializable, vec![case!(LISTS_IN_ORDER), case!(NEW_LISTS_IN_ORDER), case!(REGISTERS_IN_ORDER)])
}
