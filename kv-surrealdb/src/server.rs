//! SurrealDB's own server and command line, with `lance` among its backends.

use crate::LanceComposer;
use axum::Router;
use std::process::ExitCode;
use std::sync::Arc;
use surrealdb_core::CommunityComposer;
use surrealdb_observe::ExecutionObserver;
use surrealdb_server::{Config, ConfigCheck, RouterFactory, RpcState};

/// Runs SurrealDB's command `surreal` with the arguments of this process: `start`, `sql`, `import`,
/// `export` and the others, of which `start` takes paths that begin with `lance:` as well.
///
/// Returns when the command has ended, and makes a runtime of its own.
pub fn serve() -> ExitCode {
    surrealdb_server::init(LanceComposer)
}

impl RouterFactory for LanceComposer {
    fn configure_router((): Self::RouterState) -> Router<Arc<RpcState>> {
        CommunityComposer::configure_router(())
    }
}

#[async_trait::async_trait]
impl ConfigCheck for LanceComposer {
    async fn check_config(&mut self, config: &Config) -> anyhow::Result<()> {
        CommunityComposer().check_config(config).await
    }
}

impl surrealdb_observe::ObservabilityProvider for LanceComposer {
    fn create_observer(&self) -> Arc<dyn ExecutionObserver> {
        CommunityComposer().create_observer()
    }
}

impl surrealdb_server::observe::ObservabilityProvider for LanceComposer {}
