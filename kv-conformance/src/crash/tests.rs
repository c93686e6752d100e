use super::expected::Follower;
use super::ledger::Ledger;
use super::plan::{CLIENTS, Plan};
use super::report::Report;
use super::witness;
use crate::backend::Backend;
use crate::model::Reference;
use kv_api::Durability;

#[test]
fn reports_read_what_they_write() {
    for report in [
        Report::Opened,
        Report::Found { client: 1, n: 2 },
        Report::Acked { client: 3, n: 4, version: u64::MAX },
        Report::Maintaining,
        Report::Closing,
        Report::Closed,
        Report::Wrong("a b".into()),
    ] {
        assert_eq!(report.to_string().parse(), Ok(report));
    }
    assert!("acked 1".parse::<Report>().is_err());
    assert!("acke".parse::<Report>().is_err());
}

#[test]
fn a_plan_is_always_the_same_and_differs_from_others() {
    let mut plans: Vec<String> = Vec::new();
    for client in 0..CLIENTS {
        for n in 1..50 {
            assert_eq!(Plan::of(7, client, n), Plan::of(7, client, n));
            plans.push(format!("{:?}", Plan::of(7, client, n)));
        }
    }
    plans.sort_unstable();
    plans.dedup();
    assert_eq!(plans.len(), CLIENTS * 49);
}

#[test]
fn a_store_that_lacks_or_adds_anything_is_not_what_is_expected() {
    let mut follower = Follower::new(3);
    let whole = follower.expect([30, 31, 32, 33]);
    assert!(whole.compare(3, &[], true).is_err());
    let nothing = Follower::new(3).expect([0; CLIENTS]);
    assert_eq!(nothing.compare(3, &[], true), Ok(()));
    assert!(nothing.compare(3, &[("a0/00".into(), "0 0 0 ".into())], true).is_err(), "of a transaction given up");
}

#[test]
fn a_ledger_takes_the_commit_under_way_and_no_other() {
    let mut ledger = Ledger::default();
    for n in 1..=3 {
        assert_eq!(ledger.note(&Report::Acked { client: 0, n, version: n * 10 }), Ok(()));
    }
    assert!(ledger.clone().note(&Report::Acked { client: 0, n: 5, version: 50 }).is_err());
    assert!(ledger.clone().note(&Report::Acked { client: 0, n: 4, version: 30 }).is_err(), "not after the one before");
    for (n, taken) in [(2, false), (3, true), (4, true), (5, false)] {
        assert_eq!(ledger.clone().found(0, n).is_ok(), taken, "{n}");
    }
    let at = |version, n| ledger.check_at(version, [n, 0, 0, 0]).is_ok();
    assert!(at(20, 2) && at(29, 2) && at(30, 3) && at(5, 0));
    assert!(!at(20, 1) && !at(20, 3) && !at(5, 1) && !at(30, 4));
    let mut ledger = Ledger::new(true);
    assert_eq!(ledger.note(&Report::Acked { client: 0, n: 1, version: 0 }), Ok(()));
    assert_eq!(ledger.note(&Report::Acked { client: 0, n: 2, version: 0 }), Ok(()));
    assert_eq!(ledger.found(0, 1), Ok(()));
    assert!(ledger.found(0, 3).is_err(), "more than were begun");
}

/// A machine that has stopped may have any commit that was under way, and must have those that were acknowledged.
#[test]
fn a_store_that_lacks_what_was_promised_is_noticed() {
    let declared = kv_api::Datastore::capabilities(&Reference::new()).durability(Durability::PowerLoss);
    let backend = Backend::persistent("empty", |_| async { Ok(Reference::new()) }).capabilities(declared);
    let look = |promised: &str, heard: &str| witness(&backend, std::path::Path::new("nowhere"), 1, (promised, heard));
    assert_eq!(look("", ""), Ok((0, 0)));
    // Acknowledged after the machine had stopped, and a line that was cut off.
    assert_eq!(look("opened\n", "opened\nacked 0 1 5\nacked 0 2"), Ok((0, 0)));
    let lost = look("opened\nacked 0 1 5\n", "opened\nacked 0 1 5\n");
    assert!(
        lost.as_ref().is_err_and(|what| what.contains("was acknowledged 1 transactions, and 0 are there")),
        "{lost:?}"
    );
}
