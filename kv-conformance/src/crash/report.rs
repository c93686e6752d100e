//! What a child says, a line each.

use kv_api::Version;
use std::fmt;
use std::str::FromStr;

/// What has happened in the child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Report {
    /// The store is open.
    Opened,
    /// How many transactions of a client are in the store as it was opened.
    Found { client: usize, n: u64 },
    /// A commit was acknowledged. The version is 0 where the store has none.
    Acked { client: usize, n: u64, version: Version },
    /// A flush or a compaction begins.
    Maintaining,
    /// The store is about to be shut down.
    Closing,
    /// It has been.
    Closed,
    /// Something was answered that is wrong.
    Wrong(String),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => f.write_str("opened"),
            Self::Found { client, n } => write!(f, "found {client} {n}"),
            Self::Acked { client, n, version } => write!(f, "acked {client} {n} {version}"),
            Self::Maintaining => f.write_str("maintaining"),
            Self::Closing => f.write_str("closing"),
            Self::Closed => f.write_str("closed"),
            Self::Wrong(what) => write!(f, "wrong {}", what.replace('\n', " ")),
        }
    }
}

impl FromStr for Report {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let unknown = || format!("the child said '{line}'");
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut numbers = rest.split(' ').map(|number| number.parse::<u64>().map_err(|_| unknown()));
        let mut number = || numbers.next().unwrap_or_else(|| Err(unknown()));
        Ok(match word {
            "opened" => Self::Opened,
            "found" => Self::Found { client: number()? as usize, n: number()? },
            "acked" => Self::Acked { client: number()? as usize, n: number()?, version: number()? },
            "maintaining" => Self::Maintaining,
            "closing" => Self::Closing,
            "closed" => Self::Closed,
            "wrong" => Self::Wrong(rest.to_owned()),
            _ => return Err(unknown()),
        })
    }
}
