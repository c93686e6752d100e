//! A counter that many threads add to at once.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const STRIPES: usize = 16;

/// Counts without threads taking a line of memory from each other, as long as there are no more of them than stripes. For
/// what happens several times in each read.
#[derive(Default)]
pub(crate) struct Tally([Stripe; STRIPES]);

/// Alone in the two lines that processors load at once.
#[repr(align(128))]
#[derive(Default)]
struct Stripe(AtomicU64);

/// The threads, as far as there have been any.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Of a thread that has not counted yet.
const NONE: usize = usize::MAX;

thread_local! {
    // Constant at first: to ask whether it has been made would cost as much as the counting.
    static STRIPE: Cell<usize> = const { Cell::new(NONE) };
}

/// The stripe of this thread.
fn stripe() -> usize {
    STRIPE.with(|stripe| {
        if stripe.get() == NONE {
            stripe.set(THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES);
        }
        stripe.get()
    })
}

impl Tally {
    /// Counts one.
    pub(crate) fn add(&self) {
        if let Some(stripe) = self.0.get(stripe()) {
            stripe.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there have been.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_where_threads_share_a_stripe() {
        let tally = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..3 * STRIPES {
                scope.spawn(|| (0..1000).for_each(|_| tally.add()));
            }
        });
        assert_eq!(tally.count(), 3 * STRIPES as u64 * 1000);
    }
}
