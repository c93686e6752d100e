//! The list of all suites.

use crate::case::Suite;
use crate::{cancellation, contract, crash, isolation, property};

/// Every suite, in the order in which a backend's author wants to see them fail.
pub(crate) fn suites() -> Vec<Suite> {
    let mut suites = contract::suites();
    suites.extend(isolation::suites());
    suites.push(cancellation::suite());
    suites.push(crash::suite());
    suites.push(property::suite());
    suites
}
