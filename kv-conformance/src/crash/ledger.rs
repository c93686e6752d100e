//! What was acknowledged, and so what the store must hold.

use super::plan::CLIENTS;
use super::report::Report;
use kv_api::Version;

/// The transactions of all clients.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    clients: [Entries; CLIENTS],
    /// Whether the newest commits may be lost: nothing was promised.
    may_lose: bool,
    pub(super) acked: u64,
    /// Commits that were under way at a kill and turned out to be there.
    pub(super) unheard: u64,
}

/// The versions of one client's transactions, from the first on. `None` where it is not known,
/// because the kill came before the acknowledgement, or the store has none.
#[derive(Debug, Clone, Default)]
struct Entries(Vec<Option<Version>>);

impl Ledger {
    /// Of a store of which nothing was promised, or all that was acknowledged.
    pub(super) fn new(may_lose: bool) -> Self {
        Self { may_lose, ..Self::default() }
    }

    /// Takes what a child said.
    pub(super) fn note(&mut self, report: &Report) -> Result<(), String> {
        match report {
            Report::Found { client, n } => self.found(*client, *n),
            Report::Acked { client, n, version } => self.acknowledged(*client, *n, *version),
            Report::Wrong(what) => Err(what.clone()),
            Report::Opened | Report::Maintaining | Report::Closing | Report::Closed => Ok(()),
        }
    }

    /// The store was opened again and has `n` transactions of a client: all that were acknowledged,
    /// and perhaps the one that was under way.
    pub(super) fn found(&mut self, client: usize, n: u64) -> Result<(), String> {
        let known = &mut self.clients[client].0;
        let acked = known.len() as u64;
        if n == acked + 1 {
            known.push(None);
            self.unheard += 1;
        } else if n < acked && self.may_lose {
            known.truncate(n as usize);
        } else if n != acked {
            return Err(format!("client {client} was acknowledged {acked} transactions, and {n} are there"));
        }
        Ok(())
    }

    fn acknowledged(&mut self, client: usize, n: u64, version: Version) -> Result<(), String> {
        let known = &mut self.clients[client].0;
        if n != known.len() as u64 + 1 {
            return Err(format!("client {client} has {} transactions and commits {n}", known.len()));
        }
        let before = known.iter().rev().flatten().next().copied().unwrap_or(0);
        if version > 0 && version <= before {
            return Err(format!("client {client} commits {n} at version {version}, after one at {before}"));
        }
        known.push((version > 0).then_some(version));
        self.acked += 1;
        Ok(())
    }

    /// How many transactions of each client there are.
    pub(super) fn counts(&self) -> Vec<u64> {
        self.clients.iter().map(|known| known.0.len() as u64).collect()
    }

    /// All versions that are known, ascending.
    pub(super) fn versions(&self) -> Vec<Version> {
        let mut versions: Vec<Version> =
            self.clients.iter().flat_map(|known| known.0.iter().flatten()).copied().collect();
        versions.sort_unstable();
        versions
    }

    /// Whether these can be the counters at a version: what was committed up to there, and nothing
    /// after it.
    pub(super) fn check_at(&self, version: Version, counters: [u64; CLIENTS]) -> Result<(), String> {
        for (client, n) in counters.into_iter().enumerate() {
            let known = &self.clients[client].0;
            let at = |n: u64| known.get(n as usize).copied().flatten();
            let last = n.checked_sub(1).and_then(at);
            if n > known.len() as u64
                || last.is_some_and(|last| last > version)
                || at(n).is_some_and(|next| next <= version)
            {
                return Err(format!(
                    "at version {version} client {client} has {n} transactions: the last of them was committed at {last:?}, and the next one at {:?}",
                    at(n)
                ));
            }
        }
        Ok(())
    }
}
