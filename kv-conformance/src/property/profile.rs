//! What a kind of sequence does often.

/// Weights of steps, and how many transactions and keys they meet on.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// The longest sequence.
    pub(crate) steps: usize,
    /// Transactions open at once.
    pub(crate) slots: usize,
    /// How many of the adversarial keys are used.
    pub(crate) keys: usize,
    /// Draws sizes of everything over their whole ranges, keys of its own among them.
    pub(crate) sized: bool,
    pub(crate) reads: u32,
    pub(crate) writes: u32,
    pub(crate) scans: u32,
    pub(crate) save_points: u32,
    pub(crate) ends: u32,
    /// Flushes, compactions and reopenings.
    pub(crate) maintenance: u32,
    /// Of ten reads, how many are of the past.
    pub(crate) past: u32,
    /// Of ten transactions, how many are serializable.
    pub(crate) serializable: u32,
}

/// Several writers of the same few keys.
pub(crate) static CONFLICTS: Profile = Profile {
    name: "conflicts",
    steps: 120,
    slots: 4,
    keys: 4,
    sized: false,
    reads: 6,
    writes: 16,
    scans: 3,
    save_points: 6,
    ends: 8,
    maintenance: 1,
    past: 0,
    serializable: 1,
};

/// Scans of adversarial keys with own writes among them.
pub(crate) static SCANS: Profile = Profile {
    name: "scans",
    steps: 100,
    slots: 2,
    keys: usize::MAX,
    sized: false,
    reads: 2,
    writes: 14,
    scans: 16,
    save_points: 3,
    ends: 4,
    maintenance: 1,
    past: 1,
    serializable: 1,
};

/// Data that is moved about in the store while transactions are open.
pub(crate) static MAINTENANCE: Profile = Profile {
    name: "maintenance",
    steps: 80,
    slots: 3,
    keys: usize::MAX,
    sized: false,
    reads: 5,
    writes: 16,
    scans: 6,
    save_points: 1,
    ends: 8,
    maintenance: 4,
    past: 1,
    serializable: 1,
};

/// Many commits to few keys, read as they were.
pub(crate) static HISTORY: Profile = Profile {
    name: "history",
    steps: 120,
    slots: 2,
    keys: 6,
    sized: false,
    reads: 8,
    writes: 12,
    scans: 8,
    save_points: 1,
    ends: 10,
    maintenance: 1,
    past: 8,
    serializable: 0,
};

/// Serializable transactions that read much and write little.
pub(crate) static SERIALIZABLE: Profile = Profile {
    name: "serializable",
    steps: 120,
    slots: 3,
    keys: 6,
    sized: false,
    reads: 8,
    writes: 8,
    scans: 4,
    save_points: 7,
    ends: 8,
    maintenance: 1,
    past: 0,
    serializable: 8,
};

/// Keys, values, transactions and nests of save points of every size.
pub(crate) static SIZES: Profile = Profile {
    name: "sizes",
    steps: 50,
    slots: 3,
    keys: 5,
    sized: true,
    reads: 4,
    writes: 14,
    scans: 3,
    save_points: 12,
    ends: 10,
    maintenance: 1,
    past: 0,
    serializable: 2,
};
