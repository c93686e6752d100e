//! What a subscription gives.

use kv_api::{Key, Val, Version};

/// The next that a subscription has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Rows of the snapshot, some at a time and by their keys.
    Rows(Vec<Row>),
    /// The snapshot is complete: [`Rows`](Self::Rows) were all that there was at `version`, and what comes now are the commits
    /// after it.
    Current {
        /// That of the snapshot.
        version: Version,
    },
    /// What one commit changed.
    Commit(Commit),
}

/// A row of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Key,
    /// Its value; `None` where only [keys](crate::Contents::Keys) are asked for.
    pub val: Option<Val>,
}

/// Everything that a commit changed in the range of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its version. A subscription that begins [after](crate::LiveQuery::after) it goes on with the next.
    pub version: Version,
    /// By key, one for each key of the range that the commit wrote. Never empty.
    pub events: Vec<Event>,
}

/// What a commit did to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The key.
    pub key: Key,
    /// What happened to it.
    pub change: Change,
}

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It had no value, or one that has been [erased](kv_api::Transactable::clr) since.
    Inserted {
        /// Its value now.
        new: Val,
    },
    /// It had a value, which may have been the same.
    Updated {
        /// Its value before.
        old: Val,
        /// Its value now.
        new: Val,
    },
    /// It has a value now, and it was not asked what it had before: in the place of the first two where a query goes
    /// without [old values](crate::Contents::OldAndNew).
    Set {
        /// Its value now; `None` where only [keys](crate::Contents::Keys) are asked for.
        new: Option<Val>,
    },
    /// It has no value any more. A commit that deletes a key which had none says so as well.
    Deleted {
        /// Its value before; `None` where there was none, where it has been [erased](kv_api::Transactable::clr), and where a
        /// query goes without [old values](crate::Contents::OldAndNew).
        old: Option<Val>,
    },
}
