//! Safe timestamps where a commit ends in a way that no conformance case can bring about.

use super::faulty::{EIO, Fault, Faulty, Operation};
use super::*;
use kv_api::ErrorKind;
use std::sync::Arc;

/// The commit may be there when the store is opened again: who had passed its timestamp would miss it.
#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_has_not_finished() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = open(LanceConfig::new(dir.path()).files(Arc::new(files.clone()))).await?;
    let early = store.begin(TransactionOptions::write()).await?;
    let stamp = early.timestamp().await?;
    early.set("row".into(), stamp.to_string().into()).await?;
    let version = write(&store, &[("a", "1")]).await?;
    assert!(version > stamp);
    files.add(Fault { times: 1, ..Fault::always(Operation::Sync, ".log", EIO) });
    let failure = early.commit().await.unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::UnknownOutcome, "{failure}");
    drop(early);
    let safe = store.begin(TransactionOptions::read()).await?.safe_timestamp().await?;
    assert!(safe < stamp, "{safe} is safe, and {stamp} may be committed");
    Ok(())
}
