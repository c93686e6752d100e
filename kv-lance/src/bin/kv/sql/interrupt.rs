//! Ctrl-C while a query runs.

use signal_hook::consts::SIGINT;
use signal_hook::flag;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Set while Ctrl-C ends the process, as it does without this: when no query runs, and when it was pressed already. It
/// stays registered: what was there before a registration does not come back after it.
static ENDS: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Ctrl-C, to be [watched](Self::watch).
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(super) fn new() -> io::Result<Self> {
        if let Some(ends) = ENDS.get() {
            return Ok(Self(ends.clone()));
        }
        let ends = Arc::new(AtomicBool::new(true));
        // In the order in which they are called: the first time the second one sets what the first one looks at.
        flag::register_conditional_default(SIGINT, ends.clone())?;
        flag::register(SIGINT, ends.clone())?;
        Ok(Self(ENDS.get_or_init(|| ends).clone()))
    }

    /// From here on, and until what is returned goes, Ctrl-C is only noted; pressed once more it ends the process.
    pub(super) fn watch(&self) -> Watching<'_> {
        self.0.store(false, Ordering::SeqCst);
        Watching(&self.0)
    }
}

pub(super) struct Watching<'a>(&'a AtomicBool);

impl Watching<'_> {
    pub(super) fn pressed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
