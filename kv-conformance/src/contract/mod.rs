//! Each row of the contract, by hand.

mod branches;
mod capabilities;
mod changes;
mod concurrency;
mod conditionals;
mod conflicts;
mod erasing;
mod estimates;
mod giving_way;
mod large;
mod late_writes;
mod lifecycle;
mod limits;
mod live;
mod maintenance;
mod many_keys;
mod own_writes;
mod persistence;
mod points;
mod provided;
mod ranges;
mod read_checks;
mod readers;
mod refusals;
mod safe_timestamps;
mod save_points;
mod serializable;
mod sizes;
mod snapshots;
mod storms;
mod tags;
mod versions;
mod visits;

use crate::case::Suite;

/// All suites, simple things first.
pub(crate) fn suites() -> Vec<Suite> {
    vec![
        capabilities::suite(),
        points::suite(),
        conditionals::suite(),
        own_writes::suite(),
        lifecycle::suite(),
        refusals::suite(),
        ranges::suite(),
        limits::suite(),
        save_points::suite(),
        snapshots::suite(),
        conflicts::suite(),
        read_checks::suite(),
        serializable::suite(),
        versions::suite(),
        erasing::suite(),
        tags::suite(),
        branches::suite(),
        readers::suite(),
        changes::suite(),
        live::suite(),
        provided::suite(),
        visits::suite(),
        many_keys::suite(),
        estimates::suite(),
        large::suite(),
        sizes::suite(),
        maintenance::suite(),
        persistence::suite(),
        concurrency::suite(),
        safe_timestamps::suite(),
        late_writes::suite(),
        storms::suite(),
        giving_way::suite(),
    ]
}
