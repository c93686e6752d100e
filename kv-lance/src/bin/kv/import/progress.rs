//! The progress bar of an import, on the standard error where that is a terminal.

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of a source with this many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let bar = ProgressBar::new(bytes);
        let template = "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} eta {eta} {msg}";
        // A template that does not parse would only cost the looks.
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    pub(crate) fn reached(&self, bytes: u64, entries: u64) {
        self.0.set_position(bytes);
        self.0.set_message(format!("{} entries", HumanCount(entries)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
