//! Looks at a store whose files were copied while a child wrote to it.

use super::ledger::Ledger;
use super::report::Report;
use super::verify::{Scope, verify};
use crate::backend::Backend;
use crate::case::{Random, limited};
use crate::fixture::Failure;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;

/// Verifies a store that a machine has left which stopped while a [`child`](super::child()) with this seed wrote to it. All that
/// the child had said was `promised` before it stopped, and `heard` when it had. The answer is how many transactions
/// were promised, and how many are there.
///
/// # Errors
/// What is wrong.
pub fn witness(
    backend: &Backend,
    dir: &Path,
    seed: u64,
    (promised, heard): (&str, &str),
) -> Result<(u64, u64), String> {
    let (promised, heard) = (counts(promised)?, noted(heard)?);
    let scope = Scope { seed, versions: backend.declared.versioned_reads, prunes: backend.prunes };
    let found = Arc::new(Mutex::new(heard));
    let (owned, dir, seen) = (backend.clone(), dir.to_owned(), found.clone());
    let verified = limited(backend.timeout, async move {
        let mut ledger = seen.lock().clone();
        let db = owned.open(&dir).await?;
        verify(&*db, scope, &mut ledger, &mut Random::of(&[seed])).await?;
        db.shutdown().await?;
        *seen.lock() = ledger;
        Ok(())
    });
    verified.map_err(|failure: Failure| failure.to_string())?;
    let found = found.lock().counts();
    for (client, (promised, found)) in promised.iter().zip(&found).enumerate() {
        if found < promised {
            return Err(format!("client {client} was acknowledged {promised} transactions, and {found} are there"));
        }
    }
    Ok((promised.iter().sum(), found.iter().sum()))
}

/// A ledger of all that a child has said; the newest may not be there.
fn noted(said: &str) -> Result<Ledger, String> {
    let mut ledger = Ledger::new(true);
    // The last line may be cut off.
    for line in said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        ledger.note(&line.parse::<Report>()?)?;
    }
    Ok(ledger)
}

fn counts(said: &str) -> Result<Vec<u64>, String> {
    Ok(noted(said)?.counts())
}
