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

/// What a feed holds in memory. A single commit may be more, and is handed out whole.
#[derive(Debug, Clone, Copy)]
struct Budget {
    /// Bytes of a batch: of keys and values, or of what the journal has.
    batch_bytes: usize,
    /// Rows of runs that are looked up for a batch.
    batch_rows: usize,
    /// Places of rows that a pass keeps.
    places: usize,
}

impl Budget {
    /// Places take 6 MiB, and twice as much while a pass is under way.
    const USUAL: Self = Self { batch_bytes: 8 << 20, batch_rows: 32 << 10, places: 256 << 10 };

    /// For half of a batch.
    fn halved(self) -> Self {
        let half = |most: usize| (most / 2).max(1);
        Self { batch_bytes: half(self.batch_bytes), batch_rows: half(self.batch_rows), ..self }
    }
}
