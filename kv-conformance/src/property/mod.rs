//! Random sequences of operations over several open transactions, compared step by step with the reference.

mod changes;
mod op;
mod profile;
mod replay;
mod step;
mod strategy;

use crate::backend::Backend;
use crate::case::{Case, Need, Run, Suite};
use crate::fixture::Verdict;
use crate::level::Level;
use profile::{CONFLICTS, HISTORY, MAINTENANCE, Profile, SCANS, SERIALIZABLE, SIZES};

pub(crate) fn suite() -> Suite {
    let versions = vec![Need::Versions];
    let serializable = vec![Need::Serializable];
    Suite::new(
        "property",
        vec![
            case(&CONFLICTS, |backend, title, level| replay::sequences(backend, &title, level, &CONFLICTS), vec![]),
            case(&SCANS, |backend, title, level| replay::sequences(backend, &title, level, &SCANS), vec![]),
            case(&MAINTENANCE, |backend, title, level| replay::sequences(backend, &title, level, &MAINTENANCE), vec![]),
            case(&SIZES, |backend, title, level| replay::sequences(backend, &title, level, &SIZES), vec![]),
            case(&HISTORY, |backend, title, level| replay::sequences(backend, &title, level, &HISTORY), versions),
            case(
                &SERIALIZABLE,
                |backend, title, level| replay::sequences(backend, &title, level, &SERIALIZABLE),
                serializable,
            ),
        ],
    )
}

fn case(profile: &Profile, run: fn(Backend, String, Level) -> Verdict, needs: Vec<Need>) -> Case {
    Case { name: profile.name, run: Run::Many(run), needs }
}
