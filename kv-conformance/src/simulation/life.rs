//! Ends of a store, and what must be there when it is opened again.

use super::run::{Simulation, marker};
use super::step::{End, SLOTS};
use super::world::Fault;
use crate::fixture::Mismatch;
use kv_api::{Datastore, Error, Result, Transactable, TransactionOptions};
use std::sync::Arc;

/// How often an opening may be broken off: as often as something is armed, and once more.
const TRIES: usize = 3;

impl Simulation<'_> {
    /// Ends the store in this way, or as it has ended by itself, and looks at what it has left.
    pub(super) async fn end(&mut self, how: End) -> std::result::Result<(), Mismatch> {
        if how == End::Shutdown {
            self.compare_life().await?;
            match self.store()?.shutdown().await {
                _ if self.world.happened().power_loss => {}
                Ok(()) => self.durable = self.commits.len(),
                Err(e) if self.is_excused(&e) => {}
                Err(e) => return Err(Mismatch(format!("the shutdown answers {e:?}"))),
            }
        }
        let store = self.let_go()?;
        self.end_process(Some(store), how).await
    }

    async fn end_process(&mut self, store: Option<Arc<dyn Datastore>>, how: End) -> std::result::Result<(), Mismatch> {
        let happened = self.world.happened();
        self.tally.failures += happened.failures;
        let power_loss = if let End::PowerLoss(seed) = how { Some(seed) } else { None };
        self.world.end(store, power_loss);
        self.least = self.commits.len();
        if happened.power_loss || power_loss.is_some() {
            self.tally.power_losses += 1;
            self.least = self.durable;
        } else if how == End::Shutdown {
            self.tally.shutdowns += 1;
        } else {
            self.tally.kills += 1;
        }
        self.must_reopen = false;
        self.world.verify().await.map_err(|what| Mismatch(format!("what it has left is not sound: {what}")))
    }

    /// Opens the store, and now and then not at once: after so many operations something goes wrong, as a seed decides.
    pub(super) async fn open_again(&mut self, armed: Option<(u64, u64)>) -> std::result::Result<(), Mismatch> {
        if let Some((after, seed)) = armed {
            let fault = if seed % 3 == 0 { Fault::Failure } else { Fault::PowerLoss };
            self.world.arm(fault, after, seed);
        }
        for _ in 0..TRIES {
            let (opened, least) = (self.world.open().await, self.least);
            let happened = self.world.happened();
            match opened {
                Ok(store) if !happened.power_loss => {
                    self.store = Some(store);
                    match self.recover().await {
                        Err(_) if self.world.happened().power_loss => {}
                        recovered => return recovered,
                    }
                    let store = self.let_go()?;
                    self.end_process(Some(store), End::Kill).await?;
                }
                Ok(store) => self.end_process(Some(store), End::Kill).await?,
                Err(_) if happened.power_loss => self.end_process(None, End::Kill).await?,
                Err(e) if self.is_excused(&e) => self.end_process(None, End::Kill).await?,
                Err(e) => return Err(Mismatch(format!("it does not open: {e}"))),
            }
            // What was lost before stays so.
            self.least = self.least.min(least);
        }
        Err(Mismatch(format!("it does not open, tried {TRIES} times")))
    }

    /// Finds out what the store has, which must be what it promised, and compares all of it.
    async fn recover(&mut self) -> std::result::Result<(), Mismatch> {
        let store = self.store()?.clone();
        let (found, acknowledged) = (self.again(&async || newest_marker(&*store).await).await?, self.commits.len());
        let doubt = self.doubt.take();
        self.tally.doubts.0 += u64::from(doubt.is_some());
        match doubt {
            Some(doubt) if found == acknowledged + 1 => {
                doubt.commit().await?;
                self.tally.doubts.1 += 1;
                let version = match self.declared.versioned_reads {
                    true => Some(store.current_version().await?),
                    false => None,
                };
                self.note_commit(version)?;
            }
            _ if found > acknowledged || found < self.least => {
                let least = self.least;
                return Err(Mismatch(format!(
                    "{acknowledged} commits were acknowledged, {least} of them for good, and it has {found}"
                )));
            }
            _ if found < acknowledged => {
                self.commits.truncate(found);
                self.model.cut_back(self.commits.last().map_or(0, |commit| commit.1));
            }
            _ => {}
        }
        self.durable = self.durable.min(self.commits.len());
        if let Some((name, at)) = self.tag_in_doubt.take() {
            let tags = self.again(&async || store.tags().await).await?;
            match (tags.iter().any(|tag| tag.name == name), self.tags.contains_key(&name)) {
                (true, false) => {
                    self.model.tag(&name, Some(at.1)).await?;
                    self.tags.insert(name, at);
                }
                (false, true) => self.forget_tag(&name).await?,
                _ => {}
            }
        }
        self.compare_life().await
    }

    /// What a read answers; what something below it may have failed of is asked for again.
    async fn again<T>(&self, read: &impl AsyncFn() -> Result<T>) -> std::result::Result<T, Mismatch> {
        match read().await {
            Err(e) if self.is_excused(&e) => Ok(read().await?),
            answer => Ok(answer?),
        }
    }
}

/// The number of the newest commit that the store has.
async fn newest_marker(store: &dyn Datastore) -> Result<usize> {
    let tx = store.begin(TransactionOptions::read()).await?;
    let mut newest = 0;
    for slot in 0..SLOTS {
        if let Some(val) = tx.get(&marker(slot), None).await? {
            let number = std::str::from_utf8(&val).ok().and_then(|text| text.parse().ok());
            newest = newest.max(number.ok_or_else(|| Error::backend("reading", format!("{val:?} is no number")))?);
        }
    }
    Ok(newest)
}
