//! Of the table, what a run says of itself.

pub(crate) mod run;

/// As in kv-lance: with another number no seed is read, which the corpus of `journal` would show.
pub(crate) const FORMAT_VERSION: u32 = 4;
