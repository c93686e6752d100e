//! `branch`, and `diff --with` another store.

use crate::kv::Kv;

#[test]
fn a_branch_is_made_written_to_and_compared() {
    let kv = Kv::new();
    kv.run("branch ./nothing").fails(3, &["store"]);
    kv.run("set a 1").ok();
    let version = kv.run("--json set b 1").json()["version"].clone();
    kv.run("tag then").ok();
    let branch = kv.path("branch");
    let place = branch.display();
    assert_eq!(kv.run(&format!("branch {place}")).ok(), format!("made {place} of version {version}\n"));
    kv.run("set a 2").ok();
    kv.run(&format!("--store {place} set c 3")).ok();
    kv.run(&format!("--store {place} del b")).ok();
    assert_eq!(kv.run("scan").ok(), "a\t2\nb\t1\n");
    assert_eq!(kv.run(&format!("--store {place} scan")).ok(), "a\t1\nc\t3\n");
    assert_eq!(kv.run(&format!("diff --with {place}")).ok(), "~\ta\t2\t1\n-\tb\t1\n+\tc\t3\n");
    assert_eq!(kv.run(&format!("diff --with {place} --prefix c")).ok(), "+\tc\t3\n");
    kv.run(&format!("branch {place}")).fails(3, &["branch", "holds something"]);
    let then = kv.path("then");
    kv.run(&format!("branch {} --from then", then.display())).ok();
    assert_eq!(kv.run(&format!("--store {} scan", then.display())).ok(), "a\t1\nb\t1\n");
    kv.run("branch ./other --from missing").fails(3, &["no tag 'missing'"]);
    kv.run("diff --with ./missing").fails(3, &["missing"]);
    kv.run(&format!("diff tag:then --with {place}")).misuse(&["--with"]);
    kv.run("diff").misuse(&["<A>"]);
}
