//! Change feeds: every commit after a version, in commit order.
//!
//! A feed is a place in the order of versions. What comes after it is in the [tail](crate::core::Feeds) that all feeds
//! share, where that reaches back so far: then it [hands out](live) the commits as the journal has them. Else it
//! [catches up](catch_up) from a view, in batches of bounded memory: from the runs, whose rows lie by their keys, by way of
//! a [backlog](backlog) of the places of the [oldest](oldest), and then from the memtables.

mod backlog;
mod batch;
mod catch_up;
mod feed;
mod live;
mod oldest;

pub(crate) use feed::LanceFeed;

/// Bytes that a batch aims at: of keys and values, or of what the journal has. It has more where a single commit does.
const BATCH_BYTES: usize = 8 << 20;

/// Rows of runs that are looked up for a batch, unless a single commit has more.
const BATCH_ROWS: usize = 32 << 10;
