//! Live queries over the store's change feed: what is there, and then everything that happens to it.
//!
//! That nothing comes is shown by a commit that comes next, or by the end.

mod concurrent;
mod ends;
mod events;
mod many;
mod refused;
mod resumed;
mod slow;
mod snapshot;

use super::changes::{commit_all, write_all};
use crate::case::{Case, Need, Suite};

pub(crate) fn suite() -> Suite {
    let cases = [
        snapshot::cases(),
        events::cases(),
        concurrent::cases(),
        many::cases(),
        slow::cases(),
        resumed::cases(),
        ends::cases(),
        refused::cases(),
    ];
    let needing = |need, mut cases: Vec<Case>| {
        cases.iter_mut().for_each(|case| case.needs.push(need));
        cases
    };
    Suite::new("live", Vec::new())
        .needing(Need::ChangeFeed, cases.into_iter().flatten().collect())
        .needing(Need::ChangeFeed, needing(Need::Erasing, events::erasing_cases()))
        .needing(Need::ChangeFeed, needing(Need::Persistent, resumed::persistent_cases()))
        .needing(Need::NoChangeFeed, refused::cases_without())
}
