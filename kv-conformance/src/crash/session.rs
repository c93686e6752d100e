//! What a child is told, in variables of its environment.

use crate::backend::Backend;
use std::path::PathBuf;
use std::process::Command;

const BACKEND: &str = "KV_CONFORMANCE_CHILD";
const DIR: &str = "KV_CONFORMANCE_CHILD_DIR";
const SEED: &str = "KV_CONFORMANCE_CHILD_SEED";
const TRANSACTIONS: &str = "KV_CONFORMANCE_CHILD_TRANSACTIONS";
const CLOSES: &str = "KV_CONFORMANCE_CHILD_CLOSES";
const ROUND: &str = "KV_CONFORMANCE_CHILD_ROUND";

/// One life of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) dir: PathBuf,
    /// Decides what is written.
    pub(super) seed: u64,
    /// Decides when it flushes and compacts.
    pub(super) round: u64,
    /// How many each client commits.
    pub(super) transactions: u64,
    /// Whether the store is shut down then.
    pub(super) closes: bool,
}

impl Session {
    /// Puts it into the environment of a child, with the name of the backend.
    pub(super) fn tell(&self, child: &mut Command, backend: &Backend) {
        child
            .env(BACKEND, &backend.name)
            .env(DIR, &self.dir)
            .env(SEED, self.seed.to_string())
            .env(ROUND, self.round.to_string())
            .env(CLOSES, u8::from(self.closes).to_string())
            .env(TRANSACTIONS, self.transactions.to_string());
    }

    /// What this process was told, and which backend of these it is about; `None` where it is no
    /// child.
    pub(super) fn told(backends: &[Backend]) -> Option<Result<(Backend, Self), String>> {
        let name = std::env::var(BACKEND).ok()?;
        let Some(backend) = backends.iter().find(|backend| backend.name == name) else {
            return Some(Err(format!("{BACKEND} is '{name}', and there is no such backend")));
        };
        let number = |variable: &str| -> Result<u64, String> {
            let text = std::env::var(variable).unwrap_or_default();
            text.parse().map_err(|_| format!("{variable} is '{text}'; it is a number"))
        };
        let session = || {
            let dir = std::env::var_os(DIR).ok_or_else(|| format!("{DIR} is not set"))?.into();
            Ok(Self {
                dir,
                seed: number(SEED)?,
                round: number(ROUND)?,
                transactions: number(TRANSACTIONS)?,
                closes: number(CLOSES)? > 0,
            })
        };
        Some(session().map(|session| (backend.clone(), session)))
    }
}
