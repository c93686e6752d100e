//! `restore` where no other tool has changed the table; where one has, `tests/store/outside.rs` covers it.

use crate::kv::Kv;

#[test]
fn a_store_that_needs_nothing_is_left_as_it_is() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("flush").ok();
    kv.run("set b 2").ok();
    for _ in 0..2 {
        assert!(kv.run("restore").ok().starts_with("nothing to restore: "));
    }
    assert_eq!(kv.run("--json restore").json(), serde_json::json!({ "restored": false }));
    assert_eq!(kv.run("scan").lines().len(), 2);
    assert_eq!(kv.run("get b").ok(), "2\n");
}

/// Before anything was flushed there are no runs to put back.
#[test]
fn a_store_that_was_never_flushed_needs_nothing() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    assert!(kv.run("restore").ok().starts_with("nothing to restore: "));
    assert_eq!(kv.run("get a").ok(), "1\n");
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let kv = Kv::new();
    kv.run("restore").fails(3, &["store is not a store", "there is nothing"]);
    assert!(!kv.path("store").exists());
    kv.file("store/notes.txt", "mine");
    kv.run("restore").fails(3, &["is not a store", "'notes.txt'", "'kv.lance'"]);
    assert_eq!(crate::kv::names(&kv.path("store")), ["notes.txt"]);
}

#[test]
fn help_says_what_becomes_of_the_other_tools_rows() {
    let help = Kv::new().run("restore --help").ok();
    for word in ["Usage: kv restore", "another tool", "under a tag"] {
        assert!(help.contains(word), "'{word}' is not in {help}");
    }
}
