//! The command line.

use clap::{Parser, Subcommand};

/// SurrealDB on kv-lance.
#[derive(Debug, Parser)]
#[command(name = "kv-surrealdb", version, about)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Sql(Sql),
}

/// Runs SurrealQL: each line of a terminal, or all that comes through a pipe.
#[derive(Debug, clap::Args)]
pub(crate) struct Sql {
    /// Where the database is, as in lance:///srv/surreal?retention=30d or lance:demo.
    pub(crate) path: String,

    /// The namespace; it is made where there is none of that name.
    #[arg(long, default_value = "main")]
    pub(crate) namespace: String,

    /// The database; it is made where there is none of that name.
    #[arg(long, default_value = "main")]
    pub(crate) database: String,

    /// Prints each answer over several lines.
    #[arg(long)]
    pub(crate) pretty: bool,
}
