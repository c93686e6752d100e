//! Where subscriptions come from.

use crate::query::LiveQuery;
use crate::router::Router;
use crate::subscription::Subscription;
use kv_api::{Datastore, Error, Result};
use std::fmt;
use std::sync::Arc;

/// The live queries of a store. Clones are the same ones.
///
/// One per store is meant: its subscriptions share one feed of the store's commits, which a task of the tokio runtime follows
/// that the first of them is begun on. It ends with the last of them; where its runtime ends before, another subscription
/// starts a new one.
#[derive(Clone)]
pub struct LiveQueries {
    router: Arc<Router>,
}

impl LiveQueries {
    /// Those of `store`, which is held open until they and their subscriptions are dropped, unless it is shut down.
    pub fn new(store: Arc<dyn Datastore>) -> Self {
        Self { router: Arc::new(Router::new(store)) }
    }

    /// Begins a subscription. Its snapshot has every commit that has answered before this call.
    ///
    /// # Errors
    /// [`InvalidConfiguration`](Error::InvalidConfiguration) for a range or a queue in which nothing has room;
    /// [`Unsupported`](Error::Unsupported) where the store has no change feed;
    /// [`VersionNotRetained`](Error::VersionNotRetained) where the commits after the version that the query begins
    /// [after](LiveQuery::after) have been pruned; [`StoreClosed`](Error::StoreClosed);
    /// [`Backend`](Error::Backend) outside of a tokio runtime.
    pub async fn subscribe(&self, query: LiveQuery) -> Result<Subscription> {
        query.validate()?;
        if !self.router.store.capabilities().change_feed {
            return Err(Error::Unsupported { operation: "live queries" });
        }
        Subscription::begin(self.router.clone(), query).await
    }

    /// How many subscriptions are fed by the common feed: all but those that are catching up.
    pub fn attached(&self) -> usize {
        self.router.attached()
    }
}

impl fmt::Debug for LiveQueries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveQueries").field("attached", &self.attached()).finish_non_exhaustive()
    }
}
