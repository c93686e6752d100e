//! What a subscription asks for.

use kv_api::{Error, Key, KeyRange, Result, Version};

/// Rows in a full queue, unless a query says otherwise.
const QUEUE_ROWS: usize = 1024;

/// Bytes in a full queue, unless a query says otherwise.
const QUEUE_BYTES: usize = 256 << 10;

/// What is told of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Contents {
    /// What it was before a commit, and what it is now. The old values are read, as they were before the commit, when the
    /// commit is handed out: that takes a transaction, and a read of the past for each key.
    #[default]
    OldAndNew,
    /// What it is now.
    New,
    /// Its key, and whether it has a value now.
    Keys,
}

/// Which keys to follow, from where on, and what to tell of them.
#[derive(Debug, Clone)]
pub struct LiveQuery {
    pub(crate) range: KeyRange,
    pub(crate) contents: Contents,
    /// `None` = a snapshot and what comes after it.
    pub(crate) after: Option<Version>,
    pub(crate) queue_rows: usize,
    pub(crate) queue_bytes: usize,
}

impl LiveQuery {
    /// The keys of a range.
    ///
    /// ```
    /// let query = kv_live::LiveQuery::range("a".."c");
    /// ```
    pub fn range(range: impl Into<KeyRange>) -> Self {
        Self {
            range: range.into(),
            contents: Contents::default(),
            after: None,
            queue_rows: QUEUE_ROWS,
            queue_bytes: QUEUE_BYTES,
        }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Key>) -> Self {
        Self::range(KeyRange::prefix(prefix))
    }

    /// One key.
    pub fn key(key: impl Into<Key>) -> Self {
        Self::range(KeyRange::single(key))
    }

    /// What is told of the rows. Default = [`Contents::OldAndNew`].
    pub fn contents(mut self, contents: Contents) -> Self {
        self.contents = contents;
        self
    }

    /// No snapshot, but the commits after a version: where another subscription has [come to](crate::Subscription::position).
    /// Default = a snapshot, and the commits after it.
    pub fn after(mut self, version: Version) -> Self {
        self.after = Some(version);
        self
    }

    /// How many changed rows, and how many bytes of their keys and values, may wait to be read before the subscription has to
    /// catch up from a feed of its own. A commit that is larger comes whole where nothing else waits. Default = 1,024 rows and
    /// 256 KiB.
    pub fn queue(mut self, rows: usize, bytes: usize) -> Self {
        (self.queue_rows, self.queue_bytes) = (rows, bytes);
        self
    }

    /// Refuses what can never give anything.
    pub(crate) fn validate(&self) -> Result<()> {
        let refused = |knob: &str, value: String, allowed: &str| {
            Err(Error::InvalidConfiguration { knob: knob.into(), value, allowed: allowed.into() })
        };
        if let Some(end) = self.range.end.as_ref().filter(|_| self.range.is_empty()) {
            let value = format!("{}..{}", self.range.start.escape_ascii(), end.escape_ascii());
            return refused("range", value, "a range whose end is after its start");
        }
        if self.queue_rows == 0 || self.queue_bytes == 0 {
            let value = format!("{} rows, {} bytes", self.queue_rows, self.queue_bytes);
            return refused("queue", value, "at least 1 row and 1 byte");
        }
        Ok(())
    }
}
