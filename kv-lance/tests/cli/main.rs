//! The `kv` command as a user meets it: its output, its exit codes, its answers to bad input. Every test runs the binary.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod bad_input;
mod branch;
mod changes;
mod diff;
mod doctor;
mod handles;
mod help;
mod import;
mod kv;
mod logging;
mod manual;
mod operate;
mod points;
mod publish;
mod read_only;
mod recipes;
mod repair;
mod restore;
mod scan;
mod shell;
mod sql;
mod sql_files;
mod sql_shell;
mod tags;
mod terminal;
mod tour;
mod verify;
