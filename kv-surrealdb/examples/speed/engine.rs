//! What is compared.

use crate::Outcome;
use crate::client::Client;
use std::path::Path;

/// When commits reach the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sync {
    /// Before they are acknowledged.
    Every,
    /// Every 200 ms.
    Interval,
}

impl Sync {
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Every => "each commit is on the medium before it is acknowledged (`sync=every`)",
            Self::Interval => "commits are on the medium within 200 ms (`sync=interval`, `sync=200ms`)",
        }
    }
}

/// A backend and how it is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine {
    /// In the table.
    pub(crate) name: &'static str,
    scheme: &'static str,
    parameters: &'static str,
}

impl Engine {
    /// Those that this program has been built with.
    pub(crate) fn compiled_in() -> Vec<Self> {
        let engine = |name, scheme, parameters| Self { name, scheme, parameters };
        let mut engines = vec![
            engine("lance", "lance", "commit_on=caller"),
            engine("lance-thread", "lance", "commit_on=thread"),
            engine("lance-unversioned", "lance", "commit_on=caller&versioned=false"),
        ];
        if cfg!(feature = "surrealkv") {
            engines.push(engine("surrealkv", "surrealkv", ""));
        }
        if cfg!(feature = "rocksdb") {
            engines.push(engine("rocksdb", "rocksdb", ""));
        }
        if cfg!(feature = "mem") {
            engines.push(engine("memory", "memory", ""));
        }
        engines
    }

    /// A new database in `folder`.
    pub(crate) async fn open(self, folder: &Path, sync: Sync) -> Outcome<Client> {
        let sync = match (sync, self.scheme) {
            (Sync::Every, _) => "every",
            (Sync::Interval, "lance") => "interval",
            (Sync::Interval, _) => "200ms",
        };
        let url = match self.scheme {
            "memory" => "memory".to_owned(),
            scheme => format!("{scheme}:{}?sync={sync}&{}", folder.join("store").display(), self.parameters),
        };
        Client::open(url.trim_end_matches('&')).await
    }

    /// As the report shows it.
    pub(crate) fn told(self) -> String {
        match self.parameters {
            "" => format!("`{}:`", self.scheme),
            parameters => format!("`{}:…?{parameters}`", self.scheme),
        }
    }
}
