//! Futures that are dropped half way.
//!
//! Every asynchronous method is polled n times and then dropped, for n = 0, 1, 2, … until it completes. Afterwards the store goes
//! on, nothing hangs and no lock is held; a write has happened or not, and a commit is whole or absent.
//! A range write may have happened in part, as long as the transaction shows what it will commit.

mod commit;
mod group;
mod linger;
mod maintain;
mod polled;
mod reads;
mod save_points;
mod stop;
mod writes;

use crate::case::{Case, Need, Run, Suite, cases};
use commit::{
    commit_of_many_keys, commit_of_nothing, commit_of_one_key, commit_of_reads_and_writes, commit_that_conflicts,
};
use group::{commit_among_others, commit_that_others_wait_for};
use linger::commit_that_lingers;
use maintain::{begin, compact, current_version, flush, flush_among_commits};
use reads::{getu, reads, reads_at_a_version};
use save_points::{new_save_point, release, rollback};
use writes::{cancel, writes};

pub(crate) fn suite() -> Suite {
    let stop = |name, run| Case { name, run: Run::Many(run), needs: Vec::new() };
    let mut suite = Suite::new(
        "cancellation",
        cases![
            begin,
            current_version,
            reads,
            writes,
            cancel,
            new_save_point,
            release,
            rollback,
            commit_of_one_key,
            commit_of_many_keys,
            commit_of_nothing,
            commit_that_conflicts,
            commit_that_others_wait_for,
            commit_among_others,
            commit_that_lingers,
            flush,
            flush_among_commits,
            compact,
        ],
    );
    suite.cases.push(stop("shutdown", |backend, _, _| stop::shutdown(&backend)));
    suite
        .needing(Need::Versions, cases![reads_at_a_version])
        .needing(Need::ReadChecks, cases![getu])
        .needing(Need::Serializable, cases![commit_of_reads_and_writes])
        .needing(Need::Persistent, vec![stop("shutdown_and_drop", |backend, _, _| stop::shutdown_and_drop(&backend))])
}
