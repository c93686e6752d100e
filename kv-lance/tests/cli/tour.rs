//! `tour`, on a small folder.

use crate::kv::{Kv, names};

#[test]
fn it_runs_twice_and_leaves_the_files_in_the_store() {
    let kv = Kv::new();
    kv.file("tree/README.md", "read me");
    kv.file("tree/LICENSE", "do");
    kv.file("tree/src/a.rs", "a");
    kv.file("tree/src/b.rs", "b");
    for _ in 0..2 {
        let text = kv.run("tour --source tree --into demo").ok();
        let steps = [
            "Import",
            "Read back",
            "Scan",
            "Transaction",
            "Conflict",
            "Time travel",
            "Undo",
            "Reopen",
            "Flush",
            "Compact",
        ];
        for (i, step) in (1..).zip(steps) {
            assert!(text.contains(&format!("\n{i:>2}  {step} ")), "{step} is not in {text}");
        }
        assert!(text.contains("'src/': 2 keys") && text.contains("lance.dataset(\"demo/kv.lance\")"), "{text}");
    }
    let entries = kv.bare(["--store", "demo", "scan"]).output().unwrap();
    let expected = "LICENSE\tdo\nREADME.md\tread me\nsrc/a.rs\ta\nsrc/b.rs\tb\n";
    assert_eq!(String::from_utf8_lossy(&entries.stdout), expected);
}

#[test]
fn it_removes_only_what_a_tour_made() {
    let kv = Kv::new();
    kv.file("tree/a", "1");
    kv.run("tour --source tree --into demo").fails(3, &["two files"]);
    kv.file("tree/b", "2");
    kv.file("demo/mine", "mine");
    kv.run("tour --source tree --into demo").fails(2, &["demo", "--into"]);
    assert_eq!(names(&kv.path("demo")), ["mine"]);
    kv.run("tour --source nowhere --into other").fails(3, &["nowhere"]);
    kv.run("tour --source tree --into tree/b").fails(2, &["tree/b"]);
}
