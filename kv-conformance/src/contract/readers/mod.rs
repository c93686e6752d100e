//! Readers: each is at one state of the store, moves on when it is told to, and changes nothing.
//!
//! A reader has at least what had been flushed, and may have more: where it is asserted what one holds, nothing was committed since the
//! flush.

mod alone;
mod concurrent;
mod past;
mod reads;
mod states;

use crate::case::{Case, Need, Suite};

pub(crate) fn suite() -> Suite {
    let needing = |need, mut cases: Vec<Case>| {
        cases.iter_mut().for_each(|case| case.needs.push(need));
        cases
    };
    Suite::new("readers", Vec::new())
        .needing(Need::Readers, states::cases())
        .needing(Need::Readers, reads::cases())
        .needing(Need::Readers, alone::cases())
        .needing(Need::Readers, needing(Need::Persistent, alone::persistent_cases()))
        .needing(Need::Readers, concurrent::cases())
        .needing(Need::Readers, needing(Need::Versions, past::cases()))
        .needing(Need::Readers, needing(Need::Versions, needing(Need::Erasing, past::erasing_cases())))
        .needing(Need::Readers, needing(Need::Tags, past::tag_cases()))
}
