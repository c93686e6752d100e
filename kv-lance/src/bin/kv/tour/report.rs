//! The tour's text: numbered steps with their times.

use crate::failure::Outcome;
use crate::output::{Output, show_time};
use std::path::Path;
use std::time::Duration;

pub(super) struct Report<'a> {
    out: &'a mut Output,
    steps: u32,
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut Output) -> Self {
        Self { out, steps: 0 }
    }

    pub(super) fn title(&mut self, text: &str) -> Outcome {
        self.line(text)?;
        self.line(if cfg!(debug_assertions) { "The times are those of an unoptimised build.\n" } else { "" })
    }

    /// A step that was done, and how long it took.
    pub(super) fn step(&mut self, name: &str, took: Duration, text: &str) -> Outcome {
        self.steps += 1;
        let steps = self.steps;
        self.line(&format!("{steps:>2}  {name:<12} {:>8}  {text}", show_time(took)))
    }

    /// More about the last step.
    pub(super) fn note(&mut self, text: &str) -> Outcome {
        self.line(&format!("{:27}{text}", ""))
    }

    pub(super) fn text(&self, bytes: &[u8]) -> String {
        self.out.format.line(bytes).into_owned()
    }

    /// What to do next.
    pub(super) fn end(&mut self, into: &Path, source: &Path) -> Outcome {
        let (into, source) = (into.display(), source.display());
        let kv = std::env::args().next().unwrap_or_else(|| "kv".into());
        self.line(&format!(
            "\n\
             The store is an ordinary Lance dataset at rest. With pylance (pip install pylance):\n\n    \
             import lance\n    \
             lance.dataset(\"{into}/kv.lance\").to_table(columns=[\"key\", \"version\"]).to_pandas()\n\n\
             Check it against the files:  python3 scripts/check_pylance.py {into} {source}\n\
             Go on from here:             {kv} --store {into} scan --keys-only --limit 5"
        ))
    }

    fn line(&mut self, text: &str) -> Outcome {
        self.out.line(text)?;
        // Step by step, also into a pipe.
        Ok(self.out.flush()?)
    }
}
