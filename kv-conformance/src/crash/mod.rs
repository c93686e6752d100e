//! Processes that are killed.
//!
//! A child, which is the same program once more, writes to a store from several threads and says on
//! a pipe what was acknowledged. It is killed at a random moment, also while it opens the store,
//! flushes, compacts or shuts down, and the next one goes on with what it has left. In between the
//! store is opened and looked at: what was acknowledged is there; a commit is there as a whole or
//! not at all; every version that was acknowledged is as it was; all ways to read agree.

mod child;
mod client;
mod expected;
mod kill;
mod ledger;
mod loops;
mod plan;
mod report;
mod session;
#[cfg(test)]
mod tests;
mod verify;
mod victim;
mod witness;

pub use child::child;
pub use kill::Moment;
pub use loops::{CrashLoop, Tally};
pub use witness::witness;

use crate::backend::Backend;
use crate::case::{Case, Need, Run, SEED, Suite, progress, replay, seed};
use crate::fixture::{Failure, Verdict};
use crate::level::Level;

pub(crate) fn suite() -> Suite {
    let case = Case { name: "kills", run: Run::Many(kills), needs: Vec::new() };
    Suite::new("crash", vec![]).needing(Need::SurvivesCrash, vec![case])
}

/// Kills as many children as the level says.
fn kills(backend: Backend, title: String, level: Level) -> Verdict {
    let loops = match level {
        Level::Quick => 25,
        Level::Full => 200,
        Level::Soak => 1_000,
    };
    let loops = ((loops as f64 * backend.sequences) as u64).max(1);
    let seed = match std::env::var(SEED) {
        Err(_) => seed(level),
        Ok(text) => text.parse().map_err(|_| Failure::new(format!("{SEED} is '{text}'; it is a number")))?,
    };
    let dir = tempfile::Builder::new().prefix("kv-crash-").tempdir()?;
    let crashes = CrashLoop::new([backend], dir.path()).loops(loops).seed(seed);
    crashes.run(|tally| progress(&title, format!("{} of {loops} children", tally.loops()))).map(drop).map_err(|what| {
        // What it says of the store's folder is to be true.
        drop(dir.keep());
        Failure::new(format!("{what}\n{}", replay(&format!("{SEED}={seed} "), &title)))
    })
}
