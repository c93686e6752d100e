//! What a person sees of a query that takes long, and how it is stopped.

use super::interrupt::{Interrupt, Watching};
use crate::failure::{Failure, Outcome};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

/// A query that takes no longer says nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// So often it is looked whether Ctrl-C was pressed, and how many rows there are.
const TICK: Duration = Duration::from_millis(100);

/// Of one query. What it has shown goes with it.
pub(super) struct Watch<'a> {
    begun: Instant,
    /// On the standard error, where that is a terminal.
    bar: Option<ProgressBar>,
    interrupt: Option<Watching<'a>>,
}

impl<'a> Watch<'a> {
    pub(super) fn begin(interrupt: Option<&'a Interrupt>, shows: bool) -> Self {
        let bar = shows.then(|| {
            let bar = ProgressBar::new_spinner();
            // A template that does not parse would only cost the looks.
            let style = ProgressStyle::with_template("{spinner} {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self { begun: Instant::now(), bar, interrupt: interrupt.map(Interrupt::watch) }
    }

    /// Does `work`, and drops it where Ctrl-C is pressed meanwhile.
    pub(super) async fn over<T>(&self, work: impl Future<Output = Outcome<T>>, rows: impl Fn() -> u64) -> Outcome<T> {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(TICK, &mut work).await {
                Ok(done) => return done,
                Err(_) if self.interrupt.as_ref().is_some_and(Watching::pressed) => {
                    return Err(Failure::Query("the query was stopped".into()));
                }
                Err(_) => self.show(rows()),
            }
        }
    }

    fn show(&self, rows: u64) {
        let took = self.begun.elapsed();
        if let Some(bar) = &self.bar
            && took >= PATIENCE
        {
            bar.set_message(format!("{} rows read, {} s", HumanCount(rows), took.as_secs()));
            bar.tick();
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
