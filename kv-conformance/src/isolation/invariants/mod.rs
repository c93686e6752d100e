//! What every snapshot must find whole while writers work on it.
//!
//! The bank is Jepsen's, with accounts that close and open again; the ring is FoundationDB's cycle workload. The contract's
//! `concurrency` suite has the plain bank.

mod bank;
mod crowd;
mod index;
mod on_call;
mod ring;

use super::script::at_both_levels;
use crate::case::{Need, Suite, cases};
use bank::{bank_at_every_version, bank_of_closing_accounts};
use index::index_agrees_with_its_rows;
use on_call::somebody_is_on_call;
use ring::ring_stays_a_ring;

pub(super) fn suite() -> Suite {
    let (snapshot, serializable) =
        at_both_levels![bank_of_closing_accounts, ring_stays_a_ring, index_agrees_with_its_rows];
    Suite::new("invariants", snapshot)
        .needing(Need::Versions, cases![bank_at_every_version])
        .needing(Need::Serializable, serializable)
        .needing(Need::Serializable, cases![somebody_is_on_call])
}
