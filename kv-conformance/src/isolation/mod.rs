//! What a level of isolation forbids.
//!
//! - `isolation`: the anomalies of Hermitage as scripted interleavings, under their names there, and as races;
//! - `histories`: random transactions of concurrent clients, recorded and searched for cycles of dependencies;
//! - `invariants`: sums, rings and indexes that every snapshot must find whole while writers work on them.
//!
//! Hermitage: <https://github.com/ept/hermitage>; the names come from Adya's thesis (1999) and from Bailis et al., "Highly Available
//! Transactions" (2013). What a level allows is never asked for: a store may refuse more commits than it has to.

mod dirty;
mod histories;
mod invariants;
mod races;
mod read_skew;
mod script;
mod write_skew;
mod writes;

use crate::case::{Need, Suite};

/// All suites, simple things first.
pub(crate) fn suites() -> Vec<Suite> {
    vec![anomalies(), histories::suite(), invariants::suite()]
}

fn anomalies() -> Suite {
    let mut suite = Suite::new("isolation", Vec::new());
    for (snapshot, serializable) in
        [dirty::cases(), read_skew::cases(), writes::cases(), write_skew::cases(), races::cases()]
    {
        suite.cases.extend(snapshot);
        suite = suite.needing(Need::Serializable, serializable);
    }
    suite
}
