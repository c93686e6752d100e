//! Histories written by hand, each with one known anomaly or none.

use super::super::record::{End, Micro, Recorder};
use super::*;

/// A transaction: its client, its steps (`x` reads, `x=` or `x=1,2` reads that; `x+1` writes) and its end.
type Line = (&'static str, &'static str, End);

const OK: End = End::Committed(None);

fn micros(steps: &str, answered: bool) -> Vec<Micro> {
    let parse = |word: &str| match word.split_once('+') {
        Some((key, value)) => Micro::Write(key.into(), value.parse().expect("a number")),
        None => {
            let (key, list) = word.split_once('=').expect("a read or a write");
            let list = list.split(',').filter(|n| !n.is_empty()).map(|n| n.parse().expect("a number"));
            Micro::Read(key.into(), answered.then(|| list.collect()))
        }
    };
    steps.split_whitespace().map(parse).collect()
}

/// The types of anomaly in a history. A `[` before the client begins a transaction, a `]` ends it; neither does
/// both, one after the other.
fn anomalies(kind: Kind, isolation: Isolation, lines: &[Line]) -> Vec<String> {
    let recorder = Recorder::new(kind);
    for (client, steps, end) in lines {
        let process = client.trim_matches(['[', ']']).parse().expect("a client's number");
        if !client.starts_with(']') {
            recorder.invoke(process, &micros(steps, false));
        }
        if !client.starts_with('[') {
            recorder.complete(process, &micros(steps, true), *end);
        }
    }
    let recorded = recorder.finish();
    let (verdict, report) = (check(&recorded, kind, isolation), report(&recorded, kind, isolation));
    assert_eq!(verdict.is_ok(), report.valid == Valid::True, "{:?}", report.anomaly_types);
    report.anomaly_types
}

/// Transactions that all run at once.
fn at_once(kind: Kind, isolation: Isolation, transactions: &[(&'static str, End)]) -> Vec<String> {
    const BEGIN: [&str; 5] = ["[0", "[1", "[2", "[3", "[4"];
    const END: [&str; 5] = ["]0", "]1", "]2", "]3", "]4"];
    let begins = transactions.iter().zip(BEGIN).map(|((steps, end), client)| (client, *steps, *end));
    let ends = transactions.iter().zip(END).map(|((steps, end), client)| (client, *steps, *end));
    anomalies(kind, isolation, &begins.chain(ends).collect::<Vec<_>>())
}

fn lists(isolation: Isolation, transactions: &[(&'static str, End)]) -> Vec<String> {
    at_once(Kind::ListAppend, isolation, transactions)
}

use Isolation::{Serializable, Snapshot};

#[test]
fn a_serial_history_is_in_order() {
    let lines = [("0", "x= x+1", OK), ("1", "x=1 y= y+2", OK), ("0", "x=1 x+3 y=2", OK), ("1", "x=1,3 y=2", OK)];
    assert!(anomalies(Kind::ListAppend, Serializable, &lines).is_empty());
    let lines = [("0", "x= x+1", OK), ("1", "x=1 y= y+2", OK), ("0", "x+3 y=2", OK), ("1", "x=3 y=2", OK)];
    assert!(anomalies(Kind::Register, Serializable, &lines).is_empty());
}

#[test]
fn g0_write_cycle() {
    let found = lists(Snapshot, &[("x+1 y+1", OK), ("x+2 y+2", OK), ("x=1,2 y=2,1", OK)]);
    assert!(found.contains(&"G0".to_owned()), "{found:?}");
}

#[test]
fn g1a_aborted_read() {
    assert!(lists(Snapshot, &[("x+1", End::Aborted), ("x=1 y+1", OK)]).contains(&"G1a".to_owned()));
    let registers = [("x+1", End::Aborted), ("x=1 y+1", OK)];
    assert!(at_once(Kind::Register, Snapshot, &registers).contains(&"G1a".to_owned()));
}

#[test]
fn g1b_intermediate_read() {
    assert!(lists(Snapshot, &[("x+1 x+2", OK), ("x=1", OK), ("x=1,2", OK)]).contains(&"G1b".to_owned()));
}

#[test]
fn g1c_circular_information_flow() {
    let found = lists(Snapshot, &[("x+1 y=1", OK), ("y+1 x=1", OK)]);
    assert!(found.contains(&"G1c".to_owned()), "{found:?}");
}

#[test]
fn lost_update() {
    let found = lists(Snapshot, &[("x= x+1", OK), ("x= x+2", OK), ("x=2", OK)]);
    assert!(found.contains(&"lost-update".to_owned()), "{found:?}");
    let found = at_once(Kind::Register, Snapshot, &[("x= x+1", OK), ("x= x+2", OK), ("x=2", OK)]);
    assert!(found.contains(&"lost-update".to_owned()), "{found:?}");
}

#[test]
fn g_single_read_skew() {
    let found = lists(Snapshot, &[("x+1 y+1", OK), ("x=1 y=", OK)]);
    assert!(found.contains(&"G-single-item".to_owned()), "{found:?}");
}

#[test]
fn long_fork() {
    let found = lists(Snapshot, &[("x+1", OK), ("y+1", OK), ("x=1 y=", OK), ("x= y=1", OK)]);
    assert!(found.contains(&"G-nonadjacent-item".to_owned()), "{found:?}");
}

#[test]
fn write_skew_is_for_snapshots() {
    let skew = [("x= y= x+1", OK), ("x= y= y+2", OK), ("x=1 y=2", OK)];
    assert!(lists(Snapshot, &skew).is_empty());
    assert_eq!(lists(Serializable, &skew), ["G2-item"]);
}

#[test]
fn read_only_transaction_anomaly() {
    // The statement sees the deposit and not the fee; the fee saw neither.
    let fee = [("x= y= x+1", OK), ("y= y+2", OK), ("x= y=2", OK), ("x=1 y=2", OK)];
    assert!(lists(Snapshot, &fee).is_empty());
    assert_eq!(lists(Serializable, &fee), ["G2-item"]);
}

#[test]
fn what_was_acknowledged_is_seen() {
    let stale = [("0", "x= x+1", OK), ("1", "x=", OK), ("1", "x=1", OK)];
    for isolation in [Snapshot, Serializable] {
        assert!(!anomalies(Kind::ListAppend, isolation, &stale).is_empty());
        assert!(!anomalies(Kind::Register, isolation, &stale).is_empty());
    }
    let lost = [("0", "x= x+1", OK), ("1", "y= y+1", OK), ("2", "x= y=1", OK)];
    assert!(!anomalies(Kind::ListAppend, Snapshot, &lost).is_empty());
    assert!(!anomalies(Kind::Register, Snapshot, &lost).is_empty());
}

#[test]
fn versions_order_what_nobody_read() {
    let order = |first, second| {
        let lines = [
            ("0", "x+1 y+1", End::Committed(Some(first))),
            ("1", "x+2 y+2", End::Committed(Some(second))),
            ("2", "x=2 y=2", OK),
        ];
        anomalies(Kind::Register, Snapshot, &lines)
    };
    assert!(order(10, 20).is_empty());
    assert!(!order(20, 10).is_empty());
}

#[test]
fn maybe_is_both() {
    let maybe = End::Maybe;
    assert!(lists(Serializable, &[("x+1 y+1", maybe), ("x=1 y=1", OK), ("z+1 z=1", OK), ("z=1", OK)]).is_empty());
    assert!(lists(Serializable, &[("x+1 y+1", maybe), ("x= y=", OK), ("z+1 z=1", OK), ("z=1", OK)]).is_empty());
    // But not half.
    assert!(!lists(Snapshot, &[("x+1 y+1", maybe), ("x=1 y=", OK)]).is_empty());
}

#[test]
fn a_history_that_says_nothing_is_no_success() {
    assert_eq!(lists(Snapshot, &[("x=", OK), ("y=", OK)]), ["empty-transaction-graph"]);
}

#[test]
fn an_anomaly_names_its_transactions() {
    let recorder = Recorder::new(Kind::ListAppend);
    for steps in ["x+1 y+1", "x=1 y="] {
        recorder.invoke(0, &micros(steps, false));
        recorder.complete(0, &micros(steps, true), OK);
    }
    let failure = check(&recorder.finish(), Kind::ListAppend, Snapshot).map_err(|failure| failure.to_string());
    let text = failure.expect_err("a transaction is seen by half");
    assert!(text.contains("G-single-item") && text.contains(r#"["append","x",1]"#), "{text}");
}
