//! What a backend says of itself; the conformance suite tests each statement both ways.

/// What a transaction is protected from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Isolation {
    /// Reads come from one point in time and the first committer of a key wins. Write skew is allowed.
    #[default]
    Snapshot,
    /// As `Snapshot`, and what was read (keys, misses, scanned ranges) is checked at commit.
    Serializable,
}

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing: the data lives as long as the datastore value.
    Volatile,
    /// The death of the process, not of the machine.
    ProcessCrash,
    /// The loss of power.
    PowerLoss,
}

/// What a backend declares. Whatever is not declared must be refused with its typed error
/// ([`Unsupported`](crate::Error::Unsupported) or
/// [`UnsupportedVersionedQueries`](crate::Error::UnsupportedVersionedQueries)), never answered wrongly.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The strongest isolation that a transaction can ask for. All weaker levels are there too.
    pub isolation: Isolation,
    /// Reads at `Some(version)` answer. Default = false.
    pub versioned_reads: bool,
    /// What a commit survives. Default = [`Durability::Volatile`].
    pub durability: Durability,
    /// [`getu`](crate::Transactable::getu) answers under [`Isolation::Snapshot`]. Default = false.
    pub read_checks: bool,
    /// `clr*` erases the older versions of a key as well: see [`clr`](crate::Transactable::clr).
    /// Default = false.
    pub erases_history: bool,
    /// [`changes`](crate::Datastore::changes) answers. Default = false.
    pub change_feed: bool,
    /// [`safe_timestamp`](crate::Transactable::safe_timestamp) answers. Default = false.
    pub safe_timestamps: bool,
    /// [`tag`](crate::Datastore::tag) and its companions answer. Default = false.
    pub tags: bool,
    /// [`branch`](crate::Datastore::branch) answers. Default = false.
    pub branches: bool,
    /// [`reader`](crate::Datastore::reader) answers. Default = false.
    pub readers: bool,
}

impl Capabilities {
    /// The least a backend can do at `isolation`.
    pub fn new(isolation: Isolation) -> Self {
        Self {
            isolation,
            versioned_reads: false,
            durability: Durability::Volatile,
            read_checks: false,
            erases_history: false,
            change_feed: false,
            safe_timestamps: false,
            tags: false,
            branches: false,
            readers: false,
        }
    }

    /// Sets [`versioned_reads`](Self::versioned_reads).
    pub fn versioned_reads(mut self, yes: bool) -> Self {
        self.versioned_reads = yes;
        self
    }

    /// Sets [`durability`](Self::durability).
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets [`read_checks`](Self::read_checks).
    pub fn read_checks(mut self, yes: bool) -> Self {
        self.read_checks = yes;
        self
    }

    /// Sets [`erases_history`](Self::erases_history).
    pub fn erases_history(mut self, yes: bool) -> Self {
        self.erases_history = yes;
        self
    }

    /// Sets [`change_feed`](Self::change_feed).
    pub fn change_feed(mut self, yes: bool) -> Self {
        self.change_feed = yes;
        self
    }

    /// Sets [`safe_timestamps`](Self::safe_timestamps).
    pub fn safe_timestamps(mut self, yes: bool) -> Self {
        self.safe_timestamps = yes;
        self
    }

    /// Sets [`tags`](Self::tags).
    pub fn tags(mut self, yes: bool) -> Self {
        self.tags = yes;
        self
    }

    /// Sets [`branches`](Self::branches).
    pub fn branches(mut self, yes: bool) -> Self {
        self.branches = yes;
        self
    }

    /// Sets [`readers`](Self::readers).
    pub fn readers(mut self, yes: bool) -> Self {
        self.readers = yes;
        self
    }
}
