//! What holds compactions back: a pause, a limit on the bytes they read each second, and the end of the store.

use kv_api::{Error, Result};
use parking_lot::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// A compaction may go over its limit for this long, and then waits.
const BURST: Duration = Duration::from_millis(50);

/// One per store, looked at by each thread that merges.
pub(crate) struct Brake {
    /// 0 is no limit.
    bytes_per_second: u64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    stopped: bool,
    paused: bool,
    /// When what has been read so far would have been read at the limit.
    read_by: Instant,
}

impl Brake {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        let state = State { stopped: false, paused: false, read_by: Instant::now() };
        Self { bytes_per_second, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Ends every merge.
    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Holds every merge, or lets them go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.state.lock().paused = paused;
        self.changed.notify_all();
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.state.lock().paused
    }

    /// Waits until a merge that has read so many bytes may go on.
    ///
    /// # Errors
    /// `StoreClosed` where it is to end.
    pub(crate) fn pass(&self, bytes: u64) -> Result<()> {
        let mut state = self.state.lock();
        if let Some(nanos) = (u128::from(bytes) * 1_000_000_000).checked_div(u128::from(self.bytes_per_second)) {
            let now = Instant::now();
            let took = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            state.read_by = state.read_by.max(now).checked_add(took).unwrap_or(now);
        }
        loop {
            if state.stopped {
                return Err(Error::StoreClosed);
            }
            let ahead = state.read_by.saturating_duration_since(Instant::now());
            match (state.paused, ahead > BURST && self.bytes_per_second > 0) {
                (true, _) => self.changed.wait(&mut state),
                (false, true) => drop(self.changed.wait_for(&mut state, ahead)),
                (false, false) => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_merge_waits_while_it_is_paused_and_ends_when_it_is_stopped() {
        let brake = Arc::new(Brake::new(0));
        assert!(brake.pass(1 << 40).is_ok());
        brake.pause(true);
        let other = brake.clone();
        let merge = std::thread::spawn(move || {
            // It may go on for as long as nobody has stopped it.
            while other.pass(1).is_ok() {
                std::thread::yield_now();
            }
        });
        std::thread::sleep(Duration::from_millis(20));
        assert!(!merge.is_finished());
        brake.pause(false);
        brake.stop();
        assert!(merge.join().is_ok());
        brake.pause(true);
        assert!(brake.pass(1).is_err());
    }

    #[test]
    fn so_many_bytes_take_so_long() {
        let brake = Brake::new(1 << 20);
        let began = Instant::now();
        for _ in 0..5 {
            assert!(brake.pass(32 << 10).is_ok());
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(156) - BURST, "{took:?}");
    }
}
