//! `publish` and `unpublish`.

use crate::kv::Kv;
use lance::Dataset;

/// Deletes rows as another tool does.
fn delete(kv: &Kv, filter: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut dataset = Dataset::open(kv.path("store/published.lance").to_str().unwrap()).await.unwrap();
        dataset.delete(filter).await.unwrap();
    });
}

#[test]
fn what_another_tool_deletes_is_adopted() {
    let kv = Kv::new();
    kv.run("adopt").fails(3, &["store"]);
    kv.run("set a 1").ok();
    kv.run("set b 1").ok();
    kv.run("publish").ok();
    assert_eq!(kv.run("adopt").ok(), "nothing to adopt\n");
    delete(&kv, "key = CAST('a' AS BINARY)");
    let said = kv.run("adopt").ok();
    assert!(said.starts_with("adopted as version ") && said.ends_with(": 0 set, 1 deleted\n"), "{said}");
    assert_eq!(kv.run("scan").ok(), "b\t1\n");
    delete(&kv, "true");
    kv.run("set b 2").ok();
    kv.run("adopt").fails(3, &["conflict"]);
    assert_eq!(kv.run("scan").ok(), "b\t2\n");
}

fn rows(kv: &Kv, tag: &str) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dataset = Dataset::open(kv.path("store/published.lance").to_str().unwrap()).await.unwrap();
        dataset.checkout_version(tag).await.unwrap().count_rows(None).await.unwrap()
    })
}

#[test]
fn the_store_is_published_under_a_name() {
    let kv = Kv::new();
    kv.run("publish").fails(3, &["store"]);
    kv.run("set a 1").ok();
    kv.run("set b 1").ok();
    let version = kv.run("--json set a 2").json()["version"].clone();
    let published = kv.run("--json publish --tag morning").json();
    assert_eq!(
        (&published["version"], &published["rows"], &published["tag"]),
        (&version, &2.into(), &"morning".into())
    );
    assert_eq!(published["path"], kv.path("store/published.lance").canonicalize().unwrap().to_str().unwrap());
    assert_eq!(rows(&kv, "morning"), 2);
    kv.run("del a").ok();
    let said = kv.run("publish --tag evening").ok();
    assert!(said.starts_with("published version ") && said.contains(": 1 rows, in version "), "{said}");
    assert!(said.ends_with("published.lance, as evening\n"), "{said}");
    assert_eq!((rows(&kv, "morning"), rows(&kv, "evening")), (2, 1));
    kv.run("publish --tag morning").fails(3, &["'morning'", "already", &version.to_string()]);
    kv.run("publish --tag a/b").fails(2, &["'a/b'", "ASCII letters"]);
    kv.run("unpublish noon").fails(3, &["no tag 'noon'"]);
    assert_eq!(kv.run("unpublish morning").ok(), "removed the name morning of a publication\n");
    kv.run("publish --tag morning").ok();
    kv.run("--read-only publish").fails(2, &["read-only"]);
}
