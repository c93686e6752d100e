//! `diff`.

use crate::kv::Kv;
use serde_json::{Value, json};

#[test]
fn differences_are_printed_in_the_order_of_the_keys() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run_with_input("shell", b"set b 1\nset c 1\nset user/1 x\ntag before\n").ok();
    kv.run_with_input("shell", b"set b 2\ndel c\nset d 1\nset a 0\nset a 1\nset user/1 y\n").ok();
    assert_eq!(kv.run("diff tag:before").ok(), "~\tb\t1\t2\n-\tc\t1\n+\td\t1\n~\tuser/1\tx\ty\n");
    assert_eq!(kv.run("diff tag:before --prefix user/").ok(), "~\tuser/1\tx\ty\n");
    assert_eq!(kv.run("diff tag:before --from b --to d").ok(), "~\tb\t1\t2\n-\tc\t1\n");
    kv.run("tag after").ok();
    assert_eq!(kv.run("diff tag:after tag:before --to c").ok(), "~\tb\t2\t1\n");
    assert_eq!(kv.run("diff tag:after").ok(), "");
    let lines: Vec<Value> =
        kv.run("--json diff 0 tag:before").lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], json!({ "key": "a", "old": null, "new": "1" }));
    assert_eq!(kv.run("--hex diff tag:after tag:before --prefix 64").ok(), "-\t64\t31\n");
}

#[test]
fn what_cannot_be_compared_is_named() {
    let kv = Kv::new();
    kv.run("set a 1").ok();
    kv.run("diff tag:none").fails(3, &["no tag 'none'"]);
    kv.run("diff soon").misuse(&["soon"]);
    kv.run("diff").misuse(&["<A>"]);
    kv.run("set a 2").ok();
    kv.run("compact --no-history").ok();
    kv.run("diff 1").fails(3, &["version 1 is not retained"]);
}
