//! Whole lives of a store, decided by a seed.
//!
//! [`simulate`] takes steps that a seed draws: transactions that overlap, old snapshots, flushes, compactions and tags that
//! are asked for and not waited for, shutdowns, kills, losses of power and operations that fail, at any operation on the
//! files. After each it compares what the store answers with the reference. What the store stands on is a [`World`],
//! which its author writes: how much of what happens between two steps the seed decides too is up to that. The least of
//! worlds opens stores and drops them.
//!
//! What is looked at: no step answers anything else than the reference; a commit that was acknowledged is there after
//! every end, as far as the store [promises](kv_api::Durability); one of which nobody knows is there as a whole or not at
//! all, and stays as it was found; so do tags; every version that is retained is as it was; and what a store leaves when
//! it ends is sound for [`World::verify`].

mod compare;
mod life;
mod pair;
mod run;
mod step;
mod tally;
#[cfg(test)]
mod tests;
mod world;

pub use tally::Tally;
pub use world::{Chore, Fault, Happened, World};

use run::Simulation;

/// Takes so many steps. The error says which seed and step it was, and what came before.
pub async fn simulate(world: &dyn World, seed: u64, steps: usize) -> Result<Tally, String> {
    let mut simulation = Simulation::begin(world, seed).await.map_err(|what| format!("seed {seed}: {what}"))?;
    simulation.run(steps).await.map_err(|what| format!("seed {seed}, {what}"))?;
    Ok(simulation.tally)
}
