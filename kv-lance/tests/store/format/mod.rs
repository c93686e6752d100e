//! The format on disk: a store of this format that is kept with the tests, read by today's build and, by the offsets of
//! `docs/format.md`, without it.
//!
//! A new format needs a new one: `cargo test --test store -- write_a_store_of_this_format --ignored` writes it.

mod bytes;
mod document;
mod fixture;
mod script;
mod versions;
mod written;
